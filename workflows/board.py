"""What people see of one virtual machine while it moves: status, search attributes, current details, report."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.approvals import ApprovalState
    from migration.copies import TargetWrites
    from migration.eta.reckoning import estimate, in_moments
    from migration.eta.values import Outlook
    from migration.evidence import Evidence, short
    from migration.findings import markdown_lines
    from migration.hooks import HookResult
    from migration.ids import describe
    from migration.ledger import LedgerEntry
    from migration.ledger_proof import LedgerProof
    from migration.models import FenceEvidence, Finding, Mismatch, VmTask
    from migration.notices import EventName
    from migration.parity.values import ParityRow, counts, in_words
    from migration.phases import Outcome, Phase
    from migration.proofs import ProbeResult, Proof, TestFailoverReport, markdown_of
    from migration.report import Decision, PhaseSpan, ReportedResource, VmReport, VmStatus
    from migration.times import utc_text
from workflows.attributes import NEEDS_ACTION, PHASE
from workflows.moments import Moments
from workflows.remedies import by_hand

_TOLD_ROWS = 10
_TWO_COPIES = "two running copies"
"""How the incident begins that is told at once."""


def now_text() -> str:
    """Return the workflow's time as JSON writes it."""
    return utc_text(workflow.now())


def _began_with() -> tuple[Phase, bool] | None:
    """Return what the search attributes have told since the start; None: they tell nothing yet."""
    begun = workflow.info().typed_search_attributes
    phase, needs_action = begun.get(PHASE), begun.get(NEEDS_ACTION)
    return None if phase is None or needs_action is None else (Phase(phase), needs_action)


class Board:
    """The state of a virtual machine in people's words. Each change shows at once in the Temporal UI."""

    def __init__(self, task: VmTask) -> None:
        self.task = task
        self.phase = Phase.CHECKING
        self.spans: list[PhaseSpan] = []
        self.waiting_for = ""
        self.needs_action = False
        self.choices: list[str] = []
        self.outcome: Outcome | None = None
        self.reason = ""
        self.findings: list[Finding] = []
        self.fingerprint: str | None = None
        self.mismatches: list[Mismatch] = []
        self.parity: list[ParityRow] = []
        self.verification: Proof | None = None
        self.test_failover: TestFailoverReport | None = None
        self.source_probes: list[ProbeResult] | None = None
        self.fence: FenceEvidence | None = None
        self.evidence: Evidence | None = None
        self.downtime_seconds: int | None = None
        self.incidents: list[str] = []
        self.moments = Moments()
        self.target_writes: TargetWrites | None = None
        self.serving_again_seconds: int | None = None
        self._back_since: datetime | None = None
        self.hooks: list[HookResult] = []
        self.tell: Callable[[EventName, str], None] = lambda _event, _text: None
        self.outlook: Callable[[], Outlook | None] = lambda: None
        self.proof: LedgerProof | None = None
        self.adopted = ""
        self._shown = _began_with() if task.joins_steps else None
        self._told: tuple[Phase, str] | None = None

    def enter(self, phase: Phase, waiting_for: str = "") -> None:
        """Go on to *phase*; the one before ends now."""
        if not self.spans or self.spans[-1].name != phase:
            now = now_text()
            if self.spans:
                self.spans[-1] = self.spans[-1].model_copy(update={"ended": now})
            self.spans.append(PhaseSpan(name=phase, started=now))
            if phase is Phase.AWAITING_APPROVAL:
                self._told = None  # asked for once more after two copies ran, it is told once more
            workflow.logger.info("Entering phase", extra={"phase": phase.value})
        self.phase = phase
        if phase is Phase.AWAITING_APPROVAL and self.task.joins_steps:
            return  # the gate shows at once what is waited for, and that a person must act
        self.show(waiting_for=waiting_for)

    def show(self, *, waiting_for: str = "", needs_action: bool = False, choices: tuple[str, ...] = ()) -> None:
        """Tell what is waited for, and whether a person must act."""
        needs_action = needs_action or self.moments.is_open
        self.waiting_for, self.needs_action, self.choices = waiting_for, needs_action, list(choices)
        updates: list[SearchAttributeUpdate[str] | SearchAttributeUpdate[bool]] = []
        shown = self._shown
        if shown is None or shown[0] != self.phase:
            updates.append(PHASE.value_set(self.phase.value))
        if shown is None or shown[1] != needs_action:
            updates.append(NEEDS_ACTION.value_set(needs_action))
        if updates:
            workflow.upsert_search_attributes(updates)
        self._shown = (self.phase, needs_action)
        if needs_action:
            self._tell_person()
        self.draw()

    def draw(self) -> None:
        """Write the details that the Temporal UI shows."""
        workflow.set_current_details(self._markdown())

    def ask_person(self) -> Callable[[], None]:
        """Enter the phase in which only a person moves it on; return what leads back to the phase before."""
        before = self.phase
        self.enter(Phase.NEEDS_ACTION)
        return lambda: self.enter(before)

    def end(self, outcome: Outcome, reason: str) -> None:
        """Close the last phase: the virtual machine's migration is over."""
        self.outcome, self.reason = outcome, reason or self.reason
        self.enter(Phase.DONE)
        self.spans[-1] = self.spans[-1].model_copy(update={"ended": now_text()})

    def note_target(self, since: str | None) -> None:
        """Enter that the target runs: what is written there from now on is lost by going back, or kept."""
        if self.target_writes is None:
            self.target_writes = TargetWrites(since=since, keep_seconds=self.task.failover.keep_target_writes)

    def go_back(self, reason: str) -> None:
        """Enter that the move goes back from now on, and why."""
        self.reason, self._back_since = reason, workflow.now()

    def serves_again(self, *, was_off: bool) -> None:
        """Enter that the source serves; *was_off*: it had been stopped."""
        if self.serving_again_seconds is None and self._back_since is not None:
            lasted = workflow.now() - self._back_since
            self.serving_again_seconds = round(lasted.total_seconds()) if was_off else 0

    def by_hand(self, undo: str) -> str:
        """Return how a person does by hand what an undo cannot do."""
        return by_hand(undo, self.task)

    def record_incident(self, text: str) -> None:
        """Keep a moment that must not be silent, such as two running copies."""
        self.incidents.append(f"{now_text()} {text}")
        if text.startswith(_TWO_COPIES):
            self.tell("two_copies", text)
        workflow.logger.warning("Incident", extra={"incident": text})

    def note_hook(self, result: HookResult) -> None:
        """Keep what became of a hook; one that ran again counts with all its attempts."""
        before = next((one for one in self.hooks if (one.name, one.when) == (result.name, result.when)), None)
        if before is not None:
            self.hooks.remove(before)
            more = {"attempts": before.attempts + result.attempts, "seconds": before.seconds + result.seconds}
            result = result.model_copy(update=more)
        self.hooks.append(result)

    def note_undo(self, name: str, when: str, *, undone: bool) -> None:
        """Keep whether a hook was taken back."""
        self.hooks = [
            one.model_copy(update={"undone": undone}) if (one.name, one.when) == (name, when) else one
            for one in self.hooks
        ]

    def tell_proof(self, proof: LedgerProof | None) -> None:
        """Keep whether the ledger was proved; what no ledger names is an incident."""
        self.proof = proof
        for one in proof.unlisted if proof else ():
            self.record_incident(f"unlisted leftover: {describe(one)} is there, was not before, and no ledger names it")

    def status(self, last_refusal: str | None, undo: list[str], approval: ApprovalState | None = None) -> VmStatus:
        """Return the answer of the query `status`."""
        return VmStatus(
            plan=self.task.plan,
            name=self.task.vm.name,
            wave=self.task.vm.wave,
            id=self.task.vm.source_id,
            phase=self.phase,
            waiting_for=self.waiting_for,
            needs_action=self.needs_action,
            outcome=self._outcome_now,
            last_refusal=last_refusal,
            reason=self.reason,
            findings=self.findings,
            choices=self.choices,
            parity=counts(self.parity) if self.parity else None,
            verification=self.verification,
            undo=undo,
            alarm=self.moments.alarm,
            hooks=self.hooks,
            target_writes=self.target_writes,
            run_id=workflow.info().run_id,
            approval=approval,
            outlook=self.outlook(),
            consistency_group=self.task.group.name if self.task.group else None,
        )

    def report(self, ledger: list[LedgerEntry], approval: Decision | None, decisions: list[Decision]) -> VmReport:
        """Return the answer of the query `report`."""
        return VmReport(
            name=self.task.vm.name,
            id=self.task.vm.source_id,
            target_id=self.task.vm.target_id,
            wave=self.task.vm.wave,
            run_id=workflow.info().run_id,
            outcome=self._outcome_now,
            reason=self.reason,
            downtime_seconds=self.downtime_seconds,
            data_loss_seconds=self.fence.data_loss_seconds if self.fence else None,
            phases=self.spans,
            approval=approval,
            approvals=[one for one in decisions if one.counted and one.decision == "approve"],
            evidence=self.evidence,
            evidence_hash=self.evidence.digest if self.evidence else None,
            decisions=decisions,
            findings=self.findings,
            fingerprint=self.fingerprint,
            mismatches=self.mismatches,
            parity=self.parity,
            verification=self.verification,
            test_failover=self.test_failover,
            source_probes=self.source_probes or [],
            fence=self.fence,
            resources=reported(ledger),
            incidents=self.incidents,
            two_copies=self.moments.all,
            serving_again_seconds=self.serving_again_seconds,
            target_writes=self.target_writes,
            hooks=self.hooks,
            ledger_proof=self.proof,
            adopted=self.adopted,
        )

    def _tell_person(self) -> None:
        """Tell who must act, once for each thing that is waited for, however often its wait is renewed."""
        is_approval = self.phase is Phase.AWAITING_APPROVAL
        about = (self.phase, "" if is_approval else self.waiting_for)
        if about != self._told:
            self._told = about
            if self.moments.is_open and not self.choices and workflow.patched("two-copies-are-told-once"):
                return  # `two_copies` has told of it, and it is contained without a person, or asks one
            self.tell("approval_wanted" if is_approval else "needs_action", self.waiting_for)

    @property
    def _outcome_now(self) -> Outcome | None:
        """The outcome; of one that only a person's word moves on, that it needs an operator."""
        return self.outcome or (Outcome.NEEDS_OPERATOR if self.phase is Phase.NEEDS_ACTION else None)

    def _markdown(self) -> str:
        vm = self.task.vm
        lines = [
            f"**{vm.name}** ({vm.source_region} → {vm.target_region}), wave {vm.wave} of {plan_link(self.task.plan)}",
            "",
            f"- Phase: **{self.phase.value}**",
            f"- Source: {portal_link(vm.source_id)}",
            f"- Target: {portal_link(vm.target_id)}",
        ]
        if self.moments.alarm:
            lines.append(f"- **Alarm:** {self.moments.alarm}")
        if self.target_writes is not None:
            lines.append(f"- Target: {self.target_writes.text}")
        if self.outcome:
            lines.append(f"- Outcome: **{self.outcome.value}**")
        if self.waiting_for:
            lines.append(f"- Waiting for: {self.waiting_for}")
        if ahead := self.outlook():
            lines.append(f"- Estimate of {now_text()}: {in_moments(estimate(ahead, workflow.now()))}")
        if self.evidence:
            lines.append(f"- Evidence: `{short(self.evidence.digest)}` (`{self.evidence.digest}`)")
        if self.needs_action:
            lines.append(f"- **A person must act.** {self._how_to_act()}")
        if self.reason:
            lines.append(f"- Reason: {self.reason}")
        lines += [f"- Incident: {incident}" for incident in self.incidents]
        lines += self._parity_lines()
        lines += markdown_of(self.verification, self.test_failover)
        if self.findings:
            lines += ["", "What the check found:", "", *markdown_lines(self.findings)]
        return "\n".join(lines)

    def _parity_lines(self) -> list[str]:
        if not self.parity:
            return []
        found = counts(self.parity, _TOLD_ROWS)
        told = f"{found.carried} carried, {found.restored} restored, {found.waived} waived, {found.open} open"
        return [f"- Parity with the source: {told}", *(f"  - open: {in_words(row)}" for row in found.open_rows)]

    def _how_to_act(self) -> str:
        plan, vm = self.task.plan, self.task.vm.name
        if self.phase is Phase.AWAITING_APPROVAL and not self.choices:
            return f"`starter.py approve {plan} --vm {vm}` or `starter.py reject {plan} --vm {vm}`"
        verbs = " or ".join(f"`{choice.replace('_', '-')}`" for choice in self.choices)
        return f"`starter.py VERB {plan} --vm {vm} --reason TEXT` with {verbs}" if verbs else ""


def portal_link(resource_id: str) -> str:
    """Return a Markdown link to a resource in the Azure portal."""
    return f"[{describe(resource_id)}](https://portal.azure.com/#resource{quote(resource_id)})"


def plan_link(plan: str) -> str:
    """Return a Markdown link to a plan's workflow in the Temporal UI that shows it."""
    workflow_id = quote(names.migrate_plan_id(plan), safe="")
    return f"[{plan}](/namespaces/{workflow.info().namespace}/workflows/{workflow_id})"


def reported(ledger: list[LedgerEntry]) -> list[ReportedResource]:
    """Return what the report lists: all that was made; not what was there before, nor what never came to be."""
    states = {"created": "created", "deleted": "deleted", "left": "left"}
    return [
        ReportedResource(id=e.id, type=e.type, created_by=e.created_by, state=states[e.state], why=e.why)
        for e in ledger
        if e.state in states
    ]
