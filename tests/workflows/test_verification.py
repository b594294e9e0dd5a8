"""The verification of the target and of a test failover's copy: what is asked, in which order, what a no leads to."""

from collections.abc import Callable
from typing import Any

import pytest

from migration.findings import VmCheck
from migration.models import SourceVm, Verification, VmTask
from migration.phases import Outcome
from migration.plan_verification import Probe
from migration.power import RUNNING
from migration.proofs import Boot, Comparison, Isolation, ProbeResult, RunProbe
from tests.workflows.scenes import make_task, source_of
from tests.workflows.script import Script, environment_failure
from tests.workflows.stage import Stage
from tests.workflows.world import World

WITH_TEST = {"test_first": True, "test_network": "isolated"}
PROBES = {
    "timeout": "4m",
    "probes": [
        {"name": "port", "tcp": {"port": 5432}},
        {"name": "page", "http": {"port": 80}, "timeout": "9m", "in_test": False},
        {"name": "outside", "tcp": {"port": 443}, "where": "worker"},
        {"name": "mine", "command": {"script": "true", "limit": "2m"}},
    ],
}
LEAKY = Isolation(network_id="/n", isolated=False, reasons=["it is peered with the hub"])


def no(request: RunProbe) -> ProbeResult:
    """Say no to a probe."""
    probe = request.probe
    return ProbeResult(name=probe.name, kind=probe.kind, where=probe.where, ok=False, attempts=3, evidence="not ready")


def names_of(requests: list[RunProbe]) -> list[str]:
    """Return the probes that were asked, in order."""
    return [request.probe.name for request in requests]


def asked_of(script: Script, vm_id: str) -> list[RunProbe]:
    """Return what one machine was asked."""
    return [request for request in script.requests("run_probe") if request.vm_id == vm_id]


def _last(labels: list[str], label: str) -> int:
    return len(labels) - 1 - labels[::-1].index(label)


def of_target(task: VmTask) -> Callable[[RunProbe], bool]:
    """Tell whether a probe goes to the target."""
    return lambda request: request.vm_id == task.vm.target_id


async def test_every_probe_is_asked_of_the_target_once_it_has_booted(stage: Stage, script: Script) -> None:
    """Each with its own time and of the target; the report and the status have what each said."""
    task = make_task(verification=PROBES)
    handle = await stage.start_vm(task)
    await stage.approve(handle)

    asked = asked_of(script, task.vm.target_id)
    assert ["port", "page", "outside", "mine"] == names_of(asked)
    assert [240, 540, 240, 240] == [request.timeout_seconds for request in asked]
    labels = script.labels()
    assert labels.index("wait_for_boot") < _last(labels, "run_probe") < labels.index("commit_failover")
    report = await stage.report(handle)
    assert report.verification is not None
    assert report.verification == (await stage.status(handle)).verification
    assert [True] * 4 == [one.ok for one in report.verification.probes]
    assert report.verification.boot is not None
    assert report.test_failover is None


async def test_the_scripts_of_probes_do_not_travel_with_every_step(stage: Stage, script: Script) -> None:
    """Only the activity that asks a probe is handed it: histories stay small."""
    await stage.approve(await stage.start_vm(make_task(verification=PROBES)))
    tasks = [call.request.task for call in script.calls if hasattr(call.request, "task")]
    assert tasks
    assert all([] == task.verifying.probes for task in tasks)


FAILING: list[tuple[str, Any, str]] = [
    ("run_probe", no, "probe port (tcp): not ready"),
    (
        "wait_for_boot",
        Boot(ok=False, evidence="its agent reports Not Ready after 1800 s"),
        "its agent reports Not Ready",
    ),
    (
        "verify_target",
        Verification(
            mismatches=[{"field": "number of network interfaces", "expected": "1", "actual": "0"}],  # type: ignore[list-item]
            compared=[Comparison(field="number of network interfaces", expected="1", actual="0", ok=False)],
            target_power_state=RUNNING,
            source_power_state="PowerState/deallocated",
        ),
        "number of network interfaces is 0, wanted 1",
    ),
]


@pytest.mark.parametrize(("step", "answer", "told"), FAILING, ids=[step for step, *_ in FAILING])
async def test_a_target_that_does_not_serve_is_rolled_back(
    stage: Stage, script: Script, world: World, step: str, answer: Any, told: str
) -> None:
    """Whatever part of the verification says no, the source serves again and nothing is left."""
    task = make_task(verification=PROBES)
    script.on(step, answer, when=of_target(task) if step == "run_probe" else lambda _: True)
    handle = await stage.start_vm(task)
    ending = await handle.result()

    assert Outcome.ROLLED_BACK == ending.outcome
    assert ending.reason.startswith("verifying the target: ")
    assert told in ending.reason
    assert RUNNING == world.power_of(task.vm.source_id)
    assert set() == world.resources
    proof = (await stage.report(handle)).verification
    assert proof is not None
    assert [told] == [told for failure in proof.failures if told in failure]


async def test_after_a_no_the_other_probes_are_asked_once(stage: Stage, script: Script) -> None:
    """The verdict stands: the rest is asked for the record, without waiting for it."""
    task = make_task(verification=PROBES)
    script.on("run_probe", no, when=of_target(task))
    await (await stage.start_vm(task)).result()
    assert [240, 0, 0, 0] == [request.timeout_seconds for request in asked_of(script, task.vm.target_id)]


async def test_the_source_is_asked_before_it_stops_and_again_on_the_way_back(stage: Stage, script: Script) -> None:
    """Once each before the failover; on the way back until they hold, but for what did not hold before either."""
    task = make_task(verification=PROBES)
    source = lambda request: request.vm_id == task.vm.source_id and request.probe.name == "page"  # noqa: E731
    script.on("run_probe", no, when=source)
    script.on("run_probe", no, when=of_target(task))
    handle = await stage.start_vm(task)
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome

    asked = asked_of(script, task.vm.source_id)
    assert ["port", "page", "outside", "mine", "port", "outside", "mine"] == names_of(asked)
    assert [0, 0, 0, 0, 240, 240, 240] == [request.timeout_seconds for request in asked]
    labels = script.labels()
    assert labels.index("run_probe") < labels.index("start_failover")
    assert labels.index("start_vm") < _last(labels, "run_probe") < _last(labels, "disable_replication")
    assert [True, None, True, True] == [one.ok for one in (await stage.report(handle)).source_probes]


async def test_nothing_is_deleted_before_the_source_serves_as_it_did(
    stage: Stage, script: Script, world: World
) -> None:
    """A source that does not hold on the way back what it held before is a person's to judge."""
    task = make_task(verification=PROBES)
    script.on("run_probe", no, when=of_target(task))
    script.on("run_probe", no, when=lambda request: request.vm_id == task.vm.source_id and request.timeout_seconds > 0)
    handle = await stage.start_vm(task)
    await stage.until_asked(handle, "the source runs, and does not serve: proving that the source serves: probe port")
    assert world.is_there(task.vm.target_id)
    await stage.resolve(handle, "retry")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    assert set() == world.resources


async def test_trouble_of_the_environment_fails_no_machine(stage: Stage, script: Script) -> None:
    """A probe that could not be asked, for an expired secret say, holds and is asked again."""
    task = make_task(verification=PROBES)
    script.on("run_probe", environment_failure(), when=of_target(task))
    handle = await stage.start_vm(task)
    await stage.until_asked(handle, "the client secret has expired")
    await stage.resolve(handle, "retry")
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_the_same_probes_serve_the_test_failover(stage: Stage, script: Script) -> None:
    """Of the copy those are asked that make sense in an isolated network; it is cleaned up, and told as isolated."""
    task = make_task(failover=WITH_TEST, verification=PROBES)
    handle = await stage.start_vm(task)
    await stage.approve(handle)

    assert ["port", "mine"] == names_of(asked_of(script, task.vm.test_vm_id))
    labels = script.labels()
    assert labels.index("prove_isolation") < labels.index("start_test_failover")
    assert labels.index("run_probe") < labels.index("clean_up_test_failover") < labels.index("start_failover")
    test = (await stage.report(handle)).test_failover
    assert test is not None
    assert test.verification is not None
    assert "isolated" == test.second_copy
    assert test.started is not None
    assert test.ended is not None
    assert [True, None, None, True] == [one.ok for one in test.verification.probes]


async def test_a_probe_that_fails_in_the_test_cleans_up_and_leaves_the_source_alone(
    stage: Stage, script: Script, world: World
) -> None:
    """The copy is gone, the source was never touched, and no failover was started."""
    script.on("run_probe", no)
    task = make_task(failover=WITH_TEST, verification=PROBES)
    handle = await stage.start_vm(task)
    ending = await handle.result()

    assert Outcome.ROLLED_BACK == ending.outcome
    assert "testing the failover: probe port (tcp): not ready" == ending.reason
    assert {"start_failover", "deallocate_vm", "start_vm"}.isdisjoint(script.labels())
    assert (RUNNING, set()) == (world.power_of(task.vm.source_id), world.resources)
    test = (await stage.report(handle)).test_failover
    assert test is not None
    assert test.ended is not None


async def test_nothing_is_started_into_a_network_that_is_not_isolated(stage: Stage, script: Script) -> None:
    """It holds with the reason, is looked at again, and goes on once it is mended."""
    script.on("prove_isolation", LEAKY)
    handle = await stage.start_vm(make_task(failover=WITH_TEST))
    status = await stage.until_asked(handle, "is not isolated: it is peered with the hub")
    assert ["retry", "give_up"] == status.choices
    assert "start_test_failover" not in script.labels()
    await stage.resolve(handle, "retry")
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert 2 == script.labels().count("prove_isolation")


async def test_giving_up_a_network_that_is_not_isolated_leads_back(stage: Stage, script: Script, world: World) -> None:
    """The copy is thrown away; the source was never touched."""
    script.on("prove_isolation", LEAKY, times=0)
    task = make_task(failover=WITH_TEST)
    handle = await stage.start_vm(task)
    await stage.until_asked(handle, "is not isolated")
    await stage.resolve(handle, "give_up", "no other network")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    assert (RUNNING, set()) == (world.power_of(task.vm.source_id), world.resources)
    assert "start_test_failover" not in script.labels()


async def test_an_agent_that_was_silent_at_the_source_is_not_waited_for(stage: Stage, script: Script) -> None:
    """What the source did not have, the target need not have."""
    task = make_task()
    silent: SourceVm = source_of(task.vm).model_copy(update={"agent_ready": False})
    script.on("check_vm", VmCheck(findings=[], source=silent), times=0)
    await stage.approve(await stage.start_vm(task))
    assert [False] == [request.expects_agent for request in script.requests("wait_for_boot")]


def test_a_probe_names_its_kind() -> None:
    """What it asks by is told by the one key that it has."""
    kinds = [Probe.model_validate(probe).kind for probe in PROBES["probes"]]
    assert ["tcp", "http", "tcp", "command"] == kinds
