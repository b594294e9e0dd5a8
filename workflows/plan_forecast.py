"""What a plan's workflow knows of when its waves are done: sizes from its check, and what its machines told it."""

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.eta.expected import of_minutes, steps
    from migration.eta.fleet import Place, Timetable, new_place, timetable
    from migration.eta.reckoning import Remaining, in_moments
    from migration.eta.values import PlanOutlook, Share, WavePlace
    from migration.findings import PlanCheck
    from migration.large_plans import EACH
    from migration.plan import Plan
    from migration.plan_state import ForecastState
    from migration.schedule import line_of
    from migration.steering import Part, places_of, ranges
    from migration.times import utc_text
from workflows.dispatch import Dispatcher, State, VmState

_WAVES = 20
_AGAIN = timedelta(minutes=1)
"""How old a timetable may be that details show: to reckon 5,000 machines anew for each signal would cost too much."""


class PlanForecast:
    """The estimate of a plan and of its waves, coarser than what its virtual machines say of themselves."""

    def __init__(self, plan: Plan, dispatcher: Dispatcher) -> None:
        self._plan = plan
        self._dispatcher = dispatcher
        self._sizes: dict[str, int | None] = {}
        self._since: dict[str, tuple[State, datetime]] = {}
        self._entered: tuple[str, datetime] | None = None
        self._told: tuple[datetime, str, list[str]] | None = None
        self._reckoned: tuple[tuple[datetime, int, str], Timetable] | None = None
        self._bases: dict[int | None, Place] = {}
        """Where a virtual machine that has not begun stands, by its size."""

    def state(self) -> ForecastState:
        """Return since when virtual machines stand where they do, to the minute."""
        since: dict[str, list[int]] = {}
        for vm in self._dispatcher.vms.values():
            state, at = self._since.get(vm.name, (vm.state, workflow.now()))
            if state == vm.state and vm.state not in {"new", "ended"}:
                since.setdefault(utc_text(at.replace(second=0, microsecond=0)), []).append(vm.place)
        entered = (self._entered[0], utc_text(self._entered[1])) if self._entered else None
        return ForecastState(entered=entered, since={at: ranges(places) for at, places in since.items()})

    def go_on(self, state: ForecastState) -> None:
        """Go on with what an earlier run saw."""
        self._entered = (state.entered[0], datetime.fromisoformat(state.entered[1])) if state.entered else None
        vms = list(self._dispatcher.vms.values())
        for at, places in state.since.items():
            for place in places_of(places):
                self._since[vms[place].name] = (vms[place].state, datetime.fromisoformat(at))

    def know(self, check: PlanCheck) -> None:
        """Take the sizes that the check read."""
        self._sizes = {vm.name: vm.copied_gib for vm in check.vms}
        self._told = self._reckoned = None

    def outlook(self, phase: str) -> PlanOutlook | None:
        """Return what is known of the plan in one of its phases; None once it is over."""
        if phase == "done":
            return None
        table = self._recent(phase)
        low, high = self._before(phase)
        replication, cutover = self._dispatcher.bounds.of_plan
        return PlanOutlook(
            replication=replication,
            cutover=cutover,
            order=self._order(),
            shares=self._shares(),
            tests=self._plan.failover.test_first,
            before=(low, high or 0.0),
            plan=table.plan,
            waves=table.waves,
        )

    def lines(self, phase: str) -> list[str]:
        """Note where all stand now, and return lines for the workflow's details, of now or of a moment ago.

        Of many machines nothing is reckoned in a replay: it has the time of one task for all that a run has done.
        """
        now = workflow.now()
        if self._entered is None or self._entered[0] != phase:
            self._entered = (phase, now)
        for vm in self._dispatcher.vms.values():
            known = self._since.get(vm.name)
            if known is None or known[0] != vm.state:
                self._since[vm.name] = (vm.state, now)
        if phase == "done":
            return []
        if self._told is None or self._told[1] != phase or now - self._told[0] >= _AGAIN:
            if len(self._dispatcher.vms) > EACH and workflow.unsafe.is_replaying():
                return self._told[2] if self._told else []
            self._told = (now, phase, self._lines(self._table(phase), now))
        return self._told[2]

    def _lines(self, table: Timetable, now: datetime) -> list[str]:
        if table.plan is None:
            return []
        told = [f"- Estimate of {utc_text(now)}: {in_moments(table.plan)}"]
        return [*told, *(f"  - {wave}: {in_moments(end)}" for wave, end in list(table.waves.items())[:_WAVES])]

    def _recent(self, phase: str) -> Timetable:
        """Return the timetable, reckoned once for all who ask before anything else has happened."""
        moment = (workflow.now(), workflow.info().get_current_history_length(), phase)
        if self._reckoned is None or self._reckoned[0] != moment:
            self._reckoned = (moment, self._table(phase))
        return self._reckoned[1]

    def _table(self, phase: str) -> Timetable:
        now, (replication, cutover) = workflow.now(), self._dispatcher.bounds.of_plan
        return timetable(
            [self._place(vm, now) for vm in self._dispatcher.vms.values()],
            now,
            replication=replication,
            cutover=cutover,
            before=self._before(phase),
            waves=self._order(),
            shares=self._shares(),
        )

    def _shares(self) -> list[Share]:
        return self._dispatcher.bounds.shares(self._dispatcher.vms.values())

    def _order(self) -> dict[str, WavePlace] | None:
        """Return what each wave comes after, and its limits now; None where each comes after the one before it."""
        waves, after = self._plan.waves, self._plan.wave_dependencies
        bounds = self._dispatcher.bounds
        limits = [bounds.now(Part(kind="wave", name=wave.name)) for wave in waves]
        if after == line_of(len(waves)) and all(one.replication is None and one.cutover is None for one in limits):
            return None
        return {
            wave.name: WavePlace(
                after=[waves[one].name for one in before], replication=one.replication, cutover=one.cutover
            )
            for wave, before, one in zip(waves, after, limits, strict=True)
        }

    def _before(self, phase: str) -> Remaining:
        """Return the seconds until the first virtual machine may begin."""
        gone = 0.0 if self._entered is None else (workflow.now() - self._entered[1]).total_seconds()
        check, prepare = of_minutes("check"), of_minutes("prepare")
        vaults = len(set(self._plan.first_vaults.values()))  # one after the other
        low, high = prepare.low * vaults, prepare.high * vaults
        if phase == "checking":
            return max(check.low - gone, 0) + low, max(check.high - gone, 0) + high
        if phase == "preparing":
            return max(low - gone, 0), max(high - gone, 0)
        return 0.0, 0.0

    def _place(self, vm: VmState, now: datetime) -> Place:
        wave = self._plan.waves[vm.wave].name
        state, since = self._since.get(vm.name, (vm.state, now))
        gone = (now - since).total_seconds() if state == vm.state else 0.0
        size = self._sizes.get(vm.name)
        if size not in self._bases:
            self._bases[size] = new_place("", "", steps(size, tests=self._plan.failover.test_first))
        place = replace(self._bases[size], name=vm.name, wave=wave).at(vm.state, gone)
        held = self._dispatcher.held_back(vm)
        return place.held(held) if held else place
