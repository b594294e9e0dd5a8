"""The calls that compare source and target, and restore what Site Recovery does not carry."""

from __future__ import annotations

from collections.abc import Iterator

from migration import ids
from migration.calls.call import ON_THE_WAY_BACK, Call, Place
from migration.calls.move import UNKNOWN_NIC, Move
from migration.models import VmSpec

PARITY, AFTER_COMMIT = "restore parity", "after the commit"
IF_SOURCE_HAS_IT = "if the source has what the target lacks"
IF_ASKED_FOR = "if the source has it and the plan asks for it"
IF_TAKEN_BACK = f"{ON_THE_WAY_BACK}, if this run made it"

_AUTHORIZATION = "providers/Microsoft.Authorization"
_SETTINGS = "providers/Microsoft.Insights/diagnosticSettings"
_ON_MACHINE = {"tags", "licence-type", "diagnostics", "managed-identities"}
_VAULTS = "providers/Microsoft.RecoveryServices/vaults"


def reads(move: Move, vm: VmSpec, step: str) -> Iterator[Call]:
    """Yield what is read of the source, first at the check, and of both sides after the failover."""
    source = ids.ResourceId.parse(vm.source_id)
    group = ids.resource_group_id(source.subscription, source.resource_group or "")
    nics = move.of(vm).nic_ids or (ids.nic_id(source.subscription, source.resource_group or "", UNKNOWN_NIC),)
    for path in _of_side(vm.source_id, group, nics):
        yield _call(vm, step, "GET", path, "source")
    for path in _anywhere(source.subscription):
        yield _call(vm, step, "GET", path, "subscription")
    if step == PARITY:
        yield from _of_target(move, vm)


def _of_target(move: Move, vm: VmSpec) -> Iterator[Call]:
    home, group = f"/subscriptions/{vm.target_subscription}", vm.target_resource_group_id
    for path in _of_side(vm.target_id, group, target_nics(move, vm)):
        yield _call(vm, PARITY, "GET", path, "target")
    for path in _anywhere(vm.target_subscription):
        yield _call(vm, PARITY, "GET", path, "subscription")
    yield _call(vm, PARITY, "GET", f"{home}/{_AUTHORIZATION}/roleAssignments", "subscription")
    yield _call(vm, PARITY, "GET", f"{home}/{_VAULTS}", "subscription")
    vault = f"{home}/resourceGroups/{{group}}/{_VAULTS}/{{vault}}"
    yield _call(vm, PARITY, "GET", f"{vault}/backupProtectedItems", "subscription")
    for call in (*restored(move, vm), *after_commit(move, vm)):
        if call.method == "PUT":
            yield _call(vm, call.step, "GET", call.path, call.place)


def _of_side(machine_id: str, group: str, nics: tuple[str, ...]) -> Iterator[str]:
    yield machine_id
    yield from nics
    yield f"{machine_id}/{_SETTINGS}"
    yield f"{machine_id}/{_SETTINGS}/{{setting}}"
    yield f"{machine_id}/{_AUTHORIZATION}/locks"
    yield f"{group}/providers/Microsoft.DevTestLab/schedules"


def _anywhere(subscription: str) -> Iterator[str]:
    """Yield what an interface refers to, whose resource groups only its reading tells."""
    network = f"/subscriptions/{subscription}/resourceGroups/{{group}}/providers/Microsoft.Network"
    yield f"{network}/publicIPAddresses/{{address}}"
    yield f"{network}/virtualNetworks/{{network}}/subnets/{{subnet}}"
    yield f"{network}/networkSecurityGroups/{{security_group}}"


def restored(move: Move, vm: VmSpec) -> Iterator[Call]:
    """Yield what restores the target before the approval."""
    wanted = vm.parity
    restore = set(wanted.restore)
    if restore & _ON_MACHINE:
        yield _optional(vm, PARITY, "PATCH", vm.target_id, "target", IF_SOURCE_HAS_IT)
    mapped = wanted.names_something or "ip-configurations" in restore or "dns-labels" in restore
    for nic in target_nics(move, vm) if mapped else ():
        yield _optional(vm, PARITY, "PUT", nic, "target", IF_SOURCE_HAS_IT)
    if "diagnostics" in restore:
        yield _optional(vm, PARITY, "PUT", f"{vm.target_id}/{_SETTINGS}/{{setting}}", "target", IF_SOURCE_HAS_IT)
    if "role-assignments" in restore:
        for path, place in _assignments(vm):
            yield _optional(vm, PARITY, "PUT", path, place, IF_ASKED_FOR)


def after_commit(_: Move, vm: VmSpec) -> Iterator[Call]:
    """Yield what is set once nothing can be rolled back any more."""
    if "auto-shutdown" in vm.parity.restore:
        schedules = f"{vm.target_resource_group_id}/providers/Microsoft.DevTestLab/schedules"
        path = f"{schedules}/shutdown-computevm-{vm.target_name}"
        yield _optional(vm, AFTER_COMMIT, "PUT", path, "target", IF_SOURCE_HAS_IT)
    if "locks" in vm.parity.restore:
        yield _optional(
            vm, AFTER_COMMIT, "PUT", f"{vm.target_id}/{_AUTHORIZATION}/locks/{{lock}}", "target", IF_ASKED_FOR
        )


def taken_back(move: Move, vm: VmSpec, step: str) -> Iterator[Call]:
    """Yield what takes back, before the source serves again, what restoring did outside the target."""
    if vm.parity.public_ip or vm.parity.load_balancer_pools:
        for nic in target_nics(move, vm):
            yield _optional(vm, step, "PUT", nic, "target", IF_TAKEN_BACK)
    if "diagnostics" in vm.parity.restore:
        yield _optional(vm, step, "DELETE", f"{vm.target_id}/{_SETTINGS}/{{setting}}", "target", IF_TAKEN_BACK)
    if "role-assignments" in vm.parity.restore:
        for path, place in _assignments(vm):
            yield _optional(vm, step, "DELETE", path, place, IF_TAKEN_BACK)


def joined(vm: VmSpec) -> Iterator[tuple[str, str]]:
    """Yield the resource groups of what the plan names for the interfaces, with the action that joining one needs."""
    kinds = (
        (vm.parity.network_security_group, "Microsoft.Network/networkSecurityGroups/join/action"),
        (vm.parity.public_ip, "Microsoft.Network/publicIPAddresses/join/action"),
    )
    for resource_id, action in kinds:
        if resource_id:
            yield _group_of(resource_id), action
    for pool in vm.parity.load_balancer_pools:
        kind = ids.ResourceId.parse(pool).names[0][0]
        yield _group_of(pool), f"Microsoft.Network/{kind}/backendAddressPools/join/action"


def target_nics(move: Move, vm: VmSpec) -> tuple[str, ...]:
    """Return the interfaces that the target will have."""
    home = (vm.target_subscription, vm.target_resource_group)
    return tuple(ids.nic_id(*home, name) for name in move.nic_names(vm))


def _assignments(vm: VmSpec) -> Iterator[tuple[str, Place]]:
    """Yield where roles are assigned: on the target, and where its own identity has any."""
    assignment = f"{_AUTHORIZATION}/roleAssignments/{{assignment}}"
    yield f"{vm.target_id}/{assignment}", "target"
    yield f"/subscriptions/{vm.target_subscription}/{assignment}", "subscription"
    yield f"/subscriptions/{vm.target_subscription}/resourceGroups/{{group}}/{assignment}", "subscription"


def _group_of(resource_id: str) -> str:
    home = ids.ResourceId.parse(resource_id)
    return ids.resource_group_id(home.subscription, home.resource_group or "")


def _call(vm: VmSpec, step: str, method: str, path: str, place: Place, when: str = "") -> Call:
    return Call(step, method, path, place, vm.name, when)


def _optional(vm: VmSpec, step: str, method: str, path: str, place: Place, when: str) -> Call:
    return Call(step, method, path, place, vm.name, when, optional=True)
