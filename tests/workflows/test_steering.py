"""People steer a plan that runs: pause, resume, a gate that failures hold, other limits."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from activities.registry import interceptors
from migration import names
from migration.notices import Happening
from migration.phases import Outcome, Phase
from migration.report import DecisionAnswer
from migration.steering import MOST_KEPT, MOST_PAUSES, Part, Pause, SetConcurrency, Steer
from tests.workflows.scenes import make_plan
from tests.workflows.script import Script, vm_failure
from tests.workflows.stage import PlanHandle, Stage
from worker import RUNNER, WORKFLOWS
from workflows import policies
from workflows.dispatch import Dispatcher
from workflows.messages import IgnoreMisfits
from workflows.plan_board import PlanBoard
from workflows.steering import Steering
from workflows.turns import VmNotice


class Desk:
    """A plan's book and those who speak to it, without a workflow around."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **plan: Any) -> None:
        now = SimpleNamespace(
            now=lambda: datetime(2026, 3, 1, 10, tzinfo=UTC),
            logger=SimpleNamespace(info=self._log),
            patched=lambda _id: True,
        )
        monkeypatch.setattr("workflows.steering.workflow", now)
        monkeypatch.setattr("workflows.steering.read_message", lambda message, *_: message)
        self.logged: list[dict[str, str]] = []
        self.is_over = False
        self.changes = 0
        self.book = Dispatcher(make_plan({"one": ["a", "b"], "two": ["c"]}, **plan))
        self.steering = Steering(self.book, lambda: self.is_over, self._change)

    def pause(self, wave: str | None = None, vm: str | None = None) -> DecisionAnswer:
        """Pause as the update does, its validator before it."""
        return self._send("pause", self.steering.validate_pause, Steer(wave=wave, vm=vm, by="olga", reason="a look"))

    def resume(self, wave: str | None = None, vm: str | None = None) -> DecisionAnswer:
        """Resume."""
        return self._send("resume", self.steering.validate_resume, Steer(wave=wave, vm=vm, by="anna", reason="seen"))

    def limit(self, **limits: Any) -> DecisionAnswer:
        """Set limits."""
        message = SetConcurrency(by="olga", reason="busy", **limits)
        return self._send("set_concurrency", self.steering.validate_limits, message)

    def say(self, vm: str, reason: Any, outcome: Outcome | None = None) -> None:
        """Let a virtual machine tell its plan something."""
        self.book.note(VmNotice(vm=vm, reason=reason, outcome=outcome))

    def _send(self, name: str, validate: Any, message: Any) -> DecisionAnswer:
        validate(message)
        answer: DecisionAnswer = getattr(self.steering, name)(message)
        return answer

    def _change(self) -> None:
        self.changes += 1

    def _log(self, _: str, extra: dict[str, str]) -> None:
        self.logged.append(extra)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Return the desk of a plan that holds when anything fails."""
    return Desk(monkeypatch, on_failures="hold", concurrency={"cutover": 1, "replication": 9})


def test_a_pause_says_what_goes_on_and_is_the_same_twice(desk: Desk) -> None:
    """Names in any case; the second word changes nothing, is recorded nowhere, and counts as well."""
    for vm in "ab":
        desk.say(vm, "protected")
    desk.book.answers()
    answer = desk.pause("ONE")
    told = "wave one is paused: nothing of it begins to replicate or to fail over; "
    assert told + "1 in the cutover, which go on to their safe end, 1 waiting for a turn" == answer.reason
    again = desk.pause("one")
    assert (True, "it is so already: wave one is paused by olga since 2026-03-01T10:00:00Z: a look") == (
        again.counted,
        again.reason,
    )
    assert [("pause", "olga", "a look")] == [(one.action, one.by, one.reason) for one in desk.book.record]
    assert (True, "wave one goes on") == (desk.resume("One").counted, desk.book.record[-1].told)
    assert ["pause", "resume"] == [one["action"] for one in desk.logged]


def test_what_something_else_holds_is_told_and_not_lifted(desk: Desk) -> None:
    """Each pause is lifted by itself; who lifts the wrong one hears which one holds."""
    assert (True, True) == (desk.pause().counted, desk.pause(vm="A").counted)
    wave = desk.resume("one")
    assert (False, True) == (wave.counted, "wave one itself is not paused, but the plan is paused by" in wave.reason)
    assert "VM a" not in wave.reason
    assert "VM a goes on, but the plan is paused by olga" in desk.resume(vm="a").reason
    desk.pause(vm="a")
    assert "the plan goes on, but VM a is paused by olga" in desk.resume().reason
    assert "the plan itself is not paused, but VM a is paused" in desk.resume().reason
    desk.resume(vm="a")
    assert (True, "nothing holds the plan") == ((quiet := desk.resume()).counted, quiet.reason[:22])


def test_a_held_gate_is_opened_by_name_once_its_pause_is_lifted(desk: Desk) -> None:
    """One word lifts one thing: the pause first, then the gate."""
    desk.say("c", "protected")
    desk.say("a", "ended", Outcome.ROLLED_BACK)
    desk.pause("two")
    assert "failures hold wave two" in desk.resume().reason
    assert "failures hold wave two: resume the wave to open its gate" in desk.resume(vm="c").reason
    assert "wave two goes on, but failures hold wave two" in desk.resume("two").reason
    answer = desk.resume("two")
    assert "the gate of wave two is open: of an earlier wave, a did not move (on_failures: hold)" == answer.reason
    assert ("open_gate", "anna", Part(kind="wave", name="two")) == (
        (last := desk.book.record[-1]).action,
        last.by,
        last.part,
    )
    assert [] == desk.book.held_gates


def test_strangers_and_what_is_over_are_refused_with_the_reason(desk: Desk) -> None:
    """Nothing of it is recorded or shown."""
    assert "the plan has no wave of that name" == desk.pause("three").reason
    assert "the plan has no VM of that name" == desk.resume(vm="z").reason
    for vm in "ab":
        desk.say(vm, "ended", Outcome.MIGRATED)
    assert (False, "wave one has ended") == ((ended := desk.pause("one")).counted, ended.reason)
    desk.is_over = True
    for answer in (desk.pause(), desk.resume("two"), desk.limit(cutover=3), desk.limit(vault="v", cutover=3)):
        assert (False, "the plan ends: nothing of it begins any more") == (answer.counted, answer.reason)
    assert ([], 0) == (desk.book.record, desk.changes)


def test_limits_are_told_as_they_were_and_who_goes_on(desk: Desk) -> None:
    """Of the plan, a wave, a subscription, a vault by its name or its id; what is so already counts."""
    for vm in "ab":
        desk.say(vm, "protected")
    desk.limit(cutover=2)
    desk.book.answers()
    answer = desk.limit(cutover=1, replication=9)
    assert (
        "of the plan, 1 at once may fail over (2 before); 2 do now and go on, none begins before they are fewer"
        == answer.reason
    )
    assert "the limits of the plan are so already" == desk.limit(cutover=1).reason
    assert "of wave two, 3 at once may replicate (no bound before)" == desk.limit(wave="TWO", replication=3).reason
    home = desk.book.homes[0]
    for given in ({"vault": "SHOP-VAULT"}, {"vault": home.vault.upper()}, {"subscription": home.subscription}):
        assert desk.limit(**given, cutover=7 if "vault" in given else 8).counted
    vault, subscription = Part(kind="vault", name=home.vault), Part(kind="subscription", name=home.subscription)
    assert (7, 8) == (desk.book.bounds.now(vault).cutover, desk.book.bounds.now(subscription).cutover)
    stranger = desk.limit(vault="other", cutover=2)
    assert (False, f"no VM of the plan is of that vault; they are {home.vault}") == (stranger.counted, stranger.reason)
    assert 5 == len(desk.book.record)


def test_a_flood_of_words_leaves_room_for_a_resume(desk: Desk) -> None:
    """What changes nothing is refused before it costs an update, then changes without end; a resume never is."""
    for _ in range(policies.RECENT_REFUSALS):
        desk.pause("nowhere")
    with pytest.raises(ValueError, match="no wave of that name"):
        desk.pause("nowhere")
    for _ in range(policies.MOST_RETRIES):
        desk.pause("one")
        desk.resume("one")
    with pytest.raises(ValueError, match="500 such words were taken and no more are"):
        desk.pause("one")
    with pytest.raises(ValueError, match="500 such words"):
        desk.limit(cutover=3)
    assert MOST_KEPT == len(desk.book.record)


def test_so_many_pauses_hold_at_once_and_the_plans_besides(monkeypatch: pytest.MonkeyPatch) -> None:
    """The book stays small; a long reason is kept in short."""
    desk = Desk(monkeypatch)
    desk.book = Dispatcher(make_plan({"one": [f"vm-{number}" for number in range(MOST_PAUSES + 1)]}))
    desk.steering = Steering(desk.book, lambda: False, lambda: None)
    long = Steer(vm="vm-0", by="olga", reason="x" * 2_000)
    assert desk.steering.pause(long).counted  # type: ignore[arg-type]
    for number in range(1, MOST_PAUSES):
        assert desk.pause(vm=f"vm-{number}").counted
    answer = desk.pause(vm=f"vm-{MOST_PAUSES}")
    assert (False, "100 pauses hold already: pause the wave, or the plan") == (answer.counted, answer.reason)
    assert desk.pause().counted
    assert len(desk.book.state().model_dump_json()) < 60_000


def test_people_are_told_of_a_held_gate_once_however_many_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that opens it, in the details as well; once it is open nobody needs to act."""
    details: list[str] = []
    around = SimpleNamespace(
        now=lambda: datetime(2026, 3, 1, 10, tzinfo=UTC),
        patched=lambda _: True,
        set_current_details=details.append,
        upsert_search_attributes=lambda _: None,
    )
    for module in ("board", "plan_board", "plan_forecast"):
        monkeypatch.setattr(f"workflows.{module}.workflow", around)
    plan = make_plan({"one": ["a", "b"], "two": ["c"]}, on_failures="hold")
    book = Dispatcher(plan)
    board, told = PlanBoard(plan, book), list[Happening]()
    board.tell = told.append
    for vm in "ab":
        book.end(vm, Outcome.ROLLED_BACK)
        board.show_moving()
    command = f"starter.py resume {plan.name} --wave two --reason TEXT"
    assert [("needs_action", [command])] == [(one.event, one.commands) for one in told]
    assert f"- **A person must act:** `{command}`" in details[-1].splitlines()
    assert "a, b did not move" in details[-1]
    book.pause(Pause(part=Part(kind="vm", name="c"), by="olga", at="then", reason="a look"))
    book.open_gate("two")
    board.show_moving()
    assert "A person must act" not in details[-1]
    assert "- **Paused:** VM c is paused by olga since then: a look" in details[-1].splitlines()


async def replays(handle: PlanHandle) -> bool:
    """Replay what a plan did, as a worker does that takes it up."""
    await Replayer(
        workflows=WORKFLOWS,
        workflow_runner=RUNNER,
        interceptors=[*interceptors(), IgnoreMisfits()],
        data_converter=pydantic_data_converter,
    ).replay_workflow(await handle.fetch_history())
    return True


async def steer(handle: PlanHandle, update: str, **said: Any) -> DecisionAnswer:
    """Send a person's word to a plan."""
    message = {"by": "olga@contoso.example", "reason": "a look at it", **said}
    answer: DecisionAnswer = await handle.execute_update(update, message, result_type=DecisionAnswer)
    return answer


async def test_a_paused_plan_begins_nothing_and_loses_nothing(stage: Stage, script: Script) -> None:
    """A machine in its cutover goes on to its approval; what replicates waits for its turn; the rest does not begin."""
    plan = make_plan({"one": ["a", "b"], "two": ["c"]}, concurrency={"replication": 1, "cutover": 1})
    verifying, copying = script.gate("verify_target", vm="a"), script.gate("wait_until_protected", vm="b")
    handle = await stage.start_plan(plan)
    await verifying.reached.wait()
    await copying.reached.wait()
    paused = await steer(handle, names.UPDATE_PAUSE)
    assert "1 replicating, whose copies go on, 1 in the cutover" in paused.reason
    assert (await steer(handle, names.UPDATE_SET_CONCURRENCY, wave="ONE", replication=2)).counted
    verifying.open()
    copying.open()
    await stage.until_phase(stage.vm_of(plan, "a"), Phase.AWAITING_APPROVAL)
    await stage.until_phase(stage.vm_of(plan, "b"), Phase.WAITING_FOR_TURN)
    status = await stage.plan_status(handle)
    assert ["", "the plan is paused by olga@contoso.example", "the plan is paused by olga@contoso.example"] == [
        vm.held.partition(" since")[0] for vm in status.vms
    ]
    assert (True, False, 1, 1) == (
        "the plan is paused by olga" in status.waiting_for,
        status.needs_action,
        len(status.pauses),
        len(status.limits),
    )
    assert {"a", "b"} == {call.vm for call in script.calls if call.vm}
    assert ["a"] == [request.task.vm.name for request in script.requests("start_failover")]
    with pytest.raises(WorkflowUpdateFailedError):
        await steer(handle, names.UPDATE_PAUSE, wave="one", vm="a")
    assert (await steer(handle, names.UPDATE_RESUME)).counted
    for vm in "abc":
        await stage.approve(stage.vm_of(plan, vm))
    assert Outcome.MIGRATED == (await handle.result()).outcome
    report = await stage.plan_report(handle)
    assert ["pause", "set_concurrency", "resume"] == [one.action for one in report.steered]
    assert {"olga@contoso.example"} == {one.by for one in report.steered}
    assert await replays(handle)


async def test_a_gate_that_failures_hold_needs_a_person_who_may_open_it(stage: Stage, script: Script) -> None:
    """The plan itself says so and tells the command; once it is open the machine that was refused gets its turn."""
    plan = make_plan({"one": ["a"], "two": ["b"]}, on_failures="hold")
    script.on("configure_target", vm_failure("no such size"), when=lambda request: request.task.vm.name == "a")
    handle = await stage.start_plan(plan)
    b = stage.vm_of(plan, "b")
    await stage.until_asked(b, "of an earlier wave, a did not move")
    status = await stage.plan_status(handle)
    assert (True, "the gate of wave two is held: of an earlier wave, a did not move") == (
        status.needs_action,
        status.waiting_for.partition(" (on_failures")[0],
    )
    assert [("two", 1, 1)] == [(gate.wave, gate.failed, gate.of) for gate in status.held_gates]
    assert "of an earlier wave, a did not move" in status.vms[1].held
    opened = await steer(handle, names.UPDATE_RESUME, wave="TWO")
    assert (True, "the gate of wave two is open") == (opened.counted, opened.reason.partition(":")[0])
    await stage.approve(b)
    assert Outcome.MIXED == (await handle.result()).outcome
    assert ["open_gate"] == [one.action for one in (await stage.plan_report(handle)).steered]
    assert not (await stage.plan_status(handle)).needs_action
    assert await replays(handle)


async def test_who_waits_behind_an_opened_gate_asks_nobody_any_more(stage: Stage, script: Script) -> None:
    """One of the wave before still has to come, so the turn is not granted yet: the question goes all the same."""
    plan = make_plan({"one": ["a", "c"], "two": ["b"]}, on_failures="hold")
    script.on("configure_target", vm_failure("no such size"), when=lambda request: request.task.vm.name == "a")
    handle = await stage.start_plan(plan)
    assert (await steer(handle, names.UPDATE_PAUSE, vm="c")).counted
    b = stage.vm_of(plan, "b")
    await stage.until_asked(b, "of an earlier wave, a did not move")

    assert (await steer(handle, names.UPDATE_RESUME, wave="two")).counted

    seen = await stage.until(b, lambda status: not status.needs_action)
    assert (Phase.WAITING_FOR_TURN, []) == (seen.phase, seen.choices)
    assert (await steer(handle, names.UPDATE_RESUME, vm="c")).counted
    for vm in "cb":
        await stage.approve(stage.vm_of(plan, vm))
    assert Outcome.MIXED == (await handle.result()).outcome
    assert await replays(handle)
