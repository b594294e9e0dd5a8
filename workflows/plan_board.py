"""What people see of a plan: status, current details, report."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.findings import PlanCheck, VmFindings, markdown_lines, summary_by_wave
    from migration.large_plans import EACH
    from migration.ledger import LedgerEntry
    from migration.ledger_proof import LedgerProof
    from migration.notices import EventName, Happening
    from migration.phases import Outcome, Phase
    from migration.plan import Plan
    from migration.plan_state import BoardState, carried_check
    from migration.report import PlanReport, PlanStatus, PlanVm
    from migration.steering import Pause
from workflows.attributes import NEEDS_ACTION
from workflows.board import now_text, reported
from workflows.dispatch import Dispatcher, VmState
from workflows.plan_forecast import PlanForecast

_WAVES = 20
_GATES = 5
"""How many held gates a sentence tells of; `held_gates` of the status has all."""
_MOVING = 5
"""How many of those that move a sentence names."""
_AGAIN = timedelta(seconds=10)
"""How old the details of a plan told by wave may be: to write them for each of ten thousands of signals costs hours."""

_PHASE_OF = {
    "new": Phase.CHECKING,
    "replicating": Phase.REPLICATING,
    "outside": Phase.WAITING_FOR_TURN,
    "wanting": Phase.WAITING_FOR_TURN,
    "cutting_over": Phase.FAILING_OVER,
    "passed": Phase.AWAITING_APPROVAL,
    "ended": Phase.DONE,
}
"""Coarse: a plan knows of a virtual machine what concerns turns. Its own workflow knows more."""


class PlanBoard:
    """The state of a plan in people's words."""

    def __init__(self, plan: Plan, dispatcher: Dispatcher) -> None:
        self._plan = plan
        self._dispatcher = dispatcher
        self._forecast = PlanForecast(plan, dispatcher)
        self.phase = "checking"
        self.outcome: Outcome | None = None
        self.reason = ""
        self._check: PlanCheck | None = None
        self._check_lines: list[str] = []
        self._drawn: tuple[datetime, object] | None = None
        self.parts = 0
        """How many runs of the plan's workflow there were before this one."""
        self._waiting_for = ""
        self._needs_action = False
        self._choices: tuple[str, ...] = ()
        self._shown_needs_action: bool | None = None
        self.tell: Callable[[Happening], None] = lambda _: None
        self._told = ""
        self._gates: list[str] = []
        """The waves whose gates a person has to open."""
        self._started = now_text()
        self._ended: str | None = None

    @property
    def check(self) -> PlanCheck | None:
        """What the plan's check found, once it has."""
        return self._check

    @check.setter
    def check(self, check: PlanCheck | None) -> None:
        self._check = check
        self._check_lines = check_details(check) if check else []
        if check:
            self._forecast.know(check)

    def state(self) -> BoardState:
        """Return what a run that goes on for this one shows."""
        begun = {vm.name for vm in self._dispatcher.vms.values() if vm.began}
        return BoardState(
            phase=self.phase,
            started=self._started,
            reason=self.reason,
            told=self._told,
            check=carried_check(self._check, begun) if self._check else None,
            check_lines=self._check_lines,
            forecast=self._forecast.state(),
        )

    def go_on(self, state: BoardState, parts: int) -> None:
        """Show on what an earlier run showed."""
        self._check, self._check_lines, self.parts = state.check, state.check_lines, parts
        if state.check:
            self._forecast.know(state.check)
        self.phase, self._started, self.reason, self._told = state.phase, state.started, state.reason, state.told
        self._forecast.go_on(state.forecast)

    @property
    def started(self) -> str:
        """When the plan's first run began."""
        return self._started

    def enter(self, phase: str) -> None:
        """Go on to *phase*."""
        self.phase = phase
        workflow.logger.info("Entering phase", extra={"phase": phase})
        self.show()

    def show(self, *, waiting_for: str = "", needs_action: bool = False, choices: tuple[str, ...] = ()) -> None:
        """Tell what is waited for, and whether a person must act."""
        self._waiting_for, self._needs_action, self._choices = waiting_for, needs_action, choices
        if self._shown_needs_action != needs_action:
            workflow.upsert_search_attributes([NEEDS_ACTION.value_set(needs_action)])
            self._shown_needs_action = needs_action
        # One more that failed before a gate that is held is no news to who has to open it.
        about = ", ".join(self._gates) or waiting_for
        if needs_action and about != self._told:
            self._told = about
            self._tell("needs_action", waiting_for, self._commands())
        self._draw()

    def show_moving(self) -> None:
        """Tell what is waited for while virtual machines move: people who paused the plan, or whom a gate waits for."""
        held = self._dispatcher.held_gates
        told = [gate.told for gate in held[:_GATES]]
        told += [pause.told for part, pause in self._dispatcher.pauses.all.items() if part.kind == "plan"]
        moving, number = self._dispatcher.some_running(_MOVING)
        if moving:
            told.append(", ".join(moving) + (f", and {number - _MOVING} more" if number > _MOVING else ""))
        needs_action = bool(held) and workflow.patched("held-gates-ask")
        self._gates = [gate.wave for gate in held] if needs_action else []
        self.show(waiting_for="; ".join(told), needs_action=needs_action)

    def redraw(self) -> None:
        """Show anew what people have changed."""
        self._drawn = None
        self._draw()

    def _draw(self) -> None:
        """Write the details: of a large plan at once only what is new to a person, else every few seconds."""
        now, seen = workflow.now(), (self.phase, self.outcome, self._needs_action, self.reason)
        if len(self._dispatcher.vms) > EACH and self._drawn is not None:
            drawn, shown = self._drawn
            if shown == seen and now - drawn < _AGAIN:
                return
        self._drawn = (now, seen)
        workflow.set_current_details(self._markdown())

    def ask_person(self) -> Callable[[], None]:
        """Keep the phase: a plan that waits for a person goes on where it was."""
        return self.show

    def end(self, outcome: Outcome, reason: str = "") -> None:
        """Close the plan."""
        self.outcome, self.reason = outcome, reason or self.reason
        self._ended = now_text()
        self.enter("done")
        counts: dict[str, int] = {}
        for vm in self._dispatcher.vms.values():
            word = vm.outcome.value if vm.outcome else "not ended"
            counts[word] = counts.get(word, 0) + 1
        told = ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in sorted(counts.items()))
        why = f"; {self.reason}" if self.reason else ""
        self._tell("plan_ended", f"{told}{why}", [f"starter.py report {self._plan.name}"])

    def status(self, *, each: bool = True) -> PlanStatus:
        """Return the answer of the query `status`, or of `overview`, which does not tell of each machine."""
        return PlanStatus(
            plan=self._plan.name,
            phase=self.phase,
            outcome=self.outcome,
            waiting_for=self._waiting_for,
            needs_action=self._needs_action,
            reason=self.reason,
            findings=self.check.findings if self.check else [],
            vms=self._vms() if each else [],
            outlook=self._forecast.outlook(self.phase),
            pauses=list(self._dispatcher.pauses.all.values()),
            held_gates=self._dispatcher.held_gates,
            limits=list(self._dispatcher.bounds.changed.values()),
        )

    def report(self, ledger: list[LedgerEntry], requester: str, proof: LedgerProof | None = None) -> PlanReport:
        """Return the answer of the query `report`."""
        return PlanReport(
            plan=self._plan.name,
            plan_hash=self._plan.content_hash,
            run_id=workflow.info().run_id,
            source_region=self._plan.source.region,
            target_region=self._plan.target.region,
            identity=self._plan.approval.identity,
            requester=requester,
            outcome=self.outcome,
            started=self._started,
            ended=self._ended,
            reason=self.reason,
            findings=self.check.findings if self.check else [],
            resources=reported(ledger),
            ledger_proof=proof,
            steered=self._dispatcher.record,
            vms=self._vms(),
        )

    def _commands(self) -> list[str]:
        """Return what a person types who has to act."""
        plan = self._plan.name
        opening = [f"starter.py resume {plan} --wave {wave} --reason TEXT" for wave in self._gates[:_GATES]]
        verbs = [choice.replace("_", "-") for choice in self._choices]
        return [*opening, *(f"starter.py {verb} {plan} --reason TEXT" for verb in verbs)]

    def _pauses(self) -> list[Pause]:
        return list(self._dispatcher.pauses.all.values())[:_WAVES]

    def _tell(self, event: EventName, text: str, commands: list[str]) -> None:
        name = self._plan.name
        self.tell(
            Happening(
                event=event,
                plan=name,
                at=now_text(),
                text=text,
                commands=commands,
                workflow_id=names.migrate_plan_id(name),
            )
        )

    def _vms(self) -> list[PlanVm]:
        found = {vm.name: vm for vm in self.check.vms} if self.check else {}
        return [
            self._vm(self._dispatcher.vms[vm.name], self._plan.source_id(vm), wave.name, found.get(vm.name))
            for wave in self._plan.waves
            for vm in wave.vms
        ]

    def _vm(self, vm: VmState, source_id: str, wave: str, found: VmFindings | None) -> PlanVm:
        known = None if vm.began else found
        return PlanVm(
            name=vm.name,
            id=source_id,
            wave=wave,
            workflow_id=names.migrate_vm_id(self._plan.name, vm.name),
            phase=_PHASE_OF[vm.state],
            outcome=vm.outcome,
            reason=vm.reason,
            findings=known.findings if known else [],
            copied_gib=known.copied_gib if known else None,
            held=self._dispatcher.held_back(vm),
        )

    def _vm_lines(self) -> list[str]:
        """Return a line for each virtual machine, or for each wave where there are many: details are limited."""
        vms = list(self._dispatcher.vms.values())
        if len(vms) <= EACH:
            return [f"- {vm.name}: {vm.outcome.value if vm.outcome else vm.state}" for vm in vms]
        by_wave: list[list[VmState]] = [[] for _ in self._plan.waves]
        for vm in vms:
            by_wave[vm.wave].append(vm)
        named = zip(self._plan.waves, by_wave, strict=True)
        return [f"- {wave.name}: {_counts(members)}" for wave, members in named][:_WAVES]

    def _markdown(self) -> str:
        plan = self._plan
        lines = [f"**{plan.name}**: {plan.source.region} → {plan.target.region}", "", f"- Phase: **{self.phase}**"]
        if self.outcome:
            lines.append(f"- Outcome: **{self.outcome.value}**")
        if self._waiting_for:
            lines.append(f"- Waiting for: {self._waiting_for}")
        if self._needs_action and self._choices:
            verbs = " or ".join(f"`{choice.replace('_', '-')}`" for choice in self._choices)
            lines.append(f"- **A person must act:** `starter.py VERB {plan.name} --reason TEXT` with {verbs}")
        lines += [f"- **A person must act:** `{command}`" for command in self._commands() if self._gates]
        lines += [f"- **Paused:** {pause.told}" for pause in self._pauses()]
        lines += [f"- Limits now: {limits.told}" for limits in list(self._dispatcher.bounds.changed.values())[:_WAVES]]
        if self.reason:
            lines.append(f"- Reason: {self.reason}")
        if self.parts:
            lines.append(f"- Goes on for {self.parts} earlier runs of this workflow, whose histories had grown long")
        if len(self._dispatcher.vms) > EACH:
            lines.append(f"- As of {now_text()}; `starter.py status {plan.name}` tells of now")
        lines += [*self._forecast.lines(self.phase), "", *self._vm_lines()]
        return "\n".join([*lines, *self._check_lines])


def _counts(vms: list[VmState]) -> str:
    words = [vm.outcome.value if vm.outcome else vm.state for vm in vms]
    return ", ".join(f"{words.count(word)} {word.replace('_', ' ')}" for word in dict.fromkeys(words))


def check_details(check: PlanCheck) -> list[str]:
    """Return what a check found as lines of a workflow's details: a summary by wave, then the findings."""
    told = [f"{wave.wave}: {wave.ready} of {wave.vms} ready" for wave in summary_by_wave(check)]
    everything = [*check.findings, *(finding for vm in check.vms for finding in vm.findings)]
    lines = ["", f"Check: {len(everything)} findings, {len(check.blocking)} block; {', '.join(told[:_WAVES])}", ""]
    return [*lines, *markdown_lines(everything)]
