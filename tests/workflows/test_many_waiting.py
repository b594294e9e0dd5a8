"""Machines that wait for their approval in numbers, small: `python -m benchmarks.waiting` does the same with 2,000."""

import asyncio
from pathlib import Path

from benchmarks.waiting import Fleet, serving
from migration.report import PlanStatus
from tests.conftest import running_dev_server

VMS, IN_PLAN, QUERIES = 5, 2, 60
SMALL_BYTES = 100_000


async def test_all_answer_again_after_a_flood_and_a_new_worker(tmp_path: Path) -> None:
    """Queries cost a history nothing, a worker that begins anew answers for every machine, and an approval counts."""
    async with running_dev_server() as server:
        fleet = Fleet(server.client, tmp_path)
        async with serving(server.client):
            await fleet.begin(VMS, IN_PLAN)
            assert fleet.plan is not None
            before = await settled(fleet)
            took = [*await fleet.flood(fleet.vms[0], QUERIES), *await fleet.flood(fleet.plan, QUERIES)]
            after = [await fleet.history_of(one) for one in (fleet.vms[0], fleet.plan)]
        async with serving(server.client):
            answered = await fleet.all_answer()
            status = await fleet.plan.query("status", result_type=PlanStatus)
            await fleet.approve(fleet.vms[0])

    assert before == after
    assert 2 * QUERIES == len(took)
    assert VMS == len(answered)
    assert ["awaiting_approval"] * IN_PLAN == [vm.phase.value for vm in status.vms]
    assert [] == [history for history in after if history["bytes"] > SMALL_BYTES]


async def settled(fleet: Fleet) -> list[dict[str, int]]:
    """Return the histories of a machine and of the plan once nothing is added to them any more."""
    assert fleet.plan is not None
    last: list[dict[str, int]] = []
    while True:
        now = [await fleet.history_of(one) for one in (fleet.vms[0], fleet.plan)]
        if now == last:
            return now
        last = now
        await asyncio.sleep(2)
