"""What makes Site Recovery fail in the simulated cloud is found by the check first, cause by cause."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import ValidationError

from activities.preflight import check
from arm.clients import AzureClients
from migration import ids
from migration.findings import PlanCheck
from migration.models import Finding
from migration.plan import Plan
from migration.rules.catalogue import BY_ID
from simulator.siterecovery.causes import CAUSES
from tests.activities.stage import access_to
from tests.simulator.mending import lock, policy
from tests.simulator.siterecovery_estate import SOURCE, SUBSCRIPTION, TARGET, Lab, machine, network, nic_id, seed
from tests.simulator.siterecovery_estate import disk_id as disk
from tests.simulator.siterecovery_estate import vm_id as vm
from tests.support.sim import Simulator

OTHER = "22222222-3333-4444-8555-777777777777"
VAULT_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop-vaults"
CACHE = ids.storage_account_id(SUBSCRIPTION, "shop-vaults", "shopcache2")
TINY = f"{TARGET}/providers/Microsoft.Network/virtualNetworks/tiny-vnet"
ELSEWHERE = f"/subscriptions/{OTHER}/resourceGroups/elsewhere"
ELSEWHERE_NETWORK = f"{ELSEWHERE}/providers/Microsoft.Network/virtualNetworks/vnet"
LOCKED, NO_DISKS, NO_VMS = (f"{TARGET}-{name}" for name in ("locked", "no-disks", "no-vms"))


@dataclass(frozen=True)
class Case:
    """How a cause comes about for the machine of its name, and the rule that finds it."""

    rule: str
    resources: tuple[dict[str, Any], ...] = ()
    behaviour: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)
    """What the plan wants for the machine besides."""
    about: str = ""
    """Of a rule about what machines share: what its finding names."""


def _of(name: str, **properties: Any) -> dict[str, Any]:
    document = machine(name)
    document["properties"] |= properties
    return document


def _with_data_disks(name: str, count: int) -> dict[str, Any]:
    document = machine(name)
    document["properties"]["storageProfile"]["dataDisks"] = [
        {"lun": lun, "name": f"{name}_{lun}", "createOption": "Attach", "managedDisk": {"id": disk(f"{name}_{lun}")}}
        for lun in range(count)
    ]
    return document


def _data_disk(name: str, sku: str = "StandardSSD_LRS", **properties: Any) -> dict[str, Any]:
    body = {"diskSizeGB": 256, **properties}
    return {"id": disk(f"{name}_data"), "location": "westeurope", "sku": {"name": sku}, "properties": body}


def _there(id_: str, **properties: Any) -> dict[str, Any]:
    return {"id": id_, "location": "northeurope", "properties": properties}


def _holder(number: int) -> dict[str, Any]:
    inner = {"privateIPAddress": f"10.8.0.{number}", "subnet": {"id": f"{TINY}/subnets/front"}}
    return _there(nic_id(f"holder-{number}", TARGET), ipConfigurations=[{"name": "ipconfig1", "properties": inner}])


def _group(id_: str) -> dict[str, Any]:
    return {"resource_group": id_.rpartition("/")[2]}


ESTATE: dict[str, Case] = {
    "provider-not-registered": Case("providers-registered", about="Microsoft.RecoveryServices"),
    "vault-locked": Case("locks-vault", (lock(VAULT_GROUP),), about="shop-vaults"),
    "vm-absent": Case("source-exists"),
    "vm-elsewhere": Case("source-region", (machine("vm-elsewhere") | {"location": "francecentral"},)),
    "vm-replicated": Case("source-unprotected"),
    "vm-busy": Case("source-provisioned", (_of("vm-busy", provisioningState="Updating"),)),
    "vm-off": Case("source-running", behaviour={"power_state": "deallocated"}),
    "agent-silent": Case("source-agent-ready", behaviour={"agent": "not_ready"}),
    "disk-too-big": Case("disk-sizes", (machine("disk-too-big", os_disk={"diskSizeGB": 8192}),)),
    "disk-ultra": Case("disks-supported", (_data_disk("disk-ultra", "UltraSSD_LRS"),)),
    "disk-shared": Case("disks-supported", (_data_disk("disk-shared", maxShares=2),)),
    "too-many-data-disks": Case("disk-count", (_with_data_disks("too-many-data-disks", 65),)),
    "os-disk-left-out": Case("excluded-disks", target={"excluded_disks": ["os-disk-left-out_os"]}),
    "cache-unusable": Case("cache-account", (_there(CACHE),), about="shopcache2"),
    "target-absent": Case("target-network", target={"network": f"{TINY}-absent"}),
    "quota-exceeded": Case("quota", (machine("quota-exceeded", size="Standard_E4s_v3"),), about="ESv3"),
    "size-not-offered": Case("size-offered", (machine("size-not-offered", size="Standard_F2s_v2"),)),
    "size-not-offered-in-zone": Case(
        "size-offered", (machine("size-not-offered-in-zone", size="Standard_D2s_v4"),), target={"zone": "1"}
    ),
    "source-locked": Case("locks-source", (lock(vm("source-locked")),), about='"source-locked"'),
    "cache-locked": Case("locks-vault", (lock(CACHE),), about="shopcache2"),
    "disk-locked": Case("locks-source", (lock(disk("disk-locked_data")),), about="disk-locked_data"),
    "target-group-locked": Case("locks-target", (lock(LOCKED),), target=_group(LOCKED), about="-locked"),
    "policy-denies-extension": Case(
        "policies", (policy(SOURCE, "Microsoft.Compute/virtualMachines/extensions"),), about="shop-we"
    ),
    "policy-denies-disk": Case(
        "policies", (policy(NO_DISKS, "Microsoft.Compute/disks"),), target=_group(NO_DISKS), about="no-disks"
    ),
    "target-provider-not-registered": Case(
        "providers-registered",
        (network(ELSEWHERE_NETWORK, "northeurope", "10.5.0.0/16", "10.5.0.0/24"),),
        target={"subscription": OTHER, "resource_group": "elsewhere", "network": ELSEWHERE_NETWORK},
        about=f"Microsoft.Compute in subscription {OTHER}",
    ),
    "replica-left-over": Case("replica-disk-free", (_there(disk("replica-left-over_os-ASRReplica", TARGET)),)),
    "os-unsupported": Case("eligible", behaviour={"os": "plan9 4"}),
    "controller-unsupported": Case(
        "disk-controller",
        (machine("controller-unsupported", size="Standard_D2s_v6"),),
        {"os": {"name": "debian", "version": "12"}},
    ),
    "name-taken": Case(
        "target-name-free", (_there(vm("name-taken", TARGET), hardwareProfile={"vmSize": "Standard_B2s"}),)
    ),
    "failover-group-locked": Case("locks-target", target=_group(LOCKED), about="-locked"),
    "shutdown-locked": Case("locks-source", (lock(vm("shutdown-locked")),), about="shutdown-locked"),
    "failover-quota-exceeded": Case(
        "quota", (machine("failover-quota-exceeded", size="Standard_E4s_v3"),), about="ESv3"
    ),
    "disk-name-taken": Case("target-disk-free", (_there(disk("disk-name-taken_os", TARGET), diskSizeGB=4),)),
    "nic-name-taken": Case("target-nic-free", (_there(nic_id("nic-name-taken-nic", TARGET)),)),
    "subnet-full": Case(
        "subnet-space",
        (network(TINY, "northeurope", "10.8.0.0/16", "10.8.0.0/29"), *map(_holder, (4, 5, 6))),
        target={"network": TINY},
        about="tiny-vnet",
    ),
    "policy-denies-vm": Case(
        "policies", (policy(NO_VMS, "Microsoft.Compute/virtualMachines"),), target=_group(NO_VMS), about="no-vms"
    ),
    "disable-locked": Case("locks-source", (lock(vm("disable-locked"), "CanNotDelete"),), about="disable-locked"),
    "replica-locked": Case("locks-target", (lock(TARGET, "CanNotDelete"),), about='"shop-ne"'),
}
INSIDE: dict[str, Case] = {
    "kernel-unsupported": Case(
        "kernel-supported", behaviour={"os": {"name": "ubuntu", "version": "22.04", "kernel": "6.17.0-1001-azure"}}
    ),
    "certificates-missing": Case("roots-present", behaviour={"certificates": ["DigiCert Global Root G2"]}),
    "name-resolution": Case("outbound-dns", behaviour={"dns": "broken"}),
    "proxy-authenticated": Case("outbound-proxy", behaviour={"proxy": "authenticated"}),
    "no-way-out": Case("outbound-path", behaviour={"outbound": "blocked"}),
    "sign-in-blocked": Case("outbound-entra", behaviour={"outbound": {"login.microsoftonline.com": "blocked"}}),
    "service-blocked": Case(
        "outbound-site-recovery", behaviour={"outbound": {"*.hypervrecoverymanager.windowsazure.com": "blocked"}}
    ),
    "disk-uninitialised": Case("disks-initialised", behaviour={"uninitialised_luns": [2]}),
    "snapshot-services-disabled": Case(
        "snapshot-services",
        (machine("snapshot-services-disabled", os_disk={"osType": "Windows"}),),
        {"services": {"VSS": "disabled"}},
    ),
    "boot-by-lvm": Case("boot-volumes", behaviour={"grub": "/dev/mapper/rhel-root"}),
    "boot-by-device-name": Case("boot-devices", behaviour={"grub": "/dev/sda1"}),
    "storage-blocked": Case("outbound-storage", behaviour={"outbound": {"*.blob.core.windows.net": "timeout"}}),
}
"""What only the machine itself tells: asked where the check asks guests."""
TESTED_BY_THEMSELVES = {"zone-absent", "same-region", "too-many-disks"}
NEVER_ASKED_FOR = {
    "disk-absent": "the enabling names the disks that the machine has",
    "group-full": "a plan makes no consistency groups",
    "point-gone": "the failover takes the latest point",
    "shutdown-fails": "nothing tells it before; the failover goes on, and the fence judges it",
    "synchronise-fails": "nothing tells it before; the failover goes on, and the fence judges it",
    "disable-while-off": "the move itself stops the source",
}
CASES = ESTATE | INSIDE
PLAN: dict[str, Any] = {
    "version": 1,
    "name": "causes",
    "subscription": SUBSCRIPTION,
    "source": {"region": "westeurope", "resource_group": "shop-we"},
    "target": {"region": "northeurope", "resource_group": "shop-ne", "network": "ne-vnet", "subnet": "front"},
    "vault": {
        "name": "moving",
        "resource_group": "shop-vaults",
        "region": "northeurope",
        "cache_account": "shopcache2",
    },
    "approval": {"approvers": ["anna@contoso.example"]},
    "waves": [
        {
            "name": "all",
            "vms": [
                {"name": name, **({"target": case.target} if case.target else {})}
                for name, case in [*CASES.items(), ("sound", Case(""))]
            ],
        }
    ],
}


@pytest.fixture(scope="module")
async def causes() -> AsyncIterator[tuple[Simulator, PlanCheck]]:
    """Return an estate with every cause at once, each on a machine of its own, and what the check says of it."""
    made = {name: case for name, case in CASES.items() if name != "vm-absent"}
    special = [resource for case in CASES.values() for resource in case.resources]
    special += [
        {"id": group, "location": "northeurope"} for group in (VAULT_GROUP, LOCKED, NO_DISKS, NO_VMS, ELSEWHERE)
    ]
    special += [
        {"id": f"/subscriptions/{OTHER}/providers/Microsoft.Compute", "registrationState": "NotRegistered"},
    ]
    estate = seed(
        *made,
        "sound",
        resources=[one for one in special if one not in CASES["vault-locked"].resources],
        behaviour={name: case.behaviour for name, case in made.items()},
        quotas={"northeurope": {"standardESv3Family": 2, "Standard_F2s_v2": 0, "Standard_D2s_v4": ["1"]}},
    )
    later = [one for one in estate["resources"] if "/locks/" in one["id"] or "/policyAssignments/" in one["id"]]
    estate["resources"] = [one for one in estate["resources"] if one not in later]
    with Simulator(seed=estate, speed=60) as sim:
        lab = Lab(sim)
        lab.set_up()
        lab.enable("vm-replicated")
        sim.seed({"resources": [*later, *CASES["vault-locked"].resources]})
        sim.seed({"resources": [_unregistered("Microsoft.RecoveryServices")]})
        since = len(sim.requests())
        async with AzureClients(access_to(sim)) as azure:
            answer = await check(azure, Plan.model_validate(PLAN))
        written = [line for line in sim.requests(since) if line["write"] and not line["path"].endswith("/runCommand")]
        assert [] == written
        yield sim, answer


def _unregistered(namespace: str) -> dict[str, Any]:
    return {"id": f"/subscriptions/{SUBSCRIPTION}/providers/{namespace}", "registrationState": "NotRegistered"}


def _findings(answer: PlanCheck, name: str, case: Case) -> list[Finding]:
    if case.about:
        return [one for one in answer.findings if case.about in f"{one.subject} {one.evidence}"]
    return next(vm.findings for vm in answer.vms if vm.name == name)


@pytest.mark.parametrize("name", CASES)
async def test_the_check_finds_the_cause_first(causes: tuple[Simulator, PlanCheck], name: str) -> None:
    """The rule that is there for it objects, to the right machine, group or quota, and it stops the plan."""
    _, answer = causes
    case = CASES[name]

    found = {one.rule: one for one in _findings(answer, name, case)}

    assert case.rule in found
    assert found[case.rule].blocks or name == "disable-locked", "that one is told, and hinders the tidying up alone"


async def test_a_sound_machine_among_them_passes(causes: tuple[Simulator, PlanCheck]) -> None:
    """The trouble of the others is not told of a machine that has none."""
    _, answer = causes

    assert [] == [one.rule for vm in answer.vms if vm.name == "sound" for one in vm.findings if one.blocks]


def test_no_cause_is_left_out() -> None:
    """Every cause of the simulator's own list is found by the check, or it says why it is not asked for."""
    known = {*ESTATE, *INSIDE, *TESTED_BY_THEMSELVES, *NEVER_ASKED_FOR}

    assert {cause.name for cause in CAUSES} == known
    assert {case.rule for case in CASES.values()} <= set(BY_ID)


async def test_a_zone_that_the_region_has_not(causes: tuple[Simulator, PlanCheck]) -> None:
    """A zone in a region without zones is found, and a move within a region is no plan."""
    sim, _ = causes
    away = f"{TARGET}/providers/Microsoft.Network/virtualNetworks/wus-vnet"
    sim.seed({"resources": [network(away, "westus", "10.6.0.0/16", "10.6.0.0/24")]})
    target = {**PLAN["target"], "region": "westus", "network": away}
    waves = [{"name": "all", "vms": [{"name": "sound", "target": {"zone": "1"}}]}]
    async with AzureClients(access_to(sim)) as azure:
        answer = await check(azure, Plan.model_validate({**PLAN, "target": target, "waves": waves}))

    assert "size-offered" in {one.rule for one in answer.vms[0].findings}
    with pytest.raises(ValidationError, match="same region"):
        Plan.model_validate({**PLAN, "target": {**PLAN["target"], "region": "westeurope"}})
