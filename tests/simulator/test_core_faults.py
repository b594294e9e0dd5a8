"""Faults: each kind through a real connection, what they match, and that they outlive a crash."""

import asyncio
import time

import aiohttp
import pytest
import requests

from tests.support.sim import Simulator


@pytest.fixture
def sim(shared_sim: Simulator) -> Simulator:
    """The module's simulator, back at its seed."""
    shared_sim.reset()
    return shared_sim


def group(sim: Simulator, name: str = "g") -> str:
    """A group's id."""
    return f"/subscriptions/{sim.subscription_id}/resourceGroups/{name}"


def put(sim: Simulator, name: str = "g", **tags: str) -> requests.Response:
    """Write a group."""
    return sim.arm("PUT", group(sim, name), {"location": "westeurope", "tags": tags})


def test_status_happens_instead(sim: Simulator) -> None:
    """The kind status answers as asked, and nothing happens in the cloud."""
    body = {"error": {"code": "Busy", "message": "later"}}
    sim.fault({"kind": "status", "status": 503, "headers": {"Retry-After": 7}, "body": body}, method="PUT")
    answer = put(sim)

    assert (503, "7", body) == (answer.status_code, answer.headers["Retry-After"], answer.json())
    assert 404 == sim.arm("GET", group(sim)).status_code
    assert (503, True, False) == tuple(sim.requests()[-2][key] for key in ("status", "write", "accepted"))


def test_status_after_happens_too(sim: Simulator) -> None:
    """The kind status_after lets it happen, then answers as asked."""
    sim.fault({"kind": "status_after", "status": 502}, method="put", path="/RESOURCEGROUPS/g$")

    assert 502 == put(sim).status_code
    assert 200 == sim.arm("GET", group(sim)).status_code
    assert (502, True) == tuple(sim.requests()[-2][key] for key in ("status", "accepted"))


@pytest.mark.parametrize(("kind", "happened"), [("reset_before", False), ("reset_after", True)])
def test_reset_closes_the_connection(sim: Simulator, kind: str, happened: bool) -> None:
    """The resets give no answer at all; only one of them lets it happen."""
    sim.token()
    sim.fault({"kind": kind}, method="PUT")
    with pytest.raises(requests.ConnectionError):
        put(sim)

    assert (200 if happened else 404) == sim.arm("GET", group(sim)).status_code
    assert (None, happened) == tuple(sim.requests()[-2][key] for key in ("status", "accepted"))


def test_hang_holds_the_answer_back(sim: Simulator) -> None:
    """The kind hang answers late, by the wall, while others are served."""
    sim.token()
    sim.fault({"kind": "hang", "seconds": 30}, method="PUT")
    start = time.monotonic()
    with pytest.raises(requests.Timeout):
        sim.arm("PUT", group(sim), {"location": "westeurope"}, timeout=0.2)
    other = sim.arm("GET", "/subscriptions")

    assert 200 == other.status_code
    assert time.monotonic() - start < 30
    sim.fault({"kind": "hang", "seconds": 0.6}, method="PUT")
    start = time.monotonic()
    assert 200 == put(sim).status_code
    assert time.monotonic() - start >= 0.6


def test_truncate_breaks_off_in_the_body(sim: Simulator) -> None:
    """The kind truncate announces more bytes than it sends."""
    sim.token()
    sim.fault({"kind": "truncate"}, path="/locations$")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        sim.arm("GET", f"/subscriptions/{sim.subscription_id}/locations")

    assert 200 == sim.requests()[-1]["status"]


async def test_truncate_is_seen_by_asynchronous_clients(sim: Simulator) -> None:
    """The asynchronous transport of the SDK sees the missing bytes as well."""
    url = f"{sim.endpoint}/subscriptions/{sim.subscription_id}/locations?api-version=1"
    headers = {"Authorization": f"Bearer {sim.token()}"}
    sim.fault({"kind": "truncate"}, path="/locations$")
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers, ssl=False) as answer:
        with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError)):
            await answer.read()
    # Its connector closes TLS connections in the background.
    await asyncio.sleep(0.05)


def test_operation_fails_at_its_end(sim: Simulator) -> None:
    """The kind operation_fails is accepted; the operation fails when its time has come."""
    put(sim)
    sim.fault({"kind": "operation_fails", "code": "Broken", "message": "it broke"}, method="DELETE")
    started = sim.arm("DELETE", group(sim))
    first = sim.arm("GET", started.headers["Location"])
    sim.advance(120)
    last = sim.arm("GET", started.headers["Location"])

    assert [202, 202, 409] == [started.status_code, first.status_code, last.status_code]
    assert {"code": "Broken", "message": "it broke"} == last.json()["error"]
    assert 200 == sim.arm("GET", group(sim)).status_code


def test_operation_never_ends(sim: Simulator) -> None:
    """The kind operation_never_ends keeps the operation in progress for ever."""
    put(sim)
    sim.fault({"kind": "operation_never_ends"}, method="DELETE")
    started = sim.arm("DELETE", group(sim))
    sim.advance(1_000_000)

    assert 202 == sim.arm("GET", started.headers["Location"]).status_code


def test_stale_reads_show_the_past(sim: Simulator) -> None:
    """The kind stale_reads shows what was there so many virtual seconds ago; writes see the present."""
    put(sim, "old", state="1")
    sim.advance(100)
    put(sim, "old", state="2")
    put(sim, "new")
    sim.fault({"kind": "stale_reads", "seconds": 50}, path="resourceGroups", times=0)

    assert {"state": "1"} == sim.arm("GET", group(sim, "old")).json()["tags"]
    assert 404 == sim.arm("GET", group(sim, "new")).status_code
    listed = sim.arm("GET", f"/subscriptions/{sim.subscription_id}/resourceGroups").json()["value"]
    assert [("old", "1")] == [(found["name"], found["tags"]["state"]) for found in listed]
    assert 200 == put(sim, "new").status_code
    sim.advance(51)
    assert {"state": "2"} == sim.arm("GET", group(sim, "old")).json()["tags"]


def test_stale_reads_still_show_what_was_deleted(sim: Simulator) -> None:
    """A stale read finds what has just been deleted."""
    put(sim)
    sim.advance(500)
    sim.follow(sim.arm("DELETE", group(sim)))
    sim.fault({"kind": "stale_reads", "seconds": 120}, path="resourceGroups/g$")

    assert 200 == sim.arm("GET", group(sim)).status_code
    assert 404 == sim.arm("GET", group(sim)).status_code


def test_foreign_operation_url(sim: Simulator) -> None:
    """The kind foreign_operation_url replaces the operation's URLs; the operation runs all the same."""
    put(sim)
    sim.fault({"kind": "foreign_operation_url", "url": "https://evil.example/op"}, method="DELETE")
    answer = sim.arm("DELETE", group(sim))
    sim.advance(120)

    assert (202, "https://evil.example/op") == (answer.status_code, answer.headers["Location"])
    assert 404 == sim.arm("GET", group(sim)).status_code


def test_nth_and_times(sim: Simulator) -> None:
    """A fault begins with the nth match and ends after so many."""
    sim.fault({"kind": "status", "status": 500}, method="GET", path="/SUBSCRIPTIONS$", nth=2, times=2)

    answers = [sim.arm("GET", "/subscriptions").status_code for _ in range(5)]
    assert [200, 500, 500, 200, 200] == answers


def test_an_operation_is_matched_by_its_name(sim: Simulator) -> None:
    """The id of the specification and RBAC actions with wildcards mean an operation, whatever the path."""
    sim.fault({"kind": "status", "status": 500}, operation="ResourceGroups_CreateOrUpdate")
    sim.fault({"kind": "status", "status": 501}, operation="Microsoft.Resources/*/resourceGroups/delete")

    assert [404, 500, 201] == [sim.arm("GET", group(sim)).status_code, put(sim).status_code, put(sim).status_code]
    assert [501, 202] == [sim.arm("DELETE", group(sim)).status_code for _ in range(2)]


def test_the_dice_fall_alike_for_a_seed(sim: Simulator) -> None:
    """With a probability some matches are met; which ones follows from the fault's seed."""

    def met(**match: object) -> list[bool]:
        sim.clear_faults()
        sim.fault({"kind": "status", "status": 500}, path="/subscriptions$", times=0, **match)
        return [500 == sim.arm("GET", "/subscriptions").status_code for _ in range(24)]

    one = met(probability=0.5, seed=1)

    assert one == met(probability=0.5, seed=1) != met(probability=0.5, seed=2)
    assert 4 < sum(one) < 20
    assert not any(met(probability=0))
    assert all(met(probability=1))


def test_faults_reach_the_sign_in(sim: Simulator) -> None:
    """The token endpoint can be out of order too."""
    sim.forget_tokens()
    sim.fault({"kind": "status", "status": 503}, path="oauth2")

    with pytest.raises(requests.HTTPError, match="503"):
        sim.token()


def test_clear_ends_every_fault(sim: Simulator) -> None:
    """DELETE forgets every fault."""
    sim.fault({"kind": "status", "status": 500}, times=0)
    assert 500 == sim.control("GET", "faults").json()[0]["effect"]["status"]
    sim.clear_faults()

    assert [] == sim.control("GET", "faults").json()
    assert 200 == sim.arm("GET", "/subscriptions").status_code


def test_crash_forgets_no_fault(sim: Simulator) -> None:
    """After SIGKILL and restart a fault goes on counting where it was."""
    sim.fault({"kind": "status", "status": 500}, path="/subscriptions$", nth=2, times=1)
    first = sim.arm("GET", "/subscriptions").status_code
    sim.kill()
    sim.restart()

    assert [200, 500, 200] == [first, *(sim.arm("GET", "/subscriptions").status_code for _ in range(2))]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"effect": {"kind": "explode"}}, "effect.kind: give one of status, status_after"),
        ({"effect": {"kind": "status"}}, "effect.status: needed"),
        ({"effect": {"kind": "status", "status": "500"}}, "effect.status: give a value of type int"),
        ({"effect": {"kind": "status", "status": 9000}}, "effect.status: give an HTTP status"),
        ({"effect": {"kind": "hang", "seconds": -1}}, "effect.seconds: give a number from 0"),
        ({"effect": {"kind": "truncate", "bytes": 1}}, "effect.bytes: not known"),
        ({"match": {"path": "("}, "effect": {"kind": "truncate"}}, "match.path: not a regular expression"),
        ({"match": {"nth": 0}, "effect": {"kind": "truncate"}}, "match.nth: give a whole number from 1"),
        ({"match": {"url": "x"}, "effect": {"kind": "truncate"}}, "match.url: not known"),
        ({"match": {"vm": 1}, "effect": {"kind": "truncate"}}, "match.vm: give a text"),
        ({"match": {"seed": 1.5}, "effect": {"kind": "truncate"}}, "match.seed: give a whole number"),
        ({"match": {"probability": 2}, "effect": {"kind": "truncate"}}, "match.probability: give a number from 0 to 1"),
        ({"match": {"operation": "VirtualMachine_Start"}, "effect": {"kind": "truncate"}}, "'virtualmachinesstart'?"),
        ([], "fault: give an object"),
    ],
)
def test_malformed_fault_is_refused(shared_sim: Simulator, fault: object, words: str) -> None:
    """A fault that makes no sense gives 400 and says which field and what would be right."""
    answer = shared_sim.control("POST", "faults", fault)

    assert 400 == answer.status_code
    assert words in answer.json()["error"]
