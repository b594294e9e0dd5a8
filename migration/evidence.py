"""What is approved: a bundle of evidence about one virtual machine, and its hash.

The hash is SHA-256 over canonical JSON: keys sorted, no spaces, UTF-8. What moves by itself while a person thinks
(times of reading, progress) is no part of it, so that the same state always has the same hash.
"""

import hashlib
import json
from collections import Counter
from typing import Any

from pydantic import Field, JsonValue

from migration.base import Value
from migration.models import FenceEvidence, Mismatch

_MOST_TOLD = 5
_LONGEST = 80
_ABSENT = "\0absent"


class CopyEvidence(Value):
    """One side of a move. `vm_id` is Azure's own id of the machine: one that was made anew has another."""

    id: str
    vm_id: str | None = None
    power: str | None = None


class Evidence(Value):
    """What an approver approves. `parts` holds what other chapters of the story add, by name."""

    plan: str
    plan_hash: str
    vm: str
    wave: str
    source: CopyEvidence
    target: CopyEvidence
    fence: FenceEvidence | None = None
    recovery_point: str | None = Field(None, description="Azure's time of the recovery point that was used.")
    mismatches: list[Mismatch] = Field(default_factory=list)
    downtime_seconds: int | None = None
    parts: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The hash, 64 hexadecimal digits."""
        return hashlib.sha256(canonical(self.model_dump(mode="json")).encode()).hexdigest()


def canonical(value: Any) -> str:
    """Return JSON that is the same for the same value, however it was made."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def short(digest: str) -> str:
    """Return what a person compares of a hash."""
    return digest[:12]


def changes(before: Evidence, now: Evidence) -> list[str]:
    """Return in words each fact that differs, in the order of the bundle; empty where the hash is the same."""
    old, new = _facts(before.model_dump(mode="json")), _facts(now.model_dump(mode="json"))
    names = list(dict.fromkeys([*old, *new]))
    # What is absent on one side differs from a null on the other: so it does in the hash.
    differing = [name for name in names if old.get(name, _ABSENT) != new.get(name, _ABSENT)]
    return [f"{name} was {_told(old.get(name))}, is {_told(new.get(name))}" for name in differing]


def summary(differences: list[str]) -> str:
    """Return some of many differences as one sentence."""
    more = len(differences) - _MOST_TOLD
    return "; ".join(differences[:_MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")


def part_in_words(part: JsonValue) -> str:
    """Return what a chapter added, short: rows by how many are in each state, their table says which."""
    rows = part if isinstance(part, list) else []
    states = Counter(str(row["state"]) for row in rows if isinstance(row, dict) and "state" in row)
    if states:
        return ", ".join(f"{number} {state}" for state, number in states.items())
    if isinstance(part, dict) and isinstance(part.get("probes"), dict):
        return _served(part)
    if isinstance(part, dict):
        return "; ".join(f"{name}: {_told(value)}" for name, value in part.items()) or "nothing"
    return _told(part)


def _served(part: dict[str, JsonValue]) -> str:
    """Return in words whether the target booted, and what each probe said."""
    boot, probes = part.get("boot"), part["probes"]
    booted = "its boot was not asked for" if boot is None else "it booted" if boot else "it did NOT boot"
    asked = sorted(probes.items()) if isinstance(probes, dict) else []
    answers = [f"{name} {'held' if held else 'did NOT hold'}" for name, held in asked]
    return f"{booted}; " + (f"probes: {', '.join(answers)}" if answers else "no probes")


def _facts(value: JsonValue, path: str = "") -> dict[str, JsonValue]:
    if isinstance(value, dict) and value:
        found: dict[str, JsonValue] = {}
        for key, item in value.items():
            found |= _facts(item, f"{path}.{key}" if path else key)
        return found
    if isinstance(value, list) and value:
        found = {}
        for index, item in enumerate(value):
            found |= _facts(item, f"{path}[{index}]")
        return found
    return {path: value}


def _told(value: JsonValue | None) -> str:
    if value is None or value in ([], {}):
        return "nothing"
    text = value if isinstance(value, str) else canonical(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
