"""The little cloud behind the stand-in activities: which machines run, which resources exist, what is replicated."""

from dataclasses import dataclass, field

from activities.approval import ApprovalActivities
from activities.courier import CourierActivities
from activities.fleet import FleetActivities
from migration import ids, makings
from migration.ledger import Observation
from migration.ledger_proof import Around, Neighbourhood, Surroundings
from migration.models import FenceEvidence, JobRef, PowerStates, SourceVm, Started, VmSpec, VmTask
from migration.parity.values import Side
from migration.power import DEALLOCATED, RUNNING
from migration.requests import Observations, ObserveResources, ReadPower, VmParts
from tests.workflows.scenes import source_of
from tests.workflows.script import Script

SHUTDOWN_STARTED = "2026-03-01T10:00:00.0000000Z"
RECOVERY_POINT = "2026-03-01T10:01:30.0000000Z"
TARGET_RUNNING_SINCE = "2026-03-01T10:05:00.0000000Z"
SOURCE_SERVING_SINCE = "2026-03-01T10:20:00.0000000Z"


@dataclass
class Item:
    """A replication protected item."""

    failed_over: bool = False
    committed: bool = False
    running_job: JobRef | None = None


@dataclass
class World:
    """What is there. Ids are keys in lower case."""

    script: Script = field(default_factory=Script)
    disks: int = 2
    power: dict[str, str] = field(default_factory=dict)
    resources: set[str] = field(default_factory=set)
    items: dict[str, Item] = field(default_factory=dict)
    parts: dict[str, VmParts] = field(default_factory=dict)
    """What machines name as attached to them, which were made by a failover."""
    tasks: dict[str, VmTask] = field(default_factory=dict)
    """The tasks of all that was ever protected, by item."""
    fence: FenceEvidence | None = None
    source_side: Side | None = None
    """What the check finds on the source; None: it does not look."""
    target_side: Side = field(default_factory=Side)
    approvals: ApprovalActivities | None = None
    """The real verification of tokens, with the keys of a tenant of tests."""
    courier: CourierActivities | None = None
    """The real deliveries."""
    fleet: FleetActivities | None = None
    """The real looks at a plan's workflows."""

    def source(self, vm: VmSpec) -> SourceVm:
        """Return the source as it is now; it is made, running, when first asked for."""
        state = self.power.setdefault(ids.id_key(vm.source_id), RUNNING)
        return source_of(vm, disks=self.disks, power_state=state)

    def is_there(self, resource_id: str) -> bool:
        """Tell whether a resource exists."""
        return ids.id_key(resource_id) in self.resources

    def around(self, asked: Around | None) -> Surroundings | None:
        """Return what lies in the target group and concerns the machine."""
        if asked is None:
            return None
        inside = f"{ids.id_key(asked.group_id)}/"
        there = Neighbourhood((one, None) for one in sorted(self.resources) if one.startswith(inside))
        return Surroundings(ids=there.concerning(asked))

    def seen(self, asked: ObserveResources) -> Observations:
        """Return which resources are there, and what else was asked with them."""
        there = [Observation(id=one, exists=self.is_there(one)) for one in asked.ids]
        power = None if asked.power_of is None else self.both(asked.power_of)
        return Observations(seen=there, around=self.around(asked.around), power=power)

    def both(self, asked: ReadPower) -> PowerStates:
        """Return the power states of both copies."""
        return PowerStates(source=self.power_of(asked.source_id), target=self.power_of(asked.target_id))

    def make(self, *resource_ids: str) -> None:
        """Let resources exist."""
        self.resources.update(ids.id_key(one) for one in resource_ids)

    def remove(self, *resource_ids: str) -> None:
        """Let resources be gone, machines with their power."""
        for one in resource_ids:
            self.resources.discard(ids.id_key(one))
            self.power.pop(ids.id_key(one), None)

    def ensure(self, resource_id: str, scenario: str = "") -> Started:
        """Make a resource that is shared, unless it is there."""
        if self.is_there(resource_id):
            return Started(resource_id=resource_id, existed=True)
        self.make(resource_id)
        job = self.job(scenario, resource_id) if scenario else None
        return Started(resource_id=resource_id, job=job)

    def job(self, scenario: str, target: str) -> JobRef:
        """Return a job of Site Recovery on *target*."""
        return JobRef(id=ids.job_id("/vault", scenario), scenario=scenario, target_id=target)

    def protect(self, task: VmTask) -> None:
        """Replicate: the item, replica disks and the agent come to be."""
        self.items[task.item_id] = Item()
        self.tasks[task.item_id] = task
        self.make(*(entry.id for entry in makings.replication_entries(task, self.source(task.vm))))

    def unprotect(self, task: VmTask) -> None:
        """Stop replicating: what only replication needs goes, a failed-over machine stays."""
        self.items.pop(task.item_id, None)
        self.remove(*(entry.id for entry in makings.replication_entries(task, self.source(task.vm))))

    def fail_over(self, task: VmTask) -> None:
        """Stop the source, if asked to, and start its copy."""
        vm = task.vm
        if task.failover.shut_down_source:
            self.power[ids.id_key(vm.source_id)] = DEALLOCATED
        made = [entry.id for entry in makings.failover_entries(task, self.source(vm))]
        self.make(*made)
        nics, disks = ([one for one in made if f"/{kind}/" in one] for kind in ("networkInterfaces", "disks"))
        self.parts[ids.id_key(vm.target_id)] = VmParts(exists=True, nic_ids=nics, disk_ids=disks)
        self.power[ids.id_key(vm.target_id)] = RUNNING
        self.items.setdefault(task.item_id, Item()).failed_over = True

    def test_fail_over(self, task: VmTask) -> None:
        """Make the machine of a test failover."""
        self.make(*(entry.id for entry in makings.test_entries(task, self.source(task.vm))))
        self.power[ids.id_key(task.vm.test_vm_id)] = RUNNING

    def clean_up_test(self, task: VmTask) -> bool:
        """Remove what a test failover made; tell whether there was something."""
        there = self.is_there(task.vm.test_vm_id)
        self.remove(*(entry.id for entry in makings.test_entries(task, self.source(task.vm))))
        return there

    def fence_of(self, vm: VmSpec) -> FenceEvidence:
        """Return the evidence that a test sets, else that of a failover behind which the source had stopped."""
        return self.fence or FenceEvidence(
            held=True,
            reason="the source was shut down and synchronised first",
            shutdown_started=SHUTDOWN_STARTED,
            recovery_point_time=RECOVERY_POINT,
            source_power_state=self.power_of(vm.source_id),
            target_power_state=self.power_of(vm.target_id),
            target_running_since=TARGET_RUNNING_SINCE,
            data_loss_seconds=0,
        )

    def power_of(self, vm_id: str) -> str | None:
        """Return a machine's power state, None where there is none."""
        return self.power.get(ids.id_key(vm_id))


def held_fence(**differing: object) -> FenceEvidence:
    """Return evidence; *differing* says what it shows."""
    evidence = {"held": True, "reason": "", "shutdown_started": SHUTDOWN_STARTED, "data_loss_seconds": 0}
    return FenceEvidence.model_validate(evidence | differing)
