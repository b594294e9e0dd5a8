"""The whole table: the calls of a run in order, and the permissions that they need."""

from __future__ import annotations

from collections.abc import Iterator

from migration import ids
from migration.calls import parity, reads, shared
from migration.calls.call import Call, Place, scope_of
from migration.calls.machine import UNDO, Machine
from migration.calls.move import Move

_TO_ENABLE: dict[Place, tuple[str, ...]] = {
    "vault": (
        "Microsoft.Storage/storageAccounts/read",
        "Microsoft.Storage/storageAccounts/listKeys/action",
    ),
    "source": (
        "Microsoft.Compute/virtualMachines/write",
        "Microsoft.Compute/virtualMachines/extensions/write",
    ),
    "target": (
        "Microsoft.Compute/availabilitySets/read",
        "Microsoft.Compute/virtualMachines/write",
        "Microsoft.Compute/disks/write",
        "Microsoft.Network/networkInterfaces/write",
        "Microsoft.Network/networkInterfaces/join/action",
        "Microsoft.Resources/deployments/*",
    ),
    "network": ("Microsoft.Network/virtualNetworks/subnets/join/action",),
}
"""What Site Recovery wants its caller to be allowed when replication is enabled and a failover started, beyond the call
itself: `Permissions required to enable replication for new virtual machines
<https://learn.microsoft.com/azure/site-recovery/site-recovery-role-based-linked-access-control>`_."""

_TO_SNAPSHOT = "Microsoft.Compute/disks/beginGetAccess/action"
"""What a snapshot wants its caller to be allowed on the disk: `Disk Snapshot Contributor
<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/compute#disk-snapshot-contributor>`_."""
_ASSIGN_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
"""It is needed on the identity, wherever that lies."""
_TO_REPROTECT: dict[Place, tuple[str, ...]] = {
    "source": _TO_ENABLE["target"],
    "target": ("Microsoft.Compute/virtualMachines/extensions/write",),
}
"""The same, for the way back."""


def writes(*moves: Move) -> list[Call]:
    """Return every call that changes something, in order: what happens, then what may happen on the way back.

    *moves*: one for each vault of the plan.
    """
    machines = [Machine(move, vm) for move in moves for vm in move.vms]
    return [
        *(call for machine in machines for call in machine.check()),
        *shared.prepare_all(moves),
        *(call for machine in machines for call in machine.replicate()),
        *(call for machine in machines for call in machine.cut_over()),
        *(call for machine in machines for call in machine.restore()),
        *(call for machine in machines for call in machine.finish()),
        *shared.tidy_up_all(moves),
        *(call for machine in machines for call in machine.go_back()),
    ]


def everything(*moves: Move) -> list[Call]:
    """Return every call in order, each step's reads before its writes."""
    wanted = [*reads.reads_of_all(moves), *writes(*moves)]
    steps = {call.step: index for index, call in enumerate(reversed(wanted))}
    order = [step for step in reads.STEPS if step in steps]
    return [call for step in order for call in wanted if call.step == step]


class Actions(dict[str, str]):
    """Actions with the first step that needs each; *required* are those without which the move does not go on."""

    def __init__(self) -> None:
        super().__init__()
        self.required: set[str] = set()
        self._spelt: dict[str, str] = {}

    def want(self, action: str, step: str, *, optional: bool) -> None:
        """Add what a step needs, spelt as it came first."""
        spelt = self._spelt.setdefault(action.lower(), action)
        self.setdefault(spelt, step)
        if not optional:
            self.required.add(spelt)


class _Wanted:
    """Actions by place and scope, each scope spelt as it came first."""

    def __init__(self) -> None:
        self.found: dict[tuple[Place, str], Actions] = {}
        self._spelt: dict[tuple[Place, str], Actions] = {}

    def want(self, place: Place, scope: str, action: str, step: str, *, optional: bool = False) -> None:
        """Add what a step needs on a scope."""
        actions = self._spelt.get(key := (place, ids.id_key(scope)))
        if actions is None:
            actions = self._spelt[key] = self.found[place, scope] = Actions()
        actions.want(action, step, optional=optional)


def permissions(*moves: Move) -> dict[tuple[Place, str], Actions]:
    """Return the actions that moves need with the first step that needs each, by place and scope.

    A scope is a resource group, a network or a subscription. Resource groups that the move makes are made on their
    subscription; `*` in an action stands for all that begins so.
    """
    wanted = _Wanted()
    for call in (*reads.reads_of_all(moves), *(call for call in writes(*moves) if call.by == "us")):
        wanted.want(call.place, scope_of(call), call.action, call.step, optional=call.optional)
    for move in moves:
        _want_besides(wanted, move)
    return wanted.found


def _want_besides(wanted: _Wanted, move: Move) -> None:
    """Add what no call of ours says: what Site Recovery and others want their caller to be allowed."""
    for place, scope in _linked_scopes(move):
        for action in _TO_ENABLE[place]:
            wanted.want(place, scope, action, "enable replication")
        if place == "target" and move.failover.keep_target_writes is not None:
            wanted.want(place, scope, _TO_SNAPSHOT, UNDO)
        for action in _TO_REPROTECT.get(place, ()) if move.reprotects else ():
            wanted.want(place, scope, action, "replicate back")
    for vm in move.vms:
        for group_id, action in parity.joined(vm):
            wanted.want("target", group_id, action, parity.PARITY, optional=True)
        if "managed-identities" in vm.parity.restore:
            group_id = vm.target_resource_group_id
            wanted.want("target", group_id, _ASSIGN_IDENTITY, parity.PARITY, optional=True)


def _linked_scopes(move: Move) -> Iterator[tuple[Place, str]]:
    yield "vault", move.vault_group_id
    for vm in move.vms:
        source = ids.ResourceId.parse(vm.source_id)
        yield "source", ids.resource_group_id(source.subscription, source.resource_group or "")
        yield "target", vm.target_resource_group_id
        yield from (("network", network) for network in (vm.network_id, vm.test_network_id) if network)
