"""Run command through the real SDK: one at a time, 4096 bytes, answers of the seeded guest."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from tests.simulator.compute_estate import GROUP, VM, compute, machine, network, seed
from tests.support.sim import Simulator

BEHAVIOUR = {
    f"{VM}/fenced": {
        "outbound": {"*.servicebus.windows.net": "blocked", "login.microsoftonline.com": "timeout"},
        "dns": ["*.internal.example"],
        "certificates": {"DigiCert Global Root G2": "missing", "DigiCert Global Root CA": "expired"},
        "services": {"nginx": "failed"},
        "os": {"name": "ubuntu", "version": "20.04", "kernel": "5.4.0-1109-azure"},
        "hostname": "fenced-host",
    },
    f"{VM}/island": {"outbound": "blocked"},
    f"{VM}/proxied": {"proxy": "authenticated"},
    f"{VM}/mute": {"agent": "not_ready"},
    f"{VM}/off": {"power_state": "deallocated"},
}
NAMES = ("web", "fenced", "island", "proxied", "mute", "off")


@pytest.fixture(scope="module")
def estate() -> Iterator[Simulator]:
    """Machines whose guests differ; one runs Windows."""
    machines = [*map(machine, NAMES), machine("win", os_type="Windows")]
    with Simulator(seed=seed(network(), *machines, behaviour=BEHAVIOUR), speed=600) as simulator:
        yield simulator


def _run(estate: Simulator, name: str, script: str, **parameters: str) -> list[dict[str, Any]]:
    """The JSON lines that a script printed in a Linux machine."""
    command: Any = {
        "commandId": "RunShellScript",
        "script": script.splitlines(),
        "parameters": [{"name": key, "value": value} for key, value in parameters.items()],
    }
    result = compute(estate).virtual_machines.begin_run_command(GROUP, name, command).result()
    message = (result.value or [])[0].message or ""
    printed = message.partition("[stdout]\n")[2].partition("\n[stderr]")[0]
    return [json.loads(line) for line in printed.splitlines() if line]


def test_probe_of_outbound_connections(estate: Simulator) -> None:
    """Each endpoint is answered as the guest reaches it: by exact name, by pattern, by DNS."""
    hosts = "login.microsoftonline.com:443,pod01.servicebus.windows.net,db.internal.example,x.blob.core.windows.net"

    lines = _run(estate, "fenced", "#!/bin/sh\n# probe: outbound\ncurl ...", endpoints=hosts)

    assert ["timeout", "blocked", "dns", "ok"] == [line["result"] for line in lines]


@pytest.mark.parametrize(("name", "expected"), [("island", "blocked"), ("proxied", "proxy"), ("web", "ok")])
def test_probe_of_the_way_out(estate: Simulator, name: str, expected: str) -> None:
    """No way out, a proxy that wants a password, and an open way are told apart."""
    lines = _run(estate, name, "# probe: outbound", endpoints="login.microsoftonline.com")

    assert [expected] == [line["result"] for line in lines]


def test_probes_of_the_guest(estate: Simulator) -> None:
    """Certificates, services and the system itself are those of the seed."""
    system = _run(estate, "fenced", "# probe: system")[0]

    roots = {"missing": ["DigiCert Global Root G2"], "expired": ["DigiCert Global Root CA"]}
    assert [roots] == _run(estate, "fenced", "# probe: certificates")
    assert ["failed", "active"] == [
        line["state"] for line in _run(estate, "fenced", "# probe: service", service="nginx,sshd")
    ]
    assert ("fenced-host", "ubuntu", "20.04", "5.4.0-1109-azure") == (
        system["hostname"],
        system["os"],
        system["version"],
        system["kernel"],
    )


def test_plain_script_is_run(estate: Simulator) -> None:
    """A script of one's own is run by a shell: both streams and the exit code come back as Azure shows them."""
    script = ["systemctl is-active $service", "curl -sS https://x.servicebus.windows.net", "exit 3"]
    command: Any = {
        "commandId": "RunShellScript",
        "script": script,
        "parameters": [{"name": "service", "value": "nginx"}],
    }
    result = compute(estate).virtual_machines.begin_run_command(GROUP, "fenced", command).result()
    message = (result.value or [])[0].message or ""

    assert message.startswith("Enable failed: failed to execute command: command terminated with exit status=3\n")
    assert "[stdout]\nfailed\n" in message
    assert "[stderr]\ncurl: (28) Failed to connect to x.servicebus.windows.net port 443" in message


def test_command_of_the_other_system(estate: Simulator) -> None:
    """A shell script for Windows, or PowerShell for Linux, is refused."""
    body = {"commandId": "RunShellScript", "script": ["hostname"]}
    answers = [
        estate.arm("POST", f"{VM}/win/runCommand", body),
        estate.arm("POST", f"{VM}/web/runCommand", {**body, "commandId": "RunPowerShellScript"}),
    ]

    assert [(400, "InvalidParameter")] * 2 == [(it.status_code, it.json()["error"]["code"]) for it in answers]


def test_windows_answers_in_two_parts(estate: Simulator) -> None:
    """Windows has one entry for stdout and one for stderr, as in Microsoft's example."""
    command: Any = {
        "commandId": "RunPowerShellScript",
        "script": ["# probe: echo"],
        "parameters": [{"name": "a", "value": "ä"}],
    }

    result = compute(estate).virtual_machines.begin_run_command(GROUP, "win", command).result()

    entries = [(entry.code, entry.message) for entry in result.value or []]
    assert [
        ("ComponentStatus/StdOut/succeeded", '{"a": "\\u00e4"}'),
        ("ComponentStatus/StdErr/succeeded", ""),
    ] == entries


def test_output_ends_at_4096_bytes(estate: Simulator) -> None:
    """Of a long output the last 4096 bytes come back."""
    hosts = ",".join(f"host{number}.example.com" for number in range(100))
    command: Any = {
        "commandId": "RunShellScript",
        "script": ["# probe: outbound"],
        "parameters": [{"name": "endpoints", "value": hosts}],
    }

    result = compute(estate).virtual_machines.begin_run_command(GROUP, "web", command).result()

    printed = ((result.value or [])[0].message or "").partition("[stdout]\n")[2].partition("\n[stderr]")[0]
    assert 4096 == len(printed.encode())
    assert "host99.example.com" in printed


def test_one_script_at_a_time(estate: Simulator) -> None:
    """A second script on the same machine is refused with 409 Conflict; on another it runs."""
    body = {"commandId": "RunShellScript", "script": ["# probe: system"]}
    estate.clock(speed=1)
    first = estate.arm("POST", f"{VM}/web/runCommand", body)

    second = estate.arm("POST", f"{VM}/web/runCommand", body)
    other = estate.arm("POST", f"{VM}/fenced/runCommand", body)
    estate.advance(60)
    estate.clock(speed=600)

    assert [202, 409, 202] == [first.status_code, second.status_code, other.status_code]
    assert "Conflict" == second.json()["error"]["code"]
    assert 202 == estate.arm("POST", f"{VM}/web/runCommand", body).status_code
    estate.advance(60)


def test_machine_that_is_off_runs_nothing(estate: Simulator) -> None:
    """409 OperationNotAllowed on a deallocated machine."""
    command: Any = {"commandId": "RunShellScript", "script": ["true"]}

    with pytest.raises(ResourceExistsError) as caught:
        compute(estate).virtual_machines.begin_run_command(GROUP, "off", command)

    assert caught.value.error is not None
    assert "OperationNotAllowed" == caught.value.error.code


def test_silent_agent_ends_in_an_error(estate: Simulator) -> None:
    """Without a ready agent the command fails after a while, and says that the agent did not report."""
    command: Any = {"commandId": "RunShellScript", "script": ["true"]}

    with pytest.raises(HttpResponseError) as caught:
        compute(estate).virtual_machines.begin_run_command(GROUP, "mute", command).result()

    assert caught.value.error is not None
    assert "VMAgentStatusCommunicationError" == caught.value.error.code
