"""Figures from a cloud's log."""

from typing import Any

import pytest

from benchmarks import measures
from benchmarks.cloudlog import BOOT, Operation, Request, boots_of, operations_of, seconds_of
from tests.benchmarks.logs import ITEM, PATH, chain, line, log


def test_the_critical_path_is_the_longest_chain_of_operations() -> None:
    """Without the gaps between them, and without a machine that did not go all the way."""
    unfinished = chain("vm-0003", longer=900)[:-1]

    assert pytest.approx(PATH + 60) == measures.critical_path(
        log(*chain("vm-0001"), *chain("vm-0002", gap=500, longer=60), *unfinished)
    )
    assert 0 == measures.critical_path(log(*unfinished))


def test_what_bounds_a_fleet() -> None:
    """ARM's buckets beyond what they hold, and the waves that the protected disks force; a 429 took nothing."""
    reads = [line(1, f"{ITEM}/vm-0001", status=429 if number % 2 else 200) for number in range(2_500)]
    writes = [line(1, f"{ITEM}/vm-0001", "PUT", accepted=True)] * 300

    found = measures.bounds(log(*chain("vm-0001"), requests=[*reads, *writes]), disks=6_001)

    assert {"critical path": PATH, "reads": 40.0, "writes": 10.0, "deletes": 0.0, "disks": 3 * PATH} == found


def test_requests_are_counted_by_machine() -> None:
    """Signing in is none of them; what was accepted twice is told; a throttled read is no read."""
    lines = [
        line(1, "/tenant/oauth2/v2.0/token", "POST"),
        line(2, f"{ITEM}/vm-0001", "PUT", 202, accepted=True),
        line(3, f"{ITEM}/VM-0001", "PUT", 202, accepted=True),
        line(4, f"{ITEM}/vm-0002"),
        line(5, f"{ITEM}/vm-0002", status=429),
        line(6, "/subscriptions/s/providers/Microsoft.Authorization/locks"),
    ]

    found = measures.requests(log(requests=lines), machines=2)

    assert (5, 1, 0.2) == (found["all"], found["429"], found["share_of_429"])
    assert (1.0, 1.0, 1) == (found["reads_per_vm"], found["writes_per_vm"], found["repeated_writes"])
    assert {"items": 1.0, "permissions and locks": 0.5} == found["reads_by_kind_per_vm"]


def _seen(*requests: Request) -> dict[str, float]:
    operation = Operation("vm-0001", "fail over", 1_000, 2_000, job="0f-1")
    return measures.detection(log(operation, requests=list(requests)))


@pytest.mark.parametrize(
    "path",
    [
        f"{ITEM}/vm-0001-8ab3f15b",
        ITEM,
        "/subscriptions/s/vaults/v/replicationJobs",
        "/subscriptions/s/vaults/v/replicationJobs/0F-1",
        "/subscriptions/s/vaults/v/replicationOperationStatus/0f-1",
    ],
)
def test_an_end_is_seen_by_whoever_looks(path: str) -> None:
    """A read of the item, of the job by any of its names, or a list; 2 % of the operation's time are allowed."""
    found = _seen(line(1_999, path), line(2_010, path))

    assert (10.0, 0.5, 1.0) == (found["median_seconds"], found["p95_of_allowed"], found["in_time"])


def test_an_end_is_not_seen_by_others() -> None:
    """Another machine's reads, other jobs' and writes tell nothing; a throttled read neither."""
    other = [line(2_001, f"{ITEM}/vm-0002"), line(2_001, "/x/replicationJobs/0f-2"), line(2_001, ITEM, status=429)]

    assert 1.5 == _seen(*other, line(2_001, f"{ITEM}/vm-0001", "POST"), line(2_030, ITEM))["p95_of_allowed"]
    assert 0 == _seen(*other)["in_time"]


def test_steps_are_timed_by_the_wall() -> None:
    """From an operation's end to the next one; the first copy needs no call, and the commit waits for a person."""
    assert [pytest.approx(1.0)] * 3 == measures.steps(log(*chain("vm-0001", gap=10)))


def _job(scenario: str, start: str, *ends: str, state: str = "Succeeded", name: str = "A") -> dict[str, Any]:
    times = [f"2026-01-01T00:{end}.1234567Z" if end else "0001-01-01T00:00:00" for end in ends]
    properties = {
        "scenarioName": scenario,
        "targetObjectName": "VM-0001",
        "startTime": f"2026-01-01T00:{start}.0000000Z",
        "state": state,
        "tasks": [{"endTime": time} for time in times],
    }
    return {"name": name, "properties": properties}


def test_operations_are_read_from_jobs() -> None:
    """An operation ends with its last task, the first copy lasts from the enabling's end until it is finalised."""
    jobs = [
        _job("UnplannedFailover", "20:00", "21:00", "23:00", "", name="B"),
        _job("PrimaryIrCompletion", "10:00", "10:01", name="C"),
        _job("EnableDr", "00:00", "05:00"),
        _job("CommitFailover", "30:00", "31:00", state="Failed", name="D"),
        _job("PurgeDr", "40:00", "", state="InProgress", name="E"),
        _job("FabricCreation", "00:00", "01:00", name="F"),
    ]

    found = {one.kind: one for one in operations_of(jobs)}

    assert {"enable", "first copy", "fail over", "commit"} == set(found)
    assert [300.123456, 180.123456] == [pytest.approx(found[kind].seconds) for kind in ("enable", "fail over")]
    assert found["enable"].ended == found["first copy"].began
    assert seconds_of("2026-01-01T00:10:00.0000000Z") == found["first copy"].ended
    assert (False, "vm-0001", "b") == (found["commit"].succeeded, found["commit"].vm, found["fail over"].job)


def test_a_boot_lasts_from_the_failover_until_the_agent_reports() -> None:
    """What of it falls into the failover is none of its time; a machine that did not fail over boots nothing."""
    failovers = [Operation("vm-0001", "fail over", 0, 100), Operation("vm-0002", "fail over", 0, 100)]
    failed = Operation("vm-0003", "fail over", 0, 100, succeeded=False)

    found = boots_of([*failovers, failed], {"vm-0001": 145.0, "vm-0002": 90.0, "vm-0003": 145.0})

    assert [Operation("vm-0001", BOOT, 100, 145.0), Operation("vm-0002", BOOT, 100, 100)] == found
