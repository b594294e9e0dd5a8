"""Which virtual machine may start, and which may fail over: waves, permits and the plan's word on failures. Pure.

Every count is kept as it changes: what one virtual machine says costs about the same in a plan of five thousand.
"""

from collections.abc import Mapping
from itertools import islice

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.fleet_looks import TurnAnswer
    from migration.phases import Outcome
    from migration.plan import Plan
    from migration.plan_fleet import Home
    from migration.steering import DispatchState, HeldGate, LimitsNow, Part, Pause, Steered, places_of
from workflows.bounds import Bounds
from workflows.dispatch_state import alike, by_vault, vaults_in
from workflows.gates import Gates
from workflows.lanes import Line
from workflows.pauses import PLAN, Pauses
from workflows.turns import VmNotice
from workflows.vm_state import State, VmState, vm_states, wave_key

__all__ = ["Dispatcher", "State", "VmState"]

_MOST_ASKED = 500
"""How often one that says what it said before is answered with what it was told before."""
_RETOLD = 50
"""Of up to so many virtual machines, those that are held hear of each one more that failed; of more, only once."""
_LONGEST_REASON = 300
"""Bytes of why one ended; its own report has all of it."""
_THROUGH: frozenset[State] = frozenset({"passed", "ended"})
_HELD_BACK: frozenset[State] = frozenset({"wanting", "outside"})
_AHEAD: frozenset[State] = frozenset({"new", "replicating", "wanting", "outside"})


class Dispatcher:
    """The plan's book of turns. A wave gates the failover, not the copying."""

    def __init__(self, plan: Plan, state: DispatchState | None = None) -> None:
        """Begin a plan, or go on where a book of the same plan stood in a *state*."""
        self._plan = plan
        self._begin(vaults_in(state, plan) if state else {})
        if state is not None:
            self._restore(state)

    def _begin(self, vaults: dict[str, str]) -> None:
        """Let all stand at the beginning; *vaults*: of those that were chosen one."""
        plan, self._vaults = self._plan, vaults
        self.vms = vm_states(plan, vaults)
        self._in_plan = list(self.vms.values())
        by_rank = sorted(self._in_plan, key=lambda vm: vm.rank)
        self._members: list[list[VmState]] = [[] for _ in plan.waves]
        for vm in by_rank:
            self._members[vm.wave].append(vm)
        self._places = {wave.name: place for place, wave in enumerate(plan.waves)}
        self._starts, self._turns = Line(by_rank), Line(by_rank)
        self.bounds = Bounds(plan, self.homes)
        self.pauses = Pauses(list(self._places))
        self.gates = Gates(plan, self._turns.wake, self._trip)
        self._groups = {name: [one.name for one in group] for name, group in plan.groups.items()}
        self.steered = False
        """Whether anybody has paused or limited anything."""
        self.record: list[Steered] = []
        """What people have said to it, the newest words, for the report."""
        self._ended = 0
        self._ahead = [len(members) for members in self._members]
        self._running: dict[str, None] = {}
        self._unbegun: dict[str, None] = {}
        self._untold: dict[str, None] = {}
        self._freed: dict[str, None] = {}
        self._to_stop: set[int] = set()
        self._tripped: set[int] = set()
        for vm in by_rank:
            self._starts.add(vm)

    def settle(self, vaults: Mapping[str, str]) -> None:
        """Count virtual machines by the vaults that were chosen for them, given by name (ids)."""
        moved = {name: vault for name, vault in vaults.items() if self.vms[name].vault != vault}
        if moved:
            state = self.state()
            self._begin(self._vaults | moved)
            self._restore(state)

    @property
    def all_ended(self) -> bool:
        """Whether nothing is left to wait for."""
        return self._ended == len(self.vms)

    @property
    def any_running(self) -> bool:
        """Whether one has started and not ended."""
        return bool(self._running)

    @property
    def running(self) -> list[str]:
        """The names of those that have started and not ended, in the plan's order."""
        return sorted(self._running, key=lambda name: self.vms[name].place)

    def some_running(self, most: int) -> tuple[list[str], int]:
        """Return some of those that have started and not ended, the longest ago first, and how many there are."""
        return list(islice(self._running, most)), len(self._running)

    @property
    def homes(self) -> list[Home]:
        """The subscriptions and vaults that the plan's virtual machines are of."""
        return list(dict.fromkeys(vm.home for vm in self._in_plan))

    @property
    def concurrency(self) -> LimitsNow:
        """How many of the plan may replicate, and fail over, at once now."""
        return self.bounds.now(PLAN)

    @property
    def held_gates(self) -> list[HeldGate]:
        """The gates that failures hold until a person opens them."""
        return [self.gates.held(wave) for wave in sorted(self._tripped) if self._is_held(wave)]

    def is_held(self, wave: str) -> bool:
        """Whether failures hold a wave until a person opens its gate."""
        return self._is_held(self._places[wave])

    def place_of(self, wave: str) -> int:
        """Return the place of a wave in the plan."""
        return self._places[wave]

    def members(self, part: Part) -> list[VmState]:
        """Return the virtual machines of the plan, of a wave, or one alone."""
        if part.kind == "vm":
            return [self.vms[part.name]]
        return self._members[self._places[part.name]] if part.kind == "wave" else self._in_plan

    def end(self, name: str, outcome: Outcome, reason: str = "") -> None:
        """Note how a virtual machine ended; the first word stands."""
        vm = self.vms[name]
        if vm.state != "ended":
            vm.outcome, vm.reason = outcome, reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
            self._to(vm, "ended")

    def note(self, notice: VmNotice) -> None:
        """Take what a virtual machine says; its permit comes back with all but `protected` and `cutting_over`."""
        vm = self.vms.get(notice.vm)
        if vm is None or vm.state == "ended":
            return
        vm.heard = True
        if notice.reason == "ended":
            self.end(vm.name, notice.outcome or Outcome.NEEDS_OPERATOR, notice.why)
        elif notice.reason == "protected":
            if vm.state != "cutting_over":
                self._to(vm, "wanting")
            vm.asked += 1
            # It asks again every few hours, for as long as a plan may hold it; each answer costs a history.
            if vm.asked <= _MOST_ASKED:
                self._forget_told(vm)
        elif notice.reason == "cutting_over":
            self._to(vm, "cutting_over")
        elif notice.reason == "outside_window":
            self._to(vm, "outside")
            self._forget_told(vm)
        else:
            self._to(vm, "passed")
        self._note_unbegun(vm)

    def to_start(self) -> list[str]:
        """Return those that may start replicating now, in wave order; first those of an earlier run that spoke up."""
        under_way = sorted((self.vms[name] for name in self._unbegun), key=lambda vm: vm.place)
        begun = [vm.name for vm in under_way if not self.pauses.hold(vm)]
        copying = self.bounds.copying
        found = list(self._starts.take_many(self._may_copy, self._may_copy_at, copying.take))
        for vm in found:
            copying.give(vm)
            self._starts.add(vm)
            self._starts.wake(vm.wave)
        return begun + [vm.name for vm in found]

    def may_start(self, name: str) -> bool:
        """Whether one that was to start still may: a person may have said something meanwhile."""
        if not self.steered:
            return True
        vm = self.vms[name]
        has_room = vm.state != "new" or self.bounds.copying.has(vm.keys)
        return has_room and vm.state != "ended" and not self.pauses.hold(vm)

    def started(self, name: str) -> None:
        """Note that a virtual machine is on its way."""
        vm = self.vms[name]
        vm.began = True
        self._unbegun.pop(name, None)
        if vm.state == "new":
            self._to(vm, "replicating")

    def lost(self, name: str) -> None:
        """Forget where a virtual machine stood that is gone without a word; it begins anew."""
        vm = self.vms[name]
        if vm.state != "ended":
            self._to(vm, "new")
            vm.told = ""

    def stopped(self) -> list[str]:
        """Return those that never start, since the plan stops when virtual machines of an earlier wave fail."""
        found = [vm for wave in self._to_stop for vm in self._members[wave] if vm.state == "new"]
        self._to_stop = {vm.wave for vm in found}
        return [vm.name for vm in sorted(found, key=lambda vm: vm.rank)]

    def answers(self) -> list[tuple[str, TurnAnswer]]:
        """Return what to tell those that want a turn, and note it as told."""
        told: list[tuple[tuple[bool, int], str, TurnAnswer]] = []
        for name in self._untold:
            vm = self.vms[name]
            if vm.state in _HELD_BACK and self.gates.is_refused(vm.wave) and (answer := self._refusal(vm)):
                told.append(((vm.state == "wanting", vm.rank), name, answer))
        self._untold.clear()
        granted = self._turns.take_many(self._may_cut_over, self._may_cut_over_at, self._grant)
        told += [((True, vm.rank), vm.name, TurnAnswer(granted=True)) for vm in granted]
        told += [((True, vm.rank), vm.name, TurnAnswer(granted=False)) for vm in self._no_more_held()]
        return [(name, answer) for _, name, answer in sorted(told, key=lambda one: one[0])]

    def pause(self, pause: Pause) -> None:
        """Begin nothing more of a part of the plan."""
        self.steered = True
        self.pauses.add(pause)
        if pause.part.kind == "vm":
            vm = self.vms[pause.part.name]
            self._starts.remove(vm)
            for one in self._fellows(vm):
                self._turns.remove(one)

    def resume(self, part: Part) -> None:
        """Go on with a part of the plan that was paused."""
        self.pauses.remove(part)
        if part.kind == "vm":
            for one in self._fellows(self.vms[part.name]):
                self._wait_in_line(one)
        self._wake_all()

    def limit(self, limits: LimitsNow) -> None:
        """Change how many of a part of the plan at once; what runs goes on."""
        self.steered = True
        self.bounds.change(limits)
        self._wake_all()

    def open_gate(self, wave: str, *, tell: bool = True) -> None:
        """Let a wave go on whatever has failed before it; its order still holds. *tell* those that were held by it."""
        place = self._places[wave]
        self.gates.overruled.add(place)
        self._turns.wake(place)
        if tell:
            self._freed.update((vm.name, None) for vm in self._members[place] if vm.told)

    def held_back(self, vm: VmState) -> str:
        """Return why one begins nothing before a person says so; nothing where none has to."""
        if vm.state not in _AHEAD:
            return ""
        if self.pauses.hold(vm):
            return "; ".join(pause.told for pause in self.pauses.of(vm))
        return self.gates.why(vm.wave) if self._is_held(vm.wave) else ""

    def state(self) -> DispatchState:
        """Return all by which a dispatcher of the same plan goes on where this one stands."""
        return DispatchState(
            alike=alike(self._in_plan),
            reasons={vm.place: vm.reason for vm in self._in_plan if vm.reason},
            vaults=by_vault(self._vaults, self.vms),
            pauses=list(self.pauses.all.values()),
            limits=list(self.bounds.changed.values()),
            opened=sorted(self.gates.overruled),
            steered=self.record,
        )

    def _restore(self, state: DispatchState) -> None:
        for pause in state.pauses:
            self.pause(pause)
        for limits in state.limits:
            self.limit(limits)
        self.gates.overruled.update(state.opened)
        self.record = state.steered
        for some in state.alike:
            for place in places_of(some.vms):
                vm = self._in_plan[place]
                vm.told, vm.asked, vm.began, vm.heard = some.told, some.asked, some.began, some.heard
                vm.outcome, vm.reason = some.outcome, state.reasons.get(place, "")
                self._to(vm, some.state)
                self._note_unbegun(vm)

    def _is_held(self, wave: int) -> bool:
        return self.gates.word == "hold" and self.gates.is_refused(wave) and self._ahead[wave] > 0

    def _note_unbegun(self, vm: VmState) -> None:
        if vm.heard and not vm.began and vm.state not in {"new", "ended"}:
            self._unbegun[vm.name] = None

    def _to(self, vm: VmState, state: State) -> None:
        """Let a virtual machine stand elsewhere, and keep every count of it."""
        old, vm.state = vm.state, state
        if old == state:
            return
        self._leave(vm, old)
        self._ahead[vm.wave] += (state in _AHEAD) - (old in _AHEAD)
        if state == "replicating":
            self.bounds.copying.take(vm)
        elif state == "cutting_over":
            self.bounds.cutting.take(vm)
        elif state == "ended":
            self._ended += 1
            self._unbegun.pop(vm.name, None)
            if vm.outcome is not Outcome.MIGRATED:
                self.gates.fail(vm.wave, vm.place, vm.name)
        if state in {"new", "ended"}:
            self._running.pop(vm.name, None)
        else:
            self._running[vm.name] = None
        self._wait_in_line(vm)
        if self.gates.is_refused(vm.wave):
            self._refuse(vm)
        if more := (state in _THROUGH) - (old in _THROUGH):
            self.gates.through(vm.wave, more=more)

    def _leave(self, vm: VmState, state: State) -> None:
        if state == "replicating":
            self.bounds.copying.give(vm)
            self._starts.wake(vm.wave)
        elif state == "cutting_over":
            self.bounds.cutting.give(vm)
            self._turns.wake(vm.wave)
        elif state == "new":
            self._starts.remove(vm)
        elif state == "wanting":
            self._turns.remove(vm)

    def _wait_in_line(self, vm: VmState) -> None:
        if vm.name in self.pauses.vms:
            return
        if vm.state == "new":
            self._starts.add(vm)
        elif vm.state == "wanting" and not any(one.name in self.pauses.vms for one in self._fellows(vm)):
            self._turns.add(vm)

    def _fellows(self, vm: VmState) -> list[VmState]:
        """Return those that fail over with one, itself included: it alone, or its consistency group."""
        return [self.vms[name] for name in self._groups.get(vm.name, [vm.name])]

    def _wake_all(self) -> None:
        self._starts.wake_all()
        self._turns.wake_all()

    def _trip(self, wave: int) -> None:
        """Take that failures hold or stop a wave, or one more of them."""
        if wave not in self._tripped or len(self.vms) <= _RETOLD:
            for vm in self._members[wave]:
                self._refuse(vm)
        self._tripped.add(wave)

    def _refuse(self, vm: VmState) -> None:
        if vm.state in _HELD_BACK:
            self._untold[vm.name] = None
        elif vm.state == "new" and self.gates.word == "stop":
            self._to_stop.add(vm.wave)

    def _forget_told(self, vm: VmState) -> None:
        vm.told = ""
        if self.gates.is_refused(vm.wave):
            self._refuse(vm)

    def _refusal(self, vm: VmState) -> TurnAnswer | None:
        """Return what to tell one whose wave failures hold or stop; None where it was told already."""
        if vm.told and len(self.vms) > _RETOLD:
            return None
        why = self.gates.why(vm.wave)
        if vm.told == why:
            return None
        vm.told = why
        return TurnAnswer(granted=False, stop=self.gates.word == "stop", why=why)

    def _no_more_held(self) -> list[VmState]:
        """Return those whose gate was opened and that still wait, for their order: no person is asked any more."""
        found = [self.vms[name] for name in self._freed]
        self._freed.clear()
        freed = [vm for vm in found if vm.told and vm.state == "wanting" and not self.gates.is_refused(vm.wave)]
        for vm in freed:
            vm.told = ""
        return freed

    def _grant(self, vm: VmState) -> None:
        vm.told = ""
        self._to(vm, "cutting_over")

    def _may_copy(self, wave: int) -> bool:
        return wave not in self.pauses.waves and self.bounds.copying.has((wave_key(wave),))

    def _may_copy_at(self, home: Home) -> bool:
        return not self.pauses.plan and self.bounds.copying.has_for(home)

    def _may_cut_over(self, wave: int) -> bool:
        is_free = wave not in self.pauses.waves and self.bounds.cutting.has((wave_key(wave),))
        return is_free and self.gates.is_open(wave)

    def _may_cut_over_at(self, home: Home) -> bool:
        return not self.pauses.plan and self.bounds.cutting.has_for(home)
