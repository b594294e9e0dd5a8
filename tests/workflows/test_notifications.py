"""What people are told: gathered by the plan, sent beside the move, and never in its way; and what a deadline does."""

from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError

from migration.notices import Happening, SendNotification
from migration.phases import Outcome, Phase
from tests.workflows.scenes import APPROVER, make_plan, make_task
from tests.workflows.script import Script, vm_failure
from tests.workflows.stage import Stage
from tests.workflows.world import World, held_fence

EVERYTHING = ["approval_wanted", "reminder", "needs_action", "rolled_back", "migrated", "plan_ended", "two_copies"]
DAY = timedelta(days=1)
_TASKS = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
}
"""How many of these there are depends on what arrives together."""


def _told(*events: str, email: bool = False) -> list[dict[str, Any]]:
    rule: dict[str, Any] = {"on": list(events or EVERYTHING), "webhook": {"channel": "ops", "format": "teams"}}
    return [rule | ({"email": {"to": ["ops@contoso.example"]}} if email else {})]


def _messages(script: Script) -> list[SendNotification]:
    return list(script.requests("send_notification"))


def _happenings(script: Script) -> list[Happening]:
    return [one for message in _messages(script) for one in message.happenings]


def _unsent() -> ApplicationError:
    return ApplicationError("calling channel ops: HTTP 404", type="WebhookFailure", non_retryable=True)


async def test_machines_that_wait_together_make_one_message(stage: Stage, script: Script) -> None:
    """A plan gathers for a moment: five requests for approval are one message a channel, and name each command."""
    names = [f"vm-{number}" for number in range(5)]
    plan = make_plan({"only": names}, notifications=_told(email=True))
    handle = await stage.start_plan(plan)
    for name in names:
        await stage.until_phase(stage.vm_of(plan, name), Phase.AWAITING_APPROVAL)
    await stage.environment.sleep(60)
    await stage.until_true(lambda: len(_messages(script)) == 2)
    by_channel, by_mail = sorted(_messages(script), key=lambda message: message.webhook is None)
    assert (("ops", "teams"), None) == ((by_channel.webhook.channel, by_channel.webhook.format), by_channel.email)  # type: ignore[union-attr]
    assert ["ops@contoso.example"] == by_mail.email.to  # type: ignore[union-attr]
    assert by_channel.happenings == by_mail.happenings
    assert by_channel.key != by_mail.key
    assert set(names) == {one.vm for one in by_channel.happenings}
    wanted = next(one for one in by_channel.happenings if one.vm == "vm-3")
    assert ("approval_wanted", True) == (wanted.event, APPROVER in wanted.who)
    assert [f"starter.py {verb} {plan.name} --vm vm-3" for verb in ("approve", "reject")] == wanted.commands
    assert (f"migrate-vm/{plan.name}/vm-3", "keep_waiting") == (wanted.workflow_id, wanted.at_deadline)
    assert wanted.until is not None
    for name in names:
        await stage.approve(stage.vm_of(plan, name))
    await handle.result()
    ended = [one for one in _happenings(script) if one.event == "plan_ended"]
    assert ["5 migrated"] * 2 == [one.text for one in ended]
    assert {*names, ""} == {one.vm for one in _messages(script)[-1].happenings} | {
        one.vm for message in _messages(script)[2:] for one in message.happenings
    }
    assert [] == (await stage.plan_report(handle)).notes


async def test_a_channel_that_fails_stops_nothing_and_is_noted(stage: Stage, script: Script) -> None:
    """The move ends as it would have; the report says what was not told, and why."""
    script.on("send_notification", _unsent(), times=0)
    plan = make_plan(notifications=_told("approval_wanted", "plan_ended"))
    handle = await stage.start_plan(plan)
    assert Outcome.MIGRATED == (await stage.approve(stage.vm_of(plan, "web-01"))).outcome
    assert Outcome.MIGRATED == (await handle.result()).outcome
    notes = (await stage.plan_report(handle)).notes
    assert any("channel ops was not told" in note and "HTTP 404" in note for note in notes)


async def test_a_message_under_way_does_not_hold_the_move(real_stage: Stage, script: Script) -> None:
    """A channel that does not answer is waited for nowhere before the end."""
    hanging = script.gate("send_notification")
    script.on("commit_failover", vm_failure("Azure refuses"))
    handle = await real_stage.start_vm(make_task(notifications=_told("two_copies", "needs_action")))
    await real_stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await handle.signal("approve_commit", {"approver": APPROVER})
    await real_stage.until_asked(handle, "Azure refuses")
    await real_stage.resolve(handle, "retry")
    await real_stage.until_phase(handle, Phase.DONE)
    await hanging.reached.wait()
    hanging.open()
    assert Outcome.MIGRATED == (await handle.result()).outcome


async def test_who_wants_nothing_is_told_nothing_and_pays_nothing(stage: Stage, script: Script) -> None:
    """A plan without notifications has no event more in its histories; one that wants others is not told of these."""
    quiet = await stage.start_vm(make_task())
    await stage.approve(quiet)
    other = await stage.start_vm(make_task(notifications=_told("two_copies")))
    await stage.approve(other)
    assert [] == _messages(script)
    kinds = [
        sorted(event.event_type for event in (await handle.fetch_history()).events if event.event_type not in _TASKS)
        for handle in (quiet, other)
    ]
    assert kinds[0] == kinds[1]


async def test_without_a_plan_a_machine_tells_by_itself(stage: Stage, script: Script, world: World) -> None:
    """Two copies are told at once, then what became of the machine, with the command for whoever must act."""
    world.fence = held_fence(held=False, both_running_seen=True, reason="the source did not stop")
    task = make_task(failover={"if_shutdown_fails": "roll_back"}, notifications=_told())
    handle = await stage.start_vm(task)
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    told = _happenings(script)
    assert ("two_copies", "rolled_back") == (told[0].event, told[-1].event), [(one.event, one.text) for one in told]
    assert f"starter.py report {task.plan}" in told[0].commands
    assert "the target is being deallocated" in told[0].text
    # Nobody has to act: it was contained, and went back, by itself.
    assert [] == [one.text for one in told if one.event == "needs_action"]


async def test_a_person_who_must_act_is_told_once_for_each_thing(stage: Stage, script: Script) -> None:
    """A question names its choices as commands; the same question again is not told again."""
    script.on("commit_failover", vm_failure("Azure refuses"), times=2)
    task = make_task(notifications=_told("needs_action"))
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, "approve_commit", APPROVER)
    for _ in range(2):
        await stage.until_asked(handle, "after the approval: Azure refuses")
        await stage.resolve(handle, "retry")
    assert Outcome.MIGRATED == (await handle.result()).outcome
    [told] = _happenings(script)
    vm = f"{task.plan} --vm {task.vm.name} --reason TEXT"
    assert [f"starter.py {verb} {vm}" for verb in ("retry", "skip", "give-up")] == told.commands
    assert "after the approval: Azure refuses" in told.text


async def test_reminders_come_before_and_after_the_deadline(stage: Stage, script: Script) -> None:
    """At the plan's pace from the first day on, so that a deadline that discards is not a surprise."""
    task = make_task(approval={"deadline": "3d", "reminder": "1d"}, notifications=_told("approval_wanted", "reminder"))
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.environment.sleep(5 * DAY + timedelta(hours=1))
    told = [one.event for one in _happenings(script)]
    assert ["approval_wanted", *["reminder"] * 5] == told
    texts = [one.text for one in _happenings(script)[1:]]
    assert ["nobody has decided yet"] * 2 + ["nobody has decided before the deadline"] * 3 == texts
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_a_plan_that_says_commit_commits_at_the_deadline(stage: Stage, script: Script) -> None:
    """Nobody decided: the plan's own word counts, is recorded as such, and both copies are read once more before it."""
    task = make_task(approval={"deadline": "2d", "at_deadline": "commit"})
    handle = await stage.start_vm(task)
    assert Outcome.MIGRATED == (await handle.result()).outcome
    approval = (await stage.report(handle)).approval
    assert approval is not None
    assert ("the plan's policy", "approve", "policy", True) == (
        approval.approver,
        approval.decision,
        approval.by,
        approval.counted,
    )
    assert "the plan says commit" in approval.reason
    labels = script.labels()
    assert labels.index("verify_target") < labels.index("commit_failover")
    spans = {span.name: span for span in (await stage.report(handle)).phases}
    waited = spans[Phase.AWAITING_APPROVAL]
    assert waited.started[:10] < (waited.ended or "")[:10]


async def test_a_person_decides_before_the_plan_does(stage: Stage) -> None:
    """A rejection before the deadline counts, and the plan's word is not asked."""
    handle = await stage.start_vm(make_task(approval={"deadline": "2d", "at_deadline": "commit"}))
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.environment.sleep(DAY)
    await stage.send(handle, "reject_commit", APPROVER)
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    assert [APPROVER] == [one.approver for one in (await stage.report(handle)).decisions]
