"""A clean of a consistency group: its recovery plan goes before the protection of its members, or they stay."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from migration import ids, names
from migration.cleaning import CleanAnswer, CleanRequest, CleanSurvey, FindLeftovers, GroupLeft, Leftover, MachineLeft
from migration.keeping import DeleteResources
from migration.models import Started
from migration.requests import Observations, ObserveResources, RemoveRecoveryPlan
from migration.waiting import ResourcesWait, ResourcesWaited
from tests.workflows.scenes import make_plan
from workflows.clean_plan import CleanPlan
from workflows.vm_claim import VmClaim

PLAN = make_plan({"one": ["app-01", "app-02"]})
VAULT = PLAN.vault_ids[0]
GROUP = GroupLeft(id=ids.recovery_plan_id(VAULT, "move-p-g"), members=["app-01"], item_ids=[])
DISKS = [ids.disk_id(PLAN.subscription, "away", f"{vm.name}-asrreplica") for vm in PLAN.vms]


class Azure:
    """Stands for what a lost run left: a recovery plan of the first machine, and a disk of each."""

    def __init__(self, *, refuses: bool) -> None:
        self.refuses = refuses
        self.there = [GROUP.id, *DISKS]
        self.went: list[str] = []

    @activity.defn
    async def find_leftovers(self, request: FindLeftovers) -> CleanSurvey:
        """Return what is there still."""
        owners = dict(zip([GROUP.id, *DISKS], ["", "app-01", "app-02"], strict=True))
        left = [Leftover(id=one, type=ids.type_of(one), vm=owners[one], why="ours") for one in self.there]
        return CleanSurvey(
            leftovers=left,
            machines=[MachineLeft(name=vm.name) for vm in request.plan.vms],
            groups=[GROUP] if GROUP.id in self.there else [],
        )

    @activity.defn
    async def remove_recovery_plan_left(self, request: RemoveRecoveryPlan) -> Started:
        """Remove it, or refuse to."""
        if self.refuses:
            raise ApplicationError("somebody locks it", type="VmFailure", non_retryable=True)
        self._goes(request.id)
        return Started(resource_id=request.id)

    @activity.defn
    async def observe_resources(self, request: ObserveResources) -> Observations:
        """Tell what is there."""
        seen = [{"id": one, "exists": one in self.there} for one in request.ids]
        return Observations.model_validate({"seen": seen})

    @activity.defn
    async def delete_resources(self, request: DeleteResources) -> None:
        """Delete disks."""
        for one in request.ids:
            self._goes(one)

    @activity.defn
    async def wait_for_resources(self, wait: ResourcesWait) -> ResourcesWaited:
        """Say that they are gone."""
        return ResourcesWaited(running=bool({*wait.ids} & {*self.there}))

    def _goes(self, resource_id: str) -> None:
        if resource_id in self.there:
            self.there.remove(resource_id)
            self.went.append(resource_id)


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_recovery_plan_goes_first_or_its_members_stay(client: Client, *, refuses: bool) -> None:
    """In that order; what is not of the group goes whatever becomes of it."""
    azure, queue = Azure(refuses=refuses), f"clean-{uuid.uuid4()}"
    holders: list[Callable[..., Any]] = [
        azure.find_leftovers,
        azure.remove_recovery_plan_left,
        azure.observe_resources,
        azure.delete_resources,
        azure.wait_for_resources,
    ]
    workers = [
        Worker(
            client,
            task_queue=queue,
            workflows=[CleanPlan, VmClaim],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ),
        *(
            Worker(client, task_queue=served, activities=holders)
            for served in (names.AZURE_TASK_QUEUE, names.WAIT_TASK_QUEUE)
        ),
    ]
    async with workers[0], workers[1], workers[2]:
        answer: CleanAnswer = await client.execute_workflow(
            CleanPlan.run,
            CleanRequest(plan=PLAN, confirmed=[GROUP.id, *DISKS]),
            id=f"{names.clean_plan_id(PLAN.name)}-{uuid.uuid4()}",
            task_queue=queue,
        )
    if not refuses:
        assert [GROUP.id, *DISKS] == azure.went == answer.deleted
        assert [] == answer.left
        return
    assert DISKS[1:] == azure.went == answer.deleted
    told = {one.id: one.why for one in answer.left}
    assert [GROUP.id, DISKS[0]] == list(told)
    assert "somebody locks it" in told[GROUP.id]
    assert "is there still, and goes before it" in told[DISKS[0]]
