"""Names that users' tools rely on, and the functions that make ids from them. Nothing formats such a name elsewhere."""

import hashlib
import re

WORKFLOW_TASK_QUEUE = "azure-migration"
FLEET_TASK_QUEUE = "azure-migration-fleet"
"""Of the workflows of large plans."""
AZURE_TASK_QUEUE = "azure-migration-azure"
WAIT_TASK_QUEUE = "azure-migration-wait"
GUEST_TASK_QUEUE = "azure-migration-guest"
CLAIM_TASK_QUEUE = "azure-migration-claim"
"""Of the claims on machines, which only wait: they take no room among the workflows that a worker keeps in memory."""
FINALISE_TASK_QUEUE = "azure-migration-finalise"
"""Of the worker that may delete sources, and of it alone; it is none of `TASK_QUEUES`, which every worker serves."""
TASK_QUEUES = (
    *(WORKFLOW_TASK_QUEUE, FLEET_TASK_QUEUE, CLAIM_TASK_QUEUE),
    *(AZURE_TASK_QUEUE, WAIT_TASK_QUEUE, GUEST_TASK_QUEUE),
)

MIGRATE_PLAN = "MigratePlan"
MIGRATE_VM = "MigrateVm"
CHECK_PLAN = "CheckPlan"
ASK_GUESTS = "AskGuests"
SURVEY_PLAN = "SurveyPlan"
VM_CLAIM = "VmClaim"
KEPT_WRITES = "KeptWrites"
CLEAN_PLAN = "CleanPlan"
SPENT_APPROVAL = "SpentApproval"
FINALISE_PLAN = "FinalisePlan"
FINALISE_VM = "FinaliseVm"
MOVE_GROUP = "MoveGroup"

SIGNAL_APPROVE_COMMIT = "approve_commit"
SIGNAL_REJECT_COMMIT = "reject_commit"
UPDATE_DECIDE_COMMIT = "decide_commit"
SIGNAL_APPROVE_FINALISE = "approve_finalise"
SIGNAL_REJECT_FINALISE = "reject_finalise"
UPDATE_DECIDE_FINALISE = "decide_finalise"
UPDATE_RESOLVE = "resolve"
UPDATE_DELIVER = "deliver"
UPDATE_PAUSE = "pause"
UPDATE_RESUME = "resume"
UPDATE_SET_CONCURRENCY = "set_concurrency"
QUERY_STATUS = "status"
QUERY_OVERVIEW = "overview"
QUERY_REPORT = "report"
QUERY_LEDGER = "ledger"

SIGNAL_TURN_WANTED = "turn_wanted"
SIGNAL_TURN_DONE = "turn_done"
SIGNAL_TURN_GRANTED = "turn_granted"
SIGNAL_ENDED = "ended"
SIGNAL_ADOPT = "adopt"
SIGNAL_HAPPENED = "happened"
SIGNAL_PROGRESSED = "progressed"
SIGNAL_MEMBER_SAID = "member_said"
SIGNAL_GROUP_STANDS = "group_stands"

ATTRIBUTE_PLAN = "MigrationPlan"
ATTRIBUTE_WAVE = "MigrationWave"
ATTRIBUTE_VM = "MigrationVm"
ATTRIBUTE_PHASE = "MigrationPhase"
ATTRIBUTE_SOURCE_REGION = "SourceRegion"
ATTRIBUTE_TARGET_REGION = "TargetRegion"
ATTRIBUTE_NEEDS_ACTION = "NeedsAction"
SEARCH_ATTRIBUTES = {
    ATTRIBUTE_PLAN: "Keyword",
    ATTRIBUTE_WAVE: "Keyword",
    ATTRIBUTE_VM: "Keyword",
    ATTRIBUTE_PHASE: "Keyword",
    ATTRIBUTE_SOURCE_REGION: "Keyword",
    ATTRIBUTE_TARGET_REGION: "Keyword",
    ATTRIBUTE_NEEDS_ACTION: "Bool",
}
"""Search attributes and their types, as `temporal operator search-attribute create` spells them."""

TAG_KEEP_UNTIL = "azure-vm-migration-keep-until"
"""The tag on snapshots of what was written on a target: until when the plan wants them kept."""

TAG_PLAN = "azure-vm-migration-plan"
"""The tag on resources that we create ourselves: the plan's name. Ownership rests on the ledger, not on it."""


def migrate_plan_id(plan: str) -> str:
    """Return the workflow id of a plan."""
    return f"migrate-plan/{plan}"


def migrate_vm_id(plan: str, vm: str) -> str:
    """Return the workflow id of a virtual machine; *vm* is the plan's own name for it."""
    return f"migrate-vm/{plan}/{vm}"


def move_group_id(plan: str, group: str, run_id: str) -> str:
    """Return the workflow id in which a consistency group's members meet, in one run of their plan."""
    return f"move-group/{plan}/{group}/{_digest(run_id, 8)}"


def consistency_group_name(plan: str, group: str) -> str:
    """Return Site Recovery's name of a plan's consistency group: no other plan's group of the vault bears it."""
    plain = [re.sub(r"[^A-Za-z0-9-]", "-", name)[:24] for name in (plan, group)]
    return f"{'-'.join(plain)}-{_digest(f'{plan}/{group}', 6)}"


def recovery_plan_name(azure_group: str) -> str:
    """Return the name of the recovery plan that fails over a consistency group; Azure takes 63 letters."""
    return f"move-{azure_group}"


def finalise_plan_id(plan: str) -> str:
    """Return the workflow id of the deletion of a plan's sources."""
    return f"finalise-plan/{plan}"


def finalise_vm_id(plan: str, vm: str) -> str:
    """Return the workflow id of the deletion of one source; *vm* is the plan's own name for it."""
    return f"finalise-vm/{plan}/{vm}"


def check_plan_id(plan: str) -> str:
    """Return the workflow id of a plan's check."""
    return f"check-plan/{plan}"


def survey_plan_id(plan: str) -> str:
    """Return the workflow id of the survey for what a plan would do."""
    return f"survey-plan/{plan}"


def clean_plan_id(plan: str) -> str:
    """Return the workflow id of the removal of what a plan's lost runs left behind."""
    return f"clean-plan/{plan}"


def vm_claim_id(subscription: str, resource_group: str, name: str) -> str:
    """Return the workflow id of the claim that keeps two plans from moving one virtual machine."""
    return f"vm-claim/{subscription}/{resource_group}/{name}".lower()


def kept_writes_id(plan: str, vm: str, run_id: str) -> str:
    """Return the workflow id of what deletes the snapshots of a target's writes once their time is over."""
    return f"kept-writes/{plan}/{vm}/{_digest(run_id, 8)}"


KEPT_SNAPSHOT_LETTERS = 60
"""How many letters of a disk's name its snapshot bears."""


def kept_snapshot_name(disk: str, run_id: str) -> str:
    """Return the name of the snapshot that keeps what a run's target had written on a disk; Azure takes 80 letters."""
    return f"{disk[:KEPT_SNAPSHOT_LETTERS]}-kept-{_digest(run_id, 8)}"


def spent_approval_id(token_id: str) -> str:
    """Return the workflow id that marks an approver's token as used; *token_id* is a hash of the token's own id."""
    return f"spent-approval/{token_id}"


def protected_item_name(vm_id: str) -> str:
    """Return the name of the replication protected item of the virtual machine *vm_id*.

    Readable, and unique in a vault also where two resource groups hold machines of one name.
    """
    name = re.sub(r"[^a-z0-9-]", "-", vm_id.rsplit("/", 1)[-1].lower())[:40]
    return f"{name}-{_digest(vm_id, 8)}"


def fabric_name(region: str) -> str:
    """Return the name of the fabric that we create for an Azure region."""
    return f"migration-{region}"


def container_name(region: str) -> str:
    """Return the name of the protection container that we create for an Azure region."""
    return f"migration-{region}-container"


POLICY_NAME = "migration-24-hours"
"""The replication policy: recovery points kept for 24 hours."""


def container_mapping_name(from_region: str, to_region: str) -> str:
    """Return the name of the mapping between the two regions' containers, in this direction."""
    return f"migration-{from_region}-to-{to_region}"


def network_mapping_name(from_network_id: str, to_network_id: str) -> str:
    """Return the name of the mapping between two virtual networks, in this direction."""
    return f"migration-{_digest(from_network_id + '>' + to_network_id, 12)}"


def cache_account_name(vault_id: str, region: str, number: int = 0) -> str:
    """Return the name of a vault's cache storage account in a region, the first or one of those besides it.

    It is globally unique, and of 3 to 24 lower-case letters and digits.
    """
    besides = f"/{number}" if number else ""
    return f"asrcache{_digest(f'{vault_id}/{region}{besides}', 14)}"


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.lower().encode()).hexdigest()[:length]
