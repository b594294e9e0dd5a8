"""The control calls, each to the letter of what users' tools rely on."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests.simulator.compute_estate import SUBSCRIPTION, VM, machine, network, seed
from tests.support.cloud import Cloud
from tests.support.sim import Simulator

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/made"


def test_every_control_call_over_the_wire() -> None:
    """Status, content and effect of each call, without a token, on a simulator of its own."""
    with Simulator(seed=seed(network(), machine("web"))) as sim:
        sim.arm("PUT", GROUP, {"location": "westeurope"})
        sim.arm("POST", f"{VM}/web/runCommand", {"commandId": "RunShellScript", "script": ["true"]})
        sim.arm("POST", f"{VM}/web/retrieveBootDiagnosticsData")
        lines = sim.requests()
        later = sim.control("GET", f"requests?since={lines[1]['n']}")
        listed: list[dict[str, Any]] = sim.control("GET", "resources").json()
        fault = {
            "match": {"method": "GET", "path": "RESOURCEGROUPS/made$"},
            "effect": {"kind": "status", "status": 418},
        }
        asked = sim.control("POST", "faults", fault)
        met = [sim.arm("GET", GROUP).status_code for _ in range(2)]
        sim.control("POST", "faults", fault)
        cleared = sim.control("DELETE", "faults")
        after = sim.arm("GET", GROUP).status_code
        added = sim.control("POST", "seed", {"resources": [{"id": f"{GROUP}-too", "location": "uksouth"}]})
        too = sim.arm("GET", f"{GROUP}-too").json()
        clock = [sim.control("GET", "clock"), sim.control("POST", "clock", {"speed": 60, "advance_seconds": 5})]
        reset = sim.control("POST", "reset")
        gone = [sim.arm("GET", path).status_code for path in (GROUP, f"{GROUP}-too", f"{VM}/web")]

    assert [(1, False), (2, True), (3, True), (4, False)] == [(line["n"], line["write"]) for line in lines]
    assert [False, True, True, False] == [line["accepted"] for line in lines]
    assert len(lines) - 2 == len(later.text.splitlines())
    web = next(one for one in listed if one["id"] == f"{VM}/web")
    assert {"id", "type", "location", "created_by", "power_state"} == set(web)
    assert ("PowerState/running", "seed", "westeurope") == (web["power_state"], web["created_by"], web["location"])
    made = next(one for one in listed if one["id"] == GROUP)
    assert {"id", "type", "location", "created_by"} == set(made)
    assert sim.client_id == made["created_by"]
    assert (200, {"id"}) == (asked.status_code, set(asked.json()))
    assert ([418, 200], 200) == (met, after)
    assert cleared.ok
    assert added.ok
    assert "uksouth" == too["location"]
    assert [True, True] == [answer.ok for answer in clock]
    assert 60 == clock[1].json()["speed"]
    assert reset.ok
    assert [404, 404, 200] == gone


def test_an_hour_takes_a_second_at_the_highest_speed() -> None:
    """At 3,600 operations end in an instant, and nobody is told to come again sooner than in a second."""
    with Cloud(seed(network(), machine("web")), speed=3600) as cloud:
        started = cloud.arm("POST", f"{VM}/web/restart")
        end = time.monotonic() + 10
        while cloud.arm("GET", started.headers["Azure-AsyncOperation"]).json()["status"] == "InProgress":
            assert time.monotonic() < end
            time.sleep(0.01)

    assert "1" == started.headers["Retry-After"]


def test_buckets_fill_by_the_clock_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """In virtual time while nothing else is said; by the wall after the clock call said so."""
    wall = [1000.0]
    monkeypatch.setattr("simulator.throttling.time", SimpleNamespace(monotonic=lambda: wall[0]))
    with Cloud(seed(network(), machine("web")), speed=0) as cloud:
        cloud.world.throttle.configure(limits={"reads": [2, 1]})

        def ask(times: int) -> list[int]:
            return [cloud.arm("GET", "/subscriptions").status_code for _ in range(times)]

        assert [200, 200, 429] == ask(3)
        wall[0] += 100
        assert [429] == ask(1)
        cloud.advance(1)
        assert [200, 429] == ask(2)
        cloud.world.throttle.configure(clock="wall")
        assert [200, 200, 429] == ask(3)
        cloud.advance(100)
        assert [429] == ask(1)
        wall[0] += 1
        assert [200, 429] == ask(2)
