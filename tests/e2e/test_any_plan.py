"""Any valid plan moves: 1 to 8 machines (LARGEST=50 for more), any regions and names, ids in any case."""

import asyncio
import os
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e import judge
from tests.e2e.clone import Answer, Clone
from tests.e2e.generated import APPROVER, Generated
from tests.e2e.generated_estate import seed_of, target_id, vm_id

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

FIRST = int(os.environ.get("DICE", "1"))
DRAWN = {
    "one": (FIRST, 1),
    "two": (FIRST + 1, 2),
    "three": (FIRST + 2, 3),
    "five": (FIRST + 3, 5),
    "many": (FIRST + 4, int(os.environ.get("LARGEST", "8"))),
}
"""The number that the dice begin with, and how many machines. DICE=N draws others.

LARGEST=50 is a plan as large as may be, which ARM's limits hold up for longer than all tests should take."""


@dataclass
class Run:
    """A generated plan, what was there before, and how it ended."""

    drawn: Generated
    before: set[str]
    strangers: dict[str, Any]
    ended: Answer | None = None

    async def run(self, clone: Clone) -> None:
        """Start the plan and approve whatever waits, until it has ended."""
        file = clone.write_plan(self.drawn.name, self.drawn.plan)
        started = await clone.starter(f"start {file}")
        assert 0 == started.code, started.err
        self.ended = await clone.approve_all(self.drawn.name, APPROVER)


@pytest.fixture(scope="module")
async def runs(clone: Clone) -> dict[str, Run]:
    """Run all generated plans at once, each in subscriptions of its own."""
    generated = {name: Generated(number, vms) for name, (number, vms) in DRAWN.items()}
    for one in generated.values():
        clone.simulator.seed(seed_of(one))
    there = clone.simulator.resource_ids()
    runs = {name: Run(one, within(one, there), shown(clone, one)) for name, one in generated.items()}
    await asyncio.gather(*(run.run(clone) for run in runs.values()))
    return runs


def within(drawn: Generated, ids: set[str]) -> set[str]:
    """Return those of *ids* that lie in the subscriptions of a plan."""
    return {id_ for id_ in ids if id_.split("/")[2] in drawn.subscriptions}


def shown(clone: Clone, drawn: Generated) -> dict[str, Any]:
    """Return what Azure shows of each look-alike."""
    versions = {"microsoft.network": "2024-05-01", "microsoft.recoveryservices": "2024-10-01"}
    return {
        id_: clone.simulator.arm(
            "GET", id_, api_version=versions.get(id_.split("/providers/")[1].split("/")[0].lower(), "2024-03-02")
        ).json()
        for id_ in drawn.look_alikes
    }


@pytest.mark.parametrize("name", DRAWN)
def test_any_plan_is_migrated(clone: Clone, runs: dict[str, Run], name: str) -> None:
    """All machines move, nothing of others is touched, and nothing is made that the report does not tell."""
    run = runs[name]
    drawn = run.drawn
    assert run.ended is not None
    assert 0 == run.ended.code, f"{DRAWN[name]}: {run.ended}"
    report = clone.report(drawn.name)
    assert [[]] * len(drawn.machines) == [vm["incidents"] for vm in report["vms"]]
    expected = {machine.name: "migrated" for machine in drawn.machines}
    assert expected == {vm["name"]: vm["outcome"] for vm in report["vms"]}
    states = judge.power_by_id(clone.simulator)
    sources = {states[vm_id(drawn, machine).lower()] for machine in drawn.machines}
    targets = {states[target_id(machine)] for machine in drawn.machines}
    assert ({"PowerState/deallocated"}, {"PowerState/running"}) == (sources, targets)
    assert set() == run.before - clone.simulator.resource_ids()
    assert run.strangers == shown(clone, drawn)
    assert [] == judge.untold(report, judge.made_in(drawn.subscriptions, clone.simulator))


def test_what_somebody_else_made_in_the_vault_is_used(clone: Clone, runs: dict[str, Run]) -> None:
    """Where the plan's vault has a fabric of a region, no second one is made beside it."""
    log = clone.simulator.requests()
    used = [run.drawn for run in runs.values() if run.drawn.vault_exists]
    puts = [line["path"].lower() for line in log if (line["method"], line["write"]) == ("PUT", True)]
    assert used
    assert [] == [
        path for one in used for path in puts if one.home in path and "/replicationfabrics/migration-" in path
    ]


def test_no_step_was_written_twice(clone: Clone, runs: dict[str, Run]) -> None:
    """However many machines move at once, each write was accepted once."""
    subscriptions = {one for run in runs.values() for one in run.drawn.subscriptions}
    log = [line for line in clone.simulator.requests() if line["path"].lower().split("/")[2:3][0] in subscriptions]
    assert {} == judge.repeated(log)
