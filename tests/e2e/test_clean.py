"""`starter.py clean` after runs that were lost in the middle: all that they made goes, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from migration import names
from migration.cleaning import CleanAnswer, CleanRequest
from tests.e2e import judge
from tests.e2e.estates import Case, seed_of
from tests.e2e.stack import Stack, until
from tests.e2e.table import Row, begun, brake

pytestmark = pytest.mark.timeout(600)


@dataclass
class Lost:
    """A run that is lost in a phase, and what a clean then finds and leaves."""

    row: Row
    before: set[str] = field(default_factory=set)
    forgotten: bool = False
    running: CleanAnswer | None = None
    found: CleanAnswer | None = None
    cleaned: CleanAnswer | None = None
    again: CleanAnswer | None = None
    error: str = ""

    @property
    def case(self) -> Case:
        """What is moved."""
        return self.row.case


def lost(phase: str, *, forgotten: bool = False) -> Lost:
    """Return a run to be lost in *phase*; of one that is *forgotten* Temporal keeps no history."""
    return Lost(Row(phase, "forget" if forgotten else "clean", "", ready=False), forgotten=forgotten)


GONE = [*(lost(phase) for phase in ("enabling", "replicating", "testing")), lost("replicating", forgotten=True)]
SERVING = lost("awaiting_approval")
MOVED = lost("committing")

ALL = [*GONE, SERVING, MOVED]


def is_item(leftover_id: str) -> bool:
    """Tell whether what is left is a replication protected item."""
    return "/replicationprotecteditems/" in leftover_id.lower()


def look_alike(case: Case, name: str) -> dict[str, Any]:
    """Return a disk of a neighbour in the target group, named as a run names its own."""
    disk = f"{case.group_id('target')}/providers/Microsoft.Compute/disks/{name}"
    body = {"diskSizeGB": 32, "creationData": {"createOption": "Empty"}}
    return {"id": disk, "type": "Microsoft.Compute/disks", "location": case.target_region, "properties": body}


async def clean(stack: Stack, case: Case, confirmed: list[str]) -> CleanAnswer:
    """Run the clean of a plan."""
    request = CleanRequest(plan=case.plan, confirmed=confirmed)
    answer: CleanAnswer = await stack.client.execute_workflow(
        names.CLEAN_PLAN,
        request,
        id=names.clean_plan_id(case.name),
        task_queue=names.WORKFLOW_TASK_QUEUE,
        result_type=CleanAnswer,
    )
    return answer


async def forget(stack: Stack, case: Case) -> None:
    """Let Temporal lose the histories of a plan."""
    for handle in (stack.plan(case), stack.vm(case)):
        execution = WorkflowExecution(workflow_id=handle.id, run_id=(await handle.describe()).run_id)
        request = DeleteWorkflowExecutionRequest(namespace=stack.client.namespace, workflow_execution=execution)
        await stack.client.workflow_service.delete_workflow_execution(request)
        await until(partial(_is_gone, handle), f"{handle.id} is forgotten")


async def _is_gone(handle: WorkflowHandle[Any, Any]) -> bool:
    try:
        await handle.describe()
    except RPCError:
        return True
    return False


async def lose_and_clean(stack: Stack, one: Lost) -> None:
    """Begin a plan, ask for a clean while it runs, lose it, and clean."""
    try:
        plan = await stack.start(one.case)
        if one is MOVED:
            await stack.reach(one.case, "awaiting_approval", seconds=240)
            await stack.decide(one.case)
        await stack.reach(one.case, one.row.phase, seconds=240)
        if one is MOVED:
            # A run that is lost before that has moved nothing.
            await until(lambda: begun(stack, one.row), "the commit is sent")
        one.running = await clean(stack, one.case, [])
        await plan.terminate("lost")
        await stack.vm(one.case).terminate("lost")
        if one.forgotten:
            await forget(stack, one.case)
        async with asyncio.timeout(120):
            while True:
                one.found = await clean(stack, one.case, [])
                busy = [stays for stays in one.found.untouched if "Site Recovery works on it" in stays.why]
                # The lost run's last call may still be on its way: a commit ends what was begun.
                is_over = one is not MOVED or any(is_item(leftover.id) for leftover in one.found.leftovers)
                if is_over and not busy and not one.found.refused:
                    break
                await asyncio.sleep(0.5)
        one.cleaned = await clean(stack, one.case, [leftover.id for leftover in one.found.leftovers])
        one.again = await clean(stack, one.case, [])
    except Exception as error:  # noqa: BLE001 - the row's own test tells it
        one.error = repr(error)


@pytest.fixture(scope="module")
async def cleaned(own_server: WorkflowEnvironment) -> AsyncIterator[Stack]:
    """Lose all runs, and clean up after them."""
    seed = seed_of([one.case for one in ALL])
    seed["resources"] += [look_alike(one.case, "vm-os-ASRReplica-old") for one in ALL]
    async with Stack.run(own_server.client, seed) as stack:
        there = stack.simulator.resources()
        for one in ALL:
            one.before = {r["id"].lower() for r in judge.of_case(one.case, there)}
            brake(stack, one.row)
        await asyncio.gather(*(lose_and_clean(stack, one) for one in ALL))
        yield stack


@pytest.mark.parametrize("one", GONE, ids=lambda one: one.row.label)
async def test_what_a_lost_run_made_goes(cleaned: Stack, one: Lost) -> None:
    """While it runs a clean refuses; once it is lost all that it made goes, the source runs, and nothing is left."""
    assert one.error == ""
    assert one.running
    assert "runs: cancel it" in one.running.refused
    assert one.cleaned
    assert one.found
    assert one.again
    assert one.cleaned.left == []
    assert sorted(one.cleaned.deleted) == sorted(leftover.id for leftover in one.found.leftovers)
    assert judge.leftovers(one.case, cleaned.simulator) == []
    assert judge.missing(one.case, cleaned.simulator, one.before) == set()
    assert judge.power_states(one.case, cleaned.simulator) == {"vm": "PowerState/running"}
    assert one.again.leftovers == []


async def test_a_target_that_serves_is_no_leftover(cleaned: Stack) -> None:
    """Of a machine that has failed over nothing is touched: who wants it back starts the plan again and rejects."""
    one = SERVING
    assert one.error == ""
    assert one.found
    assert one.cleaned
    assert one.found.leftovers == []
    assert all(
        "start the plan again" in stays.why or "in use" in stays.why or "holds" in stays.why
        for stays in one.found.untouched
    )
    assert judge.power_states(one.case, cleaned.simulator, "target") == {"vm": "PowerState/running"}
    writes = [line for line in judge.about(one.case, cleaned.simulator.requests()) if line["method"] == "DELETE"]
    assert writes == []


async def test_of_a_moved_machine_the_protection_goes_and_what_stays_is_told(cleaned: Stack) -> None:
    """Lost between the commit and the end of replication: the item and what all shared go; the target serves on.

    The source's disks stay on purpose, told with what their cost is reckoned by.
    """
    one = MOVED
    assert one.error == ""
    assert one.found
    assert one.cleaned
    assert one.again
    assert ["vm"] == [leftover.vm for leftover in one.found.leftovers if is_item(leftover.id)]
    assert (one.cleaned.left, one.again.leftovers) == ([], [])
    assert sorted(one.cleaned.deleted) == sorted(leftover.id for leftover in one.found.leftovers)
    assert judge.power_states(one.case, cleaned.simulator, "target") == {"vm": "PowerState/running"}
    assert judge.power_states(one.case, cleaned.simulator) == {"vm": "PowerState/deallocated"}
    there = {resource["id"].lower() for resource in judge.of_case(one.case, cleaned.simulator.resources())}
    assert not {resource for resource in there if "recoveryservices" in resource}
    sizes = {stay.id.rpartition("/")[2]: stay.size_gib for stay in one.cleaned.untouched if stay.on_purpose}
    assert {"vm-os": 64, "vm-data-0": 32} == {name: size for name, size in sizes.items() if size}
