"""The scripts that the benchmarks compare us with: each moves a machine, by the steps that it tells of."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from azure.core.pipeline.transport import HttpRequest

from benchmarks import cloudlog
from benchmarks.fleet import MINIMUM_WRITES, TROUBLES, Fleet
from benchmarks.measures import is_whole
from benchmarks.programs import run_script
from benchmarks.run import CONCURRENT, SEQUENTIAL, Run, Spec
from benchmarks.scripts.concurrent import transport
from tests.support.sim import Simulator


async def test_each_script_moves_a_machine(tmp_path: Path) -> None:
    """All the way, with as many writes as it takes and none twice, and what Azure noted of it is understood."""
    specs = [Spec(program, 1, 600, 2) for program in (SEQUENTIAL, CONCURRENT)]
    runs: list[Run] = await asyncio.gather(*(run_script(spec, tmp_path) for spec in specs))

    for run in runs:
        asked = run.figures["requests"]
        assert ({"migrated": 1}, "") == (run.outcomes, run.problem)
        assert (MINIMUM_WRITES, 0, 0) == (asked["writes_per_vm"], asked["repeated_writes"], asked["429"])
        assert [*cloudlog.CHAIN] == [one["kind"] for one in run.figures["slowest"]]
        assert 0 < run.figures["bounds"]["critical path"] <= run.virtual_seconds
        assert run.used["script"].cpu_seconds > 0
        assert (tmp_path / f"{run.spec.name}.jsonl.gz").exists()


async def test_the_asyncio_script_keeps_its_connections() -> None:
    """One for each request would cost it, and whatever runs beside it, a handshake each time."""
    with Simulator() as simulator:
        address, port = f"{simulator.endpoint}/subscriptions?api-version=2022-12-01", urlsplit(simulator.endpoint).port
        async with transport(simulator.ca_file) as sent:
            for _ in range(3):
                answer = await sent.send(HttpRequest("GET", address))
                await answer.load_body()
            connections = psutil.Process().net_connections("tcp")

    established = [one.raddr.port for one in connections if one.status == psutil.CONN_ESTABLISHED]
    assert 1 == sum(one == port for one in established)


def test_a_fleet_is_the_same_for_all() -> None:
    """Plan, list and estate name the same machines; disks have caches enough; the plan is one that can be run."""
    fleet = Fleet(50, 5, faulty_percent=10)
    seed, moves = fleet.seed(), fleet.moves(fleet.vms)
    there = {one["id"].lower() for one in seed["resources"]}

    assert list(fleet.vms) == [vm.name for vm in fleet.case.plan.vms] == [one["name"] for one in moves["machines"]]
    assert {fleet.case.vm_id(vm).lower() for vm in fleet.vms} <= there
    assert {cache.lower() for cache in fleet.caches} <= there
    assert set(TROUBLES) == set(fleet.in_trouble.values())
    assert 5 == len(fleet.in_trouble)
    assert (2_000, 4) == (Fleet(1_000, 5).disks, len(Fleet(1_000, 5).caches))
    assert (3_000, 5) == (Fleet(3_000, 5).disks, len(Fleet(3_000, 5).caches))
    assert is_whole([]) is False
