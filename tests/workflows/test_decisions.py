"""Who may let the commit happen: exactly one decision counts, and every other message is recorded with its reason."""

from datetime import timedelta

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RawValue

from migration import names
from migration.models import VmTask
from migration.phases import Outcome, Phase
from migration.report import DecisionAnswer
from tests.workflows.scenes import APPROVER, REQUESTER, make_task
from tests.workflows.script import Script, vm_failure
from tests.workflows.stage import Stage, VmHandle

STRANGER = "mallory@elsewhere.example"
APPROVE = {"approver": APPROVER, "decision": "approve"}


async def _waiting(stage: Stage, task: VmTask | None = None) -> VmHandle:
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    return handle


async def _decide(handle: VmHandle, *message: object) -> DecisionAnswer:
    answer: DecisionAnswer = await handle.execute_update(
        names.UPDATE_DECIDE_COMMIT, args=list(message), result_type=DecisionAnswer
    )
    return answer


async def _refusals(stage: Stage, handle: VmHandle, count: int) -> list[str]:
    """Return the reasons of the first *count* messages that did not count, once so many are recorded."""
    await stage.until(handle, lambda status: status.last_refusal is not None)
    while True:
        reasons = [one.reason for one in (await stage.report(handle)).decisions if not one.counted]
        if len(reasons) >= count:
            return reasons


async def test_a_rejection_leads_back(stage: Stage, script: Script) -> None:
    """A rejection by an approver undoes the failover, and the report tells who and why."""
    handle = await _waiting(stage)
    await stage.send(handle, names.SIGNAL_REJECT_COMMIT, APPROVER, comment="the shop is slow")
    ending = await handle.result()
    assert (Outcome.ROLLED_BACK, f"{APPROVER} rejected the move: the shop is slow") == (ending.outcome, ending.reason)
    assert "commit_failover" not in script.labels()
    approval = (await stage.report(handle)).approval
    assert approval is not None
    assert ("reject", "the shop is slow", "signal") == (approval.decision, approval.comment, approval.by)


@pytest.mark.parametrize(("decision", "outcome"), [("approve", Outcome.MIGRATED), ("reject", Outcome.ROLLED_BACK)])
async def test_an_update_decides_and_answers(stage: Stage, decision: str, outcome: Outcome) -> None:
    """An update says at once whether it counted."""
    handle = await _waiting(stage)
    answer = await _decide(handle, {"approver": APPROVER, "decision": decision, "ticket": "CHG-1"})
    assert DecisionAnswer(counted=True, reason=f"{decision} by {APPROVER} counts") == answer
    assert outcome == (await handle.result()).outcome


async def test_an_approvers_name_is_compared_without_regard_to_case(stage: Stage) -> None:
    """People write their address as they like."""
    handle = await _waiting(stage)
    assert (await _decide(handle, {"approver": " Approver@CONTOSO.example", "decision": "approve"})).counted
    assert Outcome.MIGRATED == (await handle.result()).outcome


async def test_a_decision_before_the_wait_is_early(stage: Stage, script: Script) -> None:
    """An approval that comes before the target was verified does not count, and the wait still happens."""
    gate = script.gate("wait_until_protected")
    handle = await stage.start_vm()
    await gate.reached.wait()
    await stage.send(handle, names.SIGNAL_APPROVE_COMMIT, APPROVER)
    assert (await _refusals(stage, handle, 1))[0].startswith("early")
    assert not (await _decide(handle, APPROVE)).counted
    gate.open()
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    assert "commit_failover" not in script.labels()


async def test_a_decision_after_the_decision_is_late(stage: Stage, script: Script) -> None:
    """Whatever comes after the decision is recorded as late, and changes nothing."""
    gate = script.gate("commit_failover")
    handle = await _waiting(stage)
    assert (await _decide(handle, APPROVE)).counted
    await gate.reached.wait()
    answer = await _decide(handle, {"approver": REQUESTER, "decision": "reject"})
    assert DecisionAnswer(counted=False, reason=f"late: {APPROVER} decided already (approve)") == answer
    gate.open()
    assert Outcome.MIGRATED == (await handle.result()).outcome


async def test_a_decision_on_the_way_back_is_late(stage: Stage, script: Script) -> None:
    """A machine that is being undone cannot be approved any more."""
    script.on("verify_target", vm_failure())
    gate = script.gate("deallocate_vm")
    handle = await stage.start_vm()
    await gate.reached.wait()
    answer = await _decide(handle, APPROVE)
    assert DecisionAnswer(counted=False, reason="late: the virtual machine is on its way back to the source") == answer
    gate.open()
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome


async def test_a_stranger_is_refused(stage: Stage) -> None:
    """Who is no approver of the plan does not count, by signal or update."""
    handle = await _waiting(stage)
    await stage.send(handle, names.SIGNAL_APPROVE_COMMIT, STRANGER)
    assert [f"refused: {STRANGER} is not an approver of this plan"] == await _refusals(stage, handle, 1)
    assert not (await _decide(handle, {"approver": STRANGER, "decision": "approve"})).counted
    status = await stage.status(handle)
    assert f"refused: {STRANGER} is not an approver of this plan" == status.last_refusal
    assert Phase.AWAITING_APPROVAL == status.phase


@pytest.mark.parametrize("allowed", [True, False])
async def test_the_requester_approves_only_where_the_plan_allows_it(stage: Stage, allowed: bool) -> None:
    """Four eyes: who started the plan may approve it only if the plan says so; to reject it they may always."""
    handle = await _waiting(stage, make_task(approval={"allow_self_approval": allowed}))
    answer = await _decide(handle, {"approver": REQUESTER.upper(), "decision": "approve"})
    assert allowed == answer.counted
    if not allowed:
        assert "may not approve it" in answer.reason
        assert (await _decide(handle, {"approver": REQUESTER, "decision": "reject"})).counted
        assert Outcome.ROLLED_BACK == (await handle.result()).outcome


MALFORMED: list[list[object]] = [
    [],
    ["yes"],
    [None],
    [{"comment": "no approver"}],
    [{"approver": ""}],
    [{"approver": 7}],
    [["approver"]],
    [{"approver": "x" * 321}],
    [{"approver": APPROVER, "comment": "x" * 2001}],
    [{"approver": APPROVER}, {"approver": APPROVER}],
    [RawValue(Payload(metadata={"encoding": b"binary/plain"}, data=b"\x00\xff"))],
    [RawValue(Payload(metadata={"encoding": b"binary/encrypted"}, data=b"\x00\xff"))],
    [RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"{"))],
    [RawValue(Payload())],
]


@pytest.mark.parametrize("message", MALFORMED, ids=[str(number) for number in range(len(MALFORMED))])
async def test_a_malformed_signal_is_recorded_and_stops_nothing(stage: Stage, message: list[object]) -> None:
    """What cannot be read is recorded as refused, says what to send, and the right message still counts."""
    handle = await _waiting(stage)
    await handle.signal(names.SIGNAL_APPROVE_COMMIT, args=message)
    [reason] = await _refusals(stage, handle, 1)
    assert reason.startswith("refused: the message is")
    assert 'send {"approver": "..."}' in reason
    assert (await _decide(handle, APPROVE)).counted
    assert Outcome.MIGRATED == (await handle.result()).outcome


@pytest.mark.parametrize("message", [*MALFORMED, [{"approver": APPROVER}], [{"approver": APPROVER, "decision": "yes"}]])
async def test_a_malformed_update_is_rejected_before_the_history(stage: Stage, message: list[object]) -> None:
    """A malformed update leaves no event and no record."""
    handle = await _waiting(stage)
    with pytest.raises(WorkflowUpdateFailedError):
        await _decide(handle, *message)
    assert [] == (await stage.report(handle)).decisions


async def test_unknown_signals_stop_nothing(stage: Stage) -> None:
    """A misspelt signal, or one of the plan's protocol with odd arguments, does not disturb the migration."""
    handle = await _waiting(stage)
    await handle.signal("aprove_commit", {"approver": APPROVER})
    for signal in (names.SIGNAL_TURN_GRANTED, names.SIGNAL_ADOPT):
        for message in ([], ["x"], [{"granted": "perhaps"}, 2]):
            await handle.signal(signal, args=message)
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_two_decisions_at_once_count_once(stage: Stage) -> None:
    """Of an approval and a rejection that arrive together one counts, and the other is late."""
    handle = await _waiting(stage)
    for signal in (names.SIGNAL_REJECT_COMMIT, names.SIGNAL_APPROVE_COMMIT):
        await stage.send(handle, signal, APPROVER)
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    assert [True, False] == [one.counted for one in (await stage.report(handle)).decisions]


async def test_a_repeated_update_counts_once(stage: Stage) -> None:
    """The same update sent again by a nervous client gets the first answer."""
    handle = await _waiting(stage)
    answers = [
        await handle.execute_update(names.UPDATE_DECIDE_COMMIT, APPROVE, id="one", result_type=DecisionAnswer)
        for _ in range(2)
    ]
    assert [True, True] == [answer.counted for answer in answers]
    await handle.result()
    assert 1 == len((await stage.report(handle)).decisions)


async def test_a_flood_is_neither_recorded_without_end_nor_shuts_the_approver_out(stage: Stage) -> None:
    """After a hundred refusals no more are recorded, updates are rejected, and the approver's signal still counts."""
    handle = await _waiting(stage)
    for _ in range(110):
        await stage.send(handle, names.SIGNAL_APPROVE_COMMIT, STRANGER, comment="x" * 2000)
    assert 100 == len(await _refusals(stage, handle, 100))
    with pytest.raises(WorkflowUpdateFailedError) as rejected:
        await _decide(handle, {"approver": STRANGER, "decision": "approve"})
    assert "100 messages were refused already" in str(rejected.value.cause)
    assert 100_000 > len((await stage.report(handle)).model_dump_json())
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert 101 == len((await stage.report(handle)).decisions)


@pytest.mark.parametrize("character", ["x", "\N{PILE OF POO}", "\x00", '"'], ids=["plain", "wide", "control", "quote"])
async def test_a_flood_of_odd_names_keeps_the_report_small(stage: Stage, character: str) -> None:
    """Names and comments of any kind that did not count are cut by their bytes in JSON."""
    handle = await _waiting(stage)
    for _ in range(100):
        await stage.send(handle, names.SIGNAL_APPROVE_COMMIT, character * 320, comment=character * 2000)
    assert 100 == len(await _refusals(stage, handle, 100))
    assert 100_000 > len((await stage.report(handle)).model_dump_json().encode())


async def test_nobody_decides_and_the_plan_rolls_back(stage: Stage, script: Script) -> None:
    """At the deadline a plan that says roll_back leads the machine back, days later by Temporal's clock."""
    task = make_task(approval={"deadline": "3d", "at_deadline": "roll_back"})
    handle = await stage.start_vm(task)
    ending = await handle.result()
    assert Outcome.ROLLED_BACK == ending.outcome
    assert "nobody decided before the deadline" in ending.reason
    assert "commit_failover" not in script.labels()
    waited = {span.name: span for span in (await stage.report(handle)).phases}[Phase.AWAITING_APPROVAL]
    assert waited.started[:10] < (waited.ended or "")[:10]


async def test_reminders_never_fill_the_history(stage: Stage) -> None:
    """A plan that reminds every minute does so for an hour, and then ever more rarely: the wait may last for months."""
    handle = await _waiting(stage, make_task(approval={"deadline": "1m", "reminder": "1m"}))
    await stage.environment.sleep(timedelta(days=60))
    events = len((await handle.fetch_history()).events)
    assert 1_000 < events < 5_000
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_nobody_decides_and_the_plan_keeps_waiting(stage: Stage, script: Script) -> None:
    """By default a passed deadline discards nothing: the machine waits on with reminders, and can be approved."""
    task = make_task(approval={"deadline": "3d", "reminder": "12h"})
    handle = await _waiting(stage, task)
    await stage.environment.sleep(timedelta(days=10))
    status = await stage.status(handle)
    assert (Phase.AWAITING_APPROVAL, True) == (status.phase, status.needs_action)
    reminders = [
        event async for event in handle.fetch_history_events() if event.HasField("timer_fired_event_attributes")
    ]
    assert 14 <= len(reminders) <= 16
    assert "commit_failover" not in script.labels()
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
