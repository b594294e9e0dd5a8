"""What the report tells of two copies: how each task of the fence was judged, and when both ran."""

from typing import Literal

from pydantic import Field

from migration.base import Value
from migration.times import readable

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


class TargetWrites(Value):
    """What was written on the target since its failover, which exists nowhere else. Times are Azure's."""

    since: str | None = Field(None, description="When the target began to run.")
    until: str | None = Field(None, description="When it was deallocated on the way back.")
    seconds: int | None = Field(None, description="How long it took writes.")
    fate: Literal["on_target", "discarded", "kept"] = "on_target"
    keep_seconds: int | None = Field(None, description="How long the plan wants them kept as snapshots; None: not.")
    keep_until: str | None = Field(None, description="When the snapshots are deleted, by Temporal's clock.")
    snapshots: list[str] = Field(default_factory=list, description="Ids of the snapshots that hold them.")

    @property
    def text(self) -> str:
        """The sentence for a person: what going back would do, or did, to them."""
        lasted = f" ({self.seconds} s)" if self.seconds is not None else ""
        since = readable(self.since) if self.since else "its failover"
        what = f"what was written on the target since {since}{lasted}"
        if self.fate == "kept":
            until = readable(self.keep_until or "its end")
            return f"{what} is kept until {until} as {len(self.snapshots)} snapshots"
        if self.fate == "discarded":
            return f"{what} is discarded"
        kept = "is lost by going back" if self.keep_seconds is None else "is kept as snapshots by going back"
        return f"{what} {kept}, until the commit"


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
            return f"{what}, since {readable(self.seen)}; the {self.stopped} is being deallocated"
        took = "" if self.seconds is None else f" after {self.seconds} s"
        return f"{what}; contained{took}: the {self.stopped} was deallocated"
