"""The story of one virtual machine, from its check to its report."""

from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from migration import ids
from migration.chain import evidence
from migration.earlier import Books
from migration.findings import CheckVm, VmCheck
from migration.ledger_proof import digest
from migration.models import Mismatch, Started
from migration.phases import Outcome, Phase
from migration.power import DEALLOCATED, RUNNING
from migration.report import MemoKeys, VmEnding, as_json
from migration.requests import TargetConfiguration, VmParts
from tests.workflows.scenes import APPROVER, finding, make_task
from tests.workflows.script import Script, vm_failure
from tests.workflows.stage import Stage, staged
from tests.workflows.world import World

TUTORIAL = [
    "check_vm",
    "enable_replication",
    "wait_for_job(EnableDr)",
    "wait_until_protected",
    "configure_target",
    "wait_for_job(UpdateVmProperties)",
    "read_target_configuration",
    "check_vm",
    "start_failover",
    "wait_for_job(UnplannedFailover)",
    "read_parts",
    "judge_fence",
    "verify_target",
    "wait_for_boot",
    "verify_target",
    "commit_failover",
    "wait_for_job(CommitFailover)",
    "disable_replication",
    "wait_for_job(DisableDr)",
    "observe_resources",
]
TEST_FAILOVER = [
    "prove_isolation",
    "observe_resources",
    "start_test_failover",
    "wait_for_job(TestFailover)",
    "read_parts",
    "verify_test_copy",
    "wait_for_boot",
    "clean_up_test_failover",
    "wait_for_job(TestFailoverCleanup)",
]
WITH_TEST = {"test_first": True, "test_network": "isolated"}


async def test_the_steps_are_the_tutorials_in_its_order(stage: Stage, script: Script) -> None:
    """An undisturbed migration calls exactly the tutorial's steps, in its order."""
    ending = await stage.approve(await stage.start_vm())
    assert VmEnding(name="web-01", outcome=Outcome.MIGRATED) == ending
    assert TUTORIAL == script.labels()


async def test_a_worker_that_remembers_nothing_tells_the_same_story(
    own_time: WorkflowEnvironment, world: World
) -> None:
    """Every workflow task replays the history from its start, and the story stays the same."""
    async with staged(own_time, world, max_cached_workflows=0) as stage:
        ending = await stage.approve(await stage.start_vm())
    assert Outcome.MIGRATED == ending.outcome
    assert TUTORIAL == world.script.labels()


async def test_the_source_stays_off_and_the_target_runs_at_the_end(stage: Stage, world: World) -> None:
    """After the commit nothing starts the source again, also not to disable its replication."""
    task = make_task()
    await stage.approve(await stage.start_vm(task))
    assert DEALLOCATED == world.power_of(task.vm.source_id)
    assert RUNNING == world.power_of(task.vm.target_id)


async def test_the_report_tells_phases_downtime_approval_and_resources(stage: Stage) -> None:
    """The report of a migrated machine has every phase once, Azure's downtime, the decision and what was made."""
    task = make_task()
    handle = await stage.start_vm(task)
    await stage.approve(handle)
    report = await stage.report(handle)
    walked = ["checking", "enabling", "replicating", "configuring", "waiting_for_turn", "checking", "failing_over"]
    walked += ["verifying", "awaiting_approval", "committing", "disabling", "done"]
    assert walked == [span.name for span in report.phases]
    assert all(span.ended for span in report.phases)
    assert (300, 0) == (report.downtime_seconds, report.data_loss_seconds)
    assert report.approval is not None
    assert (APPROVER, True) == (report.approval.approver, report.approval.counted)
    states = {ids.ResourceId.parse(one.id).name: one.state for one in report.resources}
    assert "created" == states["web-01"]
    assert "created" == states["web-01-disk0"]
    assert "deleted" == states["web-01-disk0-ASRReplica"]
    assert "deleted" == states["SiteRecovery-Linux"]
    memo = await (await handle.describe()).memo()
    assert evidence(as_json(report)) == memo[MemoKeys.EVIDENCE]
    books = await handle.query("ledger", result_type=Books)
    assert [digest(entry.id) for entry in books.entries] == memo[MemoKeys.LEDGER] != []
    assert (await handle.describe()).run_id == report.run_id


async def test_what_was_there_before_is_no_part_of_the_report(stage: Stage, world: World) -> None:
    """A network interface that existed before the failover is not ours, and the report does not list it."""
    task = make_task()
    nic = ids.nic_id(task.vm.target_subscription, task.vm.target_resource_group, "web-01-nic")
    world.make(nic)
    handle = await stage.start_vm(task)
    await stage.approve(handle)
    assert nic not in [one.id for one in (await stage.report(handle)).resources]


async def test_the_status_names_who_must_act_and_what_would_be_undone(stage: Stage) -> None:
    """A machine that waits for approval says for whom, and that the way back is open."""
    handle = await stage.start_vm()
    status = await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    assert status.needs_action
    assert APPROVER in status.waiting_for
    assert ["take_back_restored", "return_to_source", "disable_and_remove"] == status.undo


async def test_what_the_check_finds_refuses_before_anything_is_written(stage: Stage, script: Script) -> None:
    """A blocking finding ends the migration as refused, with the finding as the reason."""
    script.on("check_vm", lambda _: VmCheck(findings=[finding(evidence="it is deallocated")]))
    ending = await (await stage.start_vm()).result()
    assert (Outcome.REFUSED, 'virtualMachines "web-01": it is deallocated') == (ending.outcome, ending.reason)
    assert ["check_vm"] == script.labels()


async def test_what_cannot_be_asked_refuses_as_well(stage: Stage, script: Script) -> None:
    """A rule that got no answer never counts as passed."""
    script.on("check_vm", lambda _: VmCheck(findings=[finding(severity="unknown")]))
    assert Outcome.REFUSED == (await (await stage.start_vm()).result()).outcome


async def test_a_warning_stops_nothing(stage: Stage, script: Script, world: World) -> None:
    """Warnings are reported, and the migration goes on."""
    task = make_task()
    answer = VmCheck(findings=[finding(severity="warning")], source=world.source(task.vm))
    script.on("check_vm", answer, times=2)
    handle = await stage.start_vm(task)
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert ["warning"] == [found.severity for found in (await stage.report(handle)).findings]


async def test_a_finding_before_the_failover_holds_and_keeps_the_copy(stage: Stage, script: Script) -> None:
    """The second check holds the machine until a person retries; the replica is not thrown away."""
    bad = VmCheck(findings=[finding(evidence="the RPO is 40 min")])
    script.on("check_vm", bad, when=lambda request: request.moment == "cutover", times=2)
    handle = await stage.start_vm()
    await stage.until_asked(handle, "the RPO is 40 min")
    assert "start_failover" not in script.labels()
    assert (await stage.resolve(handle, "retry")).counted
    await stage.until_true(lambda: 3 == script.labels().count("check_vm"))
    await stage.until_asked(handle, "the RPO is 40 min")
    await stage.resolve(handle, "retry")
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert "disable_replication" not in script.labels()[: script.labels().index("start_failover")]


async def test_what_is_mended_goes_on_by_itself(stage: Stage, script: Script) -> None:
    """A held machine is checked again without anybody's word, and fails over once nothing blocks."""
    script.on("check_vm", VmCheck(findings=[finding(evidence="a lock is new")]), when=_at_cutover, times=2)
    handle = await stage.start_vm()
    held = await stage.until_asked(handle, "a lock is new")
    assert ["a lock is new"] == [found.evidence for found in held.findings]
    await stage.environment.sleep(timedelta(minutes=10))
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert 4 == script.labels().count("check_vm")


async def test_what_nobody_mends_goes_back_at_the_deadline_of_the_plan(stage: Stage, script: Script) -> None:
    """With at_deadline: roll_back a held machine is given up at the deadline; its source has never been touched."""
    script.on("check_vm", VmCheck(findings=[finding(evidence="a disk is new")]), when=_at_cutover, times=1_000)
    handle = await stage.start_vm(make_task(approval={"deadline": "2h", "at_deadline": "roll_back"}))
    await stage.until_asked(handle, "a disk is new")
    await stage.environment.sleep(timedelta(hours=3))
    ending = await handle.result()
    assert Outcome.ROLLED_BACK == ending.outcome
    assert ["a disk is new"] == [found.evidence for found in ending.findings]
    assert "start_failover" not in script.labels()


def _at_cutover(request: CheckVm) -> bool:
    return request.moment == "cutover"


async def test_the_second_check_knows_our_own_resources_and_the_source_as_it_was(stage: Stage, script: Script) -> None:
    """What replication made is no collision, and the recorded source lets the check see drift."""
    task = make_task()
    await stage.approve(await stage.start_vm(task))
    first, second = script.requests("check_vm")
    assert ("start", "cutover") == (first.moment, second.moment)
    assert first.recorded is None
    assert task.vm.source_id == second.recorded.id
    assert task.item_id in second.own_ids


async def test_a_test_failover_runs_before_the_turn_and_is_cleaned_up(stage: Stage, script: Script) -> None:
    """With test_first the steps of the test stand between configuration and the second check."""
    ending = await stage.approve(await stage.start_vm(make_task(failover=WITH_TEST)))
    assert Outcome.MIGRATED == ending.outcome
    at = TUTORIAL.index("read_target_configuration") + 1
    assert TUTORIAL[:at] + TEST_FAILOVER + TUTORIAL[at:] == script.labels()


async def test_a_test_failover_that_makes_no_machine_leads_back(stage: Stage, script: Script) -> None:
    """A test job that ends well without a machine is a failure of the test."""
    script.on("read_parts", VmParts(exists=False))
    ending = await (await stage.start_vm(make_task(failover=WITH_TEST))).result()
    assert Outcome.ROLLED_BACK == ending.outcome
    assert "no test virtual machine" in ending.reason
    assert "start_failover" not in script.labels()


async def test_a_field_that_azure_did_not_keep_leads_back(stage: Stage, script: Script) -> None:
    """A target configuration that reads back differently is undone before any failover."""
    kept = TargetConfiguration(
        mismatches=[Mismatch(field="size", expected="Standard_D4s_v5", actual="Standard_D2s_v5")]
    )
    script.on("read_target_configuration", kept)
    ending = await (await stage.start_vm()).result()
    assert Outcome.ROLLED_BACK == ending.outcome
    assert "size: wanted Standard_D4s_v5, is Standard_D2s_v5" in ending.reason


async def test_what_was_as_wanted_is_not_read_back(stage: Stage, script: Script) -> None:
    """A target configuration that was found as wanted, and not written, has just been read."""
    script.on("configure_target", lambda request: Started(resource_id=request.task.item_id, existed=True))
    ending = await stage.approve(await stage.start_vm())
    assert Outcome.MIGRATED == ending.outcome
    assert "read_target_configuration" not in script.labels()


async def test_a_machine_that_another_migration_holds_is_refused(stage: Stage, script: Script) -> None:
    """Two plans cannot move one machine: the second is refused, and writes nothing."""
    task = make_task()
    first = await stage.start_vm(task)
    await stage.until_phase(first, Phase.AWAITING_APPROVAL)
    calls = len(script.calls)
    shouted = task.vm.model_copy(update={"source_id": task.vm.source_id.replace("web-01", "WEB-01")})
    other = task.model_copy(update={"plan": f"{task.plan}-b", "vm": shouted})
    ending = await (await stage.start_vm(other)).result()
    assert Outcome.REFUSED == ending.outcome
    assert "another plan moves it now" in ending.reason
    assert [] == script.labels(since=calls)


async def test_an_ended_migration_gives_its_machine_free(stage: Stage, script: Script) -> None:
    """After the end of one migration another may claim the same machine."""
    task = make_task()
    script.on("enable_replication", vm_failure())
    assert Outcome.ROLLED_BACK == (await (await stage.start_vm(task)).result()).outcome
    assert Outcome.MIGRATED == (await stage.approve(await stage.start_vm(task))).outcome


@pytest.mark.parametrize("state", [DEALLOCATED, "PowerState/stopped"])
async def test_a_source_that_was_off_is_left_off(stage: Stage, script: Script, world: World, state: str) -> None:
    """What we did not stop we do not start: a rolled back migration leaves the source as it found it."""
    task = make_task()
    world.power[ids.id_key(task.vm.source_id)] = state
    script.on("verify_target", vm_failure("no such disk"))
    ending = await (await stage.start_vm(task)).result()
    assert Outcome.ROLLED_BACK == ending.outcome
    assert "start_vm" not in script.labels()


async def test_a_machine_that_was_moved_before_is_left_alone(stage: Stage, script: Script) -> None:
    """What an earlier run has moved meanwhile counts as migrated: nothing is written for it."""
    task = make_task()
    note = finding(severity="note", evidence="it has a committed failover")
    script.on("check_vm", VmCheck(findings=[note], already_migrated=True))
    ending = await (await stage.start_vm(task)).result()
    assert (Outcome.MIGRATED, "moved by an earlier run") == (ending.outcome, ending.reason)
    assert ["check_vm"] == script.labels()
    script.on("wait_until_protected", vm_failure())
    assert Outcome.ROLLED_BACK == (await (await stage.start_vm(task)).result()).outcome
