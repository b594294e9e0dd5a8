"""Which virtual machine may start, and which may fail over: waves, permits and the plan's word on failures. Pure."""

from dataclasses import dataclass
from typing import Literal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.phases import Outcome
    from migration.plan import Plan
from workflows.turns import TurnAnswer, VmNotice

State = Literal["new", "replicating", "outside", "wanting", "cutting_over", "passed", "ended"]


@dataclass
class VmState:
    """One virtual machine as its plan sees it.

    `outside`: its cutover window is shut, so it wants no turn. `passed`: verified or waiting for a person, so that its
    wave may go on.
    """

    name: str
    wave: int
    state: State = "new"
    outcome: Outcome | None = None
    reason: str = ""
    told: str = ""
    began: bool = False
    heard: bool = False
    asked: int = 0


_MOST_ASKED = 500
"""How often one that says what it said before is answered with what it was told before."""


class Dispatcher:
    """The plan's book of turns. A wave gates the failover, not the copying."""

    def __init__(self, plan: Plan) -> None:
        self._concurrency = plan.concurrency
        self._on_failures = plan.on_failures
        self.vms = {vm.name: VmState(vm.name, index) for index, wave in enumerate(plan.waves) for vm in wave.vms}

    @property
    def all_ended(self) -> bool:
        """Whether nothing is left to wait for."""
        return all(vm.state == "ended" for vm in self.vms.values())

    @property
    def running(self) -> list[str]:
        """The names of those that have started and not ended."""
        return [vm.name for vm in self.vms.values() if vm.state not in {"new", "ended"}]

    def end(self, name: str, outcome: Outcome, reason: str = "") -> None:
        """Note how a virtual machine ended; the first word stands."""
        vm = self.vms[name]
        if vm.state != "ended":
            vm.state, vm.outcome, vm.reason = "ended", outcome, reason

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
                vm.state = "wanting"
            vm.asked += 1
            # It asks again every few hours, for as long as a plan may hold it; each answer costs a history.
            if vm.asked <= _MOST_ASKED:
                vm.told = ""
        elif notice.reason == "cutting_over":
            vm.state = "cutting_over"
        elif notice.reason == "outside_window":
            vm.state, vm.told = "outside", ""
        else:
            vm.state = "passed"

    def to_start(self) -> list[str]:
        """Return those that may start replicating now, in wave order; first those of an earlier run that spoke up."""
        free = self._concurrency.replication - sum(vm.state == "replicating" for vm in self.vms.values())
        under_way = [vm.name for vm in self.vms.values() if not vm.began and vm.state not in {"new", "ended"}]
        return under_way + [vm.name for vm in self._in_order("new")][: max(free, 0)]

    def started(self, name: str) -> None:
        """Note that a virtual machine is on its way."""
        vm = self.vms[name]
        vm.began = True
        if vm.state == "new":
            vm.state = "replicating"

    def lost(self, name: str) -> None:
        """Forget where a virtual machine stood that is gone without a word; it begins anew."""
        vm = self.vms[name]
        if vm.state != "ended":
            vm.state, vm.told = "new", ""

    def stopped(self) -> list[str]:
        """Return those that never start, since the plan stops when virtual machines of an earlier wave fail."""
        if self._on_failures != "stop":
            return []
        return [vm.name for vm in self._in_order("new") if self._failed_before(vm.wave)]

    def answers(self) -> list[tuple[str, TurnAnswer]]:
        """Return what to tell those that want a turn, and note it as told."""
        told: list[tuple[str, TurnAnswer]] = []
        for vm in (*self._in_order("outside"), *self._in_order("wanting")):
            answer = self._answer(vm)
            if answer is not None and answer.model_dump_json() != vm.told:
                vm.told = answer.model_dump_json()
                told.append((vm.name, answer))
        return told

    def _answer(self, vm: VmState) -> TurnAnswer | None:
        failed = self._failed_before(vm.wave)
        if failed and self._on_failures != "continue":
            why = f"of an earlier wave, {', '.join(failed)} did not move"
            return TurnAnswer(
                granted=False, stop=self._on_failures == "stop", why=f"{why} (on_failures: {self._on_failures})"
            )
        if vm.state == "outside" or not self._gate_open(vm.wave):
            return None
        if sum(other.state == "cutting_over" for other in self.vms.values()) >= self._concurrency.cutover:
            return None
        vm.state = "cutting_over"
        return TurnAnswer(granted=True)

    def _gate_open(self, wave: int) -> bool:
        return all(vm.state in {"passed", "ended"} for vm in self.vms.values() if vm.wave < wave)

    def _failed_before(self, wave: int) -> list[str]:
        return [
            vm.name
            for vm in self.vms.values()
            if vm.wave < wave and vm.state == "ended" and vm.outcome is not Outcome.MIGRATED
        ]

    def _in_order(self, state: State) -> list[VmState]:
        return sorted((vm for vm in self.vms.values() if vm.state == state), key=lambda vm: vm.wave)
