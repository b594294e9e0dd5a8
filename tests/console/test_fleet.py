"""A plan of more than a hundred machines: one listing tells where all stand, and few are asked."""

import asyncio
import json
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from temporalio.client import Client

from console.connection import open_link
from console.deciding import Wish, decide
from console.displays import LineDisplay
from console.fleet_tables import overview, overview_json
from console.fleets import asked_first
from console.reading import read_plan
from console.session import Session
from console.view import PlanView, VmView
from migration import names
from migration.eta.values import Estimate
from migration.phases import Outcome, Phase
from migration.report import MemoKeys
from migration.steering import HeldGate
from tests.console.conftest import CommandLine, eventually, standin_worker
from tests.console.standins import APPROVER
from tests.console.steps import handle_of, started, until_phase
from tests.console.test_view import view, vm
from tests.support.unserved import start_vm

WAVES = 3
EACH = 40
WAITING = Phase.AWAITING_APPROVAL


async def start_many(client: Client, plan: str) -> None:
    """Start a plan and its machines, as Temporal keeps them while no worker runs."""
    members = {f"wave-{w}": [f"vm-{w}-{n:02}" for n in range(EACH)] for w in range(WAVES)}
    summary = [{"wave": wave, "vms": vms} for wave, vms in members.items()]
    await client.start_workflow(
        names.MIGRATE_PLAN, id=names.migrate_plan_id(plan), task_queue="nobody", memo={MemoKeys.SUMMARY: summary}
    )

    async def start(wave: str, name: str) -> None:
        number = int(name[-2:])
        phase = WAITING if number == 7 else Phase.REPLICATING
        await start_vm(client, plan, name, phase, **{names.ATTRIBUTE_WAVE: wave})

    begun = [(wave, name) for wave, vms in members.items() for name in vms if not name.endswith("39")]
    await asyncio.gather(*(start(wave, name) for wave, name in begun))
    wanted = f"{names.ATTRIBUTE_PLAN} = '{plan}'"

    async def all_are_listed() -> bool:
        return (await client.count_workflows(wanted)).count == len(begun)

    await eventually(all_are_listed)


async def test_status_counts_by_wave_and_shows_the_rest_on_request(
    lonely_starter: CommandLine, deserted: Client
) -> None:
    """It takes no worker and no question to any machine."""
    await start_many(deserted, "many")
    table, told = await lonely_starter("status", "many"), await lonely_starter("status", "many", "--json")
    rest = await lonely_starter("status", "many", "--wave", "WAVE-1", "--json")
    asking = await lonely_starter("status", "many", "--needs-action")
    wrong = await lonely_starter("status", "many", "--phase", "sleeping")

    assert {"vms": 120, "needs_action": 3, "outcomes": {}} == {
        key: told.json["counts"][key] for key in ("vms", "needs_action", "outcomes")
    }
    assert {"replicating": 114, "checking": 3, WAITING.value: 3} == told.json["counts"]["phases"]
    assert ["wave-0", "wave-1", "wave-2"] == [wave["name"] for wave in told.json["waves"]]
    assert [40] * WAVES == [wave["vms"] for wave in told.json["waves"]]
    assert 120 == len(told.json["vms"])
    assert ["plan", "outcome", "vms"] == list(told.json)[:3]
    assert "38 replicating, 1 awaiting approval, 1 checking" in " ".join(table.out.split())
    assert len(table.out.splitlines()) < 15
    assert "--wave NAME" in table.err
    assert {"wave-1"} == {one["wave"] for one in rest.json["vms"]}
    assert EACH == len(rest.json["vms"])
    assert 3 == asking.out.count("awaiting approval")
    assert (2, True) == (wrong.code, "the phases are checking, enabling" in wrong.err)


async def test_only_those_that_need_a_person_are_asked(starter: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why they wait is known, and a wave is approved by one command; of the others visibility tells."""
    name = await started(starter, ["web-1", "fast-1"], ["web-2", "copying-1"])
    for waits in ("web-1", "web-2"):
        await until_phase(starter, name, WAITING.value, waits)
    monkeypatch.setattr("console.reading.LARGE", 3)
    session = Session(starter.environment, as_json=True)
    seen = await read_plan(await open_link(session), name)

    by_name = {one.name: one for one in seen.vms}
    assert seen.is_large
    assert (WAITING, f"approval by {APPROVER}") == (by_name["web-1"].phase, by_name["web-1"].waiting_for)
    assert (Outcome.MIGRATED, "") == (by_name["fast-1"].outcome, by_name["fast-1"].waiting_for)
    assert (Phase.REPLICATING, None) == (by_name["copying-1"].phase, by_name["copying-1"].progress_percent)
    assert 0 == await decide(session, name, Wish("approve", wave="wave-1", approver=APPROVER))
    await until_phase(starter, name, "done", "web-1")
    assert WAITING.value == (await starter("status", name, "--json")).json["vms"][2]["phase"]


async def test_the_steps_of_a_large_plan_have_time_for_its_history(starter: CommandLine) -> None:
    """A slow worker gets through what thousands did; a small plan is soon taken over from a worker that is lost."""

    async def seconds_of(*vms: str) -> float:
        plan = await started(starter, list(vms))
        config = (await handle_of(starter.client, plan).describe()).raw_description.execution_config
        return config.default_workflow_task_timeout.ToTimedelta().total_seconds()

    async with standin_worker(starter.client, names.FLEET_TASK_QUEUE):
        assert 15.01 == await seconds_of(*(f"refused-{number}" for number in range(501)))
    assert 10 == await seconds_of("refused-1")


def many(**fields: Any) -> PlanView:
    """Return a plan of 5,000 machines in 20 waves, of which 60 wait for a person."""
    vms = []
    for number in range(5_000):
        wave = f"wave-{number // 250:02}"
        waits = {"phase": WAITING, "needs_action": True, "waiting_for": "approval"} if number % 84 == 0 else {}
        stuck = (
            {"phase": Phase.NEEDS_ACTION, "needs_action": True, "waiting_for": "the quota"} if number == 4999 else {}
        )
        vms.append(vm(f"vm-{number:04}", **{"wave": wave, "phase": Phase.REPLICATING, **waits, **stuck}))
    told = Estimate(until="approval", low_seconds=3600, high_seconds=7200)
    return view(*vms, is_large=True, eta=told, waves={"wave-03": told}, **fields)


def drawn(shown: Any, columns: int = 80) -> list[str]:
    """Return what a screen of so many columns shows."""
    out = StringIO()
    Console(file=out, width=columns, color_system=None).print(shown)
    return out.getvalue().splitlines()


def test_five_thousand_fit_on_a_screen_and_who_is_stuck_comes_first() -> None:
    """A row for each wave with its end, then those that need a person, most urgent first, the others counted."""
    lines = drawn(overview(many(), 10))
    assert max(len(line) for line in lines) <= 80
    assert "ready for approval in 1 h to 2 h" in " ".join(lines)
    (third,) = [line for line in lines if line.startswith("wave-03")]
    assert "1 h to 2 h" in third
    first = next(line for line in lines if line.startswith("vm-"))
    assert first.startswith("vm-4999")
    assert "and 51 more VMs that need a person" in " ".join(lines)
    assert len(lines) < 80
    told = overview_json(many())
    assert (5_000, 61) == (told["counts"]["vms"], told["counts"]["needs_action"])
    assert len(json.dumps(told)) < 2_000_000


def test_a_wave_without_a_latest_end_tells_the_least_and_why() -> None:
    """One of two hundred that a person holds leaves no end, but no empty cell: whom he holds is told beside it."""
    held = Estimate(until="approval", low_seconds=3300, stuck="person", reason="VM vm-0300 is paused by ops: hands off")
    behind = Estimate(until="approval", low_seconds=3600, reason="a wave before it stands still")
    shown = replace(many(), waves={"wave-01": held, "wave-02": behind})

    told: list[str] = []
    display = LineDisplay(told.append)
    display.show(shown)
    lines = [" ".join(line.split()) for line in drawn(overview(shown), 160)]

    assert any(one.startswith("wave-01") and one.endswith("as long as a person takes") for one in lines)
    assert any(one.startswith("wave-02") and "unknown, at least 1 h: a wave before it" in one for one in lines)
    assert any("wave-01" in one and one.endswith("ready: as long as a person takes") for one in told)
    assert any("wave-02" in one and one.endswith("at least 1 h: a wave before it stands still") for one in told)


def waiting(number: int, wave: str, **fields: Any) -> VmView:
    """Return a machine that waits for its approval."""
    told = {"phase": WAITING, "needs_action": True, "is_running": True, "workflow_id": f"{wave}/{number}"}
    return vm(f"{wave}-vm-{number:03}", **{"wave": wave, **told, **fields})


def test_many_approvals_of_a_wave_are_one_line_with_its_command() -> None:
    """Two hundred that wait for the same are not listed; what else holds one of them is."""
    asked = f"a decision by {APPROVER} on evidence 1a2b"
    members = [waiting(number, "first", waiting_for=asked if number == 3 else "") for number in range(200)]
    members[7] = waiting(7, "first", waiting_for=asked, last_refusal="refused: not an approver")
    shown = view(*members, *(waiting(number, "few") for number in range(3)), is_large=True)

    lines = drawn(overview(shown))

    approval = f"! first: 199 VMs wait for a decision by {APPROVER}: approve {shown.plan} --wave first"
    assert approval in " ".join(" ".join(lines).split())
    rows = [line.split()[0] for line in lines if "-vm-" in line]
    assert ["first-vm-007", "few-vm-000", "few-vm-001", "few-vm-002"] == rows
    assert lines[-1].endswith("--wave first"), "what is urgent stands above"
    told: list[str] = []
    display = LineDisplay(told.append)
    display.show(shown)
    display.show(shown)
    assert 1 == sum(approval in line for line in told)
    assert any("first-vm-007: awaiting approval" in line for line in told)


def test_many_behind_a_held_gate_are_one_line_with_the_command_that_opens_it() -> None:
    """What holds a hundred is said once; who has another trouble, or waits for his turn elsewhere, is listed."""
    gate = HeldGate(wave="web", failed=2, of=4, tolerated_percent=10, why="a, b did not move")
    turn = {"phase": Phase.WAITING_FOR_TURN}
    members = [waiting(number, "web", **turn, choices=("retry", "skip", "give_up")) for number in range(100)]
    members[7] = waiting(7, "web", **turn, last_refusal="refused: no such choice")
    elsewhere = [waiting(number, "other", **turn) for number in range(5)]
    shown = view(*members, *elsewhere, is_large=True, held_gates=(gate,))
    told: list[str] = []
    display = LineDisplay(told.append)

    lines = drawn(overview(shown), 160)
    display.show(shown)
    display.show(shown)

    assert f"! web: 99 VMs wait behind its gate: resume {shown.plan} --wave web --reason TEXT" in lines
    rows = [line.split()[0] for line in lines if "-vm-" in line]
    assert ["web-vm-007", *(f"other-vm-{number:03}" for number in range(5))] == rows
    assert 1 == sum("99 VMs wait behind its gate" in line for line in told)


def test_of_many_approvals_one_of_each_wave_is_asked_first() -> None:
    """What the first machine waits for tells of its wave; who waits for anything else comes before them."""
    stuck = vm("stuck", wave="w29", workflow_id="stuck", phase=Phase.NEEDS_ACTION, needs_action=True)
    members = [waiting(number, f"w{wave:02}") for wave in range(30) for number in range(9)]

    asked = [one.name for one in asked_first([*members, stuck])]

    assert ["stuck", *(f"w{wave:02}-vm-000" for wave in range(19))] == asked


def test_lines_of_a_large_plan_tell_of_waves_and_of_those_that_need_a_person() -> None:
    """No line for each of thousands; a wave is told again once a tenth of it has moved."""
    lines: list[str] = []
    display = LineDisplay(lines.append)
    first = many()
    display.show(first)
    display.show(first)
    assert 1 + 20 + 20 == len(lines)
    assert any("wave-03: 250 VMs: 247 replicating, 3 awaiting approval; need a person: 3" in line for line in lines)

    def moved(number: int) -> PlanView:
        vms: list[VmView] = [vm(one.name, wave=one.wave, phase=Phase.CONFIGURING) for one in first.vms[:number]]
        return view(*vms, *first.vms[number:], is_large=True, eta=first.eta, waves=first.waves)

    lines.clear()
    display.show(moved(70))
    assert ["wave-00:"] == [word for line in lines for word in line.split() if word.startswith("wave-")]
