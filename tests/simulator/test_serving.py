"""What a machine serves, prints while it boots, and brings over: by its seed, through the real SDK."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.compute_estate import GROUP, VM, compute, machine, network, seed
from tests.support.sim import Simulator

PAGES = {"8080": {"/health": {"status": 200, "body": "all is well"}}, "443": 503}
BEHAVIOUR = {
    f"{VM}/web": {"http": PAGES, "ports": [5432], "commands": {"pg_isready": {"exit_code": 2, "output": "no answer"}}},
    f"{VM}/late": {"http": {"80": 200}, "serves_after_seconds": 900, "boot_seconds": 600},
    f"{VM}/broken": {"serial_log": "panic", "agent": "never"},
}


@pytest.fixture(scope="module")
def estate() -> Iterator[Simulator]:
    """Machines that serve, that are late, and that do not boot; two keep a serial log."""
    machines = [machine("web"), machine("late"), machine("broken"), machine("win", os_type="Windows")]
    for logged in machines[:3:2]:
        logged["properties"]["diagnosticsProfile"] = {"bootDiagnostics": {"enabled": True}}
    with Simulator(seed=seed(network(), *machines, behaviour=BEHAVIOUR), speed=600) as simulator:
        yield simulator


def run(estate: Simulator, name: str, text: str, **parameters: str) -> str:
    """Return what run command says of a script."""
    command: Any = {
        "commandId": "RunPowerShellScript" if name == "win" else "RunShellScript",
        "script": text.splitlines(),
        "parameters": [{"name": key, "value": value} for key, value in parameters.items()],
    }
    result = compute(estate).virtual_machines.begin_run_command(GROUP, name, command).result()
    return (result.value or [])[0].message or ""


def encoded(text: str) -> str:
    """Return text as parameters carry it."""
    return base64.b64encode(text.encode()).decode()


def last_line(output: str) -> dict[str, Any]:
    """Return the last JSON line of an output."""
    return dict(json.loads([line for line in output.splitlines() if line.startswith("{")][-1]))


def test_pages_ports_and_scripts_answer_as_the_seed_says(estate: Simulator) -> None:
    """A script of one's own and the probe `serves` meet the same machine."""
    script = (
        "curl -s http://localhost:8080/health; curl -s -o /dev/null -w '%{http_code}' https://localhost/; "
        "curl -fs http://localhost:8080/x || echo $?"
    )
    ask = {"target_host": "127.0.0.1", "seconds": "5", "scheme": "http", "location": "/health", "verify": "no"}
    page = run(estate, "web", "# probe: serves", kind="http", target_port="8080", wanted=encoded("is well"), **ask)
    port = run(estate, "web", "# probe: serves", kind="tcp", target_port="5433", **ask)
    command = run(estate, "web", "# probe: serves", kind="command", script=encoded("pg_isready -q"), arguments="-")
    given = {"script": encoded('echo "$1" && exit 3'), "arguments": f".{encoded('a b')}"}
    argument = run(estate, "web", "# probe: serves", kind="command", **given)

    assert "all is well\n50322\n" in run(estate, "web", script)
    assert {"probe": "http", "result": "ok", "status": 200, "contains": "yes"} == last_line(page)
    assert {"probe": "tcp", "result": "refused"} == last_line(port)
    assert {"probe": "command", "exit_code": 2} == last_line(command)
    assert "no answer" in command
    assert "a b\n" in argument
    assert {"probe": "command", "exit_code": 3} == last_line(argument)
    assert "no answer" in run(estate, "web", "pg_isready")


def test_powershell_ends_with_its_exit_code(estate: Simulator) -> None:
    """What comes after exit does not run; throw is a failure."""
    for script, code in (("Write-Output a\nexit 4\nWrite-Output b", 4), ("throw 'no'", 1), ("Write-Output a", 0)):
        output = run(estate, "win", "# probe: serves", kind="command", script=encoded(script), arguments="-")
        assert {"probe": "command", "exit_code": code} == last_line(output)
        assert "b" not in output.partition("{")[0]


def test_a_machine_comes_up_in_its_own_time(estate: Simulator) -> None:
    """Its agent is ready, and its services listen, as long after its boot as the seed says."""
    estate.clock(speed=0)
    try:
        estate.follow(estate.arm("POST", f"{VM}/late/restart"))
        agents = []
        for _ in range(3):
            view = estate.arm("GET", f"{VM}/late/instanceView").json()
            agents.append(view["vmAgent"]["statuses"][0]["displayStatus"])
            estate.advance(400)
        assert ["Not Ready", "Not Ready", "Ready"] == agents
    finally:
        estate.clock(speed=600)
    output = run(estate, "late", "# probe: serves", kind="tcp", target_host="localhost", target_port="80")
    assert {"probe": "tcp", "result": "ok"} == last_line(output)


def test_the_serial_log_is_a_signed_blob(estate: Simulator) -> None:
    """It opens without a token, not without its signature, and holds what the machine printed."""
    for name, status, shown in (("web", 200, "web login:"), ("broken", 200, "Kernel panic"), ("late", 404, "")):
        told = estate.arm("POST", f"{VM}/{name}/retrieveBootDiagnosticsData").json()
        address = told["serialConsoleLogBlobUri"]
        answer = estate.http.get(address, timeout=30)
        assert (status, True) == (answer.status_code, shown in answer.text)
        assert 403 == estate.http.get(address.replace("sig=", "sig=0"), timeout=30).status_code
        assert 403 == estate.http.get(address.partition("?")[0], timeout=30).status_code
        assert 404 == estate.http.get(told["consoleScreenshotBlobUri"], timeout=30).status_code
