"""Compute's long-running operations: status and result under one URL, told apart by `monitor=true`.

A machine does one operation at a time: its `busy` note says which, and whoever ends an operation checks that the note
is still its own (a deletion takes the note away from what runs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.operations import OperationStyle, status_body
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

_PATH = "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/operations/{operation}"
_PARTITION = (("p", "5f1d0a4e-6a1b-4c1f-9d0e-1e5f0c9b7a42"),)


def _body(operation: dict[str, Any]) -> dict[str, Any]:
    body = status_body(operation)
    if operation["result"] is not None and operation["payload"].get("shows_output"):
        body["properties"] = {"output": operation["result"]}
    return body


STYLE = OperationStyle(
    status_path=_PATH,
    result_path=_PATH,
    status_query=_PARTITION,
    result_query=(*_PARTITION, ("monitor", "true")),
    body=_body,
)
STATUS_ONLY = OperationStyle(status_path=_PATH, status_query=_PARTITION, body=_body)


@dataclass(frozen=True)
class Work:
    """What an operation does to a machine: its name, duration and the handler of its end."""

    name: str
    seconds: float
    done: str


def begin(  # noqa: PLR0913 - each is one trait of the operation, all by name
    call: Call,
    *,
    seconds: float,
    done: str,
    payload: dict[str, Any],
    location: str,
    status: int = 202,
    body: Any = None,
    error: dict[str, Any] | None = None,
    operation_id: str | None = None,
) -> Reply:
    """Start an operation; a PUT's or PATCH's answer (200, 201) has no Location header."""
    style = STYLE if status == 202 else STATUS_ONLY
    return call.world.operations.start(
        call,
        style,
        seconds=seconds,
        done=done,
        payload=payload,
        values={"location": location},
        status=status,
        body=body,
        error=error,
        operation_id=operation_id,
    )


def begin_on_machine(
    call: Call,
    machine: Resource,
    work: Work,
    *,
    payload: dict[str, Any] | None = None,
    error: dict[str, Any] | None = None,
) -> Reply:
    """Start an operation of a machine that is free, and note on *machine* that it is busy; saves it."""
    refuse_if_busy(machine)
    token = call.world.new_guid()
    machine.meta["busy"] = {"work": work.name, "token": token}
    call.world.store.save(machine)
    return begin(
        call,
        seconds=work.seconds,
        done=work.done,
        location=machine.location,
        error=error,
        operation_id=token,
        payload={"vm": machine.id, "token": token, **(payload or {})},
    )


def refuse_if_busy(machine: Resource) -> None:
    """Refuse (409) to begin anything on a machine that is being worked on."""
    busy = machine.meta.get("busy") or {}
    if busy.get("work") == "delete":
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"Operation is not allowed on VM '{machine.name}' since the VM is marked for deletion. You can only retry "
            "the Delete operation (or wait for an ongoing one to complete).",
        )
    changing = str(machine.meta.get("power_state", "")) in {
        "PowerState/starting",
        "PowerState/stopping",
        "PowerState/deallocating",
    }
    if busy or changing:
        raise ArmError(
            409,
            "Conflict",
            "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
            "https://aka.ms/activitylog to get more details on the conflicting requests.",
        )


def finish(world: World, payload: dict[str, Any]) -> Resource:
    """The machine that an operation of :func:`begin_on_machine` ends on, its note taken off (not yet saved).

    Raises ArmError `OperationPreempted` where the machine is gone or belongs to a later operation.
    """
    machine = world.store.get(payload["vm"])
    if machine is None or (machine.meta.get("busy") or {}).get("token") != payload["token"]:
        raise ArmError(409, "OperationPreempted", "Operation execution has been preempted by a more recent operation.")
    machine.meta.pop("busy")
    return machine


def release(world: World, payload: dict[str, Any]) -> Resource | None:
    """Take the note of an operation that failed off its machine, saved; None where it is no longer its own."""
    machine = world.store.get(payload["vm"])
    if machine is None or (machine.meta.get("busy") or {}).get("token") != payload["token"]:
        return None
    machine.meta.pop("busy")
    return world.store.save(machine)


def operations_get(call: Call) -> Reply:
    """Answer an operation's status, or with `monitor=true` its result."""
    if call.query.get("monitor", "").lower() == "true":
        return call.world.operations.result_reply(call, call.params["operation"], STYLE)
    return call.world.operations.status_reply(call, call.params["operation"], STYLE)
