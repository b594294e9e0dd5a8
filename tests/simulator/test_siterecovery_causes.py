"""Every cause of `simulator/siterecovery/causes.py`: brought about, met at its moment with its code, and mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from simulator.siterecovery.causes import CAUSES
from tests.simulator.mending import Act, deleted, lift, lock, met, policy, sound, unlock
from tests.simulator.siterecovery_estate import (
    CACHE,
    SUBSCRIPTION,
    TARGET,
    TARGET_NETWORK,
    VAULT,
    Lab,
    disk_id,
    item_id,
    machine,
    network,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

BY_NAME = {cause.name: cause for cause in CAUSES}
OTHER_SUBSCRIPTION = "22222222-3333-4444-8555-777777777777"
LOCKED, DENIED = (f"{TARGET}-{name}" for name in ("locked", "denied"))
ELSEWHERE = f"/subscriptions/{OTHER_SUBSCRIPTION}/resourceGroups/elsewhere"


@dataclass(frozen=True)
class Case:
    """How a cause is brought about for the machine of its name, and how it is mended."""

    behaviour: dict[str, Any] = field(default_factory=dict)
    resources: tuple[dict[str, Any], ...] = ()
    changes: dict[str, Any] = field(default_factory=dict)
    """What the enabling input has besides."""
    mend: Act | None = None
    """None: the same job cannot succeed; another input is needed."""


def _seeded(*resources: dict[str, Any]) -> Act:
    return lambda lab, _: lab.sim.seed({"resources": list(resources)})


def _raise_quotas(lab: Lab, _: str) -> None:
    limits = {**QUOTAS, "standardESv3Family": 20, "Standard_F2s_v2": 20, "Standard_D2s_v4": ["2"]}
    lab.sim.seed({"resources": [], "quotas": {"northeurope": limits}})


def _register(lab: Lab, _: str) -> None:
    lab.sim.arm("POST", f"/subscriptions/{OTHER_SUBSCRIPTION}/providers/Microsoft.Compute/register")
    lab.sim.advance(60)


def _started(lab: Lab, name: str) -> None:
    lab.sim.follow(lab.sim.arm("POST", f"{vm_id(name)}/start"))
    lab.sim.advance(60)


def _replaced_disk(name: str, **traits: Any) -> dict[str, Any]:
    """The data disk of a machine with other traits, written again without them it is sound."""
    return {"id": disk_id(f"{name}_data"), "location": "westeurope", "sku": {"name": "StandardSSD_LRS"}} | {
        "properties": {"diskSizeGB": 256, **traits.pop("properties", {})},
        **traits,
    }


def _target(group: str) -> dict[str, Any]:
    return {"recoveryResourceGroupId": group, "recovery_group_of_disks": group}


def _of_size(name: str, size: str) -> dict[str, Any]:
    return machine(name, size=size)


def _updating(state: str) -> dict[str, Any]:
    document = machine("vm-busy")
    document["properties"]["provisioningState"] = state
    return document


QUOTAS: dict[str, Any] = {
    "standardESv3Family": 2,
    "Standard_F2s_v2": 0,
    "Standard_D2s_v4": ["1"],
    "Standard_DS2_v2": None,
}
ROOTS = {"certificates": ["DigiCert Global Root G2"]}
KERNEL = {"os": {"name": "ubuntu", "version": "22.04", "kernel": "6.17.0-1001-azure"}}
SERVICE = {"outbound": {"*.hypervrecoverymanager.windowsazure.com": "blocked"}}
WINDOWS = {"osType": "Windows"}
ENABLING: dict[str, Case] = {
    "vm-absent": Case(changes={"fabricObjectId": vm_id("late")}, mend=_seeded(machine("late"))),
    "vm-elsewhere": Case(resources=(machine("vm-elsewhere") | {"location": "francecentral"},)),
    "vm-replicated": Case(changes={"fabricObjectId": vm_id("twin")}),
    "vm-busy": Case(resources=(_updating("Updating"),), mend=_seeded(_updating("Succeeded"))),
    "vm-off": Case({"power_state": "deallocated"}, mend=_started),
    "agent-silent": Case({"agent": "not_ready"}, mend=sound),
    "disk-too-big": Case(resources=(machine("disk-too-big", os_disk={"diskSizeGB": 8192}),)),
    "disk-ultra": Case(
        resources=(_replaced_disk("disk-ultra", sku={"name": "UltraSSD_LRS"}),),
        mend=_seeded(_replaced_disk("disk-ultra")),
    ),
    "disk-shared": Case(
        resources=(_replaced_disk("disk-shared", properties={"maxShares": 2}),),
        mend=_seeded(_replaced_disk("disk-shared")),
    ),
    "disk-uninitialised": Case({"uninitialised_luns": [2]}, mend=sound),
    "disk-absent": Case(changes={"disks": ("os", "gone")}),
    "os-disk-left-out": Case(changes={"disks": ("data",)}),
    "cache-unusable": Case(
        changes={"cache": f"{CACHE}2"}, mend=_seeded({"id": f"{CACHE}2", "location": "westeurope", "properties": {}})
    ),
    "target-absent": Case(
        changes={"recoveryAzureNetworkId": f"{TARGET_NETWORK}-new"},
        mend=_seeded(network(f"{TARGET_NETWORK}-new", "northeurope", "10.7.0.0/16", "10.7.0.0/24")),
    ),
    "zone-absent": Case(changes={"recoveryAvailabilityZone": "7"}),
    "quota-exceeded": Case(resources=(_of_size("quota-exceeded", "Standard_E4s_v3"),), mend=_raise_quotas),
    "size-not-offered": Case(resources=(_of_size("size-not-offered", "Standard_F2s_v2"),), mend=_raise_quotas),
    "size-not-offered-in-zone": Case(
        resources=(_of_size("size-not-offered-in-zone", "Standard_D2s_v4"),),
        changes={"recoveryAvailabilityZone": "1"},
        mend=_raise_quotas,
    ),
    "source-locked": Case(resources=(lock(vm_id("source-locked")),), mend=unlock(vm_id("source-locked"))),
    "cache-locked": Case(
        resources=({"id": f"{CACHE}3", "location": "westeurope", "properties": {}}, lock(f"{CACHE}3")),
        changes={"cache": f"{CACHE}3"},
        mend=unlock(f"{CACHE}3"),
    ),
    "disk-locked": Case(resources=(lock(disk_id("disk-locked_data")),), mend=unlock(disk_id("disk-locked_data"))),
    "target-group-locked": Case(resources=(lock(LOCKED),), changes=_target(LOCKED), mend=unlock(LOCKED)),
    "policy-denies-extension": Case(
        resources=(policy(vm_id("policy-denies-extension"), "Microsoft.Compute/virtualMachines/extensions"),),
        mend=lift(vm_id("policy-denies-extension")),
    ),
    "policy-denies-disk": Case(
        resources=(policy(DENIED, "Microsoft.Compute/disks"),), changes=_target(DENIED), mend=lift(DENIED)
    ),
    "target-provider-not-registered": Case(changes=_target(ELSEWHERE), mend=_register),
    "replica-left-over": Case(
        resources=(
            {"id": disk_id("replica-left-over_os-ASRReplica", TARGET), "location": "northeurope", "properties": {}},
        ),
        mend=lambda lab, name: deleted(lab, disk_id(f"{name}_os-ASRReplica", TARGET)),
    ),
    "os-unsupported": Case({"os": "plan9 4"}, mend=sound),
    "kernel-unsupported": Case(KERNEL, mend=sound),
    "controller-unsupported": Case(
        {"os": {"name": "debian", "version": "12"}},
        resources=(_of_size("controller-unsupported", "Standard_D2s_v6"),),
        mend=lambda lab, name: sound(
            lab, name, os={"name": "ubuntu", "version": "24.04", "kernel": "6.8.0-1008-azure"}
        ),
    ),
    "snapshot-services-disabled": Case(
        {"services": {"VSS": "disabled"}},
        resources=(machine("snapshot-services-disabled", os_disk=WINDOWS),),
        mend=sound,
    ),
    "boot-by-lvm": Case({"grub": "/dev/mapper/rhel-root"}, mend=sound),
    "boot-by-device-name": Case({"grub": "/dev/sda1"}, mend=sound),
    "certificates-missing": Case(ROOTS, mend=sound),
    "name-resolution": Case({"dns": "broken"}, mend=sound),
    "proxy-authenticated": Case({"proxy": "authenticated"}, mend=sound),
    "no-way-out": Case({"outbound": "blocked"}, mend=sound),
    "sign-in-blocked": Case({"outbound": {"login.microsoftonline.com": "blocked"}}, mend=sound),
    "service-blocked": Case(SERVICE, mend=sound),
    "storage-blocked": Case({"outbound": {"*.blob.core.windows.net": "timeout"}}, mend=sound),
}
ELSEWHERE_TESTED = {
    "provider-not-registered": "test_request_is_refused",
    "vault-locked": "test_request_is_refused",
    "same-region": "test_zone_to_zone",
    "too-many-disks": "test_limits.py",
    "group-full": "test_limits.py",
    "too-many-data-disks": "test_limits.py",
}


def _body(lab: Lab, name: str, case: Case) -> dict[str, Any]:
    changes = dict(case.changes)
    disks = changes.pop("disks", ("os", "data"))
    cache, group = changes.pop("cache", CACHE), changes.pop("recovery_group_of_disks", TARGET)
    owner = changes.get("fabricObjectId", vm_id(name)).rpartition("/")[2]
    listed = [
        {
            "diskId": disk_id(f"{owner}_{kind}"),
            "primaryStagingAzureStorageAccountId": cache,
            "recoveryResourceGroupId": group,
        }
        for kind in disks
    ]
    return lab.enable_body(name, vmManagedDisks=listed, **changes)


@dataclass
class Outcome:
    """What became of a machine's first attempt and of its job's restart."""

    first: dict[str, Any]
    item: dict[str, Any]
    restarted: str | None = None
    refused: int | None = None


@pytest.fixture(scope="module")
def estate() -> Iterator[Lab]:
    """A vault that is set up, and for every cause of a failed enabling a machine with it."""
    special = [resource for case in ENABLING.values() for resource in case.resources]
    special += [{"id": group, "location": "northeurope"} for group in (LOCKED, DENIED, ELSEWHERE)]
    special += [
        {
            "id": f"/subscriptions/{OTHER_SUBSCRIPTION}/providers/Microsoft.Compute",
            "registrationState": "NotRegistered",
        }
    ]
    names = ("twin", *ENABLING)
    behaviour: dict[str, Any] = {"twin": {}, "late": {}} | {name: case.behaviour for name, case in ENABLING.items()}
    given = seed(*names, resources=special, behaviour=behaviour, quotas={"northeurope": QUOTAS})
    with Simulator(seed=given) as sim:
        lab = Lab(sim)
        lab.set_up()
        lab.enable("twin")
        yield lab


@pytest.fixture(scope="module")
def outcomes(estate: Lab) -> dict[str, Outcome]:
    """Each machine enabled with its cause, the cause mended, and the failed job restarted."""
    answers = {
        name: estate.accepted("PUT", item_id(name), _body(estate, name, case)) for name, case in ENABLING.items()
    }
    estate.sim.advance(900)
    found = {name: Outcome(estate.job(answer), estate.item(name)) for name, answer in answers.items()}
    mended = {name: case.mend for name, case in ENABLING.items() if case.mend is not None}
    for name, mend in mended.items():
        mend(estate, name)
    restarts = {}
    for name in mended:
        restarts[name] = estate.sim.arm("POST", f"{answers[name].headers['x-ms-request-id']}/restart")
    estate.sim.advance(900)
    for name in mended:
        found[name].refused = restarts[name].status_code
        found[name].restarted = estate.item(name)["protectionState"]
    return found


@pytest.mark.parametrize("name", ENABLING)
def test_enabling_fails_by_cause(outcomes: dict[str, Outcome], name: str) -> None:
    """The job fails at the cause's task with its code, says what to do, and leaves a failed item."""
    cause, outcome = BY_NAME[name], outcomes[name]

    assert (cause.scenario, cause.task, cause.code, True) == met(cause, outcome.first)
    error = outcome.first["errors"][0]["serviceErrorDetails"]
    assert error["possibleCauses"]
    assert error["recommendedAction"]
    assert "Failed" == outcome.first["state"]
    assert ("EnablingFailed", ["DisableProtection"]) == (
        outcome.item["protectionState"],
        outcome.item["allowedOperations"],
    )
    assert [cause.code] == [error["errorCode"] for error in outcome.item["healthErrors"]]


@pytest.mark.parametrize("name", [name for name, case in ENABLING.items() if case.mend is not None])
def test_mended_cause_lets_the_restarted_job_through(outcomes: dict[str, Outcome], name: str) -> None:
    """Once the cause is gone, restarting the failed job enables replication."""
    assert (202, "InitialReplicationInProgress") == (outcomes[name].refused, outcomes[name].restarted)


def test_closest_size(estate: Lab) -> None:
    """A size that the region does not have at all is replaced by the closest: as many cores, as much memory."""
    estate.sim.seed({"resources": [machine("closest", size="Standard_DS2_v2")], "behaviour": {}})
    estate.enable("closest")
    size = estate.item("closest")["providerSpecificDetails"]["recoveryAzureVMSize"]

    assert "Standard_DS2_v2" != size
    listed = {found["name"]: found["properties"] for found in _sizes(estate, "closest")}
    assert 2 == listed[size]["vCPUsAvailable"]
    assert "Standard_DS2_v2" not in listed


def _sizes(lab: Lab, name: str) -> list[dict[str, Any]]:
    return list(lab.get(f"{item_id(name)}/targetComputeSizes")["value"])


def test_request_is_refused(estate: Lab) -> None:
    """A locked vault and an unregistered provider refuse the request itself; nothing is begun."""
    estate.sim.seed({"resources": [lock(VAULT), machine("unheard")]})
    locked = estate.sim.arm("PUT", item_id("unheard"), estate.enable_body("unheard"))
    deleted(estate, lock(VAULT)["id"])
    provider = {"id": f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.RecoveryServices"}
    estate.sim.seed({"resources": [{**provider, "registrationState": "NotRegistered"}]})
    unregistered = estate.sim.arm("PUT", item_id("unheard"), estate.enable_body("unheard"))
    estate.sim.seed({"resources": [{**provider, "registrationState": "Registered"}]})

    assert (409, BY_NAME["vault-locked"].code) == (locked.status_code, locked.json()["error"]["code"])
    assert (409, BY_NAME["provider-not-registered"].code) == (
        unregistered.status_code,
        unregistered.json()["error"]["code"],
    )
    assert 404 == estate.sim.arm("GET", item_id("unheard")).status_code
