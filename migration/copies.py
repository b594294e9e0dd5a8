"""What the report tells of two copies: how each task of the fence was judged, and when both ran."""

from typing import Literal

from pydantic import Field

from migration.base import Value

Verdict = Literal["succeeded", "skipped", "failed", "unknown"]


class TaskVerdict(Value):
    """A task of a failover that stops the source, by itself: a job's own state tells nothing of it."""

    name: str
    state: str
    description: str = ""
    verdict: Verdict
    started: str | None = None
    ended: str | None = None

    @property
    def told(self) -> str:
        """Azure's words for it: the description where the state alone would hide something."""
        same = self.description.lower() in {"", "completed", self.state.lower()}
        return self.state if same else f"{self.state} ({self.description})"


class TwoCopies(Value):
    """A moment in which source and target ran at once.

    `seen`, `contained` and `seconds` are by one clock, which `clock` names: Azure's where it tells when each side came
    to its power state, else Temporal's. They are None while it is not contained.
    """

    where: str = Field(description="Which reading saw it.")
    clock: Literal["azure", "temporal"]
    seen: str = Field(description="Since when both ran, by Azure; by Temporal's clock, when that was read.")
    noticed: str = Field(description="When it was read, by Temporal's clock.")
    contained: str | None = Field(None, description="When one side was proved to be deallocated.")
    stopped: Literal["target", "source"] = Field("target", description="Which side is deallocated to contain it.")
    seconds: int | None = Field(None, description="How long both ran.")

    @property
    def text(self) -> str:
        """The sentence for a person."""
        what = f"two running copies: {self.where}"
        if self.contained is None:
            return f"{what}, since {self.seen}; the {self.stopped} is being deallocated"
        took = "" if self.seconds is None else f" after {self.seconds} s"
        return f"{what}; contained{took}: the {self.stopped} is deallocated"
