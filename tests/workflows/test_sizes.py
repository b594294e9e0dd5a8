"""Histories and payloads stay small, whatever the number of disks and machines."""

from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from migration.findings import PlanCheck
from migration.phases import Outcome
from migration.specs import vm_specs
from migration.waiting import ProtectedWaited
from tests.workflows.scenes import finding, make_plan, make_task, plan_check, plan_input
from tests.workflows.script import Script, vm_failure
from tests.workflows.stage import Stage
from tests.workflows.world import World

MOST_DISKS = 64
MOST_EVENTS = 320
"""Temporal warns at 10,240. The proof of the test network, its copy's verification and two boots are 24 of them."""
MOST_BYTES = 100_000
WITH_TEST = {"test_first": True, "test_network": "isolated"}


async def _sizes(handle: WorkflowHandle[Any, Any]) -> tuple[int, int]:
    """Return how many events a history has, and the bytes of the largest, which bounds its payloads."""
    events = (await handle.fetch_history()).events
    return len(events), max(event.ByteSize() for event in events)


@pytest.mark.parametrize("rolls_back", [False, True], ids=["migrated", "rolled_back"])
async def test_a_machine_with_many_disks_has_a_short_history(
    real_stage: Stage, script: Script, world: World, rolls_back: bool
) -> None:
    """A machine with 64 disks, a test failover and long waits stays under 320 events on both ways."""
    world.disks = MOST_DISKS
    script.on("wait_until_protected", ProtectedWaited(running=True))
    if rolls_back:
        script.on("verify_target", vm_failure())
    handle = await real_stage.start_vm(make_task(failover=WITH_TEST))
    ending = await (handle.result() if rolls_back else real_stage.approve(handle))
    assert (Outcome.ROLLED_BACK if rolls_back else Outcome.MIGRATED) == ending.outcome
    events, largest = await _sizes(handle)
    assert MOST_EVENTS > events
    assert MOST_BYTES > largest


async def test_a_plan_of_fifty_machines_has_small_payloads(stage: Stage, script: Script) -> None:
    """With 50 machines and findings for each, no payload of the plan reaches 100 KB, nor an answer of its queries."""
    waves = {f"wave-{number}": [f"machine-{number}-{each}" for each in range(10)] for number in range(5)}
    plan = make_plan(waves)
    found = [finding(severity="warning", evidence="x" * 300) for _ in range(3)]
    checked = plan_check(plan)
    vms = [vm.model_copy(update={"findings": found}) for vm in checked.vms]
    script.on("check_plan", PlanCheck(vms=vms))
    script.on("verify_target", vm_failure("it is not as wanted: " + "y" * 300), times=0)
    handle = await stage.start_plan(plan)
    await handle.result()
    events, largest = await _sizes(handle)
    assert MOST_BYTES > largest
    assert MOST_BYTES > len((await stage.plan_status(handle)).model_dump_json())
    assert MOST_BYTES > len((await stage.plan_report(handle)).model_dump_json())
    assert 5_000 > events


def test_the_input_of_the_largest_plan_is_small() -> None:
    """A plan of 50 machines, each with every override, is an input under 100 KB, and so is each machine's part."""
    disk_types = {f"disk-{number}": "Premium_LRS" for number in range(9)}

    def vm(wave: int, number: int) -> dict[str, Any]:
        target = {"name": f"{wave}-{number}" + "n" * 40, "size": "Standard_D64ds_v5", "disk_types": disk_types}
        return {"name": f"vm-{wave}-{number}", "target": target}

    plan = make_plan(waves=[{"name": f"w{wave}", "vms": [vm(wave, n) for n in range(10)]} for wave in range(5)])
    assert MOST_BYTES > len(plan_input(plan).model_dump_json())
    assert 10_000 > max(len(spec.model_dump_json()) for spec in vm_specs(plan))
