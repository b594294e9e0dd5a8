"""A target that does not serve, in every way, on the real Temporal server, worker and SDKs: the source serves again."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from migration.phases import Outcome
from tests.e2e import judge
from tests.e2e.estates import Case, seed_of
from tests.e2e.stack import Stack
from tests.e2e.table import TEST_FIRST, Row, judge_row, run_row, seen_before

pytestmark = pytest.mark.timeout(900)

PROBES = [
    {"name": "port", "tcp": {"port": 5432}},
    {"name": "page", "http": {"port": 8080, "path": "/health", "contains": "well"}},
    {"name": "mine", "command": {"script": "is-ready $1", "arguments": ["erp"]}},
]
SOUND = {
    "ports": [5432],
    "http": {8080: {"/health": {"status": 200, "body": "all is well"}}},
    "commands": {"is-ready": {"exit_code": 0, "output": "ready"}},
}
VERIFICATION = {"boot_timeout": "6s", "timeout": "2s", "interval": "1s", "probes": PROBES}
PANIC = {"agent": "never", "boot_diagnostics": "managed", "serial_log": "panic"}
TARGETS: dict[str, tuple[dict[str, Any], str]] = {
    "no-nic": ({"without_nics": True}, "number of network interfaces is 0, wanted 1"),
    "no-disk": ({"without_disks": ["vm-data-0"]}, "number of disks is 1, wanted 2"),
    "other-size": ({"size": "Standard_D8s_v3"}, "size is Standard_D8s_v3, wanted Standard_D2s_v3"),
    "no-agent": ({"agent": "never"}, "its agent reports Not Ready after 6 s"),
    "panic": (PANIC, "Kernel panic"),
    "no-port": ({"ports": []}, "probe port (tcp): 127.0.0.1:5432: nothing listens there"),
    "no-page": ({"http": {8080: 503}}, "probe page (http): http://127.0.0.1:8080/health answers 503, wanted 200"),
    "not-ready": (
        {"commands": {"is-ready": {"exit_code": 2, "output": "no"}}},
        "probe mine (command): exit code 2: no",
    ),
}
"""How a target differs, and what the verification says of it."""


def row_of(name: str, *, test: bool = False, **other: str) -> Row:
    """Return the row of a target that does not serve."""
    row = Row(name, "test" if test else "verify", "rolled_back")
    row.case = Case(
        row.case.name, extra=(("verification", VERIFICATION | other), *(TEST_FIRST if test else ())), ready=True
    )
    return row


ROWS = {name: row_of(name) for name in TARGETS}
TESTED = {name: row_of(name, test=True) for name in ("no-nic", "no-port")}
SERVES = row_of("serves", test=True, timeout="30s")
OPENED = row_of("opened", test=True)
PEERED = row_of("peered", test=True)
ALL = [*ROWS.values(), *TESTED.values(), SERVES, OPENED, PEERED]


def behave(seed: dict[str, Any], row: Row, **traits: Any) -> None:
    """Let the machine of a row behave."""
    seed["behaviour"][row.case.vm_id("vm")] |= SOUND | traits


def peering(case: Case, state: str = "Connected") -> dict[str, Any]:
    """Return the test network of a case, peered with production."""
    [found] = [one for one in case.resources if one["id"].endswith("/test-net")]
    remote = {"id": found["id"].replace("test-net", "target-net")}
    body = {"peeringState": state, "remoteVirtualNetwork": remote}
    return {
        **found,
        "properties": {**found["properties"], "virtualNetworkPeerings": [{"name": "p", "properties": body}]},
    }


async def act_nothing(stack: Stack, row: Row) -> None:
    """Let it go by itself."""


async def act_approve(stack: Stack, row: Row) -> None:
    """Approve at the end."""
    await stack.decide(row.case)


async def act_give_up(stack: Stack, row: Row) -> None:
    """Open the test network while the machine replicates; give up where that holds it."""
    await stack.reach(row.case, "replicating")
    stack.simulator.seed({"resources": [peering(row.case)]})
    status = await stack.reach(row.case, "needs_action")
    assert "is not isolated: it is peered with" in status.waiting_for
    await stack.resolve(row.case, "give_up")


@pytest.fixture(scope="module")
async def verified(own_server: WorkflowEnvironment) -> AsyncIterator[Stack]:
    """Run all rows at once, each a plan of its own."""
    seed = seed_of([row.case for row in ALL])
    for name, row in ROWS.items():
        behave(seed, row, after_failover=TARGETS[name][0])
    for name, row in TESTED.items():
        behave(seed, row, in_test=TARGETS[name][0])
    behave(seed, SERVES, serves_after_seconds=150)
    behave(seed, OPENED, initial_replication_minutes=8)
    behave(seed, PEERED)
    seed["resources"] = [
        peering(PEERED.case) if one["id"] == peering(PEERED.case)["id"] else one for one in seed["resources"]
    ]
    async with Stack.run(own_server.client, seed) as stack:
        seen_before(stack, ALL)
        acts = {id(OPENED): act_give_up, id(SERVES): act_approve}
        await asyncio.gather(*(run_row(stack, row, acts.get(id(row), act_nothing)) for row in ALL if row is not PEERED))
        plan = await stack.start(PEERED.case)
        PEERED.error = str((await plan.result())["outcome"])
        PEERED.plan = await stack.plan_report(PEERED.case)
        yield stack


@pytest.mark.parametrize("name", TARGETS)
async def test_a_target_that_does_not_serve_leads_back(verified: Stack, name: str) -> None:
    """Its shape, its boot or a probe says no: the source serves, nothing is left, and the report tells the evidence."""
    row = ROWS[name]
    judge_row(verified, row)
    assert row.report is not None
    assert row.report.verification is not None
    assert TARGETS[name][1] in row.report.reason
    assert [True for failure in row.report.verification.failures if TARGETS[name][1] in failure]
    assert (row.report.downtime_seconds or 0) > 0


@pytest.mark.parametrize("name", TESTED)
async def test_a_copy_that_does_not_serve_is_cleaned_up(verified: Stack, name: str) -> None:
    """A test failover that fails leaves nothing, and the source was never touched."""
    row = TESTED[name]
    judge_row(verified, row)
    assert row.report is not None
    assert row.report.test_failover is not None
    assert TARGETS[name][1] in row.report.reason
    assert ("isolated", None) == (row.report.test_failover.second_copy, row.report.downtime_seconds)
    log = judge.about(row.case, verified.simulator.requests())
    assert [] == [line["path"] for line in log if line["path"].endswith(("/unplannedFailover", "/vm/start"))]


async def test_probes_hold_for_the_copy_and_for_the_target(verified: Stack) -> None:
    """A slow service is waited for; the report has what each probe said of both machines."""
    SERVES.outcome = "migrated"
    judge_row(verified, SERVES)
    report = SERVES.report
    assert report is not None
    assert report.verification is not None
    assert report.test_failover is not None
    assert report.test_failover.verification is not None
    for proof in (report.verification, report.test_failover.verification):
        assert [("port", True), ("page", True), ("mine", True)] == [(one.name, one.ok) for one in proof.probes]
        assert proof.boot is not None
        assert proof.boot.ok
    assert report.test_failover.isolation is not None
    assert report.test_failover.isolation.isolated


async def test_nothing_starts_into_a_network_that_was_opened_meanwhile(verified: Stack) -> None:
    """The proof is of the moment: what the check found closed holds the machine where it is open now."""
    judge_row(verified, OPENED)
    log = judge.about(OPENED.case, verified.simulator.requests())
    assert [] == [line["path"] for line in log if "testFailover" in line["path"]]


async def test_a_check_refuses_a_network_that_is_not_isolated(verified: Stack) -> None:
    """Before anything is written."""
    assert Outcome.REFUSED == PEERED.error
    assert PEERED.plan is not None
    [vm] = PEERED.plan.vms
    assert ["test-network-isolated"] == [finding.rule for finding in vm.findings if finding.blocks]
    assert [] == judge.leftovers(PEERED.case, verified.simulator)
