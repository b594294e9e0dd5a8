"""A virtual machine about to be moved, with an inventory to which no rule objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from migration import ids, names
from migration.access import Permission
from migration.calls.reads import NAMESPACES
from migration.facts import Fact
from migration.inventory import (
    AddressAnswer,
    AttachedDisk,
    Disk,
    Inventory,
    Located,
    Machine,
    Network,
    Nic,
    ProtectedItem,
    Provider,
    Sku,
    Subnet,
    Usage,
)
from migration.models import VmSpec
from migration.plan import Failover
from migration.rules import fingerprints
from migration.rules.case import Case
from migration.rules.engine import judge
from migration.surroundings import Churn, Subscription
from migration.vaults import PlannedVault

SUBSCRIPTION = "6b1f6e0a-52c4-4a8e-9d0b-3f5c8a7e2d11"
HOME, AWAY, VAULT_GROUP = "shop", "shop-ne", "shop-vault"
VM_ID = ids.vm_id(SUBSCRIPTION, HOME, "web-01")
OS_DISK, DATA_DISK = ids.disk_id(SUBSCRIPTION, HOME, "web-01-os"), ids.disk_id(SUBSCRIPTION, HOME, "web-01-data")
NIC_ID = ids.nic_id(SUBSCRIPTION, HOME, "web-01-nic")
HOME_NETWORK = ids.network_id(SUBSCRIPTION, HOME, "shop-vnet")
NETWORK, TEST_NETWORK = (
    ids.network_id(SUBSCRIPTION, AWAY, "shop-vnet-ne"),
    ids.network_id(SUBSCRIPTION, AWAY, "rehearsal"),
)
VAULT = ids.vault_id(SUBSCRIPTION, VAULT_GROUP, "vault")
ITEM = ids.item_id(
    ids.container_id(ids.fabric_id(VAULT, "f"), names.container_name("westeurope")), names.protected_item_name(VM_ID)
)
PLACE, HOME_PLACE = f"{SUBSCRIPTION}/northeurope", f"{SUBSCRIPTION}/westeurope"
SIZE = "Standard_D2s_v5"
GROUPS = {name: ids.resource_group_id(SUBSCRIPTION, name) for name in (HOME, AWAY, VAULT_GROUP)}

SPEC = VmSpec(
    name="web-01",
    wave="first",
    source_id=VM_ID,
    source_region="westeurope",
    target_region="northeurope",
    target_subscription=SUBSCRIPTION,
    target_resource_group=AWAY,
    target_name="web-01",
    network_id=NETWORK,
    subnet="servers",
    address="10.20.1.20",
)
MACHINE = Machine(
    id=VM_ID,
    location="westeurope",
    size=SIZE,
    vm_unique_id="9b0f5c1e-0000-4000-8000-000000000001",
    os_type="Linux",
    provisioning_state="Succeeded",
    os_disk=AttachedDisk("web-01-os", OS_DISK, 64, "Premium_LRS", create_option="FromImage"),
    data_disks=(AttachedDisk("web-01-data", DATA_DISK, 128, "Premium_LRS", create_option="Attach"),),
    nic_ids=(NIC_ID,),
    power_state="PowerState/running",
    agent="Ready",
    generation="V2",
    from_image=True,
    os_name="ubuntu",
    os_version="22.04",
)
NIC = Nic(NIC_ID, HOME_NETWORK, "servers", "10.10.1.20", is_static=True, machine_id=VM_ID)
SKU = Sku(
    name=SIZE,
    family="standardDSv5Family",
    vcpus=2,
    zones=("1", "2", "3"),
    max_data_disks=4,
    max_nics=2,
    generations=("V1", "V2"),
    memory_gib=8.0,
    controllers=("SCSI",),
)
PROTECTED = ProtectedItem(
    id=ITEM,
    machine_id=VM_ID.lower(),
    protection_state="Protected",
    active_location="Primary",
    allowed_operations=("UnplannedFailover", "DisableProtection", "TestFailover"),
    replication_health="Normal",
    failover_health="Warning",
    rpo_seconds=120,
    replica_disk_ids=(ids.disk_id(SUBSCRIPTION, AWAY, "web-01-os-ASRReplica"),),
)
MOVED = replace(
    MACHINE,
    id=SPEC.target_id,
    location="northeurope",
    vm_unique_id="9b0f5c1e-0000-4000-8000-000000000002",
    from_image=False,
    os_disk=AttachedDisk(
        "web-01-os", ids.disk_id(SUBSCRIPTION, AWAY, "web-01-os"), 64, "Premium_LRS", create_option="Attach"
    ),
    data_disks=(
        AttachedDisk(
            "web-01-data", ids.disk_id(SUBSCRIPTION, AWAY, "web-01-data"), 128, "Premium_LRS", create_option="Attach"
        ),
    ),
    nic_ids=(ids.nic_id(SUBSCRIPTION, AWAY, "web-01-nic"),),
)
"""What Site Recovery makes of the machine."""


def inventory() -> Inventory:
    """Return an inventory in which everything is as it should be, and nothing protected yet."""
    found = Inventory()
    found.machines.note(VM_ID, Fact(MACHINE))
    found.machines.note(SPEC.target_id, Fact())
    found.disks.note(OS_DISK, Fact(Disk(OS_DISK, "Premium_LRS", 64)))
    found.disks.note(DATA_DISK, Fact(Disk(DATA_DISK, "Premium_LRS", 128)))
    found.nics.note(NIC_ID, Fact(NIC))
    found.eligibility.note(VM_ID, Fact(()))
    for name, region in ((HOME, "westeurope"), (AWAY, "northeurope"), (VAULT_GROUP, "northeurope")):
        found.groups.note(GROUPS[name], Fact(Located(GROUPS[name], region)))
        found.locks.note(GROUPS[name], Fact(()))
        found.permissions.note(GROUPS[name], Fact((Permission(("*",)),)))
    found.group_machines.note(GROUPS[AWAY], Fact(()))
    found.group_disks.note(GROUPS[AWAY], Fact(()))
    found.group_nics.note(GROUPS[AWAY], Fact(()))
    for network_id in (NETWORK, TEST_NETWORK):
        subnet = Subnet("servers", ("10.20.1.0/24",), default_outbound=network_id == NETWORK)
        network = Network(network_id, "northeurope", (subnet,))
        found.networks.note(network_id, Fact(network))
        found.permissions.note(network_id, Fact((Permission(("*",)),)))
    found.permissions.note(f"/subscriptions/{SUBSCRIPTION}", Fact((Permission(("*",)),)))
    for scope in (*GROUPS.values(), NETWORK, TEST_NETWORK, f"/subscriptions/{SUBSCRIPTION}"):
        found.deny_assignments.note(scope, Fact(()))
    found.network_usage.note(NETWORK, Fact({"servers": 251}))
    found.network_usage.note(TEST_NETWORK, Fact({"servers": 251}))
    found.addresses.note(f"{NETWORK}/10.20.1.20", Fact(AddressAnswer(available=True)))
    found.skus.note(PLACE, Fact({SIZE.lower(): SKU}))
    found.usages.note(PLACE, Fact({name.lower(): Usage(name, name, 0, 10) for name in QUOTAS}))
    for namespace in NAMESPACES:
        regions = ("westeurope", "northeurope")
        provider = Provider(namespace, "Registered", regions, regions)
        found.providers.note(f"{SUBSCRIPTION}/{namespace}", Fact(provider))
    found.vaults.note(VAULT, Fact(Located(VAULT, "northeurope")))
    found.items.note(VAULT, Fact(()))
    found.mappings.note(VAULT, Fact(()))
    found.foreign_items.note(SUBSCRIPTION, Fact(()))
    note_surroundings(found)
    return found


def note_surroundings(found: Inventory) -> None:
    """Note that nothing stands around the machine that would object to its move."""
    found.subscriptions.note(f"/subscriptions/{SUBSCRIPTION}", Fact(Subscription(SUBSCRIPTION, "Enabled")))
    network = {name.lower(): Usage(name, name, 0, 10) for name in ("NetworkInterfaces", "PublicIPAddresses")}
    found.network_usages.note(PLACE, Fact(network))
    found.storage_usages.note(HOME_PLACE, Fact({"storageaccounts": Usage("StorageAccounts", "Accounts", 0, 250)}))
    for name in (AWAY, HOME):
        found.denials.note(GROUPS[name], Fact(()))
    found.role_assignments.note(SUBSCRIPTION, Fact(()))
    found.backups.note(SUBSCRIPTION, Fact(()))
    found.churn.note(VM_ID, Fact(Churn(1_000_000, 4_000_000)))


PLANNED = PlannedVault(VAULT, "northeurope")
QUOTAS = ("cores", "virtualMachines", "standardDSv5Family", "PremiumDiskCount")


def starting(**changes: Any) -> Case:
    """Return the case of the machine before its move."""
    return replace(
        Case(vms=(SPEC,), vaults=(PLANNED,), failover=Failover(), inventory=inventory()),
        **changes,
    )


def cutting_over(**changes: Any) -> Case:
    """Return the case of the machine right before its failover."""
    case = starting(moment="cutover", vaults=(PlannedVault(VAULT),))
    case.inventory.items.note(VAULT, Fact((PROTECTED,)))
    return replace(case, fingerprint=fingerprints.take(case, SPEC), **changes)


def objections(case: Case) -> dict[str, str]:
    """Return severity by rule of everything that does not pass."""
    shared, each = judge(case)
    return {finding.rule: finding.severity for finding in [*shared, *(f for vm in each for f in vm.findings)]}
