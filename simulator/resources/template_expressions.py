"""The expressions of ARM templates that the Azure CLI's templates use: ``[concat(parameters('a'), 'b')]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Callable

_TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|(-?\d+)|(\w+)|([(),.\[\]]))")


@dataclass(frozen=True)
class Scope:
    """What an expression may refer to."""

    parameters: dict[str, Any]
    variables: dict[str, Any]
    group: dict[str, Any]
    subscription: str


def evaluate(value: Any, scope: Scope) -> Any:
    """A value of a template with every expression in it worked out; what is null is left out of objects."""
    if isinstance(value, dict):
        worked = {key: evaluate(inner, scope) for key, inner in value.items()}
        return {key: inner for key, inner in worked.items() if inner is not None}
    if isinstance(value, list):
        return [evaluate(inner, scope) for inner in value]
    if isinstance(value, str) and value.startswith("[[") and value.endswith("]"):
        return value[1:]
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        return _Reader(value[1:-1], scope).whole()
    return value


def invalid(message: str) -> ArmError:
    """The 400 for a template that cannot be worked out."""
    return ArmError(400, "InvalidTemplate", f"Deployment template validation failed: '{message}'.")


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, text: str, scope: Scope) -> None:
        self._text, self._at, self._scope = text, 0, scope

    def whole(self) -> Any:
        """The value of the whole expression."""
        value = self._value()
        if self._text[self._at :].strip():
            raise self._odd()
        return value

    def _odd(self) -> ArmError:
        return invalid(f"The template language expression '{self._text}' could not be read")

    def _next(self) -> re.Match[str]:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            raise self._odd()
        self._at = match.end()
        return match

    def _peek(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        return match[4] or "" if match else ""

    def _value(self) -> Any:
        token = self._next()
        if token[1] is not None:
            value: Any = token[1].replace("''", "'")
        elif token[2] is not None:
            value = int(token[2])
        elif token[3] is not None:
            value = self._call(token[3])
        else:
            raise self._odd()
        while self._peek() in {".", "["}:
            value = self._inside(value)
        return value

    def _call(self, name: str) -> Any:
        if self._peek() != "(":
            raise self._odd()
        self._next()
        arguments: list[Any] = []
        while self._peek() != ")":
            arguments.append(self._value())
            if self._peek() == ",":
                self._next()
        self._next()
        function = _FUNCTIONS.get(name.lower())
        if function is None:
            raise invalid(f"The template function '{name}' is not supported here")
        try:
            return function(self._scope, *arguments)
        except (KeyError, TypeError):
            raise invalid(f"The template function '{name}' was given {arguments}") from None

    def _inside(self, value: Any) -> Any:
        dot = self._next()[4] == "."
        key = self._next()[3] if dot else self._value()
        if not dot:
            self._next()
        try:
            return value[key]
        except (KeyError, IndexError, TypeError):
            raise invalid(f"The template language expression property '{key}' doesn't exist") from None


def _resource_id(scope: Scope, *arguments: str) -> str:
    at = next(index for index, argument in enumerate(arguments) if "/" in argument)
    group = arguments[at - 1] if at else scope.group["name"]
    subscription = arguments[at - 2] if at > 1 else scope.subscription
    namespace, *types = arguments[at].split("/")
    pairs = "".join(f"/{type_}/{name}" for type_, name in zip(types, arguments[at + 1 :], strict=True))
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{namespace}{pairs}"


def _concat(_: Scope, *parts: Any) -> Any:
    if parts and all(isinstance(part, list) for part in parts):
        return [entry for part in parts for entry in part]
    return "".join(str(part) for part in parts)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "parameters": lambda scope, name: scope.parameters[name],
    "variables": lambda scope, name: evaluate(scope.variables[name], scope),
    "resourcegroup": lambda scope: scope.group,
    "subscription": lambda scope: {"subscriptionId": scope.subscription, "id": f"/subscriptions/{scope.subscription}"},
    "resourceid": _resource_id,
    "concat": _concat,
    "tolower": lambda _, text: text.lower(),
    "toupper": lambda _, text: text.upper(),
}
