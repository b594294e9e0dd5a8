"""What finalising hands around: one virtual machine whose source is to be deleted, what is there, what became of it."""

import hashlib
from typing import Literal

from pydantic import Field

from migration.approvals import ApprovalState
from migration.base import Value
from migration.evidence import canonical
from migration.ids import id_key
from migration.models import VmSpec
from migration.plan import Approval, Plan
from migration.plan_finalise import Finalise
from migration.report import Decision

PartKind = Literal["machine", "interface", "disk", "public address", "security group"]
FinaliseOutcome = Literal["finalised", "refused", "rejected", "cancelled", "needs_operator"]


class FinalisePlanInput(Value):
    """The input of `FinalisePlan`."""

    plan: Plan
    vms: list[str] = Field(description="The plan's names of those whose sources are to be deleted.")
    requester: str
    outcomes: dict[str, str] = Field(default_factory=dict, description="Those that earlier runs of it have seen end.")


class FinaliseTask(Value):
    """The input of `FinaliseVm`."""

    plan: str
    requester: str
    vm: VmSpec
    vault_id: str
    further_vault_ids: list[str] = Field(default_factory=list, description="Those of a plan with several vaults.")
    approval: Approval = Field(description="The plan's, with the approvers of `finalise`, and as many.")
    finalise: Finalise


class Moved(Value):
    """What the migration's own run left in its memo about a virtual machine that it moved."""

    outcome: str | None = None
    source_id: str = ""
    target_id: str = ""
    vm_unique_id: str = Field("", description="Azure's own id of the source: one made anew under its name has another.")
    agent_ready: bool = False
    part_ids: list[str] = Field(default_factory=list, description="Disks and interfaces of the source.")
    run_id: str = ""


class SourcePart(Value):
    """Something that belongs to a source, and what is to become of it."""

    id: str
    kind: PartKind
    delete: bool
    why: str = ""
    size_gib: int | None = None


class JudgeFinalise(Value):
    """Asks whether a source may be deleted now, and what that would delete."""

    task: FinaliseTask
    moved: Moved


class Judgement(Value):
    """What stands against it, and what there is. Nothing is deleted while anything stands against it."""

    reasons: list[str] = Field(default_factory=list)
    parts: list[SourcePart] = Field(default_factory=list)
    region: str = ""

    @property
    def doomed(self) -> list[SourcePart]:
        """What would be deleted, in that order."""
        return [part for part in self.parts if part.delete]


class DeleteSourcePart(Value):
    """Deletes one part of a source, if it may still be deleted."""

    task: FinaliseTask
    moved: Moved
    id: str
    kind: PartKind


class KeptSnapshot(Value):
    """A snapshot that stays."""

    id: str
    disk_id: str
    size_gib: int | None = None
    wanted_until: str
    note: str = "Azure bills what it holds, each month, until you delete it; nothing here does"


class DeletedPart(Value):
    """A part that was deleted, and when that was read back."""

    id: str
    kind: PartKind
    at: str


class Finalised(Value):
    """What became of a source: the result of `FinaliseVm`, and `finalised` in report.json."""

    name: str
    outcome: FinaliseOutcome | None = None
    reason: str = ""
    phase: str = "checking"
    waiting_for: str = ""
    needs_action: bool = False
    requester: str = ""
    started: str = ""
    ended: str | None = None
    to_delete: list[str] = Field(default_factory=list, description="What still would be deleted.")
    deleted: list[DeletedPart] = Field(default_factory=list)
    kept: list[SourcePart] = Field(default_factory=list)
    snapshots: list[KeptSnapshot] = Field(default_factory=list)
    decisions: list[Decision] = Field(default_factory=list)
    incidents: list[str] = Field(default_factory=list)
    approval: ApprovalState | None = Field(
        None, description="What is approved, by its hash, and how an approver's token may be sent."
    )
    last_refusal: str | None = None
    run_id: str = ""


def deletion_digest(task: FinaliseTask, moved: Moved, judgement: Judgement) -> str:
    """Return the hash of what people approve: what goes and what stays of which source, and for which copy."""
    parts = sorted([id_key(part.id), part.kind, part.delete] for part in judgement.parts)
    told = {
        "finalise": task.plan,
        "vm": task.vm.name,
        "source": [id_key(task.vm.source_id), moved.vm_unique_id],
        "target": id_key(moved.target_id),
        "run": moved.run_id,
        "snapshot": task.finalise.snapshot,
        "parts": parts,
    }
    return hashlib.sha256(canonical(told).encode()).hexdigest()


class FinalisePlanEnding(Value):
    """The result of `FinalisePlan`."""

    outcome: FinaliseOutcome | Literal["mixed"]
    counts: dict[str, int] = Field(default_factory=dict)


def finalise_task(plan: Plan, vm: VmSpec, requester: str) -> FinaliseTask:
    """Return the slice of a plan for one virtual machine."""
    rules = plan.finalise
    approval = plan.approval.model_copy(
        update={
            "approvers": rules.approvers or plan.approval.approvers,
            "allow_self_approval": rules.allow_self_approval,
            "required": rules.required,
        }
    )
    first, *further = plan.vault_ids
    return FinaliseTask(
        plan=plan.name,
        requester=requester,
        vm=vm,
        vault_id=first,
        further_vault_ids=further,
        approval=approval,
        finalise=rules,
    )
