"""Reading what strangers send: nothing that somebody can send, nor any number of it, may stop a workflow.

A server lets a workflow have 10,000 signals, and while no worker runs they gather to one workflow task. So one that
means nothing costs little here: it is read once, logged ever more rarely, and kept nowhere.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.worker import HandleSignalInput, Interceptor, WorkflowInboundInterceptor, WorkflowInterceptorClassInput

with workflow.unsafe.imports_passed_through():
    from migration.delivery import Delivered

Message = TypeVar("Message", bound=BaseModel)

NOTHING = RawValue(Payload())
"""Stands for the message of a signal that came without one. (Temporal drops what a handler of `X | None` is sent.)"""
_TOLD = {1, 10, 100, 1_000, 10_000}
"""Which of the misfits of a workflow are logged."""


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


class Misfits:
    """Messages that mean nothing: counted, and logged ever more rarely."""

    def __init__(self) -> None:
        self._count = 0

    def note(self, signal: str) -> None:
        """Count one."""
        self._count += 1
        if self._count in _TOLD:
            workflow.logger.warning("Messages that do not fit", extra={"signal": signal, "so_far": self._count})


Take = Callable[[Any], Awaitable[None] | None]


class Inbox:
    """Takes what workflows tell each other: by signal, or by update where a server takes no more signals."""

    def __init__(self, takers: Mapping[str, tuple[type[BaseModel] | None, Take]]) -> None:
        """Give what each signal carries, read as its kind, to its taker; without a kind it carries nothing."""
        self._takers = takers
        self._misfits = Misfits()

    async def take(self, signal: str, payload: RawValue) -> None:
        """Take a signal; what cannot be read is dropped."""
        kind, taker = self._takers[signal]
        try:
            message = None if kind is None else read_message(payload, kind, "")
        except ValueError:
            self._misfits.note(signal)
            return
        await _taken(taker(message))

    async def deliver(self, payload: RawValue) -> None:
        """Take what came by an update."""
        await _taken(self._read(payload)())

    def validate(self, payload: RawValue) -> None:
        """Refuse, before it enters the history, what cannot be read.

        Raises:
            ValueError: it cannot.
        """
        self._read(payload)

    def _read(self, payload: RawValue) -> Callable[[], Awaitable[None] | None]:
        word = read_message(payload, Delivered, '{"signal": "...", "content": {...}}')
        if word.signal not in self._takers:
            raise ValueError(f"nobody takes {word.signal!r} here; one of {', '.join(self._takers)}")
        kind, taker = self._takers[word.signal]
        message = None if kind is None else kind.model_validate(word.content)
        return lambda: taker(message)


async def _taken(answer: Awaitable[None] | None) -> None:
    if answer is not None:
        await answer


_MARK = "__temporal_signal_definition"
"""What `workflow.signal` leaves on a method."""
_ANY_NUMBER = 1_000


class IgnoreMisfits(Interceptor):
    """Keeps signals with too many or too few arguments from failing workflow tasks, again and again, for ever."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - Temporal's
    ) -> type[WorkflowInboundInterceptor]:
        """Put the guard in front of every workflow."""
        return _SignalGuard


class _SignalGuard(WorkflowInboundInterceptor):
    def __init__(self, next: WorkflowInboundInterceptor) -> None:  # noqa: A002 - Temporal's name
        super().__init__(next)
        self._numbers: dict[str, range] = {}
        self._misfits = Misfits()

    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002 - Temporal's name
        """Call the handler without arguments where those sent do not fit; where it needs some, drop the signal."""
        if input.signal not in self._numbers:
            self._numbers[input.signal] = _numbers_taken(input.signal)
        fitting = self._numbers[input.signal]
        if len(input.args) not in fitting:
            self._misfits.note(input.signal)
            if 0 not in fitting:
                return
            input.args = []
        await super().handle_signal(input)


def _numbers_taken(signal: str) -> range:
    """Return how many arguments the handler of *signal* takes; any number where there is none of that name."""
    handler = _handler_of(signal)
    if handler is None:
        return range(_ANY_NUMBER)
    wanted = list(inspect.signature(handler).parameters.values())[1:]
    if any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in wanted):
        return range(_ANY_NUMBER)
    positional = [one for one in wanted if one.kind is not inspect.Parameter.KEYWORD_ONLY]
    return range(sum(one.default is inspect.Parameter.empty for one in positional), len(positional) + 1)


def _handler_of(signal: str) -> Any:
    """Return the method that takes *signal*, as it was written: Temporal binds an asynchronous one as `*args`."""
    for kind in type(workflow.instance()).__mro__:
        for member in vars(kind).values():
            if getattr(getattr(member, _MARK, None), "name", None) == signal:
                return member
    return None
