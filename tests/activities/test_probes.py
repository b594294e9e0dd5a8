"""The user's own probes against the simulated Azure: what they ask, for how long, and what they make of answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from activities.proving import ProbeActivities
from migration import ids
from migration.plan_verification import Probe
from migration.proofs import ProbeResult, RunProbe
from tests.activities.estate import SOURCE_GROUP, SUBSCRIPTION, machine_of

if TYPE_CHECKING:
    from tests.activities.stage import Stage

BEHAVIOUR = {
    "serves": {"http": {8080: {"/health": {"status": 200, "body": "all is well"}}, 443: 503}, "ports": [5432]},
    "slow": {"http": {8080: 200}, "serves_after_seconds": 5_000_000},
    "dead": {"agent": "never"},
    "judged": {"commands": {"is-ready": {"exit_code": 3, "output": "password=hunter2 not \x1b[31mready"}}},
    "windows": {"os": "Windows Server 2022 Datacenter", "http": {80: 200}},
}
HOLD: list[tuple[str, dict[str, Any], str]] = [
    ("serves", {"tcp": {"port": 5432}}, "127.0.0.1:5432 accepts connections"),
    ("serves", {"tcp": {"port": 22, "host": "localhost"}}, "localhost:22 accepts connections"),
    ("serves", {"http": {"port": 8080, "path": "/health", "contains": "is well"}}, "answers 200 with the text"),
    ("serves", {"http": {"url": "https://localhost/", "status": 503}}, "https://localhost:443/ answers 503"),
    ("serves", {"command": {"script": "systemctl is-active $1", "arguments": ["erp db"]}}, "exit code 0: active"),
    ("windows", {"http": {"port": 80}}, "http://127.0.0.1:80/ answers 200"),
    ("windows", {"command": {"script": "Write-Output fine\nexit 0"}}, "exit code 0: fine"),
]
FAIL: list[tuple[str, dict[str, Any], str]] = [
    ("serves", {"tcp": {"port": 5433}}, "nothing listens there"),
    ("serves", {"http": {"port": 8080, "path": "/nothing"}}, "answers 404, wanted 200"),
    ("serves", {"http": {"port": 8080, "path": "/health", "contains": "broken"}}, "without the text that is wanted"),
    ("serves", {"http": {"port": 443}}, "https://127.0.0.1:443/ answers 503, wanted 200"),
    ("serves", {"http": {"port": 81}}, "nothing listens there"),
    ("slow", {"tcp": {"port": 8080}}, "nothing listens there"),
    ("dead", {"tcp": {"port": 22}}, "has not reported status for VM agent"),
    ("judged", {"command": {"script": "is-ready"}}, "exit code 3: *** not [31mready"),
    ("serves", {"command": {"script": "no-such-program"}}, "exit code 127: script.sh"),
    ("windows", {"command": {"script": "throw 'not today'"}}, "exit code 1"),
    ("absent", {"tcp": {"port": 22}}, "ResourceNotFound"),
    ("absent", {"tcp": {"port": 22}, "where": "worker"}, "has no network interface"),
]


def vm_of(name: str) -> str:
    """Return the id of a machine of these tests."""
    return ids.vm_id(SUBSCRIPTION, SOURCE_GROUP, f"probed-{name}")


CASES = [*HOLD, *FAIL]


@pytest.fixture(scope="module")
async def probed(bare_stage: Stage) -> Stage:
    """Add machines that behave in every way: one for each case, since Azure takes one command at a time in each."""
    wanted = {name: name for name in BEHAVIOUR} | {f"{name}-{n}": name for n, (name, *_) in enumerate(CASES)}
    for number, (name, kind) in enumerate(wanted.items(), 200):
        behaviour = BEHAVIOUR.get(kind)
        if behaviour is None:
            continue
        resources = machine_of(f"probed-{name}", number)
        if kind == "windows":
            resources[-1]["properties"]["storageProfile"]["osDisk"]["osType"] = "Windows"
            resources[0]["properties"]["osType"] = "Windows"
        bare_stage.sim.seed({"resources": resources, "behaviour": {vm_of(name): behaviour}})
        if kind == "slow":
            bare_stage.sim.follow(bare_stage.sim.arm("POST", f"{vm_of(name)}/restart"))
    return bare_stage


@pytest.fixture(scope="module")
async def answers(probed: Stage) -> list[ProbeResult]:
    """Ask all cases at once."""
    return await asyncio.gather(*(ask(probed, f"{name}-{n}", probe) for n, (name, probe, _) in enumerate(CASES)))


async def ask(stage: Stage, name: str, probe: dict[str, Any], **times: int) -> ProbeResult:
    """Ask one probe of a machine."""
    request = RunProbe(
        vm_id=vm_of(name),
        os_type="Windows" if name.startswith("windows") else "Linux",
        probe=Probe.model_validate({"name": "mine", **probe}),
        **{"timeout_seconds": 0, "interval_seconds": 1, **times},
    )
    result: ProbeResult = await stage.run(ProbeActivities.run_probe, request)
    return result


@pytest.mark.parametrize("index", range(len(HOLD)), ids=[f"{name}-{probe}"[:50] for name, probe, _ in HOLD])
def test_a_probe_holds(answers: list[ProbeResult], index: int) -> None:
    """A port that listens, a page as wanted and a script that ends with 0 are a yes, with what was seen."""
    result, told = answers[index], HOLD[index][2]
    assert (True, 1, "mine") == (result.ok, result.attempts, result.name), result
    assert told in result.evidence
    assert result.started <= result.ended


@pytest.mark.parametrize("index", range(len(FAIL)), ids=[f"{name}-{probe}"[:50] for name, probe, _ in FAIL])
def test_a_probe_that_does_not_hold_says_why(answers: list[ProbeResult], index: int) -> None:
    """Whatever a machine answers, or does not, is a no with its cause, and never an error."""
    result, told = answers[len(HOLD) + index], FAIL[index][2]
    assert (False, 1) == (result.ok, result.attempts), result
    assert told in result.evidence
    assert "hunter2" not in result.evidence


async def test_a_probe_is_tried_again_until_it_holds(probed: Stage) -> None:
    """A service that comes up late is a yes, after some tries; each is one run command."""
    mark = probed.mark
    waiting = asyncio.create_task(ask(probed, "slow", {"tcp": {"port": 8080}}, timeout_seconds=60))
    while len(probed.writes("probed-slow/runCommand", mark)) < 2 and not waiting.done():
        await asyncio.sleep(0.05)  # the second try is sent once the first has ended with a no
    probed.sim.seed({"resources": [], "behaviour": {vm_of("slow"): {"http": {8080: 200}}}})
    result = await waiting

    assert result.ok, result
    assert result.attempts >= 2
    assert result.attempts == len(probed.writes("probed-slow/runCommand", mark))


async def test_what_a_person_wrote_is_never_part_of_our_script(probed: Stage) -> None:
    """The script that is sent is the file of the package; the user's own goes beside it, in base64."""
    mark = probed.mark
    text = "'; $(touch /tmp/x) `id` \""
    result = await ask(probed, "serves", {"command": {"script": "echo $1", "arguments": [text]}})

    assert result.ok
    assert text.replace('"', "")[:8] in result.evidence
    assert 1 == len(probed.writes("probed-serves/runCommand", mark))


async def test_trouble_of_our_own_is_no_verdict(probed: Stage) -> None:
    """A refusal of the environment is an error that the workflow holds for, not a machine that fails."""
    probed.sim.fault(
        {"kind": "status", "status": 403, "body": {"error": {"code": "AuthorizationFailed", "message": "no"}}},
        method="POST",
        path="probed-serves/runCommand",
        times=0,
    )
    try:
        with pytest.raises(Exception, match=r"probing.*AuthorizationFailed") as failure:
            await probed.run(
                ProbeActivities.run_probe,
                RunProbe(
                    vm_id=vm_of("serves"),
                    os_type="Linux",
                    probe=Probe.model_validate({"name": "mine", "tcp": {"port": 22}}),
                    timeout_seconds=5,
                    interval_seconds=1,
                ),
                retries=1,
            )
    finally:
        probed.sim.clear_faults()
    assert "EnvironmentFailure" == failure.value.type  # type: ignore[attr-defined]
