"""Reading what strangers send: nothing that somebody can send may stop a workflow."""

import inspect
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.worker import HandleSignalInput, Interceptor, WorkflowInboundInterceptor, WorkflowInterceptorClassInput

Message = TypeVar("Message", bound=BaseModel)

NOTHING = RawValue(Payload())
"""Stands for the message of a signal that came without one. (Temporal drops what a handler of `X | None` is sent.)"""


def read_message(payload: RawValue, kind: type[Message], example: str) -> Message:
    """Return the message that *payload* holds.

    Raises:
        ValueError: it holds none; the text says what is wrong, and shows the *example* to send.
    """
    if payload is NOTHING:
        raise ValueError(f"the message is missing; send {example}")
    problem = ""
    try:
        message = workflow.payload_converter().from_payload(payload.payload, kind)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'message'}: {e['msg'].lower()}" for e in error.errors())
        problem = f" ({told})"
    except Exception:  # noqa: BLE001 - whatever a stranger sends must not fail the workflow task
        message = None
    else:
        if isinstance(message, kind):
            return message
    raise ValueError(f"the message is malformed{problem}; send {example}")


_MARK = "__temporal_signal_definition"
"""What `workflow.signal` leaves on a method."""


class IgnoreMisfits(Interceptor):
    """Keeps signals with too many or too few arguments from failing workflow tasks, again and again, for ever."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - Temporal's
    ) -> type[WorkflowInboundInterceptor]:
        """Put the guard in front of every workflow."""
        return _SignalGuard


class _SignalGuard(WorkflowInboundInterceptor):
    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002 - Temporal's name
        """Call the handler without arguments where those sent do not fit; where it needs some, drop the signal."""
        handler = _handler_of(input.signal)
        if handler is not None and not _fits(handler, list(input.args)):
            workflow.logger.warning("Signal with arguments that do not fit", extra={"signal": input.signal})
            if not _fits(handler, []):
                return
            input.args = []
        await super().handle_signal(input)


def _handler_of(signal: str) -> Any:
    """Return the method that takes *signal*, as it was written: Temporal binds an asynchronous one as `*args`."""
    for kind in type(workflow.instance()).__mro__:
        for member in vars(kind).values():
            if getattr(getattr(member, _MARK, None), "name", None) == signal:
                return member
    return None


def _fits(handler: Any, arguments: list[Any]) -> bool:
    try:
        inspect.signature(handler).bind(workflow.instance(), *arguments)
    except TypeError:
        return False
    return True
