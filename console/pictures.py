"""The report's pictures: a move as rows of bars over a time axis. The page draws them as SVG; no script, no library."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from console.texts import local_time, moment, span, words
from console.timeline import Axis, Bar, Tick, axis_of
from migration.phases import Phase
from migration.report import PhaseSpan, Report, VmReport

WIDTH, ROW, HEAD = 1000, 26, 30
_LEFT, _RIGHT = 168.0, 14.0
_PLOT = WIDTH - _LEFT - _RIGHT
_LETTER = 6.6
"""About the width of a letter in the picture's units."""
_SMALL_SHARE = 0.35
"""Where what follows the failover takes less of a move than this, it gets a picture of its own."""
_CUTOVER = {Phase.FAILING_OVER, Phase.VERIFYING}
_TELLS_TIME = len("2026-03-01T09:00:00Z")


@dataclass(frozen=True)
class Shape:
    """A bar and the words at it: within it, or beside it where it is narrow."""

    bar: Bar
    words: str = ""
    at: float = 0.0
    anchor: str = "start"
    within: bool = False


@dataclass(frozen=True)
class Mark:
    """A moment: who decided, what went wrong."""

    x: float
    group: str
    glyph: str
    title: str


@dataclass(frozen=True)
class Row:
    """A line of the picture."""

    label: str
    shapes: list[Shape]
    marks: list[Mark]


@dataclass(frozen=True)
class Picture:
    """Rows over an axis. *told* says the same in words, for whoever does not see it."""

    heading: str
    told: str
    note: str
    axis: Axis
    rows: list[Row]
    marks: list[Mark]

    @property
    def height(self) -> int:
        """Its height in its own units."""
        return HEAD + ROW * len(self.rows) + 6

    @property
    def ticks(self) -> list[Tick]:
        """The moments that its axis names."""
        return self.axis.ticks()


def of_vm(vm: VmReport) -> list[Picture]:
    """Return the pictures of one virtual machine: its phases, the cutover enlarged, and its downtime."""
    spans = [phase for phase in vm.phases if phase.name is not Phase.DONE]
    if not spans:
        return []
    whole = axis_of(spans, _LEFT, _PLOT)
    pictures = [_phases(f"Timeline of {vm.name}", vm, spans, whole)]
    early = _until_asked([vm], whole)
    close = _enlarged([phase for phase in spans if phase.name is Phase.FAILING_OVER], early or whole)
    for axis, part in ((early, "until its approval was asked for"), (close, "from its failover on")):
        if axis:
            shown = [phase for phase in spans if axis.begins <= moment(phase.started) < axis.ends]
            pictures.append(_phases(f"Timeline of {vm.name}, {part}", vm, shown, axis))
    return [*pictures, *_downtimes(f"Downtime of {vm.name}", [vm])]


def of_waves(report: Report) -> list[Picture]:
    """Return a picture of each wave, all on one axis, and one of all downtimes."""
    spans = [phase for vm in report.vms for phase in vm.phases if phase.name is not Phase.DONE]
    if not spans:
        return []
    shared = axis_of(spans, _LEFT, _PLOT)
    waves: dict[str, list[VmReport]] = {}
    for vm in report.vms:
        waves.setdefault(vm.wave, []).append(vm)
    shown = [(wave, vms) for wave, vms in waves.items() if any(vm.phases for vm in vms)]
    pictures = [_wave(wave, vms, shared) for wave, vms in shown]
    early = _until_asked(report.vms, shared)
    late = _enlarged([phase for phase in spans if phase.name is Phase.FAILING_OVER], early or shared)
    for axis, part in ((early, ", until the approvals were asked for"), (late, ", from the first failover on")):
        if axis:
            pictures += [_wave(wave, vms, axis, part) for wave, vms in shown]
    return [*pictures, *_downtimes("Downtimes", report.vms)]


def _enlarged(failovers: list[PhaseSpan], whole: Axis) -> Axis | None:
    """Return the axis from the first failover on, where that is too small a part of the whole to be read."""
    begins = min((moment(phase.started) for phase in failovers), default=None)
    if begins is None or whole.ends - begins >= _SMALL_SHARE * (whole.ends - whole.begins):
        return None
    return replace(whole, begins=begins)


def _until_asked(vms: list[VmReport], whole: Axis) -> Axis | None:
    """Return the axis until all that were asked about had been, where what comes before is too small to be read."""
    waits = [[moment(one.started) for one in vm.phases if one.name is Phase.AWAITING_APPROVAL] for vm in vms]
    asked = max((times[0] for times in waits if times), default=whole.begins)
    is_small = asked - whole.begins < _SMALL_SHARE * (whole.ends - whole.begins)
    return replace(whole, ends=asked) if is_small and asked > whole.begins else None


def _phases(heading: str, vm: VmReport, spans: list[PhaseSpan], axis: Axis) -> Picture:
    """Return one row for each phase, in the order in which it was first entered."""
    rows: dict[str, list[Shape]] = {}
    for bar in axis.bars(spans):
        rows.setdefault(bar.name, []).append(_beside(bar, axis))
    told = ", ".join(f"{bar.name} {bar.lasted}" for bar in axis.bars(spans))
    marks = list(_marks(vm, axis))
    window = _window_on(axis, vm, spans)
    listed = [Row(name, _apart(shapes), []) for name, shapes in rows.items()]
    if window:
        listed.append(Row("downtime (Azure's clock)", [_beside(window, axis)], []))
    return Picture(heading, f"{heading}: {told}", _note(marks), axis, listed, marks)


def _wave(wave: str, vms: list[VmReport], axis: Axis, part: str = "") -> Picture:
    rows = [Row(vm.name, [_within(bar) for bar in axis.bars(_since(axis, vm))], list(_marks(vm, axis))) for vm in vms]
    heading = (f"Wave {wave}" if wave else "Virtual machines") + part
    told = "; ".join(f"{vm.name}: {words(vm.outcome) if vm.outcome else 'not ended'}" for vm in vms)
    marks = [mark for row in rows for mark in row.marks]
    return Picture(heading, f"{heading}, {axis_told(axis)}: {told}", _kinds(marks), axis, rows, [])


def _since(axis: Axis, vm: VmReport) -> list[PhaseSpan]:
    """Return the phases that lie on an axis, or partly so."""
    return [
        phase
        for phase in vm.phases
        if (phase.ended is None or moment(phase.ended) > axis.begins) and moment(phase.started) < axis.ends
    ]


def _downtimes(heading: str, vms: list[VmReport]) -> Iterator[Picture]:
    """Yield when machines stood still and what their copies lack, by Azure's clock alone."""
    stood = [(vm, *window) for vm in vms if (window := _window(vm))]
    if not stood:
        return
    points = {vm.name: at for vm, _, _ in stood if (at := _azure(vm.fence.recovery_point_time if vm.fence else None))}
    moments = [at for _, begins, ends in stood for at in (begins, ends)] + list(points.values())
    pad = (max(moments) - min(moments)) * 0.04 or timedelta(seconds=1)
    axis = Axis(min(moments) - pad, max(moments) + pad, _LEFT, _PLOT)
    rows = []
    for vm, begins, ends in stood:
        bars = [_beside(axis.bar("downtime", "move", begins, ends), axis)]
        if vm.data_loss_seconds and vm.name in points:
            bars.insert(0, Shape(axis.bar("lost writes", "person", points[vm.name], begins)))
        row_marks = []
        if vm.name in points:
            at = points[vm.name]
            row_marks.append(Mark(axis.x(at), "copy", "●", f"{vm.name}: recovery point {local_time(at)}"))
        rows.append(Row(vm.name, bars, row_marks))
    told = "; ".join(
        f"{vm.name} {span(vm.downtime_seconds)}, data loss {span(vm.data_loss_seconds)}" for vm, _, _ in stood
    )
    note = "By Azure's clock. ● the recovery point that the failover used"
    yield Picture(heading, f"{heading}: {told}", note, axis, rows, [])


def axis_told(axis: Axis) -> str:
    """Return the axis in words."""
    return f"{local_time(axis.begins)} to {local_time(axis.ends)}"


def _window(vm: VmReport) -> tuple[datetime, datetime] | None:
    begins = _azure(vm.fence.shutdown_started) if vm.fence else None
    if begins is None or vm.downtime_seconds is None:
        return None
    return begins, begins + timedelta(seconds=vm.downtime_seconds)


def _window_on(axis: Axis, vm: VmReport, spans: list[PhaseSpan]) -> Bar | None:
    """Return the downtime among the phases, where Azure's clock and Temporal's agree that it lies in the cutover."""
    window = _window(vm)
    cutover = [phase for phase in spans if phase.name in _CUTOVER]
    if window is None or not cutover or cutover[-1].ended is None:
        return None
    slack = timedelta(minutes=2)
    begins, ends = moment(cutover[0].started) - slack, moment(cutover[-1].ended) + slack
    return axis.bar("downtime", "move", *window) if begins <= window[0] and window[1] <= ends else None


def _marks(vm: VmReport, axis: Axis) -> Iterator[Mark]:
    counted = vm.decisions or ([vm.approval] if vm.approval else [])
    for decision in counted:
        at = _azure(decision.at)
        if at is None or not axis.begins <= at <= axis.ends:
            continue
        if decision.counted:
            glyph, group = ("◆", "finish") if decision.decision == "approve" else ("✖", "undo")
            yield Mark(axis.x(at), group, glyph, f"{decision.decision} by {decision.approver}, {local_time(at)}")
        else:
            yield Mark(axis.x(at), "faded", "◇", f"did not count: {decision.approver}, {local_time(at)}")
    for incident in vm.incidents:
        at = _azure(incident[:_TELLS_TIME])
        if at is not None and axis.begins <= at <= axis.ends:
            what = incident[_TELLS_TIME:].strip()
            yield Mark(axis.x(at), "person", "▲", f"incident: {what}, {local_time(at)}")


def _note(marks: list[Mark]) -> str:
    told = [f"{mark.glyph} {mark.title}" for mark in marks[:8]]
    return "; ".join([*told, f"and {len(marks) - 8} more"] if len(marks) > 8 else told)


def _kinds(marks: list[Mark]) -> str:
    meanings = {"◆": "approved", "✖": "rejected", "◇": "a decision that did not count", "▲": "incident"}
    seen = {mark.glyph for mark in marks}
    return ", ".join(f"{glyph} {meaning}" for glyph, meaning in meanings.items() if glyph in seen)


def _beside(bar: Bar, axis: Axis) -> Shape:
    """Put how long it lasted where there is room: in a wide bar, behind a narrow one, before one at the end."""
    size = len(bar.lasted) * _LETTER
    if bar.width > size + 12:
        return Shape(bar, bar.lasted, bar.x + 6, "start", within=True)
    if bar.x + bar.width + size + 6 < axis.left + axis.width:
        return Shape(bar, bar.lasted, bar.x + bar.width + 5, "start")
    return Shape(bar, bar.lasted, bar.x - 5, "end")


def _apart(shapes: list[Shape]) -> list[Shape]:
    """Return the bars of a row; what would be written over the next one stands with that one's words."""
    kept: list[Shape] = []
    for shape in shapes:
        last = kept[-1] if kept else None
        if last is None or last.within or shape.within or last.at + len(last.words) * _LETTER <= shape.bar.x:
            kept.append(shape)
        else:
            kept[-1:] = [replace(last, words=""), replace(shape, words=f"{last.words} + {shape.words}")]
    return kept


def _within(bar: Bar) -> Shape:
    fits = bar.width > len(bar.name) * _LETTER + 10
    return Shape(bar, bar.name if fits else "", bar.x + 5, "start", within=True)


def _azure(text: str | None) -> datetime | None:
    try:
        return moment(text) if text else None
    except ValueError:
        return None
