"""Right before the failover: each rule of that moment is tripped by a machine of its own; the sound one trips none.

All machines were checked, then protected by the simulated Site Recovery; then each met with something.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.preflight import PreflightActivities
from arm.clients import AzureClients
from migration import ids
from migration.findings import CheckVm, VmCheck
from migration.models import SharedResources, VmTask
from migration.plan import Plan
from migration.specs import vm_specs
from tests.activities.stage import access_to
from tests.simulator.siterecovery_estate import (
    CACHE,
    POLICY,
    PRIMARY,
    PRIMARY_CONTAINER,
    RECOVERY,
    RECOVERY_CONTAINER,
    SUBSCRIPTION,
    TEST_NETWORK,
    VAULT,
    Lab,
    disk_id,
    item_id,
    seed,
    vm_id,
)
from tests.support.sim import Simulator


def _writes_too_much(lab: Lab, name: str) -> None:
    lab.sim.seed({"resources": [], "behaviour": {vm_id(name): {"churn_mb_per_second": 80}}})


def _is_tested(lab: Lab, name: str) -> None:
    lab.run("POST", f"{item_id(name)}/testFailover", _rehearsal())


def _is_being_tested(lab: Lab, name: str) -> None:
    lab.accepted("POST", f"{item_id(name)}/testFailover", _rehearsal())


def _rehearsal() -> dict[str, Any]:
    details = {"failoverDirection": "PrimaryToRecovery", "networkType": "VmNetworkAsInput", "networkId": TEST_NETWORK}
    return {"properties": {**details, "providerSpecificDetails": {"instanceType": "A2A"}}}


def _is_unprotected(lab: Lab, name: str) -> None:
    lab.run("POST", f"{item_id(name)}/remove", {"properties": {"disableProtectionReason": "NotSpecified"}})


def _grows(lab: Lab, name: str) -> None:
    answer = lab.sim.arm("PATCH", disk_id(f"{name}_data"), {"properties": {"diskSizeGB": 512}})
    assert answer.status_code in {200, 202}, answer.text


def _stops(lab: Lab, name: str) -> None:
    lab.sim.follow(lab.accepted("POST", f"{vm_id(name)}/deallocate"))


EARLIER: dict[str, Callable[[Lab, str], None]] = {"churning": _writes_too_much}
"""Two hours before the failover."""
JUST_NOW: dict[str, Callable[[Lab, str], None]] = {
    "gone": _is_unprotected,
    "grown": _grows,
    "off": _stops,
    "tested": _is_tested,
    "testing": _is_being_tested,
}
SEEDED = [
    ("still-protected", "gone"),
    ("failover-allowed", "tested"),
    ("replication-sound", "churning"),
    ("recovery-point-fresh", "churning"),
    ("no-other-job", "testing"),
    ("no-drift", "grown"),
    ("source-running", "off"),
]
"""Rules, and the machine that trips each."""
NAMES = ("sound", *EARLIER, *JUST_NOW)
PLAN = Plan.model_validate(
    {
        "version": 1,
        "name": "cutover",
        "subscription": SUBSCRIPTION,
        "source": {"region": "westeurope", "resource_group": "shop-we"},
        "target": {"region": "northeurope", "resource_group": "shop-ne", "network": "ne-vnet", "subnet": "front"},
        "vault": {"name": "shop-vault", "resource_group": "shop-ne", "region": "northeurope"},
        "approval": {"approvers": ["anna@contoso.example"]},
        "waves": [{"name": "all", "vms": [{"name": name} for name in NAMES]}],
    }
)
SHARED = SharedResources(
    vault_id=VAULT,
    policy_id=POLICY,
    source_fabric_id=PRIMARY,
    target_fabric_id=RECOVERY,
    source_container_id=PRIMARY_CONTAINER,
    target_container_id=RECOVERY_CONTAINER,
    cache_account_id=CACHE,
)


AT_ONCE = 8


@dataclass(frozen=True)
class Checked:
    """What the checks before the failover found, and what was asked of Azure when several were made at once."""

    found: dict[str, VmCheck]
    asked: Counter[str]


@pytest.fixture(scope="module")
async def checked() -> AsyncIterator[Checked]:
    """Check all machines, protect them, let something happen to each but one, and check them as before a failover."""
    tasks = {
        vm.name: VmTask(
            plan=PLAN.name,
            plan_hash="0",
            vm=vm,
            shared=SHARED,
            approval=PLAN.approval,
            failover=PLAN.failover,
            adopted_item_id=item_id(vm.name),
        )
        for vm in vm_specs(PLAN)
    }
    with Simulator(seed=seed(*NAMES)) as sim:
        lab = Lab(sim)
        lab.set_up()
        async with AzureClients(access_to(sim)) as azure:
            ask, run = PreflightActivities(azure).check_vm, ActivityEnvironment().run
            first = {name: await run(ask, CheckVm(task=task, moment="start")) for name, task in tasks.items()}
            assert {"sound": []} == {"sound": [one for one in first["sound"].findings if one.blocks]}
            _live_on(lab)
            asked = {
                name: CheckVm(
                    task=task,
                    moment="cutover",
                    recorded=first[name].source,
                    fingerprint=first[name].fingerprint,
                    own_ids=_replicas(lab, name),
                )
                for name, task in tasks.items()
            }
            found = {name: await run(ask, request) for name, request in asked.items()}
            since = sim.requests()[-1]["n"]
            await asyncio.gather(*(ActivityEnvironment().run(ask, asked["sound"]) for _ in range(AT_ONCE)))
            yield Checked(found, Counter(line["path"].lower() for line in sim.requests(since)))


def _live_on(lab: Lab) -> None:
    for name in NAMES:
        lab.enable(name)
    for name in NAMES:
        lab.until_protected(name)
    for name, happens in EARLIER.items():
        happens(lab, name)
    lab.sim.advance(2 * 3600)
    for name, happens in JUST_NOW.items():
        happens(lab, name)


def _replicas(lab: Lab, name: str) -> list[str]:
    if lab.sim.arm("GET", item_id(name)).status_code != 200:
        return []
    disks = lab.item(name)["providerSpecificDetails"]["protectedManagedDisks"]
    return [disk["recoveryReplicaDiskId"] for disk in disks]


@pytest.mark.parametrize(("rule", "name"), SEEDED, ids=[rule for rule, _ in SEEDED])
def test_the_rule_holds_the_machine(checked: Checked, rule: str, name: str) -> None:
    """What happened to a machine since the first check blocks its failover, by the rule that is there for it."""
    assert {"blocking"} == {one.severity for one in checked.found[name].findings if one.rule == rule}


def test_a_sound_machine_may_fail_over(checked: Checked) -> None:
    """Nothing at all is told of the machine to which nothing happened."""
    assert [] == checked.found["sound"].findings


def test_checks_at_once_share_what_they_ask(checked: Checked) -> None:
    """Of what machines share, one asks for all that come while another is being answered; of its own, each."""
    asked, group = checked.asked, ids.id_key(ids.resource_group_id(SUBSCRIPTION, "shop-ne"))
    for shared in (group, f"{group}/providers/microsoft.authorization/permissions"):
        assert asked[shared] <= AT_ONCE // 2, shared
    assert AT_ONCE == asked[ids.id_key(item_id("sound"))] == asked[ids.id_key(vm_id("sound"))]


def test_a_failover_is_checked_without_listing_what_is_others(checked: Checked) -> None:
    """A group and a vault may hold thousands of others: names are asked for by themselves."""
    kinds = ("/virtualmachines", "/disks", "/networkinterfaces", "/replicationprotecteditems")
    assert [] == [path for path in checked.asked if path.endswith(kinds)]
