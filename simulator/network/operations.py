"""Network's long-running operations: `{"status": ...}` bodies under the region, as the recordings show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.operations import OperationStyle, on_done
from simulator.provider import Call, Reply

if TYPE_CHECKING:
    from simulator.world import World

_BASE = "/subscriptions/{subscription}/providers/Microsoft.Network/locations/{location}"


def _status(operation: dict[str, Any]) -> dict[str, Any]:
    body = {"status": operation["status"]}
    if operation["error"] is not None:
        body["error"] = {"details": [], **operation["error"]}
    return body


WITH_RESULT = OperationStyle(
    status_path=f"{_BASE}/operations/{{operation}}",
    result_path=f"{_BASE}/operationResults/{{operation}}",
    body=_status,
)
STATUS_ONLY = OperationStyle(status_path=f"{_BASE}/operations/{{operation}}", retry_after_seconds=3, body=_status)


def begin(
    call: Call,
    *,
    seconds: float,
    done: str,
    payload: dict[str, Any],
    location: str,
    status: int = 202,
    body: dict[str, Any] | None = None,
) -> Reply:
    """Start an operation; a PUT's answer (200, 201) has no Location header."""
    style = WITH_RESULT if status == 202 else STATUS_ONLY
    values = {"location": location}
    return call.world.operations.start(
        call, style, seconds=seconds, done=done, payload=payload, values=values, status=status, body=body
    )


def operations_get(call: Call) -> Reply:
    """Answer an operation's status."""
    return call.world.operations.status_reply(call, call.params["operation"], STATUS_ONLY)


def operation_results_get(call: Call) -> Reply:
    """Answer an operation's result."""
    return call.world.operations.result_reply(call, call.params["operation"], WITH_RESULT)


@on_done("network.provisioned")
def _provisioned(world: World, payload: dict[str, Any]) -> None:
    resource = world.store.get(payload["id"])
    if resource is None:
        return
    resource.properties["provisioningState"] = "Succeeded"
    for subnet in resource.properties.get("subnets") or []:
        subnet["properties"]["provisioningState"] = "Succeeded"
    for configuration in resource.properties.get("ipConfigurations") or []:
        configuration["properties"]["provisioningState"] = "Succeeded"
    world.store.save(resource)


@on_done("network.deleted")
def _deleted(world: World, payload: dict[str, Any]) -> None:
    world.store.delete_tree(payload["id"])
