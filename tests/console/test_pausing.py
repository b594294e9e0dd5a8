"""`pause`, `resume` and `concurrency`: what they send, answer and refuse."""

import pytest

from console import steering
from console.displays import LineDisplay
from console.errors import InputError
from console.session import Session
from console.steering import LimitsWish
from console.tables import steering_lines, waiting
from migration.chain import evidence
from migration.phases import Phase
from migration.report import PlanReport, evident_of_plan
from migration.steering import HeldGate, LimitsNow, Part, Pause
from tests.console.conftest import CommandLine
from tests.console.steps import started
from tests.console.test_view import view, vm

PAUSE = Pause(part=Part(kind="wave", name="web"), by="olga", at="2026-03-01T10:00:00Z", reason="a \x1b[1mlook")
NOTHING = LimitsWish(None, None, None, None, None)


async def test_a_person_pauses_resumes_and_limits(starter: CommandLine) -> None:
    """Answered at once, by exit code and JSON as decisions are; the status tells of it; an unknown name is wrong."""
    name = await started(starter, ["stuck-1"])
    paused = await starter("pause", name, "--wave", "WAVE-1", "--reason", "a look", "--json")
    status = await starter("status", name)
    session = Session(starter.environment, as_json=True)

    assert (0, {"plan": name, "action": "pause", "wave": "WAVE-1", "vm": None, "taken": True}) == (
        paused.code,
        {key: value for key, value in paused.json.items() if key != "reason"},
    )
    assert "paused: wave WAVE-1 is paused by requester@contoso.example since" in " ".join(status.out.split())
    assert 0 == await steering.resume(session, name, wave=None, vm=None, reason="seen")
    assert 1 == await steering.resume(session, name, wave=None, vm="STUCK-1", reason="seen")
    limits = await starter("concurrency", name, "--vault", "v", "--cutover", "3", "--reason", "busy")
    assert (0, f"{name}: v: None, 3") == (limits.code, limits.out.strip())

    with pytest.raises(InputError, match="its waves are wave-1"):
        await steering.pause(session, name, wave="web", vm=None, reason="a look")
    with pytest.raises(InputError, match="its VMs are stuck-1"):
        await steering.pause(session, name, wave=None, vm="web", reason="a look")
    with pytest.raises(InputError, match="no such plan was started"):
        await steering.pause(session, "nowhere", wave=None, vm=None, reason="a look")
    with pytest.raises(InputError, match="--reason: give 1 to 2000 characters"):
        await steering.pause(session, name, wave=None, vm=None, reason=" ")
    with pytest.raises(InputError, match="give --replication N, --cutover N, or both"):
        await steering.set_concurrency(session, name, NOTHING, reason="busy")
    with pytest.raises(InputError, match="reading --cutover 0: give 1 to 5,000; `pause` begins none"):
        await steering.set_concurrency(session, name, LimitsWish(None, None, None, None, 0), reason="busy")


async def test_what_means_two_things_is_wrong_and_what_does_not_run_is_refused(starter: CommandLine) -> None:
    """Exit code 2 for both of --wave and --vm, before anything is connected; 1 once the plan has ended."""
    name = await started(starter, ["fast-1"])
    await starter("watch", name)
    both = await starter("pause", name, "--wave", "a", "--vm", "b", "--reason", "r")
    late = await starter("pause", name, "--reason", "r")
    assert (2, 1) == (both.code, late.code)
    assert "refused: the plan does not run" in late.out


def test_pauses_gates_and_limits_stand_above_the_machines() -> None:
    """A line each, without what could steer a terminal; JSON has them only where there are some."""
    gate = HeldGate(wave="web", failed=2, of=4, tolerated_percent=10, why="a, b did not move")
    limits = LimitsNow(part=Part(kind="vault", name="/subscriptions/s/vaults/shop"), cutover=2)
    shown = view(vm("a"), pauses=(PAUSE,) * 12, held_gates=(gate,), limits=(limits,))
    lines = steering_lines(shown)
    assert "paused: wave web is paused by olga since 2026-03-01T10:00:00Z: a  [1mlook" == lines[0]
    opening = "open it: resume contoso --wave web --reason TEXT"
    assert f"! the gate of wave web is held: a, b did not move; {opening}" == lines[10]
    assert ["limits now: of vault shop, 2 fail over at once", "and 2 more: status contoso --json"] == lines[11:]
    told = shown.as_json()
    assert (12, 1, 1) == tuple(len(told[key]) for key in ("pauses", "held_gates", "limits"))
    assert not {"pauses", "held_gates", "limits"} & view(vm("a")).as_json().keys()


def test_a_watcher_hears_of_a_pause_and_of_its_end_once() -> None:
    """On lines of their own, where nothing is redrawn."""
    told: list[str] = []
    display = LineDisplay(told.append)
    for shown in (view(vm("a")), view(vm("a"), pauses=(PAUSE,)), view(vm("a"), pauses=(PAUSE,)), view(vm("a"))):
        display.show(shown)
    lines = [line.partition("  ")[2] for line in told if "paused" in line]
    assert 2 == len(lines)
    assert f"no more: {lines[0]}" == lines[1]


def test_a_report_from_before_plans_could_be_steered_is_still_vouched_for() -> None:
    """Its hash is what its workflow kept then; what was said to a plan counts, and cannot be taken out unseen."""
    old = PlanReport(plan="shop", plan_hash="h").model_dump(mode="json", exclude={"steered"})
    quiet = {**old, "steered": []}
    spoken = {**old, "steered": [{"at": "now", "action": "pause"}]}
    prints = [evidence(evident_of_plan(body)) for body in (old, quiet, spoken)]
    assert prints[0] == prints[1] != prints[2]


def test_a_machine_tells_what_holds_it_where_it_waits_for_its_turn() -> None:
    """One that copies goes on meanwhile, and says so only in its JSON."""
    waits = vm("a", phase=Phase.WAITING_FOR_TURN, has_run=True, waiting_for="its wave", held=PAUSE.told)
    copies = vm("b", phase=Phase.REPLICATING, has_run=True, held=PAUSE.told)
    assert f"{PAUSE.told}; its wave" == waiting(waits)
    assert ("", PAUSE.told) == (waiting(copies), copies.as_json()["held"])
    assert PAUSE.told == waiting(vm("c", has_run=False, held=PAUSE.told))
