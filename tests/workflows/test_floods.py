"""What nobody needs is sent in any number: it costs little, is counted, and shuts out nobody who is needed.

Ten thousand signals take minutes (docs/operations.md tells what came of them); here a server's limits are low.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from migration import names
from migration.fleet_looks import TurnAnswer
from migration.notices import EventName, Happening
from migration.phases import Outcome, Phase
from migration.plan_notifications import Notification
from migration.report import DecisionAnswer, DecisionMessage, Resolution
from runtime.temporal_worker import TASK_PATIENCE_SECONDS
from tests.conftest import own_client, running_dev_server
from tests.workflows.scenes import APPROVER, make_plan, make_task
from tests.workflows.script import Script
from tests.workflows.stage import Stage, staged
from tests.workflows.world import World
from worker import workflow_worker
from workflows import policies, postbox, turns
from workflows.decisions import Decisions
from workflows.engine import Engine
from workflows.postbox import Postbox
from workflows.turns import Turns

MOST_SIGNALS = 40
"""Of a run, on the server of these tests; Temporal's own default is 10,000."""
NONSENSE: list[tuple[str, list[Any]]] = [
    (names.SIGNAL_APPROVE_COMMIT, [{"approver": "mallory@elsewhere.example"}]),
    (names.SIGNAL_APPROVE_COMMIT, []),
    (names.SIGNAL_REJECT_COMMIT, [{"approver": 7}]),
    (names.SIGNAL_TURN_GRANTED, ["granted"]),
    (names.SIGNAL_TURN_GRANTED, [1, 2, 3]),
    (names.SIGNAL_TURN_WANTED, ["wanted"]),
    (names.SIGNAL_TURN_WANTED, [{"vm": "nobody", "reason": "protected"}]),
    (names.SIGNAL_ENDED, []),
    (names.SIGNAL_HAPPENED, [{"event": "nothing"}]),
    (names.SIGNAL_PROGRESSED, ["far"]),
    (names.UPDATE_RESOLVE, [{"action": "retry", "by": "m", "reason": "r"}]),
    ("cancel", []),
]
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.fixture
async def narrow_stage(world: World) -> AsyncIterator[Stage]:
    """Run the workflows on a server that lets a run have few signals."""
    limit = ["--dynamic-config-value", f"history.maximumSignalsPerExecution={MOST_SIGNALS}"]
    async with running_dev_server(limit) as environment, staged(environment, world) as running:
        yield running


async def flood(handle: WorkflowHandle[Any, Any]) -> None:
    """Send nonsense until the server takes no more."""
    for number in range(2 * MOST_SIGNALS):
        name, arguments = NONSENSE[number % len(NONSENSE)]
        try:
            await handle.signal(name, args=arguments)
        except RPCError as full:
            if "limit for signal events" in full.message:
                return
            raise
    raise AssertionError("the server takes any number")


async def test_a_plan_and_its_machines_go_on_when_no_signal_goes_in_any_more(
    narrow_stage: Stage, script: Script
) -> None:
    """Turns are asked for and granted by updates then, people approve by updates, and the plan hears of the end."""
    stage, plan = narrow_stage, make_plan({"first": ["a"], "second": ["b"]})
    gate = script.gate("wait_until_protected", vm="b")
    handle, a, b = await stage.start_plan(plan), stage.vm_of(plan, "a"), stage.vm_of(plan, "b")
    await stage.until_phase(a, Phase.AWAITING_APPROVAL)
    await gate.reached.wait()
    await asyncio.gather(flood(handle), flood(a), flood(b))
    gate.open()
    await stage.until_phase(b, Phase.AWAITING_APPROVAL)
    message = {"approver": APPROVER, "decision": "approve"}
    for vm in (a, b):
        assert (await vm.execute_update(names.UPDATE_DECIDE_COMMIT, message, result_type=DecisionAnswer)).counted
        assert Outcome.MIGRATED == (await vm.result()).outcome
    assert Outcome.MIGRATED == (await handle.result()).outcome
    sent = [(call.request.workflow_id, call.request.word.signal) for call in script.calls if "deliver" in call.name]
    assert {(handle.id, "turn_wanted"), (b.id, "turn_granted"), (handle.id, "ended")} <= {*sent}
    kinds = [event.WhichOneof("attributes") or "" for event in (await b.fetch_history()).events]
    assert MOST_SIGNALS == sum("signaled_event" in kind and "external" not in kind for kind in kinds)
    assert not any("task_failed" in kind for kind in kinds)


async def test_many_turns_are_told_at_once_and_who_takes_no_signal_by_an_update(
    narrow_stage: Stage, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those whom a pause has held get their turns by one activity: the plan's history has no signal for each."""
    monkeypatch.setattr(policies, "A_FEW", 2)
    stage, plan = narrow_stage, make_plan({"first": ["a", "b", "c"]})
    gates = [script.gate("wait_until_protected", vm=vm) for vm in "abc"]
    handle, vms = await stage.start_plan(plan), [stage.vm_of(plan, vm) for vm in "abc"]
    for gate in gates:
        await gate.reached.wait()
    steer = {"by": "olga", "reason": "a look"}
    assert (await handle.execute_update(names.UPDATE_PAUSE, steer, result_type=DecisionAnswer)).counted
    for gate, vm in zip(gates, vms, strict=True):
        gate.open()
        await stage.until_phase(vm, Phase.WAITING_FOR_TURN)
    await flood(vms[1])
    assert [] == script.requests("answer_turns")
    assert (await handle.execute_update(names.UPDATE_RESUME, steer, result_type=DecisionAnswer)).counted
    for vm in vms:
        await stage.until_phase(vm, Phase.AWAITING_APPROVAL)
    [told] = script.requests("answer_turns")
    sent = [(call.request.workflow_id, call.request.word.signal) for call in script.calls if "deliver" in call.name]
    kinds = [event.WhichOneof("attributes") or "" for event in (await handle.fetch_history()).events]
    assert dict.fromkeys("abc", TurnAnswer(granted=True)) == told.answers
    assert (vms[1].id, "turn_granted") in sent
    assert 1 == sum("signal_external_workflow_execution_initiated" in kind for kind in kinds)


async def test_a_workflow_task_is_not_interrupted_while_the_server_waits(dev_server: WorkflowEnvironment) -> None:
    """Given up after Temporal's two seconds, a task with all signals of a night without workers would never end."""
    inner = workflow_worker(await own_client(dev_server), names.FLEET_TASK_QUEUE)._workflow_worker
    assert inner is not None
    assert TASK_PATIENCE_SECONDS == inner._deadlock_timeout_seconds
    assert TASK_PATIENCE_SECONDS > 10


def engine_that_asks(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Return an engine that waits for a person, without a workflow around."""
    monkeypatch.setattr("workflows.engine.workflow", SimpleNamespace(now=lambda: NOW))
    nothing: Any = SimpleNamespace()
    engine = Engine(nothing)
    engine._choices = ("retry", "give_up")
    return engine


def test_resolutions_that_mean_nothing_leave_no_trace_after_a_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    """Updates are counted by the server: what would not count is refused before it costs one; what counts goes in."""
    engine = engine_that_asks(monkeypatch)
    skip, retry = (Resolution(action=action, by="olga", reason="r") for action in ("skip", "retry"))
    for _ in range(policies.RECENT_REFUSALS):
        engine.refuse_flood(skip)
        assert not engine.resolve(skip).counted
    with pytest.raises(ValueError, match="choose one of: retry, give_up"):
        engine.refuse_flood(skip)
    engine.refuse_flood(retry)
    assert engine.resolve(retry).counted


def test_retries_without_end_are_refused_and_giving_up_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that retries for ever must leave people their updates."""
    engine = engine_that_asks(monkeypatch)
    retry, give_up = (Resolution(action=action, by="olga", reason="r") for action in ("retry", "give_up"))
    for _ in range(policies.MOST_RETRIES):
        engine.refuse_flood(retry)
        assert engine.resolve(retry).counted
        engine._resolution = None  # it was taken, and what it was about failed again
    with pytest.raises(ValueError, match="500 retries were taken and no more are; give_up moves it on"):
        engine.refuse_flood(retry)
    engine.refuse_flood(give_up)


async def test_a_machine_tells_where_it_stands_as_often_as_plans_ask_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each telling is a signal to the plan: ten thousand would end both. Later it tells again."""
    now, told = [NOW], []

    async def tell(*_: Any) -> bool:
        told.append(now[0])
        return True

    monkeypatch.setattr(turns, "workflow", SimpleNamespace(now=lambda: now[0]))
    monkeypatch.setattr(turns, "tell", tell)
    task = make_task().model_copy(update={"gated": True})
    side = Turns(task, SimpleNamespace(stop_if_cancelled=lambda: None), SimpleNamespace())  # type: ignore[arg-type]
    await side.give_back()
    for _ in range(1_000):
        await side.repeat()
    assert 1 + policies.MOST_REPEATS == len(told)
    now[0] += policies.REPEATS_WITHIN + timedelta(seconds=1)
    await side.repeat()
    assert now[0] == told[-1]


def test_a_plan_that_says_no_again_and_again_is_heard_when_it_says_yes() -> None:
    """Each answer that changes nothing costs a timer; the one that grants counts whatever came before."""
    side = Turns(make_task(), SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]
    side._wanting = True
    for number in range(2 * policies.MOST_ANSWERS):
        side.take_answer(TurnAnswer(granted=False, why=f"{number}"))
    assert (f"{policies.MOST_ANSWERS - 1}", False) == (side._answer and side._answer.why, side._granted)
    side.take_answer(TurnAnswer(granted=True))
    assert side._granted


Sent = list[tuple[int, int]]


def watched_box(monkeypatch: pytest.MonkeyPatch) -> tuple[Postbox, Sent, list[timedelta]]:
    """Return a postbox, what it sends (how many events, and how many it dropped), and how long it gathered."""
    sent: Sent = []
    slept: list[timedelta] = []

    async def sleep(pause: timedelta, **_: Any) -> None:
        slept.append(pause)
        await asyncio.sleep(0)

    monkeypatch.setattr(postbox, "workflow", SimpleNamespace(sleep=sleep))
    rule = Notification.model_validate({"on": ["two_copies", "migrated"], "webhook": {"channel": "ops"}})
    box = Postbox("p", [rule])

    async def send(told: list[Happening], dropped: int, *_: Any) -> None:
        sent.append((len(told), dropped))

    monkeypatch.setattr(box, "_send", send)
    return box, sent, slept


@pytest.mark.parametrize(("event", "at_once"), [("two_copies", True), ("migrated", False)])
async def test_what_came_while_a_run_was_to_end_is_told_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, event: EventName, *, at_once: bool
) -> None:
    """Nothing is sent that the end would cut off; where the run goes on after all, an alarm waits no longer."""
    box, sent, slept = watched_box(monkeypatch)
    box.rest()
    box.take(happening(event))
    await asyncio.sleep(0.05)
    assert ([], []) == (sent, slept)

    box.wake()
    await asyncio.sleep(0.05)

    assert [(1, 0)] == sent
    assert at_once is (slept == [])


async def test_people_are_told_ever_more_rarely_and_of_how_much_they_were_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first alarms go at once; then a flood makes a message now and then, with the number of what it left out."""
    box, sent, slept = watched_box(monkeypatch)
    for _ in range(2_000):
        box.take(happening("two_copies"))
    await asyncio.sleep(0.05)
    step = policies.NOTIFICATIONS_IN_STEP
    assert [*[(1, 0)] * step, (500, 2_000 - step - 500)] == sent
    assert [2 * policies.NOTIFICATION_BATCH] == slept
    for _ in range(30 * step):
        box.take(happening("migrated"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert policies.NOTIFICATION_RAREST == max(slept)


def happening(event: EventName) -> Happening:
    """Return an event of a machine."""
    return Happening(event=event, plan="p", vm="a", at="2026-03-01T10:00:00Z")


def test_refusals_are_counted_as_they_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred are kept with their reasons; approvals that were voided count among them, and the rest is told."""
    monkeypatch.setattr("workflows.decisions.now_text", lambda: "2026-03-01T10:00:00Z")
    gate = Decisions(make_task(approval={"required": 2, "allow_self_approval": True}))
    gate.open_gate("a" * 64)
    assert gate.judge(message(APPROVER), "approve", "signal").counted
    for _ in range(policies.RECENT_REFUSALS - 1):
        gate.judge(message("mallory@elsewhere.example"), "approve", "signal")
    before = gate.flooded
    gate.void("it changed", "b" * 64)
    assert [False, True] == [before, gate.flooded]
    gate.judge(message("mallory@elsewhere.example"), "approve", "signal")
    assert policies.RECENT_REFUSALS == len(gate.recorded)
    assert gate.judge(message(APPROVER), "approve", "signal").counted


def message(approver: str) -> DecisionMessage:
    """Return a decision of somebody."""
    return DecisionMessage(approver=approver)
