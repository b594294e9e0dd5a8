"""What came of messages to several workflows: each is told, also beside one that gave no answer."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from console.errors import UnreachableError
from console.recorded import together
from migration.report import DecisionAnswer

Heard = DecisionAnswer | UnreachableError
"""The answer of a workflow, or why none came: then nobody knows whether the message will count."""

_WORDS = {True: "counted", False: "did not count", None: "is not known to count"}


async def all_heard(sendings: Iterable[Callable[[], Awaitable[DecisionAnswer]]]) -> list[Heard]:
    """Send each, and return what came of it, in their order."""
    return await together(_heard(send) for send in sendings)


def verdict(vm: str, heard: Heard) -> dict[str, Any]:
    """Return what `--json` lists of a message to *vm*: `counted` is null where no answer came."""
    if isinstance(heard, UnreachableError):
        return {"vm": vm, "counted": None, "reason": str(heard)}
    return {"vm": vm, "counted": heard.counted, "reason": heard.reason}


def in_words(told: dict[str, Any], what: str = "") -> str:
    """Return a verdict as a line; *what* names the message."""
    return f"{told['vm']}: {f'{what} ' if what else ''}{_WORDS[told['counted']]}: {told['reason']}"


def exit_code(heard: Sequence[Heard]) -> int:
    """Return 3 if somebody gave no answer, else 0 if a message counted, else 1."""
    if any(isinstance(one, UnreachableError) for one in heard):
        return UnreachableError.exit_code
    return 0 if any(isinstance(one, DecisionAnswer) and one.counted for one in heard) else 1


async def _heard(send: Callable[[], Awaitable[DecisionAnswer]]) -> Heard:
    try:
        return await send()
    except UnreachableError as error:
        return error
