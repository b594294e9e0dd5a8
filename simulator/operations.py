"""Azure Resource Manager's long-running operations, for providers that have no job engine of their own.

A provider describes how its operations look by an :class:`OperationStyle` and starts them with
``world.operations.start``; its status and result routes call ``world.operations.status_reply`` and ``result_reply``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.clock import retry_after, rfc_offset
from simulator.errors import ArmError
from simulator.guids import new_guid
from simulator.provider import Reply
from simulator.schedule import event_handler

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.provider import Call
    from simulator.world import World

    OnDone = Callable[[World, dict[str, Any]], dict[str, Any] | None]
    OnFailed = Callable[[World, dict[str, Any], dict[str, Any]], None]

AREA = "operations"
ON_DONE: dict[str, OnDone] = {}
ON_FAILED: dict[str, OnFailed] = {}


def on_done(name: str) -> Callable[[OnDone], OnDone]:
    """Register ``(world, payload) -> result body or None``, run when an operation ends.

    It may raise an ``ArmError``: the operation fails with it then.
    """

    def register(handler: OnDone) -> OnDone:
        ON_DONE[name] = handler
        return handler

    return register


def on_failed(name: str) -> Callable[[OnFailed], OnFailed]:
    """Register ``(world, payload, error) -> None`` under the same *name*, run when the operation fails instead."""

    def register(handler: OnFailed) -> OnFailed:
        ON_FAILED[name] = handler
        return handler

    return register


def status_body(operation: dict[str, Any]) -> dict[str, Any]:
    """The status as Compute writes it: ``startTime``, ``endTime`` once ended, ``status``, ``error``, ``name``."""
    body = {"startTime": operation["start"], "status": operation["status"], "name": operation["id"]}
    if operation["end"] is not None:
        body["endTime"] = operation["end"]
    if operation["error"] is not None:
        body["error"] = operation["error"]
    return body


@dataclass(frozen=True)
class OperationStyle:
    """How a provider's operations look.

    ``status_path`` and ``result_path`` become the ``Azure-AsyncOperation`` and ``Location`` URLs; they may name
    ``{subscription}``, ``{group}``, ``{location}``, ``{operation}`` and whatever ``values`` has at the start. The
    caller's api-version is added; ``status_query`` and ``result_query`` are further query parameters.
    """

    status_path: str | None = None
    result_path: str | None = None
    retry_after_seconds: float | None = 10.0
    """The recorded Retry-After of the 202; None: no such header."""
    status_query: tuple[tuple[str, str], ...] = ()
    result_query: tuple[tuple[str, str], ...] = ()
    body: Callable[[dict[str, Any]], dict[str, Any]] = status_body
    """Writes the status body from the operation (keys ``id, status, start, end, error, result, payload``)."""


class Operations:
    """The operations that run or ran."""

    def __init__(self, world: World) -> None:
        """Keep the operations in the world's store."""
        self._world = world

    @property
    def _area(self) -> Any:
        return self._world.store.area(AREA)

    def start(  # noqa: PLR0913 - each is one trait of an operation, all by name
        self,
        call: Call,
        style: OperationStyle,
        *,
        seconds: float,
        done: str | None = None,
        payload: dict[str, Any] | None = None,
        values: dict[str, str] | None = None,
        status: int = 202,
        body: Any = None,
        error: dict[str, Any] | None = None,
        operation_id: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Begin an operation of *seconds* virtual seconds and answer with its URLs.

        *done* names the :func:`on_done` handler (and the :func:`on_failed` one) that gets *payload* at the end; what
        ``on_done`` returns is the body of the Location's answer (None: 204). *error* makes the operation fail
        with it at its end. *values* fill the style's paths, *status* and *body* are the first answer's. The caller's
        operation fault is obeyed here.
        """
        world, id_ = self._world, operation_id or new_guid()
        fault = call.operation_fault
        if fault is not None and fault.fails:
            error = {"code": fault.code, "message": fault.message} if fault.code else {}
        operation = {
            "id": id_,
            "status": "InProgress",
            "start": rfc_offset(world.now),
            "end": None,
            "error": None,
            "result": None,
            "done": done,
            "payload": payload or {},
            "planned_error": error,
            "planned_word": fault.word if fault is not None else "",
        }
        self._area.put(id_, operation)
        if fault is None or not fault.never_ends:
            world.schedule.after(seconds, "operations.end", {"id": id_})
        filled = {**call.params, "operation": id_, **(values or {})}
        return Reply(status, body, {**_headers(call, style, filled), **(headers or {})})

    def get(self, operation_id: str) -> dict[str, Any]:
        """The operation, or 404 ``OperationNotFound``."""
        operation: dict[str, Any] | None = self._area.get(operation_id)
        if operation is None:
            raise ArmError(404, "OperationNotFound", f"The operation '{operation_id}' was not found.")
        return operation

    def status_reply(self, _call: Call, operation_id: str, style: OperationStyle) -> Reply:
        """Answer a GET of the ``Azure-AsyncOperation`` URL: 200 with the style's status body."""
        operation = self.get(operation_id)
        return Reply(200, style.body(operation), self._while_running(operation, style))

    def result_reply(self, call: Call, operation_id: str, style: OperationStyle) -> Reply:
        """Answer a GET of the ``Location`` URL: 202 while it runs, then the result, 204, or the error."""
        operation = self.get(operation_id)
        if operation["status"] == "InProgress":
            again = {"Location": self._world.endpoint + call.target}
            return Reply(202, None, {**again, **self._while_running(operation, style)})
        if operation["error"] is not None:
            error = operation["error"]
            raise ArmError(409, error["code"], error["message"], details=error.get("details"))
        if operation["status"] == "Failed":
            return Reply(409)
        if operation["result"] is None:
            return Reply(204)
        return Reply(200, operation["result"])

    def _while_running(self, operation: dict[str, Any], style: OperationStyle) -> dict[str, str]:
        if operation["status"] != "InProgress" or style.retry_after_seconds is None:
            return {}
        return {"Retry-After": retry_after(style.retry_after_seconds, self._world.clock.speed)}

    def end(self, operation_id: str) -> None:
        """Bring an operation to its end now."""
        operation = self.get(operation_id)
        if operation["status"] != "InProgress":
            return
        error, payload, name = operation["planned_error"], operation["payload"], operation["done"] or ""
        if error is None and name in ON_DONE:
            try:
                operation["result"] = ON_DONE[name](self._world, payload)
            except ArmError as problem:
                error = problem.error
        if error is not None and name in ON_FAILED:
            ON_FAILED[name](self._world, payload, error)
        operation["status"] = (operation.get("planned_word") or "Succeeded") if error is None else "Failed"
        operation["error"] = error or None
        operation["end"] = rfc_offset(self._world.now)
        self._area.put(operation_id, operation)


def _headers(call: Call, style: OperationStyle, values: dict[str, str]) -> dict[str, str]:
    headers = {}
    if style.status_path is not None:
        headers["Azure-AsyncOperation"] = call.url(style.status_path.format(**values), **dict(style.status_query))
    if style.result_path is not None:
        headers["Location"] = call.url(style.result_path.format(**values), **dict(style.result_query))
    if style.retry_after_seconds is not None:
        headers["Retry-After"] = retry_after(style.retry_after_seconds, call.world.clock.speed)
    return headers


@event_handler("operations.end")
def _end(world: World, payload: dict[str, Any]) -> None:
    world.operations.end(payload["id"])
