"""Failures of the environment hold a step and undo nothing; waits outlive them, and their deadlines ask a person."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from migration.phases import Outcome, Phase
from migration.waiting import JobWait, JobWaited, ProtectedWaited
from tests.workflows.scenes import make_task
from tests.workflows.script import Script, environment_failure, vm_failure
from tests.workflows.stage import Stage, VmHandle
from workflows import engine


@pytest.mark.parametrize("step", ["check_vm", "enable_replication", "start_failover", "verify_target"])
async def test_a_step_goes_on_by_itself_when_the_environment_recovers(stage: Stage, script: Script, step: str) -> None:
    """An expired secret holds the step; once it is renewed the step is tried again, with nothing undone."""
    script.on(step, environment_failure(), times=3)
    handle = await stage.start_vm()
    status = await stage.until_asked(handle, "the client secret has expired")
    assert "trying again by itself" in status.waiting_for
    assert status.outlook is not None
    assert "environment" == status.outlook.stuck
    assert ["retry", "give_up"] == status.choices
    assert Phase.NEEDS_ACTION != status.phase
    await stage.environment.sleep(timedelta(minutes=10))
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert 4 <= script.labels().count(step)
    assert not (await stage.status(handle)).needs_action


async def test_a_person_need_not_wait_for_the_next_try(stage: Stage, script: Script) -> None:
    """Retry tries at once."""
    script.on("enable_replication", environment_failure())
    handle = await stage.start_vm()
    await stage.until_asked(handle)
    assert (await stage.resolve(handle, "retry")).counted
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_giving_up_while_the_environment_fails_leads_back(stage: Stage, script: Script) -> None:
    """give_up before the commit is a way back like any other."""
    script.on("wait_until_protected", environment_failure())
    handle = await stage.start_vm()
    await stage.until_asked(handle)
    await stage.resolve(handle, "give_up", reason="not this week")
    ending = await handle.result()
    assert (Outcome.ROLLED_BACK, "olga@contoso.example gave up: not this week") == (ending.outcome, ending.reason)


@pytest.mark.parametrize("action", ["retry", "give_up"])
async def test_a_failover_of_somebody_else_asks_a_person(stage: Stage, script: Script, action: str) -> None:
    """Who waits for the first copy is told at once; the way back is not for a failover that is not ours."""
    state = "UnplannedFailoverCommitPendingStatesBegin"
    script.on("wait_until_protected", ProtectedWaited(running=False, failed_over=state))
    handle = await stage.start_vm()
    status = await stage.until_asked(handle, "somebody else has failed it over")
    assert ["retry", "give_up"] == status.choices
    await stage.resolve(handle, action)
    if action == "retry":
        assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    else:
        await handle.result()
    assert {action == "retry"} == {request.ours for request in script.requests("disable_replication")}


async def test_an_outage_of_days_ends_with_a_question(stage: Stage, script: Script) -> None:
    """After two days the step stops trying by itself and waits for a person, who may retry."""
    script.on("enable_replication", environment_failure(), times=0)
    handle = await stage.start_vm()
    await stage.until_asked(handle)
    for _ in range(6):
        await stage.environment.sleep(timedelta(hours=10))
    status = await stage.until_phase(handle, Phase.NEEDS_ACTION)
    assert ["retry", "give_up"] == status.choices
    tried = script.labels().count("enable_replication")
    await stage.resolve(handle, "retry")
    await stage.until_true(lambda: tried < script.labels().count("enable_replication"))
    assert "disable_replication" not in script.labels()
    await stage.until_asked(handle, "trying again")
    await stage.resolve(handle, "give_up")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"action": "retry", "by": "olga", "reason": "now"}, "nothing waits for a resolution now"),
        ({"action": "dance", "by": "olga", "reason": "now"}, "nothing waits for a resolution now"),
    ],
)
async def test_a_resolution_of_nothing_does_not_count(
    stage: Stage, script: Script, message: dict[str, str], reason: str
) -> None:
    """What nobody waits for is answered as not counted."""
    gate = script.gate("wait_until_protected")
    handle = await stage.start_vm()
    await gate.reached.wait()
    answer = await stage.resolve(handle, message["action"])
    assert (False, reason) == (answer.counted, answer.reason)
    gate.open()
    await stage.approve(handle)


async def test_a_choice_that_is_not_offered_does_not_count(stage: Stage, script: Script) -> None:
    """An environment that fails cannot be skipped."""
    script.on("enable_replication", environment_failure())
    handle = await stage.start_vm()
    await stage.until_asked(handle)
    answer = await stage.resolve(handle, "skip")
    assert (False, "choose one of: retry, give_up") == (answer.counted, answer.reason)
    await stage.resolve(handle, "retry")
    await stage.approve(handle)


async def test_a_young_wait_gives_itself_back_and_is_held_again(stage: Stage, script: Script) -> None:
    """After ten minutes, and an hour more, a wait answers that it still runs, and is held with fewer heartbeats."""
    script.on("wait_until_protected", lambda _: {"running": True}, times=2)
    handle = await stage.start_vm()
    await stage.approve(handle)
    waits = script.requests("wait_until_protected")
    assert [600, 3_600, None] == [wait.give_back_after_seconds for wait in waits]
    assert waits[0].age_seconds <= waits[1].age_seconds <= waits[2].age_seconds
    assert [30, 300, 1_200] == await beats(handle, "wait_until_protected")


@pytest.mark.parametrize(("plan_size", "expected"), [(100, [30, 300]), (101, [300, 1_200])])
async def test_a_wait_of_one_of_many_begins_grown(
    stage: Stage, script: Script, plan_size: int, expected: list[int]
) -> None:
    """A thousand that beat every 24 s would keep Temporal's server busy with that; what is urgent beats on."""
    script.on("wait_until_protected", lambda _: {"running": True})
    script.on_job("UnplannedFailover", lambda _: JobWaited(running=True))
    handle = await stage.start_vm(make_task().model_copy(update={"plan_size": plan_size}))
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert expected == await beats(handle, "wait_until_protected")
    of_jobs = dict(zip(script.requests("wait_for_job"), await beats(handle, "wait_for_job"), strict=True))
    assert [30, 30] == [seconds for wait, seconds in of_jobs.items() if is_failover(wait)]


async def test_a_wait_while_nothing_serves_never_grows_old(stage: Stage, script: Script) -> None:
    """The source is off while a failover runs: a worker that dies then is missed after 30 s, however long it takes."""
    script.on_job("UnplannedFailover", lambda _: JobWaited(running=True), times=3)
    handle = await stage.start_vm()
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    held = [wait.give_back_after_seconds for wait in script.requests("wait_for_job") if is_failover(wait)]
    assert [600] * 4 == held
    assert {30} == set(await beats(handle, "wait_for_job"))


async def beats(handle: VmHandle, activity: str) -> list[int]:
    """Return the heartbeat timeout of each activity of one type, in seconds."""
    history = await handle.fetch_history()
    scheduled = [event.activity_task_scheduled_event_attributes for event in history.events]
    return [one.heartbeat_timeout.seconds for one in scheduled if one.activity_type.name == activity]


def is_failover(wait: JobWait) -> bool:
    """Tell whether a wait is for the failover."""
    return wait.job.scenario == "UnplannedFailover"


def test_the_deadline_of_an_outage_counts_failures_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage after days of sound waiting is tried again like the first; one of two days ends in a question."""
    clock = {"now": datetime(2026, 3, 1, tzinfo=UTC)}
    monkeypatch.setattr(engine, "workflow", SimpleNamespace(now=lambda: clock["now"]))
    pauses = engine._Pauses()
    clock["now"] += timedelta(days=5)
    assert timedelta(seconds=15) == pauses.next()
    clock["now"] += timedelta(hours=8)
    assert timedelta(seconds=15) == pauses.next()
    begun = clock["now"]
    while (pause := pauses.next()) is not None:
        clock["now"] += pause + timedelta(minutes=15)
    assert timedelta(days=2) < clock["now"] - begun < timedelta(days=2, hours=2)


async def test_a_wait_whose_deadline_passed_in_our_own_outage_looks_once_more(stage: Stage, script: Script) -> None:
    """A job that ended while nobody could hear of it is no question: past the deadline one fresh look comes first."""
    looks: list[JobWait] = []

    def hear_late(wait: JobWait) -> object:
        looks.append(wait)
        if wait.give_back_after_seconds != 90:
            raise environment_failure("no answer")
        return JobWaited(running=False)

    script.on_job("UnplannedFailover", hear_late, times=0)
    handle = await stage.start_vm()
    await stage.until_asked(handle)
    await stage.environment.sleep(timedelta(hours=7))
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert 90 == looks[-1].give_back_after_seconds


async def test_a_wait_past_its_deadline_asks_and_undoes_nothing(stage: Stage, script: Script) -> None:
    """A failover job that never ends is a question, not a rollback; a retry waits on."""
    answers: list[str] = []

    def no_answer(_: JobWait) -> object:
        if not answers:
            raise environment_failure("no answer")
        return JobWaited(running=False)

    script.on_job("UnplannedFailover", no_answer, times=0)
    handle = await stage.start_vm()
    await stage.until_asked(handle)
    await stage.environment.sleep(timedelta(hours=7))
    status = await stage.until_phase(handle, Phase.NEEDS_ACTION)
    assert "not done after 6:00:00; the source reads PowerState/deallocated, the target PowerState/running" in (
        status.waiting_for
    )
    assert "read_item" not in script.labels()
    answers.append("the job ended")
    await stage.resolve(handle, "retry")
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


@pytest.mark.parametrize("choice", ["retry", "skip", "give_up"])
async def test_a_commit_that_fails_waits_for_a_person(stage: Stage, script: Script, choice: str) -> None:
    """After the approval nothing is undone: a failing commit asks, and every choice leads on without a rollback."""
    script.on("commit_failover", vm_failure("there is nothing to commit"))
    handle = await stage.start_vm()
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, "approve_commit", "approver@contoso.example")
    status = await stage.until_phase(handle, Phase.NEEDS_ACTION)
    assert "after the approval: there is nothing to commit" == status.waiting_for
    assert (["retry", "skip", "give_up"], []) == (status.choices, status.undo)
    await stage.resolve(handle, choice)
    ending = await handle.result()
    assert (Outcome.NEEDS_OPERATOR if choice == "give_up" else Outcome.MIGRATED) == ending.outcome
    assert (2 if choice == "retry" else 1) == script.labels().count("commit_failover")
    assert not {"start_vm", "deallocate_vm", "delete_resources"} & set(script.labels())
    skipped = [text for text in (await stage.report(handle)).incidents if "committing was skipped" in text]
    assert ("skip" == choice) == bool(skipped)


async def test_disabling_that_fails_after_the_commit_waits_for_a_person(stage: Stage, script: Script) -> None:
    """The machine has moved; what stays of its replication is a person's to decide on."""
    script.on("disable_replication", vm_failure("the vault is locked"))
    handle = await stage.start_vm()
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, "approve_commit", "approver@contoso.example")
    await stage.until_asked(handle, "the vault is locked")
    await stage.resolve(handle, "retry")
    assert Outcome.MIGRATED == (await handle.result()).outcome


async def test_an_end_that_cannot_be_read_is_still_an_end(stage: Stage, script: Script) -> None:
    """When the last look at the resources fails, the outcome stands and the report says so."""
    gate = script.gate("commit_failover")
    handle = await stage.start_vm()
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, "approve_commit", "approver@contoso.example")
    await gate.reached.wait()
    script.on("observe_resources", vm_failure("forbidden"), times=2)
    gate.open()
    assert Outcome.MIGRATED == (await handle.result()).outcome
    assert "what is left was not read: forbidden" in (await stage.report(handle)).incidents[-1]
    assert ["observe_resources", "read_power", "observe_resources"] == script.labels()[-3:], (
        "both copies are still seen"
    )
