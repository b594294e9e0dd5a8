"""Azure's built-in roles that a move can use, as far as they matter to it: what to grant for what is missing.

`Azure built-in roles <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>`_.
"""

from __future__ import annotations

from collections.abc import Iterable

from migration.rules.access import matches

_COMMON = (
    "Microsoft.Authorization/*/read",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
)
_VAULT = "Microsoft.RecoveryServices/vaults"
ROLES: dict[str, tuple[str, ...]] = {
    "Site Recovery Contributor": (
        *_COMMON,
        "Microsoft.Network/virtualNetworks/read",
        f"{_VAULT}/read",
        f"{_VAULT}/replicationEvents/read",
        f"{_VAULT}/replicationFabrics/*",
        f"{_VAULT}/replicationJobs/*",
        f"{_VAULT}/replicationPolicies/*",
        f"{_VAULT}/replicationOperationStatus/read",
        f"{_VAULT}/usages/read",
        "Microsoft.Storage/storageAccounts/read",
    ),
    "Disk Snapshot Contributor": (
        *_COMMON,
        "Microsoft.Compute/snapshots/delete",
        "Microsoft.Compute/snapshots/write",
        "Microsoft.Compute/snapshots/read",
        "Microsoft.Compute/snapshots/beginGetAccess/action",
        "Microsoft.Compute/snapshots/endGetAccess/action",
        "Microsoft.Compute/disks/beginGetAccess/action",
    ),
    "Storage Account Contributor": (*_COMMON, "Microsoft.Storage/storageAccounts/*"),
    "Virtual Machine Contributor": (
        *_COMMON,
        "Microsoft.Compute/availabilitySets/*",
        "Microsoft.Compute/locations/*",
        "Microsoft.Compute/virtualMachines/*",
        "Microsoft.Compute/disks/write",
        "Microsoft.Compute/disks/read",
        "Microsoft.Compute/disks/delete",
        "Microsoft.Network/locations/*",
        "Microsoft.Network/networkInterfaces/*",
        "Microsoft.Network/networkSecurityGroups/join/action",
        "Microsoft.Network/networkSecurityGroups/read",
        "Microsoft.Network/publicIPAddresses/join/action",
        "Microsoft.Network/publicIPAddresses/read",
        "Microsoft.Network/virtualNetworks/read",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
        f"{_VAULT}/read",
        f"{_VAULT}/write",
        "Microsoft.Storage/storageAccounts/listKeys/action",
        "Microsoft.Storage/storageAccounts/read",
    ),
    "Network Contributor": (*_COMMON, "Microsoft.Network/*"),
    "Reader": ("*/read",),
}
"""From the narrowest to the widest. Contributor, which allows all that a move does, is the last resort."""
LAST_RESORT = "Contributor"


def granting(actions: Iterable[str]) -> list[str]:
    """Return the fewest built-in roles that together allow *actions*, narrow ones first."""
    missing, chosen = set(actions), []
    while missing:
        covers = {role: {action for action in missing if matches(action, known)} for role, known in ROLES.items()}
        best = max(covers, key=lambda role: len(covers[role]))
        if not covers[best]:
            return [LAST_RESORT]
        chosen.append(best)
        missing -= covers[best]
    return sorted(chosen, key=list(ROLES).index)
