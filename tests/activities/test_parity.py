"""Source and target compared, restored and taken back, on one machine that has something of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from activities.parity import ParityActivities
from arm.asking import Asker, Memory, Sharing
from arm.sides import read_side
from migration.parity.aspects import ASPECTS, BY_ITSELF
from migration.parity.making import made_id
from migration.parity.requests import CompareParity, RestoreParity, TakeBackRestored
from migration.parity.values import ParityRow, Side
from migration.plan_parity import ParityWanted
from tests.activities import rich_estate as rich

if TYPE_CHECKING:
    from migration.models import VmSpec
    from tests.activities.stage import Stage

ASKED = [aspect for aspect in ASPECTS if aspect in BY_ITSELF or aspect in {"role-assignments", "locks", "dns-labels"}]


class Scene:
    """A rich machine after its failover, and what its source had."""

    def __init__(self, stage: Stage, vm: VmSpec, source: Side) -> None:
        self.stage = stage
        self.vm = vm
        self.source = source

    async def rows(self, **more: Any) -> list[ParityRow]:
        """Compare."""
        request = CompareParity(plan="stage", vm=self.vm, source=self.source, **more)
        answer = await self.stage.run(ParityActivities.compare_parity, request)
        rows: list[ParityRow] = answer.rows
        return rows

    async def restore(self, rows: list[ParityRow]) -> tuple[list[ParityRow], dict[str, str]]:
        """Restore *rows*."""
        compare = CompareParity(plan="stage", vm=self.vm, source=self.source)
        answer = await self.stage.run(ParityActivities.restore_parity, RestoreParity(compare=compare, rows=rows))
        return answer.rows, answer.failures

    def document(self, resource_id: str) -> dict[str, Any]:
        """Return a resource as Azure shows it now."""
        return dict(self.stage.sim.arm("GET", resource_id).json())


@pytest.fixture
async def scene(stage: Stage) -> Scene:
    """Fail a rich machine over and return it."""
    wanted = ParityWanted(
        restore=ASKED,
        network_security_group=rich.TARGET_SECURITY,
        public_ip=rich.TARGET_ADDRESS,
        load_balancer_pools=[rich.TARGET_POOL],
    )
    case = stage.arrange(parity=wanted)
    stage.sim.seed({"resources": rich.rich_machine(case.task.vm.name, stage.count)})
    source = await read_side(Asker(stage.azure, Memory(), Sharing()), case.task.vm.source_id)
    await stage.fail_over(case)
    return Scene(stage, case.task.vm, source)


def states(rows: list[ParityRow]) -> dict[str, str]:
    """Return the state of each row by its key."""
    return {row.key: row.state for row in rows}


async def test_what_is_compared_restored_and_taken_back(scene: Scene) -> None:
    """Each aspect has its rows; what may be restored is, once, and the way back leaves nothing outside the target."""
    vm, stage = scene.vm, scene.stage
    found = await scene.rows()

    assert set(ASPECTS) - {"backup", "security-rules"} == {row.aspect for row in found}
    own = [row.key for row in found if row.aspect == "tags"]
    assert {"carried"} == {row.state for row in found if row.key in own}
    todo = [row for row in found if row.restore == "now" and row.state == "open"]
    mark = stage.mark
    rows, failures = await scene.restore(todo)

    assert {} == failures
    after = states(rows)
    assert ["security-rules:nic0/"] == [row.key for row in rows if row.aspect == "security-rules"], "the same rules"
    assert {row.key for row in todo} == {key for key, state in after.items() if state == "restored"} - {
        "locks:keep",
        "auto-shutdown:schedule",
    }
    assert {"extensions", "encryption-at-host"} == {row.aspect for row in rows if row.state == "open"} - {"dns-labels"}
    target, nic = scene.document(vm.target_id), scene.document(nic_of(vm))
    first = nic["properties"]["ipConfigurations"][0]["properties"]
    assert rich.TARGET_SECURITY == nic["properties"]["networkSecurityGroup"]["id"]
    assert (rich.TARGET_ADDRESS, True) == (first["publicIPAddress"]["id"], nic["properties"]["enableIPForwarding"])
    assert [rich.TARGET_POOL] == [pool["id"] for pool in first["loadBalancerBackendAddressPools"]]
    assert ["10.1.0.4"] == nic["properties"]["dnsSettings"]["dnsServers"]
    assert "RHEL_BYOS" == target["properties"]["licenseType"]
    assert {rich.IDENTITY} == set(target["identity"]["userAssignedIdentities"])
    # A machine, its interface, a setting, a role: two changes of the machine are two writes, nothing is written twice.
    writes = stage.writes(vm.target_name, mark)
    assert ["PATCH", "PATCH", "PUT", "PUT", "PUT"] == [line["method"] for line in writes]
    again, _ = await scene.restore(todo)
    assert after == states(again)
    assert 5 == len(stage.writes(vm.target_name, mark))

    made = [one for row in todo if (one := made_id(vm, row)) is not None]
    assert 2 == len(made)
    back = TakeBackRestored(vm=vm, refs=[rich.TARGET_ADDRESS, rich.TARGET_POOL], ids=made)
    await stage.run(ParityActivities.take_back_restored, back)
    await stage.run(ParityActivities.take_back_restored, back)

    left = scene.document(nic_of(vm))["properties"]["ipConfigurations"][0]["properties"]
    assert {"publicIPAddress", "loadBalancerBackendAddressPools"}.isdisjoint(left)
    pools = scene.document(rich.TARGET_BALANCER)["properties"]["backendAddressPools"]
    assert [[]] == [pool["properties"]["backendIPConfigurations"] for pool in pools]
    assert not {one.lower() for one in made} & stage.sim.resource_ids()


async def test_what_waits_for_the_commit_and_what_azure_refuses(scene: Scene) -> None:
    """A lock and a schedule are set when asked later; a row that Azure refuses stays open with the reason."""
    vm, stage = scene.vm, scene.stage
    rows = await scene.rows()
    later = [row for row in rows if row.restore == "after_commit"]
    assert {("locks", "restored"), ("auto-shutdown", "restored")} == {(row.aspect, row.state) for row in later}
    denied = {"error": {"code": "AuthorizationFailed", "message": "may not write schedules"}}
    effect = {"kind": "status", "status": 403, "body": denied}
    stage.sim.fault(effect, method="PUT", path="DevTestLab/schedules", times=1)

    after, failures = await scene.restore(later)

    assert {"auto-shutdown:schedule"} == set(failures)
    schedule = next(row for row in after if row.aspect == "auto-shutdown")
    assert ("open", "AuthorizationFailed" in schedule.reason) == (schedule.state, True)
    assert "restored" == next(row.state for row in after if row.aspect == "locks")
    again, failures = await scene.restore([row for row in later if row.aspect == "auto-shutdown"])
    assert {} == failures
    assert "restored" == next(row.state for row in again if row.aspect == "auto-shutdown")
    assert (
        "CanNotDelete"
        == scene.document(f"{vm.target_id}/providers/Microsoft.Authorization/locks/keep")["properties"]["level"]
    )
    waived = await scene.rows(accepted={row.key: {"by": "anna@contoso.example", "reason": "known"} for row in rows})
    assert "waived" == next(row.state for row in waived if row.aspect == "extensions")


def nic_of(vm: VmSpec) -> str:
    """Return the id of the target's interface."""
    group = vm.target_resource_group_id
    return f"{group}/providers/Microsoft.Network/networkInterfaces/{vm.name}-nic"
