"""Conditions of Azure Policy: whether a rule speaks of a resource.

The part of the language that deny rules of landing zones are made of: `allOf`, `anyOf`, `not`, the comparisons below,
fields by name, by tag and by alias, and `[parameters('x')]`, `[concat(...)]`, `[field('x')]` as values. A rule with
anything else in it (other functions, `count`) denies nothing.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Document = dict[str, Any]
    Values = dict[str, Any]

_CALL = re.compile(r"\[\s*(?P<name>parameters|field|concat)\((?P<inside>.*)\)\s*\]$", re.IGNORECASE | re.DOTALL)
_PART = re.compile(r"'(?P<text>[^']*)'|(?P<name>parameters|field)\('(?P<key>[^']*)'\)", re.IGNORECASE)
_TAG = re.compile(r"tags(?:\['(?P<quoted>.+)'\]|\[(?P<bare>[^'\]]+)\]|\.(?P<dotted>.+))$", re.IGNORECASE)
_SHORT_ALIASES = {
    "microsoft.compute/virtualmachines/sku.name": "hardwareProfile.vmSize",
    "microsoft.compute/disks/sku.name": "sku.name",
    "microsoft.network/networkinterfaces/ipconfigurations[*].publicipaddress.id": "ipConfigurations[*]."
    "properties.publicIPAddress.id",
}
_TOP = ("name", "fullname", "kind", "type", "location", "id", "identity.type")


class NotUnderstoodError(ValueError):
    """A part of a rule that is not known here."""


def speaks_of(condition: Any, document: Document, values: Values) -> bool:
    """Whether the `if` of a rule holds for the resource *document*; *values* are the assignment's parameters.

    Raises NotUnderstoodError.
    """
    given = {key.lower(): value for key, value in condition.items()} if isinstance(condition, dict) else {}
    if "allof" in given:
        return all(speaks_of(part, document, values) for part in given["allof"])
    if "anyof" in given:
        return any(speaks_of(part, document, values) for part in given["anyof"])
    if "not" in given:
        return not speaks_of(given["not"], document, values)
    compared = next((name for name in _COMPARISONS if name in given), None)
    if compared is None or not given.keys() & {"field", "value"}:
        raise NotUnderstoodError(condition)
    inner = resolved(given.get("field", given.get("value")), document, values)
    actual = field(str(inner), document) if "field" in given else inner
    return _COMPARISONS[compared](actual, resolved(given[compared], document, values))


def resolved(value: Any, document: Document, values: Values) -> Any:
    """A value of a rule with the expressions in it worked out."""
    if not isinstance(value, str) or not value.startswith("[") or value.startswith("[["):
        return value
    match = _CALL.match(value)
    if match is None:
        raise NotUnderstoodError(value)
    if match["name"].lower() == "concat":
        return "".join(str(_part(found, document, values)) for found in _PART.finditer(match["inside"]))
    key = match["inside"].strip().strip("'")
    return _named(match["name"], key, document, values)


def _part(found: re.Match[str], document: Document, values: Values) -> Any:
    return found["text"] if found["name"] is None else _named(found["name"], found["key"], document, values)


def _named(kind: str, key: str, document: Document, values: Values) -> Any:
    if kind.lower() == "field":
        return field(key, document)
    return next((value for name, value in values.items() if name.lower() == key.lower()), None)


def field(name: str, document: Document) -> Any:
    """What the resource has in a field: a plain one, a tag, all tags, or an alias such as `Microsoft.X/y/a.b`."""
    tag = _TAG.match(name)
    if tag is not None:
        wanted = (tag["quoted"] or tag["bare"] or tag["dotted"]).lower()
        return next((value for key, value in (document.get("tags") or {}).items() if key.lower() == wanted), None)
    if name.lower() == "tags":
        return document.get("tags") or None
    if name.lower() in _TOP:
        return _at(document, "name" if name.lower() == "fullname" else name)
    kind = str(document.get("type", ""))
    if not name.lower().startswith(kind.lower() + "/"):
        return None
    path = _SHORT_ALIASES.get(name.lower(), name[len(kind) + 1 :])
    found = _at(document.get("properties") or {}, path)
    return found if found is not None else _at(document, path)


def _at(value: Any, path: str) -> Any:
    """The value at a dotted path in any case; `[*]` gathers a list."""
    step, _, rest = path.partition(".")
    plain = step.removesuffix("[*]")
    if not isinstance(value, dict):
        return None
    found = next((inner for key, inner in value.items() if key.lower() == plain.lower()), None)
    if not step.endswith("[*]"):
        return _at(found, rest) if rest else found
    entries = found if isinstance(found, list) else []
    return [inner for entry in entries if (inner := _at(entry, rest) if rest else entry) is not None]


def _text(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else value


def _equal(actual: Any, wanted: Any) -> bool:
    if isinstance(actual, list):
        return bool(actual) and all(_equal(entry, wanted) for entry in actual)
    return bool(_text(actual) == _text(wanted))


def _is_in(actual: Any, wanted: Any) -> bool:
    options = [_text(option) for option in wanted or []] if isinstance(wanted, list) else []
    entries = actual if isinstance(actual, list) else [actual]
    return bool(entries) and all(_text(entry) in options for entry in entries)


def _is_like(actual: Any, wanted: Any) -> bool:
    pattern = re.sub(r"([\[\]?])", r"[\1]", str(_text(wanted)))
    return isinstance(actual, str) and fnmatchcase(actual.lower(), pattern)


def _holds(actual: Any, wanted: Any) -> bool:
    if isinstance(actual, dict):
        return any(_text(key) == _text(wanted) for key in actual)
    if isinstance(actual, list):
        return any(_text(entry) == _text(wanted) for entry in actual)
    return isinstance(actual, str) and str(_text(wanted)) in actual.lower()


def _exists(actual: Any, wanted: Any) -> bool:
    return (actual not in (None, [], "")) is (str(wanted).lower() == "true")


def _number(compare: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    def compared(actual: Any, wanted: Any) -> bool:
        try:
            return compare(float(actual), float(wanted))
        except (TypeError, ValueError):
            return False

    return compared


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _equal,
    "notequals": lambda actual, wanted: not _equal(actual, wanted),
    "in": _is_in,
    "notin": lambda actual, wanted: not _is_in(actual, wanted),
    "like": _is_like,
    "notlike": lambda actual, wanted: not _is_like(actual, wanted),
    "contains": _holds,
    "notcontains": lambda actual, wanted: not _holds(actual, wanted),
    "containskey": _holds,
    "notcontainskey": lambda actual, wanted: not _holds(actual, wanted),
    "exists": _exists,
    "less": _number(lambda actual, wanted: actual < wanted),
    "lessorequals": _number(lambda actual, wanted: actual <= wanted),
    "greater": _number(lambda actual, wanted: actual > wanted),
    "greaterorequals": _number(lambda actual, wanted: actual >= wanted),
}
