"""A virtual machine that is replicated already: whose protection it is, how far it got, and whether a run goes on."""

from typing import Literal

from pydantic import Field

from migration.base import Value

Stage = Literal["none", "enabling_failed", "replicating", "failing_over", "failed_over", "committed", "refused"]
"""How far it got. `enabling_failed`: what an earlier try left is removed first; `refused`: no run goes on with it."""
TAKEN_UP = {"replicating", "failing_over", "failed_over"}


class Adoption(Value):
    """What a check recognised of an earlier protection, and what follows from it."""

    stage: Stage = "none"
    item_id: str = Field("", description="The protected item; empty where there is none.")
    state: str = Field("", description="As Site Recovery writes it.")
    told: str = Field("", description="In a sentence: whose it is, and what is done with it.")
    remedy: str = Field("", description="What a person does where it is refused.")
    foreign: bool = Field(
        default=False, description="Made by somebody else and handed over by the plan: never disabled on the way back."
    )
    test_pending: bool = Field(default=False, description="A test failover waits for its clean-up.")
    own_ids: list[str] = Field(
        default_factory=list, description="What the item itself proves to be made for it, wherever the run was lost."
    )

    @property
    def is_midway(self) -> bool:
        """Whether its failover has begun, so that the steps before it lie behind it."""
        return self.stage in {"failing_over", "failed_over"}

    @property
    def is_worth_telling(self) -> bool:
        """Whether a check tells of it; that our own replication simply goes on is no finding."""
        return self.stage not in {"none", "refused"} and (self.stage != "replicating" or self.foreign)

    @property
    def is_taken_up(self) -> bool:
        """Whether the run goes on with what is there instead of enabling anew."""
        return self.stage in TAKEN_UP
