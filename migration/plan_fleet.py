"""The keys of a plan that say how much happens at once, in which order waves go, and what failures stop a wave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple, Self

from pydantic import Field, model_validator

from migration.base import Authored
from migration.plan_types import SafeName

if TYPE_CHECKING:
    from migration.plan import Plan, Vm

MOST_REPLICATION = MOST_CUTOVER = 5_000
"""As many as a plan has: Microsoft tells no limit of its own for either."""

Replication = Annotated[int, Field(ge=1, le=MOST_REPLICATION)]
CutoverNumber = Annotated[int, Field(ge=1, le=MOST_CUTOVER)]
Percent = Annotated[int, Field(ge=0, le=100)]
After = Annotated[
    list[SafeName] | None,
    Field(
        description="Waves that this one fails over after; the wave before it if not given. []: it waits for none.",
    ),
]
Tolerated = Annotated[
    Percent | None,
    Field(
        description="Of the virtual machines of all waves that this one depends on, how many percent may fail before "
        "on_failures holds or stops it; the plan's if not given.",
    ),
]


class Limits(Authored):
    """How many virtual machines of a part of the plan at once; the plan's own numbers hold besides."""

    replication: Replication | None = Field(None, description="So many replicate at once; no own bound if not given.")
    cutover: CutoverNumber | None = Field(None, description="So many fail over at once; no own bound if not given.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.replication is None and self.cutover is None:
            raise ValueError("it bounds nothing: give replication, cutover, or both")
        return self


class Concurrency(Authored):
    """How many virtual machines at once."""

    replication: Replication = 20
    cutover: CutoverNumber = 5
    per_subscription: Limits | None = Field(None, description="Of each source subscription.")
    per_vault: Limits | None = Field(None, description="Of each vault.")


class Home(NamedTuple):
    """What a virtual machine shares limits with: its source subscription and its vault (ids)."""

    subscription: str
    vault: str


def home_of(plan: Plan, vm: Vm) -> Home:
    """Return by which subscription and vault a virtual machine counts."""
    return Home(plan.source_subscription(vm), plan.vault_id_of(vm))
