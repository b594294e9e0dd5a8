"""The calls by which a source is deleted, and the roles of the identity that may make them: the finaliser's alone.

They are no part of a run: no other worker serves that queue, and `roles` gives the ordinary identity none of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migration import ids
from migration.calls.call import Call, Place, scope_of
from migration.calls.move import UNKNOWN_DISK, UNKNOWN_NIC
from migration.models import VmSpec
from migration.plan import Plan
from migration.specs import vm_specs

FINALISE = "finalise"
IF_APPROVED = "if it is approved, and the target runs"
_TO_SNAPSHOT = "Microsoft.Compute/disks/beginGetAccess/action"
"""Azure's own role for snapshots of disks has it: `Disk Snapshot Contributor
<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage#disk-snapshot-contributor>`_."""
_ROLES: dict[str, tuple[tuple[Place, ...], str]] = {
    "finaliser": (("source",), "deletes the sources of moved virtual machines"),
    "finaliser reads": (("target", "vault"), "sees that the targets run, and that nothing replicates from the sources"),
}


def finalise(plan: Plan) -> list[Call]:
    """Return every call of finalising a plan, in order; each path once."""
    found = [call for vm in vm_specs(plan) for call in _of_a_machine(plan, vm)]
    return list({(call.method, call.path.lower()): call for call in found}.values())


def finaliser_roles(plan: Plan) -> list[dict[str, Any]]:
    """Return the finaliser's roles: what deletes, for the sources' groups; what only reads, for the others.

    They are roles of their own so that what deletes cannot be assigned where the targets are.
    """
    calls = finalise(plan)
    roles = []
    for name, (places, does) in _ROLES.items():
        mine = [call for call in calls if call.place in places]
        actions = {call.action for call in mine}
        if "source" in places and plan.finalise.snapshot:
            actions.add(_TO_SNAPSHOT)
        scopes = list({ids.id_key(scope_of(call)): scope_of(call) for call in mine}.values())
        roles.append(
            {
                "Name": f"Azure VM migration ({plan.name}): {name}",
                "IsCustom": True,
                "Description": f"It {does} of plan {plan.name}. For an identity of its own, never for the worker's.",
                "Actions": sorted(actions, key=str.lower),
                "NotActions": [],
                "DataActions": [],
                "NotDataActions": [],
                "AssignableScopes": scopes,
            }
        )
    return roles


def _of_a_machine(plan: Plan, vm: VmSpec) -> Iterator[Call]:
    source = ids.ResourceId.parse(vm.source_id)
    home = (source.subscription, source.resource_group or "")
    group = ids.resource_group_id(*home)
    disk, nic = ids.disk_id(*home, UNKNOWN_DISK), ids.nic_id(*home, UNKNOWN_NIC)
    address = f"{group}/providers/Microsoft.Network/publicIPAddresses/{{address}}"
    snapshot = f"{group}/providers/Microsoft.Compute/snapshots/{{snapshot}}"
    for vault_id in plan.vault_ids:
        yield Call(FINALISE, "GET", f"{vault_id}/replicationProtectedItems", "vault", vm.name)
    yield Call(FINALISE, "GET", vm.target_id, "target", vm.name)
    locks = f"{group}/providers/Microsoft.Authorization/locks"
    for path in (vm.source_id, nic, disk, address, locks):
        yield Call(FINALISE, "GET", path, "source", vm.name)
    if plan.finalise.snapshot:
        yield Call(FINALISE, "GET", snapshot, "source", vm.name)
        yield Call(FINALISE, "PUT", snapshot, "source", vm.name, IF_APPROVED)
    doomed = [vm.source_id, nic]
    doomed += [disk] if plan.finalise.disks == "delete" else []
    doomed += [address] if plan.finalise.public_ips == "delete" else []
    for path in doomed:
        yield Call(FINALISE, "DELETE", path, "source", vm.name, IF_APPROVED)
