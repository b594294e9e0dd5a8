"""May the identity that runs the move do what the move does, at each place?

`Resource provider operations <https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations>`_.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from migration import ids
from migration.ids import describe
from migration.inventory import Permission
from migration.rules.case import Case, Hit, SharedCheck, source_group, target_group

_VAULT = "Microsoft.RecoveryServices/vaults"
_FABRIC = f"{_VAULT}/replicationFabrics"
_CONTAINER = f"{_FABRIC}/replicationProtectionContainers"
_MAPPING = f"{_CONTAINER}/replicationProtectionContainerMappings"
_NETWORK_MAPPING = f"{_FABRIC}/replicationNetworks/replicationNetworkMappings"
_ITEM = f"{_CONTAINER}/replicationProtectedItems"
_MACHINE = "Microsoft.Compute/virtualMachines"
_NIC = "Microsoft.Network/networkInterfaces"

_MAKE_GROUP = (
    "Microsoft.Resources/subscriptions/resourceGroups/write",
    "Microsoft.Resources/subscriptions/resourceGroups/delete",
)
IN_THE_VAULT_GROUP = (
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    *(f"{_VAULT}/{verb}" for verb in ("read", "write", "delete")),
    *(f"{_FABRIC}/{verb}" for verb in ("read", "write", "delete")),
    *(f"{_CONTAINER}/{verb}" for verb in ("read", "write", "remove/action")),
    *(f"{_MAPPING}/{verb}" for verb in ("read", "write", "delete")),
    *(f"{_NETWORK_MAPPING}/{verb}" for verb in ("read", "write", "delete")),
    *(f"{_VAULT}/replicationPolicies/{verb}" for verb in ("read", "write", "delete")),
    *(f"{_ITEM}/{verb}" for verb in ("read", "write", "delete", "remove/action")),
    *(f"{_ITEM}/{verb}/action" for verb in ("unplannedFailover", "failoverCommit")),
    f"{_ITEM}/recoveryPoints/read",
    *(f"{_VAULT}/replicationJobs/{verb}" for verb in ("read", "cancel/action")),
    *(f"Microsoft.Storage/storageAccounts/{verb}" for verb in ("read", "write", "delete")),
)
FOR_A_TEST = tuple(f"{_ITEM}/{verb}/action" for verb in ("testFailover", "testFailoverCleanup"))
IN_THE_SOURCE_GROUP = (
    *(f"{_MACHINE}/{verb}" for verb in ("read", "write", "start/action", "deallocate/action", "extensions/write")),
    "Microsoft.Compute/disks/read",
    f"{_NIC}/read",
)
IN_THE_TARGET_GROUP = (
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    *(f"{_MACHINE}/{verb}" for verb in ("read", "write", "delete", "start/action", "deallocate/action")),
    *(f"Microsoft.Compute/disks/{verb}" for verb in ("read", "write", "delete")),
    *(f"{_NIC}/{verb}" for verb in ("read", "write", "delete", "join/action")),
)
ON_THE_NETWORK = (
    "Microsoft.Network/virtualNetworks/read",
    "Microsoft.Network/virtualNetworks/subnets/read",
    "Microsoft.Network/virtualNetworks/subnets/join/action",
)
_SHOWN = 6


def vault(case: Case) -> Iterator[Hit]:
    """Object to what may not be done in the vault's group, where the cache account lies as well."""
    wanted = IN_THE_VAULT_GROUP + (FOR_A_TEST if case.failover.test_first else ())
    yield from _group(case, [case.vault_group], wanted)


def source(case: Case) -> Iterator[Hit]:
    """Object to what may not be done in the groups of the sources."""
    yield from _group(case, [source_group(vm) for vm in case.vms], IN_THE_SOURCE_GROUP)


def target(case: Case) -> Iterator[Hit]:
    """Object to what may not be done in the target groups."""
    yield from _group(case, [target_group(vm) for vm in case.vms], IN_THE_TARGET_GROUP)


def network(case: Case) -> Iterator[Hit]:
    """Object to networks that may not be used, those of the test included."""
    networks = {ids.id_key(each): each for vm in case.vms for each in (vm.network_id, vm.test_network_id) if each}
    for network_id in networks.values():
        yield from _lacking(case, network_id, ON_THE_NETWORK)


def allows(permissions: Iterable[Permission], action: str) -> bool:
    """Tell whether some grant allows an action: one of its actions matches, and none that it leaves out."""
    return any(_matches(action, grant.actions) and not _matches(action, grant.not_actions) for grant in permissions)


def _group(case: Case, groups: list[tuple[str, str]], wanted: tuple[str, ...]) -> Iterator[Hit]:
    for subscription, name in {(one.lower(), two.lower()): (one, two) for one, two in groups}.values():
        scope = case.scope(subscription, name)
        absent = scope.count("/") == 2
        yield from _lacking(case, scope, (_MAKE_GROUP if absent else ()) + wanted)


def _lacking(case: Case, scope: str, wanted: tuple[str, ...]) -> Iterator[Hit]:
    granted = case.inventory.permissions.about(scope) or ()
    lacking = [action for action in wanted if not allows(granted, action)]
    if lacking:
        more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
        yield Hit(describe(scope), f"the identity may not {', '.join(lacking[:_SHOWN])}{more}")


def _matches(action: str, patterns: tuple[str, ...]) -> bool:
    return any(_pattern(pattern).fullmatch(action) for pattern in patterns)


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.IGNORECASE)


SHARED_CHECKS: dict[str, SharedCheck] = {
    "permissions-vault": vault,
    "permissions-source": source,
    "permissions-target": target,
    "permissions-network": network,
}
