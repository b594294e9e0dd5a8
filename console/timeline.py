"""When each virtual machine was in which phase, laid out on one axis for the report's pictures."""

from dataclasses import dataclass
from datetime import UTC, datetime

from console.texts import local_time, moment, span, words
from migration.phases import Phase
from migration.report import PhaseSpan, Report

WIDTH = 1000.0
"""The axis in units of the picture's own; the page scales it."""
_LEAST_WIDTH = 3.0
"""So that a phase of a second in a move of hours is still seen."""
_GROUPS = {
    Phase.CHECKING: "prepare",
    Phase.CONFIGURING: "prepare",
    Phase.ENABLING: "copy",
    Phase.REPLICATING: "copy",
    Phase.TESTING: "test",
    Phase.WAITING_FOR_TURN: "wait",
    Phase.FAILING_OVER: "move",
    Phase.VERIFYING: "move",
    Phase.AWAITING_APPROVAL: "wait",
    Phase.COMMITTING: "finish",
    Phase.DISABLING: "finish",
    Phase.DONE: "finish",
    Phase.ROLLING_BACK: "undo",
    Phase.NEEDS_ACTION: "person",
}


@dataclass(frozen=True)
class Bar:
    """A phase in a picture: its place, and what it says."""

    name: str
    group: str
    x: float
    width: float
    started: str
    ended: str
    lasted: str

    @property
    def title(self) -> str:
        """The text that stands for the bar."""
        return f"{self.name}: {self.started} to {self.ended} ({self.lasted})"


@dataclass(frozen=True)
class Axis:
    """The time that all pictures of a report share."""

    begins: datetime
    ends: datetime

    def bars(self, spans: list[PhaseSpan]) -> list[Bar]:
        """Return the bars of one virtual machine; the end phase takes no time and has none."""
        return [self._bar(phase) for phase in spans if phase.name is not Phase.DONE]

    def _bar(self, phase: PhaseSpan) -> Bar:
        begins = moment(phase.started)
        ends = moment(phase.ended) if phase.ended else self.ends
        width = max(self._x(ends) - self._x(begins), _LEAST_WIDTH)
        return Bar(
            name=words(phase.name),
            group=_GROUPS[phase.name],
            x=round(min(self._x(begins), WIDTH - width), 1),
            width=round(width, 1),
            started=local_time(begins),
            ended=local_time(ends) if phase.ended else "not ended",
            lasted=span((ends - begins).total_seconds()),
        )

    def _x(self, at: datetime) -> float:
        whole = (self.ends - self.begins).total_seconds() or 1.0
        return min(max((at - self.begins).total_seconds() / whole, 0.0), 1.0) * WIDTH


def axis(report: Report) -> Axis:
    """Return the axis from the first phase of any virtual machine to the last; a phase that goes on ends now."""
    spans = [phase for vm in report.vms for phase in vm.phases]
    now = datetime.now(UTC)
    begins = min((moment(phase.started) for phase in spans), default=now)
    running = any(phase.ended is None and phase.name is not Phase.DONE for phase in spans)
    ends = max((moment(phase.ended or phase.started) for phase in spans), default=now)
    return Axis(begins, max(ends, now) if running else ends)
