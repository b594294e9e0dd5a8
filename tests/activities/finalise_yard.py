"""Moved virtual machines, as their move leaves them: a source that is off, a target that runs, and a run's record."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.registry import finalising_activities
from arm.clients import AzureClients
from arm.watcher import Watchers
from migration import ids, names
from migration.calls.finalise import finaliser_roles
from migration.finalise import Finalised, FinalisePlanInput
from migration.plan import Plan
from migration.report import DecisionAnswer, MemoKeys
from tests.activities.estate import SOURCE_GROUP, SUBSCRIPTION, TARGET_GROUP, TARGET_REGION, VAULT, machine_of, seed
from tests.activities.stage import SETTLE_SECONDS, access_to
from tests.activities.test_roles import grant
from tests.support.sim import Simulator
from tests.support.tenant import Tenant
from worker import finalising_worker
from workflows.finalise_plan import FinalisePlan
from workflows.finalise_vm import FinaliseVm

ANNA, BERT, REQUESTER = "anna@contoso.example", "bert@contoso.example", "requester@contoso.example"
FINALISER = {"kind": "service_principal", "client_id": str(uuid.UUID(int=81)), "object_id": str(uuid.UUID(int=82))}
WORKER = {"kind": "service_principal", "client_id": str(uuid.UUID(int=71)), "object_id": str(uuid.UUID(int=72))}
PATIENCE_SECONDS = 90


def yard_seed() -> dict[str, Any]:
    """Return the estate: networks, and beside its owner two identities without any role."""
    others = [{**identity, "secret": "secret", "roles": []} for identity in (FINALISER, WORKER)]
    return {**seed(), "identities": [{"kind": "service_principal"}, *others]}


@contextmanager
def yard_simulator() -> Iterator[Simulator]:
    """Run a simulator in which the finaliser has what `roles --finaliser` prints, and nothing else."""
    with Simulator(seed=yard_seed(), speed=1_000) as running:
        plan = Yard(running, None, "").plan(snapshot=True, public_ips="delete")  # type: ignore[arg-type]
        for group in ("recovery", TARGET_GROUP):
            running.arm("PUT", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}", {"location": "northeurope"})
        grant(running, finaliser_roles(plan), str(FINALISER["object_id"]))
        yield running


@asynccontextmanager
async def served_yard(sim: Simulator, client: Client, tenant: Tenant) -> AsyncIterator[Yard]:
    """Run the finaliser's worker as its own identity; it verifies tokens of *tenant*."""
    access = access_to(sim)
    changes = {"client_id": FINALISER["client_id"], "client_secret": "secret"}
    queue = f"moved-{uuid.uuid4()}"
    async with (
        AzureClients(type(access)(**{**vars(access), **changes})) as azure,
        Watchers(azure, floor_seconds=0.05) as watchers,
        finalising_worker(
            client, finalising_activities(azure, watchers, client, tenant.desk(), settle_seconds=SETTLE_SECONDS)
        ),
        Worker(client, task_queue=queue, workflows=[MovedVm], workflow_runner=UnsandboxedWorkflowRunner()),
    ):
        yield Yard(sim, client, queue)


@workflow.defn(name=names.MIGRATE_VM)
class MovedVm:
    """Stands for a migration that has ended: what it left is in its memo."""

    @workflow.run
    async def run(self, running: bool) -> None:
        """End at once, or never."""
        await workflow.wait_condition(lambda: not running)


@dataclass
class Yard:
    """The simulator, Temporal, and what a test does to a moved virtual machine."""

    sim: Simulator
    client: Client
    queue: str
    count: int = 0
    started: list[str] = field(default_factory=list)

    def plan(self, *, machines: int = 1, approval: dict[str, Any] | None = None, **finalise: Any) -> Plan:
        """Return a plan of one virtual machine, or more."""
        numbers = range(self.count + 1, self.count + machines + 1)
        self.count += machines
        content: dict[str, Any] = {
            "version": 1,
            "name": f"yard-{uuid.uuid4().hex[:8]}",
            "subscription": SUBSCRIPTION,
            "source": {"region": "westeurope", "resource_group": SOURCE_GROUP},
            "target": {"region": TARGET_REGION, "resource_group": TARGET_GROUP, "network": "vnet-ne", "subnet": "s"},
            "vault": {"name": VAULT.rsplit("/", 1)[1], "resource_group": "recovery", "region": TARGET_REGION},
            "approval": approval or {"approvers": [ANNA, BERT, REQUESTER]},
            "finalise": finalise,
            "waves": [{"name": "one", "vms": [{"name": f"vm-{number:02d}"} for number in numbers]}],
        }
        return Plan.model_validate(content)

    async def moved(
        self,
        plan: Plan,
        *,
        at: int = 0,
        source: str = "deallocated",
        target: str = "running",
        outcome: str = "migrated",
        delete_option: str = "Detach",
        data_disk: bool = True,
        subscription: str = SUBSCRIPTION,
        **memo: Any,
    ) -> None:
        """Let a virtual machine of the plan, the first one, have been moved."""
        name, vm = plan.vms[at].name, plan.source_id(plan.vms[at])
        there = ids.vm_id(SUBSCRIPTION, TARGET_GROUP, name)
        parts = json.loads(json.dumps(machine_of(name, int(name[-2:]))).replace(SUBSCRIPTION, subscription))
        storage = parts[-1]["properties"]["storageProfile"]
        storage["osDisk"]["deleteOption"] = delete_option
        if not data_disk:
            storage["dataDisks"] = []
        copy = {"id": there, "type": "Microsoft.Compute/virtualMachines", "location": TARGET_REGION, "properties": {}}
        behaviour = {vm: {"power_state": source}, there: {"power_state": target}}
        self.sim.seed({"resources": [*parts, copy], "behaviour": behaviour})
        left = {
            "outcome": outcome,
            "source_id": vm,
            "target_id": there,
            "vm_unique_id": parts[-1]["properties"]["vmId"],
            "part_ids": [part["id"] for part in parts[:-1]],
            **memo,
        }
        workflow_id = names.migrate_vm_id(plan.name, name)
        handle = await self.client.start_workflow(
            MovedVm.run, outcome == "running", id=workflow_id, task_queue=self.queue, memo={MemoKeys.MOVED: left}
        )
        if outcome == "running":
            self.started.append(workflow_id)
        else:
            await handle.result()

    async def begin(self, plan: Plan) -> WorkflowHandle[FinaliseVm, Finalised]:
        """Ask for the deletion of the plan's source."""
        request = FinalisePlanInput(plan=plan, vms=[vm.name for vm in plan.vms], requester=REQUESTER)
        plan_id = names.finalise_plan_id(plan.name)
        self.started.append(plan_id)
        await self.client.start_workflow(FinalisePlan.run, request, id=plan_id, task_queue=names.FINALISE_TASK_QUEUE)
        handle: WorkflowHandle[FinaliseVm, Finalised] = self.client.get_workflow_handle(
            names.finalise_vm_id(plan.name, plan.vms[0].name), result_type=Finalised
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self._runs_or_ran(handle):
                await asyncio.sleep(0.05)
        return handle

    async def _runs_or_ran(self, handle: WorkflowHandle[FinaliseVm, Finalised]) -> bool:
        try:
            await handle.describe()
        except RPCError:
            return False
        return True

    async def until(self, handle: WorkflowHandle[FinaliseVm, Finalised], **wanted: Any) -> Finalised:
        """Wait until the deletion stands where a test wants it."""
        last: Finalised | None = None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    try:
                        last = await handle.query(FinaliseVm.status)
                    except RPCError:  # it may not have begun
                        last = None
                    if last and all(getattr(last, key) == value for key, value in wanted.items()):
                        return last
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"it stands at {last}") from None

    async def decide(
        self, handle: WorkflowHandle[FinaliseVm, Finalised], approver: str, decision: str = "approve"
    ) -> DecisionAnswer:
        """Approve or reject, once it is asked for."""
        await self.until(handle, phase="awaiting_approval", needs_action=True)
        message = {"approver": approver, "decision": decision}
        answer: DecisionAnswer = await handle.execute_update(
            names.UPDATE_DECIDE_FINALISE, message, result_type=DecisionAnswer
        )
        return answer

    async def finalised(self, plan: Plan, *approvers: str) -> Finalised:
        """Delete the source as approved by these people, and return what became of it."""
        handle = await self.begin(plan)
        for approver in approvers:
            await self.decide(handle, approver)
        return await self.result(handle)

    async def result(self, handle: WorkflowHandle[FinaliseVm, Finalised]) -> Finalised:
        """Return what became of the source, or fail where that does not end."""
        return await asyncio.wait_for(handle.result(), PATIENCE_SECONDS)

    def left(self, plan: Plan) -> set[str]:
        """Return the names of what is still there of the plan's source, without its snapshots."""
        name, home = plan.vms[0].name, f"/resourcegroups/{SOURCE_GROUP}/"
        ids_there = [one["id"] for one in self.sim.resources() if home in one["id"].lower()]
        known = {one.rsplit("/", 1)[1] for one in ids_there if "/extensions/" not in one and "/snapshots/" not in one}
        return {one for one in known if one.startswith(name)}

    def deletions(self, plan: Plan) -> list[str]:
        """Return what was deleted of the plan's source, in order."""
        name = plan.vms[0].name
        log = [line for line in self.sim.requests() if line["method"] == "DELETE" and line["accepted"]]
        return [line["path"].rsplit("/", 1)[1] for line in log if name in line["path"]]
