"""Waves, permits and failures: who may fail over when."""

from typing import Any

import pytest

from migration.findings import VmCheck
from migration.phases import Outcome, Phase
from migration.plan import Plan
from tests.workflows.scenes import finding, make_plan
from tests.workflows.script import Script, environment_failure, vm_failure
from tests.workflows.stage import Stage

TWO_WAVES = {"database": ["db-01"], "web": ["app-01", "web-01"]}


def _of(vm: str) -> Any:
    return lambda request: request.task.vm.name == vm


def _cutover_of(vm: str) -> Any:
    return lambda request: request.moment == "cutover" and request.task.vm.name == vm


def _failed_over(script: Script) -> list[str]:
    return [request.task.vm.name for request in script.requests("start_failover")]


async def _end_all(stage: Stage, plan: Plan, *vms: str) -> None:
    for vm in vms or [vm.name for vm in plan.vms]:
        await stage.approve(stage.vm_of(plan, vm))


async def test_a_wave_gates_the_failover_not_the_copying(stage: Stage, script: Script) -> None:
    """Later waves replicate while the first is not verified, and fail over only then; approvals gate nothing."""
    plan = make_plan(TWO_WAVES)
    gate = script.gate("verify_target", vm="db-01")
    await stage.start_plan(plan)
    await gate.reached.wait()
    for vm in ("app-01", "web-01"):
        await stage.until_phase(stage.vm_of(plan, vm), Phase.WAITING_FOR_TURN)
    assert ["db-01"] == _failed_over(script)
    gate.open()
    for vm in ("app-01", "web-01"):
        await stage.until_phase(stage.vm_of(plan, vm), Phase.AWAITING_APPROVAL)
    assert Phase.AWAITING_APPROVAL == (await stage.status(stage.vm_of(plan, "db-01"))).phase
    await _end_all(stage, plan)


async def test_permits_bound_the_machines_between_failover_and_verified(stage: Stage, script: Script) -> None:
    """With one permit the machines fail over one after another, in the order in which they asked, by wave."""
    plan = make_plan({"one": ["a"], "two": ["b", "c", "d"]}, concurrency={"cutover": 1})
    gates = {vm: script.gate("verify_target", vm=vm) for vm in "bcd"}
    await stage.start_plan(plan)
    for _ in "bcd":
        await stage.until_true(lambda: any(gate.reached.is_set() for gate in gates.values()))
        [vm] = [name for name, gate in gates.items() if gate.reached.is_set()]
        assert vm == _failed_over(script)[-1]
        gates.pop(vm).open()
        await stage.until_phase(stage.vm_of(plan, vm), Phase.AWAITING_APPROVAL)
    assert "a" == _failed_over(script)[0]
    await _end_all(stage, plan)


@pytest.mark.parametrize("on_failures", ["continue", "hold", "stop"])
async def test_a_failed_wave_and_the_plans_word_on_it(stage: Stage, script: Script, on_failures: str) -> None:
    """Continue goes on, hold asks a person for each machine, stop leads the others back."""
    plan = make_plan({"one": ["a"], "two": ["b"]}, on_failures=on_failures)
    script.on("configure_target", vm_failure("no such size"), when=_of("a"))
    handle = await stage.start_plan(plan)
    b = stage.vm_of(plan, "b")
    if on_failures == "hold":
        status = await stage.until_asked(b, "of an earlier wave, a did not move")
        assert (Phase.WAITING_FOR_TURN, ["retry", "skip", "give_up"]) == (status.phase, status.choices)
        assert [] == _failed_over(script)
        await stage.resolve(b, "skip")
    if on_failures != "stop":
        await stage.approve(b)
    ending = await handle.result()
    assert (Outcome.ROLLED_BACK if on_failures == "stop" else Outcome.MIXED) == ending.outcome
    if on_failures == "stop":
        assert [] == _failed_over(script)
        assert "the plan stops: of an earlier wave, a did not move" in (await stage.status(b)).reason


async def test_a_plan_that_stops_starts_nothing_more(stage: Stage, script: Script) -> None:
    """Machines that had not begun to replicate when the plan stopped never do."""
    plan = make_plan({"one": ["a"], "two": ["b"]}, on_failures="stop", concurrency={"replication": 1})
    script.on("enable_replication", vm_failure(), when=_of("a"))
    handle = await stage.start_plan(plan)
    await handle.result()
    assert {"a"} == {call.vm for call in script.calls if call.vm}
    reasons = [vm.reason for vm in (await stage.plan_report(handle)).vms]
    assert "the plan stopped before it began" == reasons[1]


async def test_replication_runs_so_many_at_once(stage: Stage, script: Script) -> None:
    """replication: 2 lets a third machine begin when one of the first two is protected."""
    plan = make_plan({"only": ["a", "b", "c"]}, concurrency={"replication": 2})
    gates = [script.gate("wait_until_protected") for _ in range(2)]
    await stage.start_plan(plan)
    for gate in gates:
        await gate.reached.wait()
    assert 2 == len(script.requests("enable_replication"))
    gates[0].open()
    await stage.until_true(lambda: 3 == len(script.requests("enable_replication")))
    gates[1].open()
    await _end_all(stage, plan)


async def test_a_machine_that_waits_for_a_person_holds_nobody(stage: Stage, script: Script) -> None:
    """A hold during the failover gives the permit back and lets the next wave pass."""
    plan = make_plan({"one": ["a"], "two": ["b"]}, concurrency={"cutover": 1})
    script.on("start_failover", environment_failure(), when=_of("a"), times=0)
    await stage.start_plan(plan)
    await stage.until_asked(stage.vm_of(plan, "a"))
    assert Outcome.MIGRATED == (await stage.approve(stage.vm_of(plan, "b"))).outcome
    await stage.resolve(stage.vm_of(plan, "a"), "give_up")


async def test_a_machine_that_held_before_its_turn_gives_the_permit_back_as_well(stage: Stage, script: Script) -> None:
    """A machine that waited for a person once, got its turn, and waits again, gives its permit back again."""
    plan = make_plan({"only": ["a", "b"]}, concurrency={"cutover": 1})
    script.on("configure_target", environment_failure(), when=_of("a"))
    script.on("start_failover", environment_failure(), when=_of("a"), times=0)
    gate = script.gate("wait_until_protected", vm="b")
    await stage.start_plan(plan)
    await gate.reached.wait()
    a = stage.vm_of(plan, "a")
    await stage.until_asked(a, "the client secret has expired")
    await stage.resolve(a, "retry")
    await stage.until_true(lambda: "a" in _failed_over(script))
    gate.open()
    assert Outcome.MIGRATED == (await stage.approve(stage.vm_of(plan, "b"))).outcome
    await stage.resolve(a, "give_up")


async def test_who_was_held_before_the_failover_waits_for_a_turn_again(stage: Stage, script: Script) -> None:
    """A finding gives the permit back, so it must come again: machines that are released together go one by one."""
    plan = make_plan({"only": ["a", "b", "c"]}, concurrency={"cutover": 1})
    held = VmCheck(findings=[finding(evidence="its recovery point is too old")])
    for vm in "ab":
        script.on("check_vm", held, when=_cutover_of(vm))
    gates = {vm: script.gate("verify_target", vm=vm) for vm in "abc"}
    copying = script.gate("wait_until_protected", vm="c")
    await stage.start_plan(plan)
    for vm in "ab":
        await stage.until_asked(stage.vm_of(plan, vm), "its recovery point is too old")
    copying.open()
    await gates["c"].reached.wait()
    for vm in "ab":
        await stage.resolve(stage.vm_of(plan, vm), "retry")
        await stage.until_phase(stage.vm_of(plan, vm), Phase.WAITING_FOR_TURN)
    assert ["c"] == _failed_over(script)
    gates["c"].open()
    for _ in "ab":
        await stage.until_true(lambda: any(gates[vm].reached.is_set() for vm in gates if vm != "c"))
        [vm] = [name for name in gates if name != "c" and gates[name].reached.is_set()]
        assert vm == _failed_over(script)[-1]
        gates.pop(vm).open()
        await stage.until_phase(stage.vm_of(plan, vm), Phase.AWAITING_APPROVAL)
    checks = [request.task.vm.name for request in script.requests("check_vm") if request.moment == "cutover"]
    # Found wanting, mended without a permit, and once more with it.
    assert (3, 3, 1) == (checks.count("a"), checks.count("b"), checks.count("c"))
    await _end_all(stage, plan)


async def test_an_outage_before_the_failover_gives_the_turn_back_for_good(stage: Stage, script: Script) -> None:
    """Also who goes on by itself after an outage waits for a permit, while another one has it."""
    plan = make_plan({"only": ["a", "b"]}, concurrency={"cutover": 1})
    script.on("check_vm", environment_failure(), when=_cutover_of("a"))
    waiting = script.gate("wait_until_protected", vm="b")
    verifying = script.gate("verify_target", vm="b")
    await stage.start_plan(plan)
    await stage.until_asked(stage.vm_of(plan, "a"), "the client secret has expired")
    waiting.open()
    await verifying.reached.wait()
    await stage.resolve(stage.vm_of(plan, "a"), "retry")
    await stage.until_phase(stage.vm_of(plan, "a"), Phase.WAITING_FOR_TURN)
    assert ["b"] == _failed_over(script)
    verifying.open()
    await _end_all(stage, plan)


async def test_the_turn_comes_at_once(stage: Stage, script: Script) -> None:
    """A granted turn is taken when it arrives, and not with the next repetition of the request, minutes later."""
    plan = make_plan({"only": [f"vm-{number}" for number in range(8)]})
    await stage.start_plan(plan)
    for vm in plan.vms:
        await stage.until_phase(stage.vm_of(plan, vm.name), Phase.AWAITING_APPROVAL)
    assert 8 == len(_failed_over(script))
    await _end_all(stage, plan)
