"""What other kinds of replication have and Azure-to-Azure has not: lists are empty, objects absent, writes refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.provider import ArmError
from simulator.siterecovery import names, refusals
from simulator.siterecovery.calls import listing, object_id, require, require_vault

if TYPE_CHECKING:
    from simulator.provider import Call, Reply


def empty_list(call: Call) -> Reply:
    """Answer for what Azure-to-Azure replication has none of, also below an object of such a kind."""
    _require_scope(call)
    return listing(call, [])


def absent(call: Call) -> Reply:
    """Answer for an object, or an action on one, that Azure-to-Azure replication never has."""
    _require_scope(call)
    action = call.method == "POST"
    raise refusals.missing(call, names.last(call.parent_id if action else call.path))


def not_supported(call: Call) -> Reply:
    """Refuse an operation of another kind of replication."""
    _require_scope(call)
    raise ArmError(400, "BadRequest", "The operation isn't supported for the replication of Azure virtual machines.")


def _require_scope(call: Call) -> None:
    """Answer 404 unless the container, fabric or vault that the request is about exists."""
    if "container" in call.params:
        require(call, names.container_of(object_id(call)))
    elif "fabric" in call.params:
        require(call, names.fabric_of(object_id(call)))
    else:
        require_vault(call)
