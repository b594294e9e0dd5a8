"""What an estimate is made of, and what it says. Times are Temporal's and the workers' clocks, never Azure's."""

from typing import Any, Literal

from pydantic import Field

from migration.base import Value
from migration.models import Progress
from migration.phases import Phase

Stuck = Literal[
    "no_progress",
    "rpo_rising",
    "health_error",
    "queue",
    "window",
    "person",
    "environment",
    "late",
]
"""Why something stands still, as far as that is known. `environment`: Azure refuses, and it is tried again by itself;
`late`: it takes longer than was expected, and nothing tells why."""

Until = Literal["approval", "end"]
"""What is estimated: until it waits for a person's approval, or until it is over."""

Basis = Literal["plan", "pace", "progress"]
"""What a range rests on: the plan's estimate; the same, held against how long the steps before took; what was seen."""


class Step(Value):
    """A phase and how many seconds it takes, from the best case to the worst; without `high` nobody can tell."""

    phase: Phase
    low: float
    high: float | None


class Outlook(Value):
    """What an estimate rests on: where a virtual machine stands, and what lies ahead of it."""

    phase: Phase
    since: str = Field(description="When it entered this phase.")
    now: Step
    ahead: list[Step] = Field(default_factory=list, description="The phases that follow, in order.")
    pace: tuple[float, float] = Field(
        (1.0, 1.0), description="By what the plan's estimate was multiplied, since the steps before were far from it."
    )
    seen: Progress | None = Field(None, description="What the wait that runs told last.")
    stuck: Stuck | None = None
    reason: str = Field("", description="Why it stands still.")


class WavePlace(Value):
    """Where a wave stands among the others, and how many of it at once where it has limits of its own."""

    after: list[str] = Field(default_factory=list, description="The waves that it comes right after.")
    replication: int | None = None
    cutover: int | None = None


class Share(Value):
    """How many of some virtual machines at once: those of a subscription, or of a vault, that has limits of its own."""

    replication: int | None = None
    cutover: int | None = None
    vms: list[str] = Field(default_factory=list, description="By the plan's names.")


class PlanOutlook(Value):
    """What a plan knows of when it is done; each virtual machine knows more of itself."""

    replication: int = Field(description="How many virtual machines replicate at once.")
    cutover: int = Field(description="How many fail over at once.")
    tests: bool = Field(default=False, description="Whether each runs a test failover first.")
    before: tuple[float, float] = Field((0.0, 0.0), description="Seconds until the first one may begin.")
    order: dict[str, WavePlace] | None = Field(
        None, description="By wave; null where each comes after the one before it and none has limits of its own."
    )
    shares: list[Share] = Field(
        default_factory=list, description="Of subscriptions and vaults that have limits of their own."
    )
    plan: "Estimate | None" = None
    waves: dict[str, "Estimate"] = Field(default_factory=dict)


class Estimate(Value):
    """When something is done, as far as it can be told: a range, or the reason why there is none.

    The seconds are rounded outwards, and the more coarsely the farther they are. A person's decision is in no range.
    """

    until: Until
    low_seconds: int | None = None
    high_seconds: int | None = None
    earliest: str | None = None
    latest: str | None = None
    basis: Basis = "plan"
    stuck: Stuck | None = None
    reason: str = ""
    stands: dict[Stuck, int] = Field(
        default_factory=dict, description="Of a wave or a plan: how many stand still, by why."
    )

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` tells; what is not known is null."""
        return self.model_dump(mode="json", exclude=None if self.stands else {"stands"})

    @property
    def waits_only(self) -> bool:
        """Whether nothing moves before a person decides, or a window opens."""
        return self.stuck in {"person", "window"}

    @property
    def is_unknown(self) -> bool:
        """Whether no end can be told."""
        return self.high_seconds is None
