"""What was written on the target, where the move goes back: said before it is discarded, or kept as long as asked."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from migration import ids, names
from migration.keeping import KeptUntil
from migration.models import VmTask
from migration.phases import Outcome, Phase
from migration.requests import VmParts
from migration.times import readable
from tests.workflows.scenes import APPROVER, make_task
from tests.workflows.script import Script, vm_failure
from tests.workflows.stage import Stage, VmHandle
from tests.workflows.world import TARGET_RUNNING_SINCE, World
from workflows.failures import gave_up
from workflows.failures import vm_failure as silent
from workflows.kept_writes import KeptWrites
from workflows.way_back import WayBack


def keeping() -> VmTask:
    """Return a task whose plan keeps what was written on the target."""
    return make_task(failover={"keep_target_writes": "7d"})


async def rejected(stage: Stage, script: Script, task: VmTask) -> VmHandle:
    """Start a migration whose target has two disks, and reject it at its approval."""
    home = (task.vm.target_subscription, task.vm.target_resource_group)
    disks = [ids.disk_id(*home, f"web-01-disk{number}") for number in range(2)]
    script.on("read_parts", VmParts(exists=True, disk_ids=disks), times=0)
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    writes = (await stage.status(handle)).target_writes
    assert writes is not None
    assert "by going back" in writes.text
    assert ("on_target", TARGET_RUNNING_SINCE) == (writes.fate, writes.since)
    await stage.send(handle, names.SIGNAL_REJECT_COMMIT, APPROVER)
    return handle


async def test_what_is_kept_is_listed_and_stays_for_its_time(real_stage: Stage, script: Script, world: World) -> None:
    """The disks are snapshot once the source serves and before anything is deleted; for the plan's days they stay."""
    task = keeping()
    handle = await rejected(real_stage, script, task)
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    status = await real_stage.status(handle)
    report = await real_stage.report(handle)
    labels = script.labels()
    order = ["start_vm", "wait_for_vm(serving)", "observe_resources", "keep_disks", "wait_for_resources(provisioned)"]
    at = labels.index("start_vm")
    assert order == labels[at : at + 5]
    assert labels.index("keep_disks") < labels.index("disable_replication") < labels.index("delete_resources")
    writes = report.target_writes
    assert writes is not None
    assert ("kept", 0, 7 * 86_400) == (writes.fate, writes.seconds, writes.keep_seconds)
    left = {one.id: one for one in report.resources if one.state == "left"}
    assert set(writes.snapshots) == set(left)
    assert ["plan", "plan"] == [one.created_by for one in left.values()]
    assert {f"what was written on the target; deleted at {writes.keep_until}"} == {one.why for one in left.values()}
    assert {ids.id_key(one) for one in writes.snapshots} == world.resources
    assert report.serving_again_seconds is not None
    assert any("is kept until" in text for text in report.incidents)
    end = real_stage.client.get_workflow_handle(names.kept_writes_id(task.plan, task.vm.name, status.run_id))
    assert WorkflowExecutionStatus.RUNNING == (await end.describe()).status
    await end.terminate("the test is over")


async def test_a_cancel_keeps_as_well(real_stage: Stage, script: Script, world: World) -> None:
    """The workflow that deletes the snapshots is begun although its parent is being cancelled, and outlives it."""
    task = keeping()
    disk = ids.disk_id(task.vm.target_subscription, task.vm.target_resource_group, "web-01-disk0")
    script.on("read_parts", VmParts(exists=True, disk_ids=[disk]), times=0)
    handle = await real_stage.start_vm(task)
    status = await real_stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    writes = (await real_stage.report(handle)).target_writes
    assert writes is not None
    assert ("kept", {ids.id_key(one) for one in writes.snapshots}) == (writes.fate, world.resources)
    end = real_stage.client.get_workflow_handle(names.kept_writes_id(task.plan, task.vm.name, status.run_id))
    assert WorkflowExecutionStatus.RUNNING == (await end.describe()).status
    await end.terminate("the test is over")


async def test_snapshots_go_once_their_time_is_over(stage: Stage, script: Script, world: World) -> None:
    """Not a day earlier, and what Azure refuses is tried again until they are gone."""
    snapshot = ids.snapshot_id("s", "shop-ne", "web-01-disk0-kept-1")
    world.make(snapshot)
    script.on("delete_resources", vm_failure("locked"))
    kept = KeptUntil(snapshot_ids=[snapshot], keep_until="2026-03-08T10:00:00Z", seconds=7 * 86_400)
    end = await stage.client.start_workflow(
        KeptWrites.run, kept, id=names.kept_writes_id("plan", "web-01", "run"), task_queue=names.WORKFLOW_TASK_QUEUE
    )
    await stage.environment.sleep(timedelta(days=6))
    assert world.is_there(snapshot)
    await end.result()
    assert not world.is_there(snapshot)
    assert 2 == script.labels().count("delete_resources")


@pytest.mark.parametrize("choice", ["skip", "retry", "give_up"])
async def test_what_cannot_be_kept_is_asked_about_before_it_is_lost(
    stage: Stage, script: Script, world: World, choice: str
) -> None:
    """Nothing is deleted until a person says so; skip discards it, and the report says who did."""
    task = keeping()
    script.on("keep_disks", vm_failure("the snapshots' quota is used up."))
    handle = await rejected(stage, script, task)
    status = await stage.until_asked(handle, "what was written on the target cannot be kept")
    assert "quota is used up. Nothing was deleted" in status.waiting_for
    assert world.is_there(task.vm.target_id)
    await stage.resolve(handle, choice)
    ending = await handle.result()
    assert (Outcome.NEEDS_OPERATOR if choice == "give_up" else Outcome.ROLLED_BACK) == ending.outcome
    report = await stage.report(handle)
    assert [choice] == [one.action for one in report.resolutions]
    fates = {"skip": "discarded", "retry": "kept", "give_up": "on_target"}
    assert report.target_writes is not None
    assert fates[choice] == report.target_writes.fate
    assert (choice == "give_up") == world.is_there(task.vm.target_id)


async def test_what_is_discarded_is_told(stage: Stage, script: Script) -> None:
    """A plan that keeps nothing says since when, and for how long, the target had taken writes."""
    handle = await rejected(stage, script, make_task())
    await handle.result()
    report = await stage.report(handle)
    assert (
        f"what was written on the target since {readable(TARGET_RUNNING_SINCE)} (0 s) is discarded"
        in report.incidents[-1]
    )
    assert "keep_disks" not in script.labels()


async def test_a_target_that_never_ran_has_nothing_to_lose(stage: Stage, script: Script) -> None:
    """Before a failover nothing is kept, and nothing is said to be lost."""
    script.on("configure_target", vm_failure())
    handle = await stage.start_vm(keeping())
    await handle.result()
    report = await stage.report(handle)
    assert (None, None, []) == (report.target_writes, report.serving_again_seconds, report.incidents)


@pytest.mark.parametrize(("answer", "asked"), [("retry", 3), ("skip", 1), ("give_up", 1)])
async def test_a_source_that_does_not_answer_keeps_everything(answer: str, asked: int) -> None:
    """Its probes failing, a person is asked before anything is deleted: again, as it is, or leave all."""
    told: list[str] = []
    tries: list[int] = []

    async def ask(question: str, _choices: tuple[str, ...]) -> str:
        told.append(question)
        if answer == "give_up":
            raise gave_up("olga", "enough")
        return answer

    async def ask_source() -> None:
        tries.append(1)
        if len(tries) <= 3:
            raise silent("asking http://web-01/health: no answer")

    engine = SimpleNamespace(ask=ask, last_word="olga: known")
    incidents: list[str] = []
    board = SimpleNamespace(record_incident=incidents.append)
    kit: Any = SimpleNamespace(task=None, board=board, engine=engine, belongings=None)
    parts: Any = {name: SimpleNamespace() for name in ("copies", "fence", "facts")}
    way_back = WayBack(kit, **parts)
    way_back.ask_source = ask_source
    if answer == "give_up":
        with pytest.raises(type(gave_up("", ""))):
            await way_back._prove_source_serves()
    else:
        await way_back._prove_source_serves()
    assert asked == len(told)
    assert "asking http://web-01/health: no answer. Nothing was deleted" in told[0]
    taken = ["the source was taken as it is (olga: known): asking http://web-01/health: no answer"]
    assert (taken if answer == "skip" else []) == incidents
