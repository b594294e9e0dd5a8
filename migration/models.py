"""What workflows and activities hand each other about one virtual machine, and what a plan's virtual machines share.

Payloads stay small: ids, counts and short texts (under 100 KB), never an ARM document.
"""

from typing import Literal

from pydantic import Field

from migration import ids, names
from migration.base import Value
from migration.consistency import ConsistencyGroup
from migration.copies import TaskVerdict
from migration.hooks import Hooks
from migration.plan import Approval, Failover, Waiver
from migration.plan_finalise import Reprotect
from migration.plan_notifications import Notification
from migration.plan_parity import ParityWanted
from migration.plan_verification import Verifying
from migration.proofs import Comparison
from migration.severities import Severity
from migration.windows import Schedule


class Waived(Value):
    """Who answers for going on in spite of a finding, and why."""

    by: str
    reason: str


class Finding(Value):
    """What a check found. Blocking stops the virtual machine before anything is written."""

    rule: str = Field(description="The rule's id; the ids of several that could not be asked for one reason.")
    severity: Severity
    subject: str = Field(description="Typed resource the finding is about.")
    evidence: str
    remedy: str
    prevents: str | None = Field(None, description="The Site Recovery error code that this would have become.")
    link: str = Field("", description="Microsoft's page about it.")
    at_worst: Severity = Field("blocking", description="The rule's own severity: what an unknown answer may hide.")
    waived: Waived | None = None

    @property
    def blocks(self) -> bool:
        """Whether it must be mended first. A question without an answer never counts as passed."""
        severity = self.at_worst if self.severity == "unknown" else self.severity
        return self.waived is None and severity == "blocking"


class VmSpec(Value):
    """One virtual machine of a plan with every default and override applied: what is to happen to it."""

    name: str
    wave: str
    source_id: str
    source_region: str
    target_region: str
    target_subscription: str
    target_resource_group: str
    target_name: str
    size: str | None = None
    zone: str | None = None
    network_id: str
    subnet: str
    address: str | None = None
    disk_types: dict[str, str] = Field(default_factory=dict)
    disk_encryption_set_id: str | None = None
    excluded_disks: list[str] = Field(default_factory=list)
    test_network_id: str | None = None
    waivers: list[Waiver] = Field(default_factory=list, description="Those of the whole plan, and its own.")
    cutover: Schedule | None = Field(None, description="When its failover may begin; None: at any time.")
    parity: ParityWanted = Field(default_factory=ParityWanted)
    asks_guest: bool = Field(default=False, description="Whether probes of the plan run inside the moved machine.")
    adopt: bool = Field(default=False, description="Whether what somebody else replicates is taken over.")
    consistency_group: str | None = Field(None, description="Site Recovery's multiVmGroupName; None: it moves alone.")

    @property
    def target_id(self) -> str:
        """The id that the virtual machine will have in the target region."""
        return ids.vm_id(self.target_subscription, self.target_resource_group, self.target_name)

    @property
    def target_resource_group_id(self) -> str:
        """The id of the resource group that receives the virtual machine."""
        return ids.resource_group_id(self.target_subscription, self.target_resource_group)

    @property
    def test_vm_id(self) -> str:
        """The id that Site Recovery gives the virtual machine of a test failover."""
        name = ids.ResourceId.parse(self.source_id).name
        return ids.vm_id(self.target_subscription, self.target_resource_group, f"{name}-test")

    def disk_type(self, disk_name: str) -> str | None:
        """Return the type wanted for a disk, or None to keep its own."""
        wanted = {name.lower(): kind for name, kind in self.disk_types.items()}
        return wanted.get(disk_name.lower(), wanted.get("*"))

    def excludes(self, disk_name: str) -> bool:
        """Tell whether the plan leaves this data disk behind."""
        return disk_name.lower() in {name.lower() for name in self.excluded_disks}


class SourceDisk(Value):
    """A managed disk of the source."""

    id: str
    size_gib: int
    type: str
    is_os: bool = False

    @property
    def name(self) -> str:
        """The disk's name."""
        return self.id.rsplit("/", 1)[-1]


class SourceNic(Value):
    """A network interface of the source."""

    id: str
    network_id: str
    subnet: str
    private_ip: str | None = None
    is_static: bool = False
    is_primary: bool = True

    @property
    def name(self) -> str:
        """The interface's name."""
        return self.id.rsplit("/", 1)[-1]


class SourceVm(Value):
    """The source as it was found, before anything was written. OS disk first, primary interface first."""

    id: str
    vm_unique_id: str
    region: str
    size: str
    zone: str | None = None
    os_type: Literal["Linux", "Windows"] = "Linux"
    power_state: str
    agent_ready: bool = True
    disks: list[SourceDisk]
    nics: list[SourceNic]


class SharedResources(Value):
    """What a plan's virtual machines share in the vault: made once, before any of them."""

    vault_id: str
    policy_id: str
    source_fabric_id: str
    target_fabric_id: str
    source_container_id: str
    target_container_id: str
    cache_account_id: str
    return_cache_account_id: str = Field("", description="In the target region, where the plan replicates back.")


class VmTask(Value):
    """The input of `MigrateVm`: one virtual machine's slice of its plan."""

    plan: str
    plan_hash: str
    requester: str = ""
    gated: bool = Field(default=True, description="Whether a running plan grants the turn to fail over.")
    vm: VmSpec
    shared: SharedResources
    approval: Approval
    failover: Failover
    hooks: Hooks = Field(default_factory=Hooks, description="Handed to no activity as a whole: scripts may be long.")
    notifications: list[Notification] = Field(default_factory=list)
    verifying: Verifying = Field(
        default_factory=Verifying, description="For the workflow; activities get what they ask."
    )
    adopted_item_id: str | None = Field(None, description="The item of a protection that somebody else made.")
    reprotect: Reprotect | None = Field(None, description="Replicate back once committed, instead of disabling.")
    group: ConsistencyGroup | None = Field(None, description="With whom it moves; None: it moves alone.")
    plan_size: int = Field(1, description="How many virtual machines the plan has: one of many tells less of itself.")
    joins_steps: bool = Field(
        default=False,
        description="Whether looks that follow at once on each other are one step, and what its start has told is not "
        "told again. Runs that an earlier build began go on as they began.",
    )

    @property
    def item_id(self) -> str:
        """The id of the virtual machine's replication protected item."""
        return self.adopted_item_id or self.item_of(self.vm.source_id)

    def item_of(self, source_id: str) -> str:
        """Return the id of the item that this software gives a virtual machine of this one's container."""
        return ids.item_id(self.shared.source_container_id, names.protected_item_name(source_id))

    @property
    def reversed(self) -> "VmTask":
        """The task of the item that replicates back: it has moved to the other container, under its name."""
        there = self.shared.target_container_id
        turned = {
            "shared": self.shared.model_copy(update={"source_container_id": there}),
            "adopted_item_id": self.adopted_item_id and ids.item_id(there, ids.ResourceId.parse(self.item_id).name),
        }
        return self.model_copy(update=turned)


class JobRef(Value):
    """A Site Recovery job to wait for. The id is the 202's `x-ms-request-id`; signed URLs are never kept."""

    id: str
    scenario: str = Field(description="Site Recovery's scenarioName, such as UnplannedFailover.")
    target_id: str = Field(description="The resource that the job works on.")


class Started(Value):
    """What a writing activity found or began: `job` is None when there is nothing to wait for."""

    resource_id: str
    job: JobRef | None = None
    existed: bool = False


class JobTask(Value):
    """One task of a finished job; times are Azure's."""

    name: str
    state: str
    state_description: str = ""
    started: str | None = None
    ended: str | None = None


class JobResult(Value):
    """A job that ended well. `state_description` tells `Completed` from `PartiallySucceeded`."""

    id: str
    scenario: str
    state: str
    state_description: str
    started: str | None = None
    ended: str | None = None
    tasks: list[JobTask] = Field(default_factory=list)


Halt = Literal["no_progress", "rpo_rising", "health_error"]
"""Why what a wait looks at stands still."""


class Progress(Value):
    """What a wait's heartbeat tells; `status` and `watch` read it."""

    percent: int | None = None
    rpo_seconds: int | None = None
    detail: str = ""
    stuck: Halt | None = None
    reason: str = Field("", description="Why it stands still.")


class FenceEvidence(Value):
    """What proves, or fails to prove, that the source stopped before the copy took over. All times are Azure's.

    `held` is None where the evidence could not be read.
    """

    held: bool | None
    reason: str
    job_state: str = ""
    job_description: str = ""
    tasks: list[TaskVerdict] = Field(default_factory=list, description="Those that stop the source, judged one by one.")
    shutdown_started: str | None = None
    recovery_point_time: str | None = None
    source_power_state: str | None = None
    source_running_since: str | None = None
    target_power_state: str | None = None
    target_running_since: str | None = None
    data_loss_seconds: int | None = None
    both_running_seen: bool = False


class Mismatch(Value):
    """A field of the target that is not what the plan wants."""

    field: str
    expected: str
    actual: str


class Verification(Value):
    """What the target looks like, held against the plan."""

    mismatches: list[Mismatch]
    target_power_state: str
    source_power_state: str
    running_since: str | None = Field(None, description="When Azure says the target reached running.")
    source_since: str | None = Field(None, description="When Azure says the source came to its power state.")
    compared: list[Comparison] = Field(default_factory=list, description="Everything that was held against the plan.")
    source_vm_id: str | None = Field(None, description="Azure's own id (vmId) of the machine that stands there.")
    target_vm_id: str | None = None


class PowerStates(Value):
    """Both sides, read at one moment; None: there is no such virtual machine."""

    source: str | None
    target: str | None
    source_since: str | None = None
    target_since: str | None = None
