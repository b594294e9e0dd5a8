"""What workflows ask of activities, and what these answer, beyond the values of `models`.

Waits stand in `waiting`, what machines share in `sharing`, what is kept of disks and deleted in `keeping`. Ids name
resources; `Started.job` is what to wait for. Times that come from Azure stay strings as Azure wrote them.
"""

from pydantic import Field

from migration.base import Value
from migration.ledger import Observation
from migration.ledger_proof import Around, Surroundings
from migration.models import JobRef, JobTask, Mismatch, PowerStates, SourceVm, Started, VmTask


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
    ours: bool = Field(
        default=True,
        description="Whether a failover of it would be ours; another's is left alone, its source is off.",
    )
    removed: bool = Field(
        default=False,
        description="Whether we have just removed it: no enabling runs any more whose item does not show.",
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


class OfGroup(Value):
    """Asks the leader's task for what is done for all of its consistency group."""

    task: VmTask


class RemoveRecoveryPlan(Value):
    """Asks for the end of a recovery plan that a lost run left, which fails over these items and no others."""

    id: str
    item_ids: list[str]


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
    reader: str = Field("", description="Who reads next, and takes over what was read; empty: nobody.")


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
    again: bool = Field(default=False, description="Whether it is the look right before the commit.")


class ObserveResources(Value):
    """Asks which of these resources are there, and what else lies around a virtual machine's move."""

    ids: list[str]
    around: Around | None = None
    reader: str = Field("", description="As who it takes over what the step before has read; empty: as nobody.")
    power_of: ReadPower | None = Field(None, description="Both copies, whose power states are read in the same moment.")


class Observations(Value):
    """Which resources were there."""

    seen: list[Observation]
    around: Surroundings | None = None
    power: PowerStates | None = None
