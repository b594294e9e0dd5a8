"""A stage for activities: a simulator with an estate, the real clients, and a worker that runs one activity."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_type_hints

from temporalio import workflow
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.booting import BootActivities
from activities.failover import FailoverActivities
from activities.groups import GroupActivities
from activities.isolation import IsolationActivities
from activities.ledger import LedgerActivities
from activities.ledger_proofs import ProofActivities
from activities.parity import ParityActivities
from activities.power import PowerActivities
from activities.proving import ProbeActivities
from activities.registry import interceptors, methods_of
from activities.replication import ReplicationActivities
from activities.reprotection import ReprotectionActivities
from activities.shared_finding import SharedFindingActivities
from activities.snapshots import SnapshotActivities
from activities.vault import VaultActivities
from activities.verification import VerificationActivities
from activities.waits import WaitActivities
from activities.watching import CopyActivities
from arm.clients import AzureClients
from arm.credentials import AzureAccess
from arm.watcher import Watchers
from migration import ids, names
from migration.models import JobRef, SharedResources, SourceVm, Started, VmSpec, VmTask
from migration.plan import Approval, Failover
from migration.requests import ConfigureTarget, EnableReplication, StartFailover
from migration.sharing import (
    CacheAccountWanted,
    ContainerMappingWanted,
    ContainerWanted,
    FabricWanted,
    NetworkMappingWanted,
    PolicyWanted,
    ResourceGroupWanted,
    VaultWanted,
)
from migration.waiting import JobWait, ProtectedWait, ResourcesWait
from tests.activities.estate import (
    CACHE,
    SOURCE_GROUP,
    SOURCE_NETWORK,
    SOURCE_REGION,
    SUBSCRIPTION,
    TARGET_GROUP,
    TARGET_NETWORK,
    TARGET_REGION,
    VAULT,
    VAULT_GROUP,
    expected_shared,
    machine_of,
    source_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporalio.client import Client

    from tests.support.sim import Simulator

SPEED = 1_000
SETTLE_SECONDS = 0.5


@dataclass
class Order:
    """Runs one activity."""

    name: str
    argument: Any
    retries: int = 0
    heartbeat_seconds: float = 30.0
    queue: str | None = None


@workflow.defn
class RunActivity:
    """Runs the activity that its input names."""

    @workflow.run
    async def run(self, order: Order) -> Any:
        """Run it."""
        return await workflow.execute_activity(
            order.name,
            order.argument,
            task_queue=order.queue,
            start_to_close_timeout=timedelta(minutes=5),
            heartbeat_timeout=timedelta(seconds=order.heartbeat_seconds),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(milliseconds=200), backoff_coefficient=1.0, maximum_attempts=order.retries
            ),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )


def access_to(sim: Simulator) -> AzureAccess:
    """Return how our clients reach a simulator."""
    return AzureAccess(
        endpoint=sim.endpoint,
        authority=sim.endpoint,
        tenant_id=sim.tenant_id,
        client_id=sim.client_id,
        client_secret=sim.client_secret,
        ca_bundle=sim.ca_file,
    )


@dataclass
class Stage:
    """What a test plays with."""

    sim: Simulator
    azure: AzureClients
    client: Client
    queue: str = field(default_factory=lambda: f"stage-{uuid.uuid4()}")
    count: int = 0

    def worker(self, watchers: Watchers, queue: str | None = None) -> Worker:
        """Return the worker of this stage, or one for another queue."""
        copies = CopyActivities(self.azure, watchers)
        holders = [
            VaultActivities(self.azure, SETTLE_SECONDS),
            SharedFindingActivities(self.azure),
            ReplicationActivities(self.azure, SETTLE_SECONDS),
            FailoverActivities(self.azure, SETTLE_SECONDS, copies.stop_looking),
            GroupActivities(self.azure, SETTLE_SECONDS),
            ReprotectionActivities(self.azure, SETTLE_SECONDS),
            PowerActivities(self.azure, SETTLE_SECONDS),
            LedgerActivities(self.azure, SETTLE_SECONDS),
            SnapshotActivities(self.azure, SETTLE_SECONDS),
            ParityActivities(self.azure, SETTLE_SECONDS),
            VerificationActivities(self.azure),
            WaitActivities(self.azure, watchers),
            copies,
            BootActivities(self.azure, watchers),
            ProbeActivities(self.azure, SETTLE_SECONDS),
            IsolationActivities(self.azure),
            ProofActivities(self.azure, self.client),
        ]
        return Worker(
            self.client,
            task_queue=queue or self.queue,
            workflows=[RunActivity],
            activities=[method for holder in holders for method in methods_of(holder)],
            workflow_runner=UnsandboxedWorkflowRunner(),
            interceptors=interceptors(),
        )

    async def start(self, method: Callable[..., Any], request: Any, **options: Any) -> WorkflowHandle[Any, Any]:
        """Start an activity."""
        order = Order(name=method.__name__, argument=request.model_dump(mode="json"), **options)
        return await self.client.start_workflow(
            RunActivity.run, order, id=f"activity-{uuid.uuid4()}", task_queue=self.queue
        )

    async def run(self, method: Callable[..., Any], request: Any, **options: Any) -> Any:
        """Run an activity and return its answer; an ApplicationError that it ends with is raised as such."""
        handle = await self.start(method, request, **options)
        try:
            answer = await handle.result()
        except WorkflowFailureError as error:
            cause = error.cause.cause if isinstance(error.cause, ActivityError) else error.cause
            raise cause if isinstance(cause, ApplicationError) else error from None
        kind = get_type_hints(method)["return"]
        return None if kind is type(None) else kind.model_validate(answer)

    async def begin(self, method: Callable[..., Any], request: Any, **options: Any) -> Started:
        """Run a writing activity, and its job to the end."""
        answer = await self.run(method, request, **options)
        started: Started = getattr(answer, "started", answer)
        await self.end(started.job)
        return started

    async def end(self, job: JobRef | None, item_id: str = "") -> Any:
        """Wait for a job, and read an item then."""
        wanted = None if job is None else JobWait(job=job, item_id=item_id)
        return None if wanted is None else await self.run(WaitActivities.wait_for_job, wanted)

    async def provisioned(self, resource_id: str) -> None:
        """Wait until a resource is provisioned."""
        await self.run(WaitActivities.wait_for_resources, ResourcesWait(ids=[resource_id], until="provisioned"))

    async def share(self) -> SharedResources:
        """Make what virtual machines share."""
        for group, region in ((TARGET_GROUP, TARGET_REGION), (VAULT_GROUP, TARGET_REGION)):
            wanted = ResourceGroupWanted(subscription=SUBSCRIPTION, name=group, region=region, plan="stage")
            await self.run(VaultActivities.ensure_resource_group, wanted)
        await self.run(VaultActivities.ensure_vault, VaultWanted(vault_id=VAULT, region=TARGET_REGION, plan="stage"))
        await self.provisioned(VAULT)
        here = (await self.begin(*_fabric(SOURCE_REGION))).resource_id
        there = (await self.begin(*_fabric(TARGET_REGION))).resource_id
        policy = (await self.begin(VaultActivities.ensure_policy, PolicyWanted(vault_id=VAULT))).resource_id
        source = (await self.begin(*_container(here, SOURCE_REGION))).resource_id
        target = (await self.begin(*_container(there, TARGET_REGION))).resource_id
        for one, other, name in ((source, target, "there"), (target, source, "back")):
            mapping = ContainerMappingWanted(
                source_container_id=one, target_container_id=other, policy_id=policy, name=name
            )
            await self.begin(VaultActivities.ensure_container_mapping, mapping)
        networks = NetworkMappingWanted(
            source_fabric_id=here,
            target_fabric_id=there,
            source_network_id=SOURCE_NETWORK,
            target_network_id=TARGET_NETWORK,
        )
        await self.begin(VaultActivities.ensure_network_mapping, networks)
        cache = CacheAccountWanted(account_id=CACHE, region=SOURCE_REGION, plan="stage")
        await self.run(VaultActivities.ensure_cache_account, cache)
        await self.provisioned(CACHE)
        return SharedResources(
            vault_id=VAULT,
            policy_id=policy,
            source_fabric_id=here,
            target_fabric_id=there,
            source_container_id=source,
            target_container_id=target,
            cache_account_id=CACHE,
        )

    def arrange(
        self, *, behaviour: dict[str, Any] | None = None, failover: Failover | None = None, **target: Any
    ) -> Case:
        """Add a virtual machine to the estate, and return it with what is to become of it."""
        self.count += 1
        name = f"vm-{self.count:02d}"
        vm = ids.vm_id(SUBSCRIPTION, SOURCE_GROUP, name)
        given = {"initial_replication_minutes": 10, **(behaviour or {})}
        self.sim.seed({"resources": machine_of(name, self.count), "behaviour": {vm: given}})
        spec = VmSpec(
            name=name,
            wave="one",
            source_id=vm,
            source_region=SOURCE_REGION,
            target_region=TARGET_REGION,
            target_subscription=SUBSCRIPTION,
            target_resource_group=TARGET_GROUP,
            target_name=target.pop("target_name", name),
            network_id=TARGET_NETWORK,
            subnet="servers",
            **target,
        )
        task = VmTask(
            plan="stage",
            plan_hash="0",
            vm=spec,
            shared=expected_shared(),
            approval=Approval(approvers=["approver@contoso.example"]),
            failover=failover or Failover(),
        )
        return Case(task, source_of(name, self.count))

    async def protect(self, case: Case) -> None:
        """Bring a virtual machine under protection, its target configured."""
        await self.begin(
            ReplicationActivities.enable_replication, EnableReplication(task=case.task, source=case.source)
        )
        await self.run(WaitActivities.wait_until_protected, ProtectedWait(task=case.task))
        wanted = ConfigureTarget(task=case.task, source=case.source)
        await self.begin(ReplicationActivities.configure_target, wanted)

    async def fail_over(self, case: Case) -> JobRef:
        """Bring a virtual machine over, and return the failover's job."""
        await self.protect(case)
        started = await self.begin(FailoverActivities.start_failover, StartFailover(task=case.task))
        assert started.job is not None
        return started.job

    def writes(self, fragment: str, since: int = 0) -> list[dict[str, Any]]:
        """Return the accepted writes whose path has *fragment* in it."""
        log = self.sim.requests(since)
        return [line for line in log if line["accepted"] and line["write"] and fragment.lower() in line["path"].lower()]

    @property
    def mark(self) -> int:
        """The number of the newest request."""
        log = self.sim.requests()
        return int(log[-1]["n"]) if log else 0


@dataclass(frozen=True)
class Case:
    """A virtual machine of the estate, and what is to become of it."""

    task: VmTask
    source: SourceVm

    @property
    def name(self) -> str:
        """The name of its protected item, which no other path has in it."""
        return names.protected_item_name(self.source.id)


def _fabric(region: str) -> tuple[Any, FabricWanted]:
    return VaultActivities.ensure_fabric, FabricWanted(vault_id=VAULT, region=region)


def _container(fabric: str, region: str) -> tuple[Any, ContainerWanted]:
    return VaultActivities.ensure_container, ContainerWanted(fabric_id=fabric, region=region)
