"""Permissions beyond the vault: Site Recovery acts on machine, group and network with the caller's own rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import rbac
from simulator.provider import ArmError

if TYPE_CHECKING:
    from simulator.provider import Call


def require_right(call: Call, action: str, scope: str) -> None:
    """Answer 403 ``LinkedAuthorizationFailed`` unless the caller may do *action* over *scope*."""
    if rbac.is_allowed(call.world, call.identity, action, scope):
        return
    own_action = rbac.action_of(call.method, call.path)
    raise ArmError(
        403,
        "LinkedAuthorizationFailed",
        f"The client has permission to perform action '{action}' on scope '{call.path}', however the current tenant "
        f"'{call.world.tenant_id}' is not authorized to access linked scope '{scope}' needed by '{own_action}'.",
    )


def require_for_enabling(call: Call, given: dict[str, Any]) -> None:
    """Check the rights on the machine, the recovery group and the recovery network."""
    require_right(call, "Microsoft.Compute/virtualMachines/write", given["fabricObjectId"])
    require_right(call, "Microsoft.Compute/virtualMachines/write", given["recoveryResourceGroupId"])
    if given.get("recoveryAzureNetworkId"):
        require_right(call, "Microsoft.Network/virtualNetworks/subnets/join/action", given["recoveryAzureNetworkId"])
