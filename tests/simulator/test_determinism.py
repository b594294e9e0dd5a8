"""The same seed number and requests give the same answers, byte for byte; another number gives others."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulator.clock import parse_time
from tests.simulator.siterecovery_estate import Lab, item_id, seed, vm_id
from tests.support.cloud import Answer, Cloud
from tests.support.sim import Simulator

START = datetime(2026, 1, 31, 8, tzinfo=UTC)


class Recorder(Cloud):
    """A cloud that keeps every answer of ARM."""

    def __init__(self, **options: Any) -> None:
        """Found it; its clock moves by hand."""
        self.seen: list[tuple[int, dict[str, str], str]] = []
        given = seed("web", "db", behaviour={"web": {}, "db": {}})
        principal = {"kind": "service_principal", "secret": "for-the-simulator-only"}
        super().__init__({**given, "identities": [principal]}, speed=0, start=START, **options)

    def arm(self, *arguments: Any, **options: Any) -> Answer:
        """Send a request to ARM and keep the answer."""
        answer = super().arm(*arguments, **options)
        self.seen.append((answer.status_code, dict(answer.headers), answer.text))
        return answer


def move(**options: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Move a machine: every answer, all resources at the end, and the request log without the wall's times."""
    with Recorder(**options) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        lab.protect("web")
        lab.fail_over("web")
        lab.status("POST", f"{item_id('web')}/failoverCommit")
        lab.status("DELETE", item_id("web"))
        lab.status("POST", f"{vm_id('db')}/restart")
        cloud.arm("GET", f"{vm_id('nobody')}")
        cloud.arm("GET", "/subscriptions")
        log = [{key: value for key, value in line.items() if key != "wall"} for line in cloud.requests()]
        return cloud.seen, cloud.resources(), log


def test_the_same_number_and_requests_give_the_same_answers() -> None:
    """A whole move twice: status, headers and bodies with their ids and times are the same."""
    one, same, other = move(seed_number=7), move(seed_number=7), move(seed_number=8)

    assert one == same
    assert len(one[0]) > 40
    assert one[0] != other[0]


def test_a_restart_repeats_no_identifier(tmp_path: Path) -> None:
    """Identifiers go on where they were after the process ended, and a seed posted later has its own."""
    found = []
    for number in range(2):
        with Cloud(seed("web"), state_dir=tmp_path / "state") as cloud:
            found += [cloud.arm("GET", "/subscriptions").headers["x-ms-request-id"] for _ in range(3)]
            cloud.seed({"resources": [{**seed(f"vm{number}")["resources"][-1], "id": vm_id(f"vm{number}")}]})
            cloud.world.commit()
    with Cloud(seed("web"), state_dir=tmp_path / "state") as cloud:
        machines = [r.properties["vmId"] for r in cloud.world.store.list("Microsoft.Compute/virtualMachines")]

    assert 6 == len(set(found))
    assert 3 == len(set(machines))


def test_the_command_line_sets_number_and_start(tmp_path: Path) -> None:
    """``--seed-number``, ``--start`` and ``--speed 0`` make two processes alike; the clock moves by hand alone."""
    options = ("--seed-number", "3", "--start", "2026-01-31T08:00:00Z")
    ready = []
    for name in ("one", "two"):
        with Simulator(speed=0, state_dir=tmp_path / name, options=options) as sim:
            first, second = sim.clock(), sim.clock()
            later = sim.clock(advance_seconds=90)
            running = sim.clock(speed=60)
            ready.append((sim.tenant_id, sim.client_id, sim.subscription_id, first["virtual"], later["virtual"]))

    assert ready[0] == ready[1]
    assert first["virtual"] == second["virtual"]
    assert START == parse_time(first["virtual"])
    assert 90 == (parse_time(later["virtual"]) - START).total_seconds()
    assert 60 == running["speed"]
