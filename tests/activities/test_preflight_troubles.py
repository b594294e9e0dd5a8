"""What is wrong with the estate of Contoso is told by the rule that is there for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from activities.preflight import check
from arm.clients import AzureClients
from migration import ids
from tests.activities.contoso import (
    AWAY,
    CONTOSO,
    DB,
    PLANS,
    SOURCE_GROUP,
    SUBSCRIPTION,
    TARGET_GROUP,
    VAULT_GROUP,
    around_nic,
    backup_of,
    disk,
    extension,
    keyed_disk,
    lock,
    machine,
    nic_at,
    quota,
    remove,
    resource,
    role_on,
    stop,
    told,
    unregister,
)
from tests.simulator.mending import policy
from tests.support.sim import Simulator

TROUBLES: list[tuple[str, Any]] = [
    ("source-running", lambda sim: stop(sim, DB)),
    ("source-exists", lambda sim: remove(sim, DB)),
    ("source-agent-ready", {"resources": [], "behaviour": {DB: {"agent": "not_ready"}}}),
    ("quota", quota(cores=9)),
    ("quota", quota(standardESv5Family=3)),
    ("size-offered", quota(Standard_E4s_v5=0)),
    ("size-offered", quota(Standard_E4s_v5=None)),
    ("target-disk-free", {"resources": [disk("DB-01-Data")]}),
    ("replica-disk-free", {"resources": [disk("db-01-os-ASRReplica")]}),
    ("target-address", {"resources": [nic_at("10.20.1.20")]}),
    ("locks-target", {"resources": [lock(TARGET_GROUP, "CanNotDelete")]}),
    ("locks-source", {"resources": [lock(DB, "ReadOnly")]}),
    ("locks-target", {"resources": [lock(f"/subscriptions/{SUBSCRIPTION}", "ReadOnly")]}),
    ("locks-vault", {"resources": [resource(VAULT_GROUP), lock(VAULT_GROUP, "CanNotDelete")]}),
    ("vault-place", {"resources": [{**resource(CONTOSO.vault_ids[0], "westus2"), "sku": {"name": "Standard"}}]}),
    ("providers-registered", lambda sim: unregister(sim, "Microsoft.RecoveryServices")),
    ("quota-network", quota(NetworkInterfaces=2)),
    ("quota-storage", {"resources": [], "quotas": {SUBSCRIPTION: {"westeurope": {"StorageAccounts": 0}}}}),
    ("quota", quota(PremiumDiskCount=3)),
    ("dedicated-host", machine(host={"id": f"{SOURCE_GROUP}/providers/Microsoft.Compute/hostGroups/g/hosts/h"})),
    ("security-type", machine(securityProfile={"securityType": "ConfidentialVM"})),
    ("customer-keys", {"resources": [keyed_disk()]}),
    ("os-supported", {"resources": [], "behaviour": {DB: {"os": {"name": "flatcar", "version": "4081.2"}}}}),
    ("eligible", {"resources": [], "behaviour": {DB: {"os": {"name": "flatcar", "version": "4081.2"}}}}),
]
HANGING_ON: list[tuple[str, Any]] = [
    (
        "availability-set",
        machine(availabilitySet={"id": f"{SOURCE_GROUP}/providers/Microsoft.Compute/availabilitySets/a"}),
    ),
    (
        "proximity-group",
        machine(
            proximityPlacementGroup={"id": f"{SOURCE_GROUP}/providers/Microsoft.Compute/proximityPlacementGroups/p"}
        ),
    ),
    (
        "scale-set",
        machine(virtualMachineScaleSet={"id": f"{SOURCE_GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/s"}),
    ),
    ("zone", machine(zones=["2"])),
    ("encryption-at-host-carried", machine(securityProfile={"encryptionAtHost": True})),
    ("identities-carried", machine(identity={"type": "SystemAssigned", "principalId": str(uuid.UUID(int=99))})),
    ("roles-carried", {"resources": [role_on(DB)]}),
    ("backup-carried", {"resources": backup_of(DB)}),
    ("churn", {"resources": [], "behaviour": {DB: {"churn_mb_per_second": 60}}}),
    ("other-extensions-sound", {"resources": [extension("OmsAgent", "Failed")]}),
    ("source-extension-sound", {"resources": [extension("SiteRecovery-Linux", "Succeeded")]}),
    ("extensions-carried", {"resources": [extension("OmsAgent", "Succeeded")]}),
    (
        "public-addresses-carried",
        around_nic(publicIPAddress={"id": f"{SOURCE_GROUP}/providers/Microsoft.Network/publicIPAddresses/p"}),
    ),
    (
        "load-balancers-carried",
        around_nic(
            loadBalancerBackendAddressPools=[
                {"id": f"{SOURCE_GROUP}/providers/Microsoft.Network/loadBalancers/l/backendAddressPools/p"}
            ]
        ),
    ),
    (
        "security-groups-carried",
        around_nic(networkSecurityGroup={"id": f"{SOURCE_GROUP}/providers/Microsoft.Network/networkSecurityGroups/n"}),
    ),
]


@pytest.mark.parametrize(("rule", "trouble"), HANGING_ON, ids=[rule for rule, _ in HANGING_ON])
async def test_what_does_not_block_is_told(
    contoso: tuple[Simulator, AzureClients], rule: str, trouble: dict[str, Any]
) -> None:
    """What hangs on a machine and will not follow is told, of that machine alone, and stops nobody."""
    sim, azure = contoso
    sim.seed(trouble)

    answer = await check(azure, CONTOSO)

    assert {rule} <= {finding.rule for vm in answer.vms if vm.name == "db-01" for finding in vm.findings}
    others = {finding.rule for vm in answer.vms if vm.name != "db-01" for finding in vm.findings}
    assert {"guest-asked"} == others
    assert [] == answer.blocking


@pytest.mark.parametrize(("rule", "trouble"), TROUBLES, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(TROUBLES)])
async def test_trouble_is_found(
    contoso: tuple[Simulator, AzureClients], rule: str, trouble: dict[str, Any] | Callable[[Simulator], None]
) -> None:
    """What is wrong with the estate blocks, by the rule that is there for it."""
    sim, azure = contoso
    if callable(trouble):
        trouble(sim)
    else:
        sim.seed(trouble)

    answer = await check(azure, CONTOSO)

    assert (rule, "blocking") in told(answer)


async def test_a_policy_of_a_single_machine_is_found(contoso: tuple[Simulator, AzureClients]) -> None:
    """One that refuses the extension there blocks, with an exemption there; of one about other things nothing is told.

    Azure is asked once for all, and once more of each machine to which something is assigned.
    """
    sim, azure = contoso
    app = ids.vm_id(SUBSCRIPTION, CONTOSO.source.resource_group, "app-01")
    extensions = "Microsoft.Compute/virtualMachines/extensions"
    sim.seed({"resources": [policy(DB, extensions), policy(app, "Microsoft.Compute/disks")]})
    since = len(sim.requests())

    answer = await check(azure, CONTOSO)

    [found] = [finding for finding in answer.findings if finding.rule == "policies"]
    assert (ids.describe(DB), "blocking") == (found.subject, found.severity)
    assert found.remedy.endswith(f"--scope {DB}")
    asked = [
        line for line in sim.requests(since) if line["path"].startswith(f"{SOURCE_GROUP}/providers/Microsoft.Policy")
    ]
    assert 1 + len((DB, app)) == len(asked)


async def test_look_alike_is_a_collision(contoso: tuple[Simulator, AzureClients]) -> None:
    """A virtual machine that has the target's name was there before us: it blocks, and is not taken for the move's."""
    sim, azure = contoso
    other = yaml.safe_load((PLANS / "contoso.estate.yaml").read_text(encoding="utf-8"))
    source = next(each for each in other["resources"] if each["id"] == DB)
    stranger = {
        **source,
        "id": ids.vm_id(SUBSCRIPTION, AWAY, "DB-01"),
        "location": "northeurope",
        "resourceGroup": AWAY,
    }
    stranger["storageProfile"] = {"osDisk": {"osType": "Linux", "name": "other-os", "createOption": "FromImage"}}
    stranger["networkProfile"] = {"networkInterfaces": []}
    sim.seed({"resources": [stranger]})
    stop(sim, DB)

    answer = await check(azure, CONTOSO)

    assert ("target-name-free", "blocking") in told(answer)
    assert not any(vm.already_migrated for vm in answer.vms)
