"""What workflows ask of activities, and what these answer, beyond the values of `models`.

Ids name resources; `Started.job` is what to wait for. Times that come from Azure stay strings as Azure wrote them.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from migration.base import Value
from migration.ledger import Observation
from migration.ledger_proof import Around, Surroundings
from migration.models import JobRef, JobResult, JobTask, Mismatch, PowerStates, SourceVm, Started, VmTask
from migration.windows import Schedule


class AzureFailure(Value):
    """The first detail of an activity's error: what Azure said, and what to do. It carries no secret."""

    status: int | None = Field(None, description="HTTP status; None where there was no answer.")
    code: str = ""
    message: str = ""
    target: str = Field("", description="Typed resource that the request was about.")
    remedy: str = ""
    request_id: str = Field("", description="Azure's id of the request, for a support case.")


JOB_LOST = "unknown"
"""The state of a job that its vault does not keep any more: it may have ended either way."""


class JobFailure(Value):
    """The first detail of an error of type `AsrJobFailed`: a Site Recovery job that did not end well."""

    job_id: str
    scenario: str
    state: str
    code: str = ""
    message: str = ""
    possible_causes: str = ""
    recommended_action: str = ""
    remedy: str = Field("", description="What this project knows about the code; empty for unknown codes.")
    started: str | None = None
    ended: str | None = None
    tasks: list[JobTask] = Field(default_factory=list)


class ResourceGroupWanted(Value):
    """A resource group that has to be there."""

    subscription: str
    name: str
    region: str
    plan: str


class VaultWanted(Value):
    """A Recovery Services vault that has to be there."""

    vault_id: str
    region: str
    plan: str


class FabricWanted(Value):
    """A replication fabric for an Azure region."""

    vault_id: str
    region: str


class PolicyWanted(Value):
    """The replication policy of a vault."""

    vault_id: str


class ContainerWanted(Value):
    """A protection container of a fabric."""

    fabric_id: str
    region: str


class ContainerMappingWanted(Value):
    """A mapping from one container to another, with the policy."""

    source_container_id: str
    target_container_id: str
    policy_id: str
    name: str


class NetworkMappingWanted(Value):
    """A mapping from a virtual network to its counterpart in the other region."""

    source_fabric_id: str
    target_fabric_id: str
    source_network_id: str
    target_network_id: str


class CacheAccountWanted(Value):
    """The cache storage account in the source region."""

    account_id: str
    region: str
    plan: str


class VaultUse(Value):
    """Asks what a vault holds."""

    vault_id: str


class VaultUseAnswer(Value):
    """What a vault holds, whoever made it."""

    exists: bool
    item_ids: list[str] = Field(default_factory=list)
    mapping_ids: list[str] = Field(default_factory=list)
    container_ids: list[str] = Field(default_factory=list)
    fabric_ids: list[str] = Field(default_factory=list)
    policy_ids: list[str] = Field(default_factory=list)
    network_mapping_ids: list[str] = Field(default_factory=list)


class RemoveShared(Value):
    """Removes one resource that virtual machines shared, unless something still uses it."""

    id: str
    type: str


class EnableReplication(Value):
    """Protects a virtual machine as it was found."""

    task: VmTask
    source: SourceVm


class ConfigureTarget(Value):
    """Sets what the virtual machine becomes in the target region."""

    task: VmTask
    source: SourceVm


class TargetConfiguration(Value):
    """How the protected item differs from what the plan wants."""

    mismatches: list[Mismatch]


class DisableReplication(Value):
    """Ends a virtual machine's protection."""

    task: VmTask
    settled: bool = Field(
        default=False, description="Whether an enabling may have been asked for a moment ago, which does not show yet."
    )


class Reprotect(Value):
    """Turns the replication of a committed virtual machine round; *source* tells the disks' types over there."""

    task: VmTask
    source: SourceVm


class ReadItem(Value):
    """Asks for a virtual machine's protected item."""

    task: VmTask
    settled: bool = Field(
        default=False, description="Whether a failover may have been asked for a moment ago, which does not show yet."
    )


class ItemState(Value):
    """A replication protected item; all but `exists` stays at its default where there is none."""

    exists: bool
    protection_state: str = ""
    test_failover_state: str = ""
    active_location: str = ""
    allowed_operations: list[str] = Field(default_factory=list)
    replication_health: str = ""
    failover_health: str = ""
    rpo_seconds: int | None = None
    percent: int | None = Field(None, description="Of the initial replication; Azure freezes it below 100.")
    current_job: JobRef | None = None
    recovery_vm_id: str | None = None
    replica_disk_ids: list[str] = Field(default_factory=list)
    failover_disk_names: list[str] = Field(default_factory=list)
    test_failover_disk_names: list[str] = Field(default_factory=list)
    protected: bool = False
    failed_over: bool = Field(default=False, description="A failover has ended and waits for the commit.")
    committed: bool = False
    errors: list[str] = Field(default_factory=list, description="Health errors: level, code and message.")


class JobWait(Value):
    """Waits for a Site Recovery job. After `give_back_after_seconds` the wait answers that it still runs."""

    job: JobRef
    give_back_after_seconds: int | None = None
    accept_failure: bool = Field(
        default=False, description="A job that fails or is gone is an answer, not an error: only that it ended matters."
    )


class JobWaited(Value):
    """A job that ended well, or that still runs."""

    running: bool
    result: JobResult | None = None


class ProtectedWait(Value):
    """Waits until a virtual machine is protected: its first recovery point is there."""

    task: VmTask
    give_back_after_seconds: int | None = None


class ProtectedWaited(Value):
    """A protected virtual machine, or one that still replicates for the first time."""

    running: bool
    rpo_seconds: int | None = None
    health: str = ""


VmMilestone = Literal["running", "deallocated", "serving", "gone"]
"""What one waits for. `serving`: it runs and its agent reports ready."""


class VmWait(Value):
    """Waits for a virtual machine."""

    vm_id: str
    until: VmMilestone
    give_back_after_seconds: int | None = None


class VmWaited(Value):
    """Where a virtual machine stands; `running` tells that the wait is not over."""

    running: bool
    power_state: str | None = None
    agent_ready: bool = False
    since: str | None = Field(None, description="When Azure says that it reached this power state.")


class ResourcesWait(Value):
    """Waits for resources to be provisioned, or to be gone."""

    ids: list[str]
    until: Literal["provisioned", "gone"]
    give_back_after_seconds: int | None = None


class ResourcesWaited(Value):
    """Whether the wait is not over."""

    running: bool


class StartFailover(Value):
    """Starts a failover, a test failover, its clean-up or a commit of a virtual machine."""

    task: VmTask
    settled: bool = Field(
        default=False, description="Of a clean-up: whether the test may have begun a moment ago, and not show yet."
    )


class FailoverStarted(Value):
    """A failover that runs or has run, and the source's power state before it was asked for."""

    started: Started
    source_power_state_before: str | None = Field(
        None, description="None: there was no such virtual machine, or the failover was found under way."
    )


class JudgeFence(Value):
    """Asks whether the source had stopped before its copy took over."""

    task: VmTask
    job: JobRef


class PowerChange(Value):
    """Starts or deallocates a virtual machine. `other_id` is its copy, which must not run when this one starts."""

    vm_id: str
    other_id: str | None = None
    reason: str


class ReadPower(Value):
    """Asks for the power states of both copies."""

    source_id: str
    target_id: str


class WatchCopies(Value):
    """Waits until both copies run."""

    source_id: str
    target_id: str
    give_back_after_seconds: int | None = None


class CopiesWatched(Value):
    """Both power states where both copies were read running; `running` tells that the wait is not over."""

    running: bool
    both_running: PowerStates | None = None


class ReadParts(Value):
    """Asks what a virtual machine is attached to."""

    vm_id: str


class VmParts(Value):
    """The interfaces and disks of a virtual machine."""

    exists: bool
    nic_ids: list[str] = Field(default_factory=list)
    disk_ids: list[str] = Field(default_factory=list)


class VerifyTarget(Value):
    """Holds the target, or the copy of a test failover, against the plan and the source."""

    task: VmTask
    source: SourceVm
    size: str | None = Field(None, description="What the check foretold.")


class ObserveResources(Value):
    """Asks which of these resources are there, and what else lies around a virtual machine's move."""

    ids: list[str]
    around: Around | None = None


class Observations(Value):
    """Which resources were there."""

    seen: list[Observation]
    around: Surroundings | None = None


class KeptDisk(Value):
    """A disk, and the snapshot that keeps what is on it."""

    disk_id: str
    snapshot_id: str


class KeepDisks(Value):
    """Snapshots disks of a target that the move takes back."""

    plan: str
    disks: list[KeptDisk]
    keep_until: str

    @property
    def ids(self) -> list[str]:
        """The ids of the snapshots."""
        return [disk.snapshot_id for disk in self.disks]


class KeptUntil(Value):
    """Snapshots that are deleted once their time is over."""

    snapshot_ids: list[str]
    keep_until: str
    seconds: int


class DeleteResources(Value):
    """Deletes resources that the ledger says are ours."""

    ids: list[str]
    why: str
    spare_running: bool = Field(default=False, description="Refuse to delete a machine that runs.")


class LookAtWindow(Value):
    """Asks where a cutover schedule stands at a moment of the workflow's time."""

    schedule: Schedule
    at: datetime
