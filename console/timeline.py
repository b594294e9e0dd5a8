"""When each virtual machine was in which phase, laid out on one axis for the report's pictures."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.texts import local_time, moment, span, words
from migration.phases import Phase
from migration.report import PhaseSpan, Report

WIDTH = 1000.0
"""The axis in units of the picture's own; the page scales it."""
_LEAST_WIDTH = 3.0
"""So that a phase of a second in a move of hours is still seen."""
_MOST_TICKS = 7
_STEPS = [timedelta(seconds=n) for n in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600)]
_STEPS += [timedelta(days=n) for n in (0.5, 1, 2, 7, 14, 28)]
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
    Phase.REPROTECTING: "copy",
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
class Tick:
    """A moment that the axis names."""

    x: float
    label: str


@dataclass(frozen=True)
class Axis:
    """The time that all rows of a picture share, and its place in it."""

    begins: datetime
    ends: datetime
    left: float = 0.0
    width: float = WIDTH

    def bars(self, spans: list[PhaseSpan]) -> list[Bar]:
        """Return the bars of one virtual machine; the end phase takes no time and has none."""
        return [self._bar(phase) for phase in spans if phase.name is not Phase.DONE]

    def bar(self, name: str, group: str, begins: datetime, ends: datetime | None) -> Bar:
        """Return the bar of a span; one without an end goes on."""
        until = ends or self.ends
        width = max(self.x(until) - self.x(begins), _LEAST_WIDTH)
        return Bar(
            name=name,
            group=group,
            x=round(min(self.x(begins), self.left + self.width - width), 1),
            width=round(width, 1),
            started=local_time(begins),
            ended=local_time(ends) if ends else "not ended",
            lasted=span((until - begins).total_seconds()),
        )

    def x(self, at: datetime) -> float:
        """Return the place of a moment."""
        whole = (self.ends - self.begins).total_seconds() or 1.0
        return self.left + min(max((at - self.begins).total_seconds() / whole, 0.0), 1.0) * self.width

    def ticks(self) -> list[Tick]:
        """Return the moments to name: round ones in the reader's zone, few enough to be read."""
        step = next((one for one in _STEPS if (self.ends - self.begins) / one <= _MOST_TICKS), _STEPS[-1])
        pattern = (
            "%H:%M:%S" if step < timedelta(minutes=1) else "%H:%M" if step < timedelta(days=0.5) else "%m-%d %H:%M"
        )
        begins = self.begins.astimezone()
        midnight = begins.replace(hour=0, minute=0, second=0, microsecond=0)
        at = midnight + step * -(-(begins - midnight) // step)
        ticks: list[Tick] = []
        while at <= self.ends and len(ticks) <= _MOST_TICKS:
            ticks.append(Tick(round(self.x(at), 1), at.strftime(pattern)))
            at += step
        return ticks

    def _bar(self, phase: PhaseSpan) -> Bar:
        ended = moment(phase.ended) if phase.ended else None
        return self.bar(words(phase.name), _GROUPS[phase.name], moment(phase.started), ended)


def axis(report: Report) -> Axis:
    """Return the axis from the first phase of any virtual machine to the last; a phase that goes on ends now."""
    return axis_of([phase for vm in report.vms for phase in vm.phases])


def axis_of(spans: list[PhaseSpan], left: float = 0.0, width: float = WIDTH) -> Axis:
    """Return the axis that *spans* need."""
    now = datetime.now(UTC)
    begins = min((moment(phase.started) for phase in spans), default=now)
    running = any(phase.ended is None and phase.name is not Phase.DONE for phase in spans)
    ends = max((moment(phase.ended or phase.started) for phase in spans), default=now)
    return Axis(begins, max(ends, now) if running else ends, left, width)
