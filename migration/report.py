"""What `status` and `report` answer: queries of the workflows, and the JSON that the command line prints and writes.

Times are UTC, ISO 8601 with Z. `downtime_seconds` and `data_loss_seconds` come from Azure's timestamps alone.
"""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from migration.approvals import LONGEST_SEALED, LONGEST_TOKEN, ApprovalState
from migration.base import Value
from migration.chain import evidence
from migration.copies import TargetWrites, TwoCopies
from migration.eta.values import Outlook, PlanOutlook
from migration.evidence import Evidence
from migration.hooks import HookResult
from migration.ledger_proof import LedgerProof
from migration.models import FenceEvidence, Finding, Mismatch, SourceDisk
from migration.parity.values import ParityCounts, ParityRow
from migration.phases import Outcome, Phase
from migration.plan_approval import IdentityKind
from migration.proofs import ProbeResult, Proof, TestFailoverReport
from migration.resolutions import Resolved
from migration.steering import HeldGate, LimitsNow, Pause, Steered


class Decision(Value):
    """A message about the commit, and what became of it."""

    approver: str
    decision: str = Field(description="approve or reject; empty where the message could not be read.")
    comment: str = ""
    at: str
    counted: bool
    reason: str = Field(description="Why it counted or not: early, late, refused, malformed, ...")
    by: str = Field("signal", description="signal, update, policy (`at_deadline: commit`) or group: of another member.")
    identity: IdentityKind = Field("trusted_network", description="trusted_network: the name was believed as sent.")
    object_id: str | None = Field(None, description="Of the person whom a verified token proved.")
    token_id: str | None = Field(None, description="A hash of the token's own id; the token itself is kept nowhere.")
    evidence: str | None = Field(None, description="The hash of what was decided on.")


class PhaseSpan(Value):
    """A phase and when the workflow was in it, by Temporal's clock."""

    name: Phase
    started: str
    ended: str | None = None


class ReportedResource(Value):
    """A resource of the report; `state` is created, deleted or left."""

    id: str
    type: str
    created_by: str
    state: str
    why: str = ""


class VmStatus(Value):
    """The answer of `MigrateVm`'s query `status`."""

    plan: str
    name: str
    wave: str
    id: str
    phase: Phase
    waiting_for: str = ""
    needs_action: bool = False
    outcome: Outcome | None = None
    progress_percent: int | None = None
    rpo_seconds: int | None = None
    last_refusal: str | None = None
    reason: str = ""
    findings: list[Finding] = Field(default_factory=list, description="Of its last check.")
    choices: list[str] = Field(default_factory=list, description="What `resolve` takes now.")
    target_writes: TargetWrites | None = Field(
        None, description="What was written on the target so far; None while it has not run."
    )
    alarm: str = Field("", description="Two copies run, or ran: where, since when, for how long.")
    parity: ParityCounts | None = Field(None, description="Source and target compared; None before the failover.")
    verification: Proof | None = Field(None, description="What is known of the target so far.")
    undo: list[str] = Field(default_factory=list, description="What would be undone now, last first.")
    hooks: list[HookResult] = Field(default_factory=list, description="The user's hooks that have run.")
    run_id: str = ""
    approval: ApprovalState | None = Field(None, description="Once there is something to approve.")
    outlook: Outlook | None = Field(None, description="What lies ahead, from which its end is estimated.")
    consistency_group: str | None = Field(None, description="The group of the plan with which it moves.")


class VmReport(Value):
    """The answer of `MigrateVm`'s query `report`, and one entry of `vms` in report.json."""

    name: str
    id: str
    target_id: str = ""
    wave: str = ""
    run_id: str = Field("", description="The run of its workflow; empty where it never had one.")
    outcome: Outcome | None = None
    reason: str = ""
    downtime_seconds: int | None = None
    data_loss_seconds: int | None = None
    phases: list[PhaseSpan] = Field(default_factory=list)
    approval: Decision | None = Field(None, description="The decision that counted; of several approvals the last.")
    approvals: list[Decision] = Field(default_factory=list, description="All approvals that count.")
    evidence: Evidence | None = Field(None, description="What was, or is to be, approved.")
    evidence_hash: str | None = None
    decisions: list[Decision] = Field(
        default_factory=list, description="All messages about the commit, counted or not."
    )
    findings: list[Finding] = Field(default_factory=list)
    fingerprint: str | None = Field(None, description="Of what the first check saw; a later check is held against it.")
    mismatches: list[Mismatch] = Field(default_factory=list)
    parity: list[ParityRow] = Field(default_factory=list, description="Source and target compared, row by row.")
    verification: Proof | None = Field(None, description="Of the target: its fields, its boot, the plan's probes.")
    test_failover: TestFailoverReport | None = None
    source_probes: list[ProbeResult] = Field(
        default_factory=list, description="What the source said last: before the failover, or on the way back."
    )
    fence: FenceEvidence | None = None
    resources: list[ReportedResource] = Field(default_factory=list)
    incidents: list[str] = Field(
        default_factory=list, description="Moments with two running copies, skipped undos, ..."
    )
    serving_again_seconds: int | None = Field(
        None,
        description="From the decision to go back until the source served, by Temporal's clock; 0: it never stopped.",
    )
    target_writes: TargetWrites | None = Field(
        None, description="What was written on the target, and what became of it; None: the target never ran."
    )
    two_copies: list[TwoCopies] = Field(default_factory=list, description="Each moment in which two copies ran.")
    resolutions: list[Resolved] = Field(
        default_factory=list, description="Who moved on what waited for a person, how and why; the newest ones."
    )
    hooks: list[HookResult] = Field(default_factory=list, description="The user's hooks, and what became of each.")
    notes: list[str] = Field(default_factory=list, description="What could not be told to people, and why.")
    ledger_proof: LedgerProof | None = Field(None, description="Of the listing at the end; null before it.")
    adopted: str = Field("", description="What this run found begun, and went on with.")
    source_disks: list[SourceDisk] = Field(default_factory=list, description="They stay with the source, and cost.")
    moved_ids: list[str] = Field(default_factory=list, description="What the move is for: no leftover.")
    finalised: dict[str, Any] | None = Field(
        None, description="What became of the source afterwards; its own workflow vouches for it."
    )


class VmEnding(Value):
    """The result of `MigrateVm`: small, since its plan's history keeps one of each."""

    name: str
    outcome: Outcome | None
    reason: str = ""
    findings: list[Finding] = Field(default_factory=list, description="What blocked it.")


class PlanEnding(Value):
    """The result of `MigratePlan`."""

    outcome: Outcome
    reason: str = ""
    counts: dict[str, int] = Field(default_factory=dict, description="How many virtual machines ended how.")
    findings: list[Finding] = Field(default_factory=list, description="What blocked the plan.")


class PlanVm(Value):
    """A virtual machine as its plan's workflow knows it."""

    name: str
    id: str
    wave: str
    workflow_id: str
    phase: Phase
    outcome: Outcome | None = None
    reason: str = ""
    findings: list[Finding] = Field(default_factory=list, description="Of a virtual machine that never started.")
    copied_gib: int | None = Field(None, description="The size of the disks that move; of one that has not started.")
    held: str = Field("", description="Why it begins nothing before a person says so: a pause, failures before it.")


class PlanStatus(Value):
    """The answer of `MigratePlan`'s query `status`."""

    plan: str
    phase: str = Field(description="checking, preparing, moving, tidying_up or done.")
    outcome: Outcome | None = None
    waiting_for: str = ""
    needs_action: bool = False
    reason: str = ""
    findings: list[Finding] = Field(default_factory=list, description="Of what the virtual machines share.")
    vms: list[PlanVm] = Field(default_factory=list)
    outlook: PlanOutlook | None = Field(None, description="By what the ends of waves and plan are estimated.")
    pauses: list[Pause] = Field(default_factory=list, description="What people have paused.")
    held_gates: list[HeldGate] = Field(default_factory=list, description="Waves that failures hold.")
    limits: list[LimitsNow] = Field(default_factory=list, description="How many at once, where people changed it.")


class PlanReport(Value):
    """The answer of `MigratePlan`'s query `report`: all but what the virtual machines themselves report."""

    plan: str
    plan_hash: str
    run_id: str = ""
    source_region: str = ""
    target_region: str = ""
    identity: str = Field("", description="How approvers are known: trusted_network believes names as sent.")
    requester: str = ""
    outcome: Outcome | None = None
    started: str | None = None
    ended: str | None = None
    reason: str = ""
    findings: list[Finding] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list, description="What could not be told to people, and why.")
    resolutions: list[Resolved] = Field(
        default_factory=list, description="Who moved on what held the plan's own steps; the newest ones."
    )
    steered: list[Steered] = Field(
        default_factory=list, description="Who paused, resumed or limited what, and why; the newest ones."
    )
    resources: list[ReportedResource] = Field(default_factory=list)
    ledger_proof: LedgerProof | None = None
    vms: list[PlanVm] = Field(default_factory=list)


class Report(Value):
    """`report.json`, but for the chain over it (`chain`)."""

    plan: str
    plan_hash: str = ""
    run_id: str = ""
    source_region: str = ""
    target_region: str = ""
    identity: str = ""
    requester: str = ""
    versions: dict[str, str] = Field(default_factory=dict, description="Of the programs that wrote it.")
    outcome: Outcome | None = None
    started: str | None = None
    ended: str | None = None
    reason: str = ""
    findings: list[Finding] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list, description="What could not be told to people, and why.")
    resolutions: list[Resolved] = Field(
        default_factory=list, description="Who moved on what held the plan's own steps; the newest ones."
    )
    steered: list[Steered] = Field(
        default_factory=list, description="Who paused, resumed or limited what, and why; the newest ones."
    )
    resources: list[ReportedResource] = Field(default_factory=list)
    ledger_proof: LedgerProof | None = Field(None, description="Of the plan's groups and its vault.")
    vms: list[VmReport] = Field(default_factory=list)


class DecisionMessage(Value):
    """What `approve_commit`, `reject_commit` and `decide_commit` carry; more fields may follow."""

    approver: str = Field("", max_length=320, description="Who decides; a token tells by itself.")
    comment: str = Field("", max_length=2000)
    decision: str | None = Field(None, description="approve or reject; only of `decide_commit`.")
    evidence: str | None = Field(
        None, max_length=100, description="The hash of what was looked at; another one than now does not count."
    )
    token: str | None = Field(
        None, max_length=LONGEST_TOKEN, repr=False, description="The approver's access token; better sealed."
    )
    sealed: str | None = Field(
        None, max_length=LONGEST_SEALED, repr=False, description="A `Statement` for the worker's eyes only."
    )

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not self.approver.strip() and not self.token and not self.sealed:
            raise ValueError("approver is missing: say who decides")
        return self


class DecisionAnswer(Value):
    """The answer of `decide_commit`."""

    counted: bool
    reason: str


class Resolution(Value):
    """What `resolve` carries: how a person moves a virtual machine that waits for one."""

    action: str = Field(description="retry, skip or give_up.")
    by: str = Field(min_length=1, max_length=320)
    reason: str = Field(min_length=1, max_length=2000)


class MemoKeys:
    """Keys of the workflows' memo, which answers `status` also while no worker runs."""

    PLAN_HASH = "plan_hash"
    VM_NAME = "vm"
    WAVE = "wave"
    SUMMARY = "summary"
    BEGAN = "began"
    """When a plan's first run began, of one that goes on for it."""
    VAULT = "vault"
    """The id of a plan's vault; a list of ids where it has several."""
    USE = "use"
    MOVED = "moved"
    """What was moved from where to where; `finalise` goes by it."""
    LEDGER = "ledger"
    """Digests of all that a virtual machine's ledger names; the plan's proof goes by them."""
    FINALISED = "finalised"
    """What became of a source; the report shows it."""
    EVIDENCE = "evidence"
    """Hash of what a workflow reported at its end; a plan's also those of what it knows of each virtual machine."""


def vaults_in(memo: Mapping[str, Any]) -> list[str]:
    """Return the vaults that a plan's memo names."""
    found = memo.get(MemoKeys.VAULT, "")
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, str) and one]


def plan_evidence(report: PlanReport, runs: Mapping[str, str]) -> dict[str, Any]:
    """Return by what a plan vouches for its report: its hash, the runs that it began, and of the rest what it knows.

    A run vouches for itself: the hashes of thousands would be half of what Temporal takes as one value.
    """
    vms = {vm.name: evidence(as_json(without_own_run(vm))) for vm in report.vms if vm.name not in runs}
    return {"plan": evidence(evident_of_plan(as_json(report))), "vms": vms, "runs": dict(runs)}


def evident_of_plan(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a plan vouches for, of its own report or of the whole one."""
    own = {key: body.get(key) for key in PlanReport.model_fields}
    if not own["steered"]:
        del own["steered"]  # runs that ended before plans could be steered vouch for a report without it
    return {**own, "vms": [vm["name"] for vm in body["vms"]]}


def without_own_run(vm: PlanVm) -> VmReport:
    """Return the report of a virtual machine of which only its plan can tell."""
    return VmReport(
        name=vm.name, id=vm.id, wave=vm.wave, outcome=vm.outcome, reason=vm.reason, findings=list(vm.findings)
    )


def as_json(value: Value) -> dict[str, Any]:
    """Return the JSON object that users' tools read."""
    return value.model_dump(mode="json")
