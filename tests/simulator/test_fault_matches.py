"""Faults that name a virtual machine: which requests are about it."""

import pytest

from tests.simulator.siterecovery_estate import VAULT, Lab, item_id, seed, vm_id
from tests.support.cloud import Cloud

BUSY = {"kind": "status", "status": 503}


@pytest.fixture(scope="module")
def lab() -> Lab:
    """Two machines, one of which replicates."""
    cloud = Cloud(seed("web", "web2", behaviour={"web": {}, "web2": {}}))
    made = Lab(cloud)  # type: ignore[arg-type]
    made.set_up()
    made.protect("web")
    return made


@pytest.mark.parametrize("name", ["WEB", vm_id("web").upper()])
def test_a_machine_is_matched_wherever_it_is_meant(lab: Lab, name: str) -> None:
    """By name or id: its own path, its item, a job on the item and that job's status, and a body that names it."""
    cloud: Cloud = lab.sim  # type: ignore[assignment]
    started = lab.accepted("POST", f"{item_id('web')}/repairReplication")
    job = started.headers["x-ms-request-id"]
    restarted = cloud.arm("POST", f"{vm_id('web')}/restart").headers["Azure-AsyncOperation"]
    cloud.fault(BUSY, vm=name, times=0)
    about = [
        cloud.arm("GET", f"{vm_id('web')}/instanceView"),
        cloud.arm("GET", f"{item_id('web')}/recoveryPoints"),
        cloud.arm("GET", job),
        cloud.arm("GET", started.headers["Azure-AsyncOperation"]),
        cloud.arm("GET", restarted),
        cloud.arm("PUT", item_id("again"), lab.enable_body("web")),
    ]
    not_about = [
        cloud.arm("GET", vm_id("web2")),
        cloud.arm("GET", f"{VAULT}/replicationProtectedItems"),
        cloud.arm("GET", item_id("web2")),
    ]
    cloud.world.faults.clear()
    cloud.advance(600)

    assert {503} == {answer.status_code for answer in about}
    assert [200, 200, 404] == [answer.status_code for answer in not_about]


def test_a_machine_and_an_operation_together(lab: Lab) -> None:
    """Both have to fit; a failing operation fails the machine's job and no other."""
    cloud: Cloud = lab.sim  # type: ignore[assignment]
    effect = {"kind": "operation_fails", "code": "150999", "message": "no"}
    cloud.fault(effect, vm="web", operation="unplannedFailover", nth=1)
    repaired = lab.status("POST", f"{item_id('web')}/repairReplication")
    failed = lab.status("POST", f"{item_id('web')}/unplannedFailover", lab.failover_body())

    assert ("Succeeded", "Failed", "150999") == (repaired["status"], failed["status"], failed["error"]["code"])
