"""Each rule of preflight objects to what it is there for, and to nothing that is sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from migration import ids
from migration.inventory import (
    AddressAnswer,
    Disk,
    EligibilityError,
    Extension,
    Fact,
    Located,
    Lock,
    Network,
    NetworkMapping,
    Nic,
    Permission,
    ProtectedItem,
    Subnet,
    Usage,
)
from migration.plan import Failover
from migration.rules.case import Case
from migration.rules.catalogue import ALREADY_MIGRATED, RULES
from migration.rules.engine import SHARED_CHECKS, VM_CHECKS, judge
from migration.rules.permissions import allows
from migration.surroundings import BackupItem, Churn, PolicyDenial, RoleAssignment, Subscription
from tests.migration import sound
from tests.migration.sound import (
    AWAY,
    DATA_DISK,
    GROUPS,
    HOME,
    MACHINE,
    MOVED,
    NETWORK,
    OS_DISK,
    PLACE,
    PROTECTED,
    SKU,
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

Change = Callable[[Case], Case | None]


def with_machine(**changes: Any) -> Change:
    """Change the source."""
    return lambda case: case.inventory.machines.note(VM_ID, Fact(replace(MACHINE, **changes)))


def with_spec(**changes: Any) -> Change:
    """Change what the plan wants."""
    return lambda case: replace(case, vms=(SPEC.model_copy(update=changes),))


def with_item(**changes: Any) -> Change:
    """Change the protected item."""

    def change(case: Case) -> None:
        case.inventory.items = Fact((replace(PROTECTED, **changes),))

    return change


def with_data_disk(**changes: Any) -> Change:
    """Change the data disk."""
    return lambda case: case.inventory.disks.note(
        DATA_DISK, Fact(replace(Disk(DATA_DISK, "Premium_LRS", 128), **changes))
    )


def with_sku(**changes: Any) -> Change:
    """Change what the region offers of the size."""
    return lambda case: case.inventory.skus.note(PLACE, Fact({SKU.name.lower(): replace(SKU, **changes)}))


def with_network(network_id: str = NETWORK, **changes: Any) -> Change:
    """Change a network."""
    network = Network(network_id, "northeurope", (Subnet("servers", ("10.20.1.0/24",)),))
    return lambda case: case.inventory.networks.note(network_id, Fact(replace(network, **changes)))


def with_permission(scope: str, permission: Permission) -> Change:
    """Change what may be done."""
    return lambda case: case.inventory.permissions.note(scope, Fact((permission,)))


def with_lock(group: str, level: str, scope: str) -> Change:
    """Put a lock somewhere."""
    return lambda case: case.inventory.locks.note(GROUPS[group], Fact((Lock("keep", level, scope),)))


def with_disk_in_target(name: str) -> Change:
    """Put a disk into the target group."""
    disk = Disk(ids.disk_id(SUBSCRIPTION, AWAY.upper(), name.upper()), "Premium_LRS", 64)
    return lambda case: case.inventory.group_disks.note(GROUPS[AWAY], Fact((disk,)))


def with_machine_in_target(name: str) -> Change:
    """Put a look-alike into the target group."""
    stranger = replace(MACHINE, id=ids.vm_id(SUBSCRIPTION, AWAY, name), location="northeurope")

    def change(case: Case) -> None:
        case.inventory.group_machines.note(GROUPS[AWAY], Fact((stranger,)))
        case.inventory.machines.note(stranger.id, Fact(stranger))

    return change


def with_nic_in_target(case: Case) -> None:
    """Put an interface of the source's name into the target group."""
    nic = Nic(ids.nic_id(SUBSCRIPTION, AWAY, "web-01-nic"), NETWORK, "servers")
    case.inventory.group_nics.note(GROUPS[AWAY], Fact((nic,)))


def with_quota(name: str, *, used: int) -> Change:
    """Use up a quota."""

    def change(case: Case) -> None:
        usages = dict(case.inventory.usages.about(PLACE) or {})
        usages[name.lower()] = Usage(name, name, used, 10)
        case.inventory.usages.note(PLACE, Fact(usages))

    return change


def with_vault(region: str) -> Change:
    """Put the vault elsewhere."""

    def change(case: Case) -> None:
        case.inventory.vault = Fact(Located(VAULT, region))

    return change


def with_provider(namespace: str, **changes: Any) -> Change:
    """Change a resource provider."""

    def change(case: Case) -> None:
        key = f"{SUBSCRIPTION}/{namespace}"
        provider = case.inventory.providers.about(key)
        assert provider is not None
        case.inventory.providers.note(key, Fact(replace(provider, **changes)))

    return change


def with_cache_account(region: str) -> Change:
    """Let the plan name a cache account that exists."""

    def change(case: Case) -> Case:
        account = ids.storage_account_id(SUBSCRIPTION, VAULT_GROUP, "cache")
        case.inventory.accounts.note(account, Fact(Located(account, region)))
        return replace(case, cache_account_id=account)

    return change


def with_encryption_set(region: str | None) -> Change:
    """Let the plan name a disk encryption set."""

    def change(case: Case) -> Case | None:
        set_id = f"{GROUPS[AWAY]}/providers/Microsoft.Compute/diskEncryptionSets/keys"
        case.inventory.encryption_sets.note(set_id, Fact(Located(set_id, region) if region else None))
        return with_spec(disk_encryption_set_id=set_id)(case)

    return change


def with_mapping(target: str) -> Change:
    """Let the vault map the source network."""

    def change(case: Case) -> None:
        case.inventory.mappings = Fact((NetworkMapping("m", sound.HOME_NETWORK.lower(), target),))

    return change


def with_foreign_item(case: Case) -> None:
    """Let another vault protect the source."""
    other = ids.vault_id(SUBSCRIPTION, "elsewhere", "dr") + "/replicationFabrics/f"
    case.inventory.foreign_items.note(SUBSCRIPTION, Fact((ProtectedItem(other, VM_ID.upper(), "Protected"),)))


def with_eligibility_error(case: Case) -> None:
    """Let Site Recovery say no."""
    error = EligibilityError("A2AOperatingSystemNotSupported", "the OS is not supported", "upgrade it")
    case.inventory.eligibility.note(VM_ID, Fact((error,)))


def with_nic(**changes: Any) -> Change:
    """Change the source's interface."""
    return lambda case: case.inventory.nics.note(sound.NIC_ID, Fact(replace(sound.NIC, **changes)))


def with_group(name: str, state: str) -> Change:
    """Let a resource group be in some state."""
    group = Located(GROUPS[name], "northeurope", state)
    return lambda case: case.inventory.groups.note(GROUPS[name], Fact(group))


def with_usage(table: str, name: str, *, used: int) -> Change:
    """Use up a quota of Network or Storage."""
    key = PLACE if table == "network_usages" else sound.HOME_PLACE

    def change(case: Case) -> None:
        facts = getattr(case.inventory, table)
        facts.note(key, Fact({**facts.about(key), name.lower(): Usage(name, name, used, 10)}))

    return change


def with_churn(megabytes: int) -> Change:
    """Let the machine write so much a second."""
    return lambda case: case.inventory.churn.note(VM_ID, Fact(Churn(megabytes * 1e6, megabytes * 2e6)))


def with_roles(scope: str, principal: str) -> Change:
    """Let a role be assigned."""
    return lambda case: case.inventory.role_assignments.note(
        SUBSCRIPTION, Fact((RoleAssignment("r", scope, principal, "owner"),))
    )


def with_many_protected_disks(case: Case) -> None:
    """Let the subscription protect nearly as many disks as it may."""
    other = ids.vm_id(SUBSCRIPTION, "elsewhere", "big")
    item = ProtectedItem(f"{VAULT}-2/x", other, "Protected", disks=2_999)
    case.inventory.foreign_items.note(SUBSCRIPTION, Fact((item,)))


def with_denial(case: Case) -> None:
    """Let Azure Policy refuse a disk in the target group."""
    denial = PolicyDenial("/a/locations", "/d", "disks of type Premium_LRS", "location is northeurope")
    case.inventory.denials.note(GROUPS[AWAY], Fact((denial,)))


def with_bigger_size(case: Case) -> Case | None:
    """Let the plan name another size than the source's."""
    bigger = replace(SKU, name="Standard_D4s_v5", vcpus=4, memory_gib=16.0)
    case.inventory.skus.note(PLACE, Fact({sku.name.lower(): sku for sku in (SKU, bigger)}))
    return with_spec(size=bigger.name)(case)


def both(*changes: Change) -> Change:
    """Make several changes."""

    def change(case: Case) -> Case:
        for each in changes:
            case = each(case) or case
        return case

    return change


def with_taken_address(case: Case) -> None:
    """Let somebody else have the address."""
    case.inventory.addresses.note(f"{NETWORK}/10.20.1.20", Fact(AddressAnswer(False, ("10.20.1.21",))))


def with_twin(**changes: Any) -> Change:
    """Add a second machine to the plan, in another source group, with the same disks and interface by name."""
    twin_id = ids.vm_id(SUBSCRIPTION, "shop-2", "web-02")
    spec = SPEC.model_copy(
        update={"name": "web-02", "source_id": twin_id, "target_name": "web-02", "address": None, **changes}
    )

    def change(case: Case) -> Case:
        case.inventory.machines.note(twin_id, Fact(replace(MACHINE, id=twin_id)))
        case.inventory.machines.note(spec.target_id, Fact())
        case.inventory.eligibility.note(twin_id, Fact(()))
        case.inventory.churn.note(twin_id, Fact(Churn(0, 0)))
        case.inventory.groups.note(ids.resource_group_id(SUBSCRIPTION, "shop-2"), Fact(Located("g", "westeurope")))
        case.inventory.locks.note(ids.resource_group_id(SUBSCRIPTION, "shop-2"), Fact(()))
        grants = (Permission(("*",)),)
        case.inventory.permissions.note(ids.resource_group_id(SUBSCRIPTION, "shop-2"), Fact(grants))
        return replace(case, vms=(SPEC, spec))

    return change


def rehearsing(then: Change | None = None, network: str = TEST_NETWORK) -> Change:
    """Let the plan ask for a test failover."""

    def change(case: Case) -> Case:
        changed = (then(case) if then else None) or case
        spec = changed.vms[0].model_copy(update={"test_network_id": network})
        return replace(changed, vms=(spec,), failover=Failover(test_first=True, test_network="rehearsal"))

    return change


REPLICA = "web-01-data-ASRReplica"
WITHOUT_UNPLANNED = ("DisableProtection", "TestFailoverCleanup")
AT_START: list[tuple[str, Change]] = [
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
    ("item-usable", with_item(protection_state="EnablingFailed")),
    ("item-usable", with_item(protection_state="UnplannedFailoverCommitPendingStatesBegin")),
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
    ("test-network", rehearsing(lambda case: case.inventory.networks.note(TEST_NETWORK, Fact()))),
    ("test-network", rehearsing(with_network(TEST_NETWORK, location="westeurope"))),
    ("test-network", rehearsing(with_network(TEST_NETWORK, subnets=()))),
    ("test-network", rehearsing(with_network(TEST_NETWORK, peered_with=(NETWORK.upper(),)))),
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
    ("locks-source", with_lock(HOME, "ReadOnly", VM_ID.upper())),
    ("locks-source", with_lock(HOME, "CanNotDelete", GROUPS[HOME])),
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


def changed(case: Case, change: Change) -> Case:
    """Return the case with the change made."""
    return change(case) or case


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
    tested = {rule for rule, _ in (*AT_START, *AT_CUTOVER)} | {"disk-count"}

    assert {rule.id for rule in RULES} == tested
    assert {rule.id for rule in RULES if rule.shared} == set(SHARED_CHECKS)
    assert {rule.id for rule in RULES if not rule.shared} == set(VM_CHECKS)


def test_machine_on_disks_left_behind_is_judged_without_them() -> None:
    """What is wrong with a disk that the plan leaves behind does not matter."""
    case = changed(changed(starting(), with_data_disk(type="UltraSSD_LRS")), with_spec(excluded_disks=["WEB-01-data"]))

    assert {} == objections(case)


def test_denied_question_is_unknown() -> None:
    """A rule that may not ask is never passed: it answers unknown, says why, and what would let it ask."""
    case = starting()
    case.inventory.usages.note(PLACE, Fact(unasked="reading the quotas: 403 AuthorizationFailed", denied=True))

    findings, _ = judge(case)

    assert [("quota", "unknown")] == [(finding.rule, finding.severity) for finding in findings]
    assert "403 AuthorizationFailed" in findings[0].evidence
    assert "Reader" in findings[0].remedy


def test_one_unreadable_thing_is_told_once() -> None:
    """Where many rules lack one fact, one finding names them all."""
    case = starting()
    case.inventory.machines.note(VM_ID, Fact(unasked="reading the machine: 500", passing=True))

    _, (found,) = judge(case)

    assert 1 == len([finding for finding in found.findings if "reading the machine" in finding.evidence])
    assert "source-exists, source-region, source-running" in found.findings[0].rule
    assert ["reading the machine: 500"] == case.inventory.passing_failures()


@pytest.mark.parametrize("case", [starting(), cutting_over()])
def test_empty_inventory_passes_nothing(case: Case) -> None:
    """Without any answer, every rule of the moment that needs one is unknown."""
    from migration.inventory import Inventory

    blind = replace(
        case, inventory=Inventory(items=Fact(unasked="x"), mappings=Fact(unasked="x"), vault=Fact(unasked="x"))
    )
    told = {part for rule in objections(blind) for part in rule.split(", ")}
    needs_nothing = {"encryption-set", "cache-account", "test-names-free", "test-network"}

    assert {rule.id for rule in RULES if case.moment in rule.moments} - needs_nothing == told


def test_own_resources_do_not_collide_at_start() -> None:
    """What the ledger knows as ours collides with nothing before the move, and a replica of our item never does."""
    replica = ids.disk_id(SUBSCRIPTION, AWAY, REPLICA)
    case = changed(starting(), with_disk_in_target(REPLICA))
    assert {} == objections(replace(case, own_ids=frozenset({ids.id_key(replica)})))

    protected = changed(case, with_item(replica_disk_ids=(replica.upper(),)))
    assert {} == objections(protected)


def test_predicted_names_collide_at_cutover() -> None:
    """Right before the failover nothing of it can exist: a machine of the predicted id is a stranger's."""
    case = changed(cutting_over(), with_machine_in_target("web-01"))

    assert "target-name-free" in objections(replace(case, own_ids=frozenset({ids.id_key(SPEC.target_id)})))


def test_quota_counts_all_that_move() -> None:
    """Two machines that each fit and together do not are refused."""
    case = changed(starting(), with_twin(target_resource_group="third"))
    third = ids.resource_group_id(SUBSCRIPTION, "third")
    for table in (case.inventory.group_machines, case.inventory.group_disks, case.inventory.group_nics):
        table.note(third, Fact(()))
    case.inventory.groups.note(third, Fact())
    case.inventory.denials.note(third, Fact(()))
    case.inventory.permissions.note(f"/subscriptions/{SUBSCRIPTION}", Fact((Permission(("*",)),)))
    assert {"static-address": "note"} == objections(case)

    with_quota("cores", used=7)(case)
    assert "blocking" == objections(case)["quota"]


def test_absent_group_needs_the_right_to_make_it() -> None:
    """While the target group is absent, permissions are asked at the subscription, that of making groups with them."""
    case = starting()
    case.inventory.groups.note(GROUPS[AWAY], Fact())
    granted = Permission(("*",), ("Microsoft.Resources/subscriptions/resourceGroups/write",))
    case.inventory.permissions.note(f"/subscriptions/{SUBSCRIPTION}", Fact((granted,)))

    findings, _ = judge(case)

    assert ["permissions-target"] == [finding.rule for finding in findings]
    assert "resourceGroups/write" in findings[0].evidence


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ([Permission(("*",))], True),
        ([Permission(("microsoft.compute/virtualmachines/*",))], True),
        ([Permission(("*/start/action",))], True),
        ([Permission(("*/read",))], False),
        ([Permission(("*",), ("Microsoft.Compute/*",))], False),
        ([Permission(("*",), ("Microsoft.Compute/*",)), Permission(("*/action",))], True),
        ([Permission(("Microsoft.Compute/virtualMachines/start",))], False),
        ([], False),
    ],
)
def test_permissions_as_azure_reads_them(grants: list[Permission], expected: bool) -> None:
    """Wildcards match any text, notActions take away within their own grant only, case does not matter."""
    assert expected == allows(grants, "Microsoft.Compute/virtualMachines/start/action")


def moved(case: Case, **changes: Any) -> Case:
    """Return the case after a move: the source stands still, the target runs, nothing is protected."""
    with_machine(power_state="PowerState/deallocated")(case)
    target = replace(MOVED, **changes)
    case.inventory.group_machines.note(GROUPS[AWAY], Fact((target,)))
    case.inventory.machines.note(SPEC.target_id, Fact(target))
    return case


def test_moved_machine_is_recognised() -> None:
    """A machine that an earlier run moved counts as migrated; no other rule objects to it."""
    shared, (found,) = judge(moved(starting()))

    assert found.already_migrated
    assert [] == shared
    assert [ALREADY_MIGRATED.id] == [finding.rule for finding in found.findings]


def test_committed_item_is_recognised() -> None:
    """A committed failover whose replication was not yet disabled counts as migrated too."""
    case = moved(starting(), power_state="PowerState/stopped")
    with_item(protection_state="UnplannedFailoverCommitted")(case)

    assert judge(case)[1][0].already_migrated


@pytest.mark.parametrize(
    "changes",
    [
        {"from_image": True},
        {"location": "westeurope"},
        {"power_state": "PowerState/deallocated"},
        {"nic_ids": ()},
        {"data_disks": ()},
        {"os_disk": replace(MOVED.os_disk, name="another")},
        {"data_disks": (replace(MOVED.data_disks[0], size_gib=64),)},
    ],
)
def test_look_alike_collides(changes: dict[str, Any]) -> None:
    """A machine that merely has the target's name is no evidence of a move: it is a collision that blocks."""
    case = moved(starting(), **changes)

    assert not judge(case)[1][0].already_migrated
    assert "blocking" == objections(case)["target-name-free"]


def test_running_source_was_not_moved() -> None:
    """As long as the source runs, nothing that stands in the target was moved from it."""
    case = moved(starting())
    case.inventory.machines.note(VM_ID, Fact(MACHINE))

    assert not judge(case)[1][0].already_migrated


def test_failover_without_commit_was_not_moved() -> None:
    """A failover that nobody committed blocks a new start; it does not count as migrated."""
    case = moved(starting())
    with_item(protection_state="UnplannedFailoverCommitPendingStatesBegin")(case)

    assert not judge(case)[1][0].already_migrated
    assert "blocking" == objections(case)["item-usable"]
