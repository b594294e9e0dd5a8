"""State: what a crash keeps, how time goes on, how the process starts and stops."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.clock import parse_time
from simulator.estates.__main__ import main as estates
from tests.support.sim import ROOT, Simulator


def group(sim: Simulator, name: str = "g") -> str:
    """A group's id."""
    return f"/subscriptions/{sim.subscription_id}/resourceGroups/{name}"


def test_crash_loses_nothing_that_was_answered(sim: Simulator) -> None:
    """After SIGKILL: same port, authority, credentials, tokens, resources, log, clock, and the operation goes on."""
    before = (sim.ready, Path(sim.ca_file).read_bytes(), sim.token())
    sim.arm("PUT", group(sim), {"location": "westeurope"})
    sim.arm("PUT", group(sim, "kept"), {"location": "westeurope"})
    started = sim.arm("DELETE", group(sim))
    sim.clock(advance_seconds=30)
    time_before, log_before = sim.clock()["virtual"], sim.requests()
    sim.kill()
    sim.restart()

    assert before == (sim.ready, Path(sim.ca_file).read_bytes(), sim.token())
    assert log_before == sim.requests()
    assert sim.clock()["virtual"] >= time_before
    assert 202 == sim.arm("GET", started.headers["Location"]).status_code
    sim.advance(60)
    assert 204 == sim.arm("GET", started.headers["Location"]).status_code
    assert [404, 200] == [sim.arm("GET", group(sim, name)).status_code for name in ("g", "kept")]
    assert log_before[-1]["n"] + 3 <= sim.requests()[-1]["n"]


def test_a_saved_state_goes_on_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A state saved while the simulator runs has tokens, operations, faults, buckets and log; both go their own way."""
    file, folder = tmp_path / "saved.zip", tmp_path / "again"
    with Simulator(speed=0) as sim:
        sim.arm("PUT", group(sim), {"location": "westeurope"})
        started = sim.arm("DELETE", group(sim))
        sim.fault({"kind": "status", "status": 418}, path="/tenants$", nth=2)
        sim.arm("GET", "/tenants")
        log, token = sim.requests(), sim.token()
        left = sim.arm("GET", "/subscriptions").headers["x-ms-ratelimit-remaining-tenant-reads"]
        assert 0 == estates(["save", str(sim.state_dir), str(file)])
        sim.advance(120)
        assert 404 == sim.arm("GET", group(sim)).status_code
    assert 0 == estates(["load", str(file), str(folder)])
    with Simulator(speed=0, state_dir=folder) as copy:
        location = started.headers["Location"].replace(sim.endpoint, copy.endpoint)
        answers = [copy.arm("GET", path, token=token) for path in ("/subscriptions", group(copy), location, "/tenants")]
        assert log == copy.requests()[: len(log)]

    assert [200, 200, 202, 418] == [answer.status_code for answer in answers]
    assert int(left) - 1 == int(answers[0].headers["x-ms-ratelimit-remaining-tenant-reads"])
    assert 0o600 == file.stat().st_mode & 0o777
    for wrong in (["load", str(file), str(folder)], ["save", str(tmp_path), str(file)], ["load", __file__, "new"]):
        assert 2 == estates(wrong)
    told = capsys.readouterr().err
    assert all(words in told for words in ("is not empty", "holds no simulator's state", "is no saved state"))


def test_every_write_survives_a_crash_at_once(sim: Simulator) -> None:
    """SIGKILL right after an answer, many times over, loses none of the answered writes."""
    names = []
    for turn in range(4):
        names += [f"g{turn}-{index}" for index in range(5)]
        for name in names[-5:]:
            assert 201 == sim.arm("PUT", group(sim, name), {"location": "westeurope"}).status_code
        sim.kill()
        sim.restart()

    listed = sim.arm("GET", f"/subscriptions/{sim.subscription_id}/resourceGroups").json()["value"]
    assert names == [found["name"] for found in listed]


def test_time_stands_still_while_the_process_is_down() -> None:
    """A restart goes on from the last virtual time, whatever passed outside."""
    with Simulator(speed=1000) as sim:
        began = time.monotonic()
        before = parse_time(sim.clock()["virtual"])
        sim.kill()
        killed = time.monotonic()
        time.sleep(1)
        restarted = time.monotonic()
        sim.restart()
        after = parse_time(sim.clock()["virtual"])
        running = killed - began + time.monotonic() - restarted

    assert 0 <= (after - before).total_seconds() < 1000 * running


def test_clock_runs_and_jumps(sim: Simulator) -> None:
    """Speed and advance change the virtual clock; a restart keeps the speed that a call had set."""
    start = parse_time(sim.clock()["virtual"])
    jumped = parse_time(sim.clock(advance_seconds=3600)["virtual"])
    sim.clock(speed=500)
    sim.kill()
    sim.restart()

    assert 3600 <= (jumped - start).total_seconds() < 3630
    assert 500 == sim.clock()["speed"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"speed": -1}, "speed: give a number from 0"),
        ({"speed": "fast"}, "speed: give a number from 0"),
        ({"advance_seconds": -1}, "advance_seconds: give a number from 0"),
        ({"advance": 1}, "clock: give an object with"),
        ({"throttle_clock": "moon"}, "throttle_clock: give"),
        ({"throttling": {"limits": {"reads": 5}}}, "throttling.limits: give"),
    ],
)
def test_malformed_clock_call_is_refused(shared_sim: Simulator, change: object, words: str) -> None:
    """A clock call that makes no sense gives 400 and says what would be right."""
    answer = shared_sim.control("POST", "clock", change)

    assert 400 == answer.status_code
    assert words in answer.json()["error"]


def test_unknown_control_call(shared_sim: Simulator) -> None:
    """A control call that does not exist gives 404, and none of them is in the request log."""
    assert 404 == shared_sim.control("GET", "nothing").status_code
    assert 400 == shared_sim.control("GET", "requests?since=x").status_code
    assert [] == [line for line in shared_sim.requests() if "_simulator" in line["path"]]


def test_request_log_is_read_in_parts(sim: Simulator) -> None:
    """The log is numbered from 1 and read from any number on, with exactly the agreed fields."""
    sim.arm("GET", "/subscriptions")
    lines = sim.requests()

    assert [1, 2] == [line["n"] for line in lines]
    assert lines[1:] == sim.requests(since=1)
    expected = [
        "n",
        "wall",
        "virtual",
        "method",
        "path",
        "query",
        "status",
        "identity",
        "client_request_id",
        "write",
        "accepted",
    ]
    assert expected == list(lines[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_process_at_once(number: int) -> None:
    """SIGTERM and SIGINT end it cleanly, even while an answer is held back for a minute."""
    with Simulator() as sim:
        sim.token()
        sim.fault({"kind": "hang", "seconds": 60}, path="/subscriptions")
        with socket.create_connection(("127.0.0.1", int(sim.endpoint.rpartition(":")[2]))):
            with pytest.raises(Exception, match=r"[Tt]imed out"):
                sim.arm("GET", "/subscriptions", timeout=0.2)
            sim.process.send_signal(number)
            code = sim.process.wait(20)

        assert 0 == code


def test_taken_port_is_said_in_one_line(shared_sim: Simulator) -> None:
    """A port that another process has gives one line with what to do."""
    port = shared_sim.endpoint.rpartition(":")[2]
    run = subprocess.run(
        [sys.executable, "-m", "simulator", "--port", port], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert 1 == run.returncode
    assert f"listening on 127.0.0.1:{port}: another process has it" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("option", [["--speed", "-1"], ["--speed", "nan"], ["--port", "70000"], ["--start", "noon"]])
def test_bad_option_is_refused(option: list[str]) -> None:
    """Options that make no sense end with exit code 2."""
    run = subprocess.run(
        [sys.executable, "-m", "simulator", *option], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert 2 == run.returncode


def test_it_listens_on_loopback_alone(shared_sim: Simulator) -> None:
    """No other address of the machine answers."""
    port = int(shared_sim.endpoint.rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback")

    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection((address, port), timeout=1)


def test_long_lists_are_quick(sim: Simulator) -> None:
    """A list of 1,000 resources takes little more than a client needs to make sense of it."""
    scope = f"/subscriptions/{sim.subscription_id}/resourceGroups/many/providers/Microsoft.Compute/disks"
    filler = {"creationData": {"createOption": "Empty"}, "text": "x" * 2000}
    disks = [{"id": f"{scope}/d{n}", "location": "westeurope", "properties": filler} for n in range(1000)]
    sim.seed({"resources": disks})
    answering, reading = [], []
    for _ in range(5):
        start = time.monotonic()
        answer = sim.arm("GET", f"/subscriptions/{sim.subscription_id}/resources")
        answering.append(time.monotonic() - start)
        start = time.monotonic()
        resources = json.loads(answer.text)["value"]
        reading.append(time.monotonic() - start)

    assert 1000 == len(resources)
    # The best of five: this machine may be busy with something else.
    assert min(answering) < 30 * min(reading)
