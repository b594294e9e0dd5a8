"""Each rule of preflight objects to what it is there for, and to nothing that is sound."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from migration.access import Permission
from migration.facts import Fact
from migration.inventory import Disk, Extension, Subnet
from migration.perimeter import Peering
from migration.plan import Failover
from migration.rules.case import Case
from migration.rules.catalogue import RULES
from migration.rules.engine import SHARED_CHECKS, VM_CHECKS, judge
from migration.surroundings import BackupItem, Subscription
from migration.wires import Wanted, Wires
from tests.migration.rule_changes import (
    Change,
    both,
    changed,
    rehearsing,
    with_a_vault_too_many,
    with_bigger_size,
    with_cache_account,
    with_churn,
    with_cutover,
    with_data_disk,
    with_denial,
    with_denial_of_the_extension,
    with_disk_in_target,
    with_eligibility_error,
    with_encryption_set,
    with_foreign_item,
    with_full_cache_account,
    with_group,
    with_item,
    with_lock,
    with_machine,
    with_machine_in_target,
    with_many_protected_disks,
    with_mapping,
    with_network,
    with_nic,
    with_nic_in_target,
    with_permission,
    with_provider,
    with_quota,
    with_roles,
    with_route,
    with_sku,
    with_spec,
    with_taken_address,
    with_test_network_elsewhere,
    with_twin,
    with_usage,
    with_vault,
)
from tests.migration.sound import (
    AWAY,
    DATA_DISK,
    GROUPS,
    HOME,
    MACHINE,
    NETWORK,
    OS_DISK,
    PLACE,
    PLANNED,
    SPEC,
    SUBSCRIPTION,
    TEST_NETWORK,
    VAULT,
    VAULT_GROUP,
    VM_ID,
    cutting_over,
    objections,
    starting,
)
from tests.migration.test_guests import AROUND, FROM_INSIDE

REPLICA = "web-01-data-ASRReplica"
WITHOUT_UNPLANNED = ("DisableProtection", "TestFailoverCleanup")
CLOSED = Subnet("servers", ("10.3.0.0/24",), default_outbound=False)
LEAKS: list[dict[str, Any]] = [
    {"subnets": (CLOSED,), "peerings": (Peering("to-production", NETWORK.upper(), "Connected"),)},
    {"subnets": (CLOSED,), "peerings": (Peering("to-a-hub", "/subscriptions/x/hub"),)},
    {"subnets": (CLOSED, Subnet("GatewaySubnet", ("10.3.1.0/24",), in_use=True))},
    {"subnets": (CLOSED, Subnet("RouteServerSubnet", ("10.3.1.0/24",), in_use=True))},
    {"subnets": (CLOSED, Subnet("AzureFirewallSubnet", ("10.3.1.0/24",), in_use=True))},
    {"subnets": (replace(CLOSED, nat_gateway_id="/subscriptions/x/nat"),)},
]
"""What leads out of a test network."""
AT_START: list[tuple[str, Change]] = [
    ("channels-set-up", lambda case: replace(case, wires=Wires(), wanted=Wanted({"ops": ["it is to hear"]}, []))),
    ("channels-set-up", lambda case: replace(case, wires=Wires(), wanted=Wanted({}, ["ops@contoso.example"]))),
    ("cutover-window", with_cutover("2026-02-01T22:00", "2026-02-02T04:00")),
    ("cutover-window", with_cutover("2026-03-01T22:00", "2026-03-02T04:00")),
    ("cutover-window", with_cutover("2026-03-01T10:00", "2026-03-02T04:00")),
    ("fence-can-hold", lambda case: replace(case, failover=Failover(shut_down_source=False))),
    ("source-exists", lambda case: case.inventory.machines.note(VM_ID, Fact())),
    ("source-region", with_machine(location="eastus")),
    ("source-running", with_machine(power_state="PowerState/deallocated")),
    ("source-running", with_machine(power_state="")),
    ("source-provisioned", with_machine(provisioning_state="Updating")),
    ("source-agent-ready", with_machine(agent="Not Ready")),
    ("source-agent-ready", with_machine(agent="")),
    ("source-extension-sound", with_machine(extensions=(Extension("SiteRecovery-Linux", "Failed"),))),
    ("source-extension-sound", with_machine(extensions=(Extension("SiteRecovery-Linux", "Succeeded"),))),
    ("other-extensions-sound", with_machine(extensions=(Extension("OmsAgent", "Failed"),))),
    ("os-supported", with_machine(os_name="ubuntu", os_version="25.10")),
    ("os-supported", with_machine(os_name="flatcar", os_version="4081.2.0")),
    ("os-supported", with_machine(os_type="Windows", os_name="Windows Server 2003", os_version="5.2")),
    ("security-type", with_machine(security_type="ConfidentialVM")),
    ("security-type", with_machine(security_type="TrustedLaunch", os_name="oracle", os_version="8.9")),
    ("security-type", with_machine(security_type="TrustedLaunch", generation="V1")),
    ("disk-controller", with_machine(disk_controller="NVMe")),
    ("disk-controller", with_sku(controllers=("NVMe",))),
    ("size-enough", with_sku(vcpus=1)),
    (
        "customer-keys",
        with_data_disk(encryption_set_id=f"{GROUPS[HOME]}/providers/Microsoft.Compute/diskEncryptionSets/k"),
    ),
    (
        "availability-set",
        with_machine(availability_set_id=f"{GROUPS[HOME]}/providers/Microsoft.Compute/availabilitySets/a"),
    ),
    ("zone", with_machine(zone="1")),
    (
        "proximity-group",
        with_machine(proximity_group_id=f"{GROUPS[HOME]}/providers/Microsoft.Compute/proximityPlacementGroups/p"),
    ),
    ("scale-set", with_machine(scale_set_id=f"{GROUPS[HOME]}/providers/Microsoft.Compute/virtualMachineScaleSets/s")),
    ("dedicated-host", with_machine(host_id=f"{GROUPS[HOME]}/providers/Microsoft.Compute/hostGroups/g/hosts/h")),
    ("churn", with_churn(17)),
    (
        "churn",
        both(
            with_churn(55),
            with_data_disk(size_gib=1024),
            lambda case: case.inventory.disks.note(OS_DISK, Fact(Disk(OS_DISK, "Premium_LRS", 2048))),
        ),
    ),
    (
        "subscription-enabled",
        lambda case: case.inventory.subscriptions.note(
            f"/subscriptions/{SUBSCRIPTION}", Fact(Subscription("s", "Disabled"))
        ),
    ),
    ("subscription-enabled", lambda case: case.inventory.subscriptions.note(f"/subscriptions/{SUBSCRIPTION}", Fact())),
    ("region-open", with_provider("Microsoft.Compute", machine_regions=("westeurope",))),
    ("region-open", with_sku(restricted=True)),
    ("groups-usable", with_group(AWAY, "Deleting")),
    (
        "policies",
        with_denial,
    ),
    ("size-differs", with_bigger_size),
    ("accelerated-networking", both(with_nic(accelerated=True), with_sku(accelerated=False))),
    ("size-fits", both(with_machine(security_type="TrustedLaunch"), with_sku(trusted_launch=False))),
    ("quota", with_quota("PremiumDiskCount", used=7)),
    ("quota-network", with_usage("network_usages", "NetworkInterfaces", used=10)),
    (
        "quota-network",
        both(
            with_nic(public_address_ids=(f"{GROUPS[HOME]}/providers/Microsoft.Network/publicIPAddresses/p",)),
            with_usage("network_usages", "PublicIPAddresses", used=10),
        ),
    ),
    ("quota-storage", with_usage("storage_usages", "StorageAccounts", used=10)),
    ("protected-disks", with_many_protected_disks),
    ("plan-fits", with_full_cache_account),
    ("plan-fits", with_a_vault_too_many),
    ("extensions-carried", with_machine(extensions=(Extension("OmsAgent", "Succeeded"),))),
    (
        "public-addresses-carried",
        with_nic(public_address_ids=(f"{GROUPS[HOME]}/providers/Microsoft.Network/publicIPAddresses/p",)),
    ),
    (
        "load-balancers-carried",
        with_nic(pool_ids=(f"{GROUPS[HOME]}/providers/Microsoft.Network/loadBalancers/l/backendAddressPools/p",)),
    ),
    (
        "security-groups-carried",
        with_nic(security_group_id=f"{GROUPS[HOME]}/providers/Microsoft.Network/networkSecurityGroups/n"),
    ),
    ("addresses-carried", with_nic(more_addresses=("10.10.1.21",))),
    ("identities-carried", with_machine(identity_ids=("system-assigned",))),
    ("roles-carried", with_roles(VM_ID.upper(), "somebody")),
    ("roles-carried", both(with_machine(principal_id="me"), with_roles(GROUPS[HOME], "ME"))),
    (
        "backup-carried",
        lambda case: case.inventory.backups.note(SUBSCRIPTION, Fact((BackupItem("b", VM_ID.upper(), VAULT),))),
    ),
    ("encryption-at-host-carried", with_machine(encrypted_at_host=True)),
    (
        "target-subnet",
        both(with_spec(subnet="GatewaySubnet"), with_network(subnets=(Subnet("GatewaySubnet", ("10.20.1.0/24",)),))),
    ),
    ("subnet-space", rehearsing(lambda case: case.inventory.network_usage.note(TEST_NETWORK, Fact({"servers": 0})))),
    ("source-unprotected", with_foreign_item),
    ("item-usable", with_item(protection_state="UnplannedFailoverFailed")),
    ("item-usable", with_item(protection_state="UnplannedFailoverCommitted")),
    ("item-usable", with_item(id=f"{VAULT}/replicationFabrics/f/replicationProtectionContainers/c/x/of-the-portal")),
    ("eligible", with_eligibility_error),
    ("disks-supported", with_data_disk(type="UltraSSD_LRS")),
    ("disks-supported", with_data_disk(max_shares=2)),
    ("disks-supported", with_machine(os_disk=replace(MACHINE.os_disk, ephemeral=True))),
    ("disks-supported", with_machine(os_disk=replace(MACHINE.os_disk, id=None))),
    ("disks-supported", with_machine(data_disks=(replace(MACHINE.data_disks[0], write_accelerated=True),))),
    ("disk-sizes", with_data_disk(size_gib=40_000)),
    ("disk-sizes", lambda case: case.inventory.disks.note(OS_DISK, Fact(Disk(OS_DISK, "Premium_LRS", 4096)))),
    ("disk-encryption", with_data_disk(encrypted_in_guest=True)),
    ("excluded-disks", with_spec(excluded_disks=["scratch"])),
    ("excluded-disks", with_spec(excluded_disks=["WEB-01-OS"])),
    ("disk-types", with_spec(disk_types={"scratch": "Premium_LRS"})),
    ("disk-types", with_spec(disk_types={"*": "PremiumV2_LRS"})),
    ("encryption-set", with_encryption_set(None)),
    ("encryption-set", with_encryption_set("westeurope")),
    ("size-offered", lambda case: case.inventory.skus.note(PLACE, Fact({}))),
    ("size-offered", with_sku(restricted=True)),
    ("size-offered", lambda case: (with_sku(zones=("1", "2"))(case), with_spec(zone="3")(case))[1]),
    ("size-offered", lambda case: (with_sku(restricted_zones=("3",))(case), with_spec(zone="3")(case))[1]),
    ("size-fits", with_sku(max_data_disks=0)),
    ("size-fits", with_sku(max_nics=0)),
    ("size-fits", with_sku(generations=("V1",))),
    ("size-fits", with_sku(premium=False)),
    ("quota", with_quota("cores", used=9)),
    ("quota", with_quota("virtualMachines", used=10)),
    ("quota", with_quota("standardDSv5Family", used=9)),
    ("target-name-free", with_machine_in_target("WEB-01")),
    ("target-nic-free", with_nic_in_target),
    ("target-disk-free", with_disk_in_target("web-01-data")),
    ("replica-disk-free", with_disk_in_target(REPLICA)),
    ("test-names-free", rehearsing(with_machine_in_target("web-01-test"))),
    ("test-names-free", rehearsing(with_disk_in_target("web-01-os-ASRtest"))),
    ("plan-names-differ", with_twin()),
    ("target-network", lambda case: case.inventory.networks.note(NETWORK, Fact())),
    ("target-network", with_network(location="westeurope")),
    ("target-subnet", with_network(subnets=())),
    (
        "target-subnet",
        with_network(subnets=(Subnet("servers", ("10.20.1.0/24",), ("Microsoft.Sql/managedInstances",)),)),
    ),
    ("subnet-space", lambda case: case.inventory.network_usage.note(NETWORK, Fact({"servers": 0}))),
    ("target-address", with_taken_address),
    ("target-address", with_spec(address="10.99.0.4")),
    ("target-address", with_spec(address="10.20.1.3")),
    ("target-address", with_spec(address="10.20.1.255")),
    ("static-address", with_spec(address=None)),
    ("test-network", rehearsing(network=NETWORK)),
    ("test-network", with_test_network_elsewhere),
    ("test-network", rehearsing(lambda case: case.inventory.networks.note(TEST_NETWORK, Fact()))),
    ("test-network", rehearsing(with_network(TEST_NETWORK, location="westeurope"))),
    ("test-network", rehearsing(with_network(TEST_NETWORK, subnets=()))),
    *(("test-network-isolated", rehearsing(with_network(TEST_NETWORK, **leak))) for leak in LEAKS),
    ("test-network-isolated", rehearsing(with_route("VirtualNetworkGateway"))),
    ("test-network-isolated", rehearsing(with_route("VirtualAppliance"))),
    ("network-mapping", with_mapping(TEST_NETWORK)),
    ("network-mapping", with_twin(network_id=TEST_NETWORK, target_resource_group="third")),
    ("vault-place", with_vault("westus")),
    ("vault-place", with_vault("westeurope")),
    ("site-recovery-offered", with_provider("Microsoft.RecoveryServices", vault_regions=("westeurope",))),
    ("providers-registered", with_provider("Microsoft.Storage", registration="NotRegistered")),
    ("cache-account", with_cache_account("northeurope")),
    ("permissions-vault", with_permission(GROUPS[VAULT_GROUP], Permission(("Microsoft.Storage/*", "*/read")))),
    ("permissions-source", with_permission(GROUPS[HOME], Permission(("*",), ("*/deallocate/action",)))),
    ("permissions-target", with_permission(GROUPS[AWAY], Permission(("*",), ("Microsoft.Compute/disks/delete",)))),
    ("permissions-network", with_permission(NETWORK, Permission(("*/read",)))),
    ("permissions-subscription", with_permission(f"/subscriptions/{SUBSCRIPTION}", Permission(("*/write",)))),
    ("locks-source", with_lock(HOME, "ReadOnly", VM_ID.upper())),
    ("locks-source", with_lock(HOME, "CanNotDelete", GROUPS[HOME])),
    ("locks-source", with_lock(HOME, "ReadOnly", DATA_DISK)),
    ("locks-vault", with_lock(VAULT_GROUP, "ReadOnly", PLANNED.account("westeurope"))),
    ("policies", with_denial_of_the_extension),
    ("locks-target", with_lock(AWAY, "CanNotDelete", GROUPS[AWAY])),
    ("locks-target", with_lock(AWAY, "ReadOnly", f"/subscriptions/{SUBSCRIPTION}")),
    ("locks-vault", with_lock(VAULT_GROUP, "CanNotDelete", VAULT)),
]
AT_CUTOVER: list[tuple[str, Change]] = [
    ("source-running", with_machine(power_state="PowerState/deallocated")),
    ("quota", with_quota("cores", used=9)),
    ("target-name-free", with_machine_in_target("web-01")),
    ("target-disk-free", with_disk_in_target("web-01-os")),
    ("permissions-source", with_permission(GROUPS[HOME], Permission(("*/read",)))),
    ("locks-target", with_lock(AWAY, "ReadOnly", GROUPS[AWAY])),
    ("still-protected", with_item(protection_state="InitialReplicationInProgress")),
    ("still-protected", with_item(machine_id="/somebody/else")),
    ("failover-allowed", with_item(allowed_operations=WITHOUT_UNPLANNED)),
    ("replication-sound", with_item(replication_health="Critical", errors=("153007 no point",))),
    ("replication-sound", with_item(failover_health="Critical")),
    ("recovery-point-fresh", with_item(rpo_seconds=901)),
    ("no-other-job", with_item(scenario="TestFailover")),
    ("no-drift", with_data_disk(size_gib=256)),
    ("no-drift", with_machine(size="Standard_D4s_v5", data_disks=MACHINE.data_disks)),
    ("no-drift", with_machine(data_disks=())),
    ("no-drift", with_machine(vm_unique_id="another")),
    ("no-drift", with_machine(nic_ids=())),
    ("no-drift", with_machine(zone="1")),
    ("no-drift", with_nic(subnet="elsewhere")),
    ("no-drift", with_nic(address="10.10.1.99")),
    ("no-drift", with_nic(security_group_id=f"{GROUPS[HOME]}/providers/Microsoft.Network/networkSecurityGroups/n")),
    ("no-drift", with_machine(identity_ids=("system-assigned",))),
    ("no-drift", with_lock(HOME, "CanNotDelete", GROUPS[HOME])),
    ("no-drift", with_lock(VAULT_GROUP, "CanNotDelete", VAULT)),
    ("groups-usable", with_group(AWAY, "Deleting")),
    ("policies", with_denial),
    ("size-offered", with_sku(restricted=True)),
]


def test_what_leads_nowhere_leaves_a_test_network_isolated() -> None:
    """A peering that is not connected, a gateway's empty subnet and a route that drops lead nowhere."""
    peering = Peering("half", NETWORK, "Initiated")
    subnets = (
        Subnet("servers", ("10.3.0.0/24",), default_outbound=False),
        Subnet("GatewaySubnet", ("10.3.1.0/24",)),
    )
    closed = with_network(TEST_NETWORK, peerings=(peering,), subnets=subnets)

    assert {} == objections(changed(starting(), rehearsing(closed)))
    assert {} == objections(changed(starting(), rehearsing(with_route("None"))))


def test_each_way_to_act_on_the_world_has_its_own_remedy() -> None:
    """Closing the outbound access does nothing about a private endpoint: its remedy speaks of endpoints."""
    subnets = (
        Subnet("open", ("10.3.0.0/24",)),
        Subnet("linked", ("10.3.1.0/24",), default_outbound=False, has_private_endpoints=True),
    )
    _, [vm] = judge(changed(starting(), rehearsing(with_network(TEST_NETWORK, subnets=subnets))))

    told = [(one.severity, one.remedy) for one in vm.findings if one.rule == "test-network-isolated"]
    assert ["warning", "warning"] == [severity for severity, _ in told]
    assert 1 == sum("defaultOutboundAccess to false" in remedy for _, remedy in told)
    assert 1 == sum("delete the private endpoints" in remedy for _, remedy in told)


@pytest.mark.parametrize("case", [starting(), cutting_over(), changed(starting(), rehearsing())])
def test_sound_machine_passes(case: Case) -> None:
    """Nothing objects to a machine with which all is well."""
    assert {} == objections(case)


@pytest.mark.parametrize(("rule", "change"), AT_START, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(AT_START)])
def test_rule_objects_at_start(rule: str, change: Change) -> None:
    """The rule objects to what it is there for."""
    assert rule in objections(changed(starting(), change))


@pytest.mark.parametrize(("rule", "change"), AT_CUTOVER, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(AT_CUTOVER)])
def test_rule_objects_at_cutover(rule: str, change: Change) -> None:
    """The rule objects right before the failover."""
    assert rule in objections(changed(cutting_over(), change))


def test_a_plan_that_says_what_happens_where_both_run_may_leave_the_source_alone() -> None:
    """Without a shutdown the fence cannot hold; a plan that asks, or accepts, is what it needs then."""
    for policy in ("ask", "accept"):
        failover = Failover.model_validate({"shut_down_source": False, "if_shutdown_fails": policy})
        assert {} == objections(replace(starting(), failover=failover))


def test_disk_count_objects() -> None:
    """More than 64 data disks are too many; those left behind do not count."""
    disks = tuple(replace(MACHINE.data_disks[0], name=f"d{n}", id=f"{DATA_DISK}{n}") for n in range(65))
    case = changed(starting(), with_machine(data_disks=disks))
    for disk in disks:
        case.inventory.disks.note(str(disk.id), Fact(Disk(str(disk.id), "Premium_LRS", 8)))

    assert "disk-count" in objections(case)
    fewer = SPEC.model_copy(update={"excluded_disks": ["D0"]})
    assert "disk-count" not in objections(replace(case, vms=(fewer,)))


def test_every_rule_is_in_a_table() -> None:
    """No rule of the catalogue is untested, and none is without its check."""
    tested = {one[0] for one in (*AT_START, *AT_CUTOVER, *FROM_INSIDE, *AROUND)} | {"disk-count"}

    assert {rule.id for rule in RULES} == tested
    assert {rule.id for rule in RULES if rule.shared} == set(SHARED_CHECKS)
    assert {rule.id for rule in RULES if not rule.shared} == set(VM_CHECKS)
