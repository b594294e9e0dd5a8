"""Custom roles with exactly what a plan's move does: one for each place, to be assigned there and nowhere else.

`Azure custom roles <https://learn.microsoft.com/azure/role-based-access-control/custom-roles>`_.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from migration import ids
from migration.calls.call import Place
from migration.calls.move import moves_of
from migration.calls.shared import groups
from migration.calls.table import permissions
from migration.models import VmSpec
from migration.plan import Plan
from migration.specs import vm_specs

PLACES: tuple[Place, ...] = ("vault", "source", "target", "network", "subscription")
_WHERE = {
    "vault": "the resource group of the vault",
    "source": "the resource groups of the virtual machines",
    "target": "the resource groups that receive the virtual machines",
    "network": "the virtual networks that receive the virtual machines",
    "subscription": "the subscriptions",
}


def custom_roles(plan: Plan, *, groups_exist: bool = False) -> list[dict[str, Any]]:
    """Return the roles for a plan as `az role definition create` takes them, one by one.

    A role can only be assigned where something is: what the move may have to make, unless *groups_exist*, gets its role
    on the subscription.
    """
    vms = tuple(vm_specs(plan))
    moves = moves_of(plan, vms)
    made = {ids.id_key(group_id) for move in moves for group_id in groups(move)}
    there = made if groups_exist else _sure_to_exist(vms)
    wanted = permissions(*(replace(move, there=frozenset(there)) for move in moves))
    roles = []
    for place in PLACES:
        scopes = {scope: actions for (where, scope), actions in wanted.items() if where == place}
        if scopes:
            actions = {action for each in scopes.values() for action in each}
            roles.append(_role(plan, place, sorted(actions, key=str.lower), _assignable(place, list(scopes), there)))
    return roles


def _role(plan: Plan, place: Place, actions: list[str], scopes: list[str]) -> dict[str, Any]:
    return {
        "Name": f"Azure VM migration ({plan.name}): {place}",
        "IsCustom": True,
        "Description": f"What the move of plan {plan.name} does on {_WHERE[place]}: assign it there.",
        "Actions": actions,
        "NotActions": [],
        "DataActions": [],
        "NotDataActions": [],
        "AssignableScopes": scopes,
    }


def _assignable(place: Place, scopes: list[str], there: set[str]) -> list[str]:
    """Return where a role may be assigned: Azure takes subscriptions and resource groups, no single resource."""
    found = []
    for scope in scopes:
        home = ids.ResourceId.parse(scope)
        group = home.resource_group and ids.resource_group_id(home.subscription, home.resource_group)
        may_be_absent = place in {"vault", "target"} and ids.id_key(scope) not in there
        found.append(f"/subscriptions/{home.subscription}" if may_be_absent or not group else group)
    return list({ids.id_key(scope): scope for scope in found}.values())


def _sure_to_exist(vms: tuple[VmSpec, ...]) -> set[str]:
    """Return the groups that a valid plan finds: those of the machines, of the networks and of the encryption sets."""
    known = [vm.source_id for vm in vms]
    known += [each for vm in vms for each in (vm.network_id, vm.test_network_id, vm.disk_encryption_set_id) if each]
    homes = [ids.ResourceId.parse(each) for each in known]
    return {ids.id_key(ids.resource_group_id(home.subscription, home.resource_group or "")) for home in homes}
