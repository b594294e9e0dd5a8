"""Faults that a test asks for: which requests they meet, and what happens to these.

A fault waits for the nth matching request and meets the next ``times`` matches (0: all). Its counter is kept, so a
restart of the simulator does not forget it. Beside ``method`` and ``path`` a match may name an ``operation``
(``ReplicationProtectedItems_UnplannedFailover``, ``VirtualMachines_Start``, or an RBAC action with wildcards), a ``vm``
(by name or id), and a ``probability`` with which each match is met; the dice follow from its ``seed``, or else from
the simulator's seed number, so that they fall alike in every run.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from simulator import faultmatch
from simulator.provider import OperationFault

if TYPE_CHECKING:
    from simulator.provider import Route
    from simulator.world import World

AREA = "faults"
EFFECT_FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "status": {"status": (int,), "headers": (dict,), "body": (dict, list, str, type(None))},
    "status_after": {"status": (int,), "headers": (dict,), "body": (dict, list, str, type(None))},
    "reset_before": {},
    "reset_after": {},
    "hang": {"seconds": (int, float)},
    "truncate": {},
    "operation_fails": {"code": (str, int), "message": (str,)},
    "operation_never_ends": {},
    "operation_ends_as": {"word": (str,)},
    "stale_reads": {"seconds": (int, float)},
    "foreign_operation_url": {"url": (str,)},
}
OPTIONAL_MATCHES = ("operation", "vm", "probability", "seed")
REQUIRED = {"status": "status", "status_after": "status", "hang": "seconds", "stale_reads": "seconds"} | {
    "foreign_operation_url": "url",
    "operation_ends_as": "word",
}


class FaultError(ValueError):
    """A fault that was asked for makes no sense; the message says which field, and what would be right."""


class Effects:
    """The effects that meet one request, by kind; of two of a kind the older fault counts."""

    def __init__(self, effects: list[dict[str, Any]]) -> None:
        """Sort *effects* by kind."""
        self._by_kind: dict[str, dict[str, Any]] = {}
        for effect in effects:
            self._by_kind.setdefault(effect["kind"], effect)

    def get(self, kind: str) -> dict[str, Any] | None:
        """The effect of that kind, or None."""
        return self._by_kind.get(kind)

    def __contains__(self, kind: str) -> bool:
        """Tell whether an effect of that kind meets the request."""
        return kind in self._by_kind

    @property
    def operation_fault(self) -> OperationFault | None:
        """What happens to the operation that the request starts."""
        if effect := self.get("operation_fails"):
            code = str(effect.get("code", "InternalServerError"))
            return OperationFault("operation_fails", code, effect.get("message", "An internal error occurred."))
        if effect := self.get("operation_ends_as"):
            return OperationFault("operation_ends_as", word=effect["word"])
        return OperationFault("operation_never_ends") if "operation_never_ends" in self else None

    @property
    def seconds_stale(self) -> float | None:
        """How old, in virtual seconds, what a read shows is."""
        effect = self.get("stale_reads")
        return None if effect is None else float(effect["seconds"])


class Faults:
    """The faults that wait or are at work."""

    def __init__(self, world: World) -> None:
        """Keep the faults in the world's database."""
        self._world = world
        self.operations: frozenset[str] = frozenset()
        """The names that an operation may have; while there are none, any is taken."""

    def all(self) -> list[dict[str, Any]]:
        """Every fault with its ``id``, ``match``, ``effect`` and ``seen`` (matches so far)."""
        return [fault for _, fault in self._world.database.items(AREA)]

    def add(self, fault: Any) -> str:
        """Check and keep *fault*; its new id. Raises FaultError."""
        match, effect = _checked(fault)
        self._check_operation(match)
        known = [int(existing["id"]) for existing in self.all()]
        id_ = str(max(known, default=0) + 1)
        kept = {"id": id_, "match": match, "effect": effect, "seen": 0}
        self._world.database.write(AREA, id_, kept, quiet=True)
        return id_

    def clear(self) -> None:
        """Forget every fault."""
        for key in self._world.database.keys(AREA):
            self._world.database.delete(AREA, key, quiet=True)

    def _check_operation(self, match: dict[str, Any]) -> None:
        wrong = faultmatch.suggestion(match["operation"], self.operations) if "operation" in match else None
        if self.operations and wrong is not None:
            message = f"match.operation: no operation is called '{match['operation']}'{wrong}"
            raise FaultError(message)

    def meet(self, method: str, path: str, route: Route | None = None, content: bytes = b"") -> Effects:
        """Count a request, of *route* and with the body *content*, against every fault; the effects that meet it."""
        effects = []
        for fault in self.all():
            if not self._matches(fault["match"], method, path, route, content):
                continue
            fault["seen"] += 1
            self._world.database.write(AREA, fault["id"], fault, quiet=True)
            first, times = fault["match"]["nth"], fault["match"]["times"]
            in_turn = fault["seen"] >= first and (times == 0 or fault["seen"] < first + times)
            if in_turn and self._falls(fault):
                effects.append(fault["effect"])
        return Effects(effects)

    def _matches(self, match: dict[str, Any], method: str, path: str, route: Route | None, content: bytes) -> bool:
        if match["method"] not in {"*", method} or re.search(match["path"], path, re.IGNORECASE) is None:
            return False
        if "operation" in match and not faultmatch.is_operation(match["operation"], method, path, route):
            return False
        return "vm" not in match or faultmatch.is_about(self._world, match["vm"], path, content)

    def _falls(self, fault: dict[str, Any]) -> bool:
        """Cast the dice of a fault for the match that was just seen."""
        probability = fault["match"].get("probability", 1)
        seed = fault["match"].get("seed", f"{self._world.seed_number}/{fault['id']}")
        digest = hashlib.sha256(f"{seed}|{fault['seen']}".encode()).digest()
        return bool(int.from_bytes(digest[:8], "big") / 2**64 < probability)


def _checked(fault: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    if not isinstance(fault, dict) or not isinstance(fault.get("effect"), dict):
        message = 'fault: give an object {"match": {...}, "effect": {"kind": ...}}'
        raise FaultError(message)
    _refuse_unknown("fault", fault, {"match", "effect"})
    match = fault.get("match", {})
    if not isinstance(match, dict):
        message = f"match: give an object with some of method, path, nth, times, {', '.join(OPTIONAL_MATCHES)}"
        raise FaultError(message)
    return _checked_match(match), _checked_effect(fault["effect"])


def _refuse_unknown(where: str, given: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        message = f"{where}.{unknown[0]}: not known; the fields are {', '.join(sorted(known))}"
        raise FaultError(message)


def _checked_match(match: dict[str, Any]) -> dict[str, Any]:
    _refuse_unknown("match", match, {"method", "path", "nth", "times", *OPTIONAL_MATCHES})
    method, path = match.get("method", "*"), match.get("path", "")
    if not isinstance(method, str) or not isinstance(path, str):
        message = "match.method and match.path: give texts"
        raise FaultError(message)
    try:
        re.compile(path)
    except re.error as problem:
        message = f"match.path: not a regular expression: {problem}"
        raise FaultError(message) from None
    nth, times = match.get("nth", 1), match.get("times", 1)
    for name, value, least in (("nth", nth, 1), ("times", times, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            message = f"match.{name}: give a whole number from {least}"
            raise FaultError(message)
    optional = {name: match[name] for name in OPTIONAL_MATCHES if name in match}
    _check_optional(optional)
    return {"method": method.upper() or "*", "path": path, "nth": nth, "times": times, **optional}


def _check_optional(match: dict[str, Any]) -> None:
    for name in ("operation", "vm"):
        if name in match and not (isinstance(match[name], str) and match[name]):
            message = f"match.{name}: give a text"
            raise FaultError(message)
    probability, seed = match.get("probability", 1), match.get("seed", 0)
    if not isinstance(probability, (int, float)) or isinstance(probability, bool) or not 0 <= probability <= 1:
        message = "match.probability: give a number from 0 to 1"
        raise FaultError(message)
    if not isinstance(seed, (int, str)) or isinstance(seed, bool):
        message = "match.seed: give a whole number"
        raise FaultError(message)


def _checked_effect(effect: dict[str, Any]) -> dict[str, Any]:
    kind = effect.get("kind")
    if not isinstance(kind, str) or kind not in EFFECT_FIELDS:
        message = f"effect.kind: give one of {', '.join(EFFECT_FIELDS)}"
        raise FaultError(message)
    fields = EFFECT_FIELDS[kind]
    _refuse_unknown("effect", effect, {"kind", *fields})
    needed = REQUIRED.get(kind)
    if needed is not None and needed not in effect:
        message = f"effect.{needed}: needed by the kind {kind}"
        raise FaultError(message)
    for name, types in fields.items():
        if name in effect and (not isinstance(effect[name], types) or isinstance(effect[name], bool)):
            message = f"effect.{name}: give a value of type {' or '.join(t.__name__ for t in types)}"
            raise FaultError(message)
    _check_numbers(effect)
    return effect


def _check_numbers(effect: dict[str, Any]) -> None:
    if not 100 <= effect.get("status", 200) <= 599:
        message = "effect.status: give an HTTP status from 100 to 599"
        raise FaultError(message)
    if effect.get("seconds", 0) < 0:
        message = "effect.seconds: give a number from 0"
        raise FaultError(message)
