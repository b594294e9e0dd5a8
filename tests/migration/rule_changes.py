"""What may be wrong with a virtual machine, its surroundings and its target: changes of a sound case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from migration import ids
from migration.access import Lock, Permission
from migration.facts import Fact
from migration.inventory import (
    AddressAnswer,
    Disk,
    EligibilityError,
    Located,
    Network,
    NetworkMapping,
    Nic,
    ProtectedItem,
    Subnet,
    Usage,
)
from migration.perimeter import RouteTable
from migration.plan import Failover
from migration.rules.case import Case
from migration.rules.placing import placed
from migration.surroundings import Churn, PolicyDenial, RoleAssignment
from migration.windows import Schedule, Window
from tests.migration import sound
from tests.migration.sound import (
    AWAY,
    DATA_DISK,
    GROUPS,
    MACHINE,
    NETWORK,
    PLACE,
    PROTECTED,
    SKU,
    SPEC,
    SUBSCRIPTION,
    TEST_NETWORK,
    VAULT,
    VAULT_GROUP,
    VM_ID,
)

Change = Callable[[Case], Case | None]


def with_machine(**changes: Any) -> Change:
    """Change the source."""
    return lambda case: case.inventory.machines.note(VM_ID, Fact(replace(MACHINE, **changes)))


def with_spec(**changes: Any) -> Change:
    """Change what the plan wants."""
    return lambda case: replace(case, vms=(SPEC.model_copy(update=changes),))


def with_cutover(begin: str, end: str, **more: Any) -> Change:
    """Let the plan have a window, once, and the check take place on 1 March 2026."""
    window = Window(time_zone="UTC", begin=begin, end=end)
    cutover = Schedule(time_zone="Europe/Amsterdam", windows=[window], **more)
    vms = (SPEC.model_copy(update={"cutover": cutover}),)
    return lambda case: replace(case, vms=vms, now=datetime(2026, 3, 1, 12, tzinfo=UTC))


def with_item(**changes: Any) -> Change:
    """Change the protected item."""

    def change(case: Case) -> None:
        case.inventory.items.note(VAULT, Fact((replace(PROTECTED, **changes),)))

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


def with_route(hop: str) -> Change:
    """Give the test network a route to everywhere by this kind of hop."""
    table = ids.network_id(SUBSCRIPTION, AWAY, "x").replace("virtualNetworks/x", "routeTables/leak")

    def change(case: Case) -> None:
        case.inventory.route_tables.note(table, Fact(RouteTable(table, hop, (("10.0.0.0/8", hop),))))
        subnet = Subnet("servers", ("10.20.1.0/24",), route_table_id=table, default_outbound=False)
        case.inventory.networks.note(TEST_NETWORK, Fact(Network(TEST_NETWORK, "northeurope", (subnet,))))

    return change


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
        case.inventory.vaults.note(VAULT, Fact(Located(VAULT, region)))

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
        return replace(case, vaults=(replace(case.vaults[0], account_ids=(account,)),))

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
        mapping = NetworkMapping("m", sound.HOME_NETWORK.lower(), target)
        case.inventory.mappings.note(VAULT, Fact((mapping,)))

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


def with_full_cache_account(case: Case) -> Case:
    """Let the plan name a cache account through which others replicate nearly as many disks as it takes."""
    account = ids.storage_account_id(SUBSCRIPTION, VAULT_GROUP, "cache")
    other = ids.vm_id(SUBSCRIPTION, "elsewhere", "big")
    item = ProtectedItem(f"{VAULT}-2/x", other, "Protected", disks=749, cache_ids=(account.upper(),) * 749)
    case.inventory.foreign_items.note(SUBSCRIPTION, Fact((item,)))
    case.inventory.accounts.note(account, Fact(Located(account, "westeurope")))
    return placed(replace(case, vaults=(replace(case.vaults[0], account_ids=(account,)),)))


def with_a_vault_too_many(case: Case) -> None:
    """Let the plan's vault be absent, and the subscription have as many as it takes."""
    case.inventory.vaults.note(VAULT, Fact())
    case.inventory.vault_counts.note(SUBSCRIPTION, Fact(500))


def with_denial(case: Case) -> None:
    """Let Azure Policy refuse a disk in the target group."""
    denial = PolicyDenial("/a/locations", "/d", "disks of type Premium_LRS", "location is northeurope")
    case.inventory.denials.note(GROUPS[AWAY], Fact((denial,)))


def with_denial_of_the_extension(case: Case) -> None:
    """Let Azure Policy refuse Site Recovery's extension at the source."""
    case.inventory.denials.note(GROUPS[sound.HOME], Fact((PolicyDenial("/a/extensions", "/d", "the extension"),)))


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
        case.inventory.denials.note(ids.resource_group_id(SUBSCRIPTION, "shop-2"), Fact(()))
        case.inventory.deny_assignments.note(ids.resource_group_id(SUBSCRIPTION, "shop-2"), Fact(()))
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


def with_test_network_elsewhere(case: Case) -> Case:
    """Let the test network lie in another subscription than the target, by which no interface can be attached."""
    elsewhere = TEST_NETWORK.replace(SUBSCRIPTION, SUBSCRIPTION[::-1])
    case.inventory.networks.note(elsewhere, Fact(case.inventory.networks.about(TEST_NETWORK)))
    return rehearsing(network=elsewhere)(case) or case


def changed(case: Case, change: Change) -> Case:
    """Return the case with the change made."""
    return change(case) or case
