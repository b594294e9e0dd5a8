"""The hash of what a plan says: the same for a file whatever build reads it, also one that knows more keys."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_LATER_KEYS = {
    *("after", "concurrency", "tolerated_failures_percent", "per_subscription", "per_vault"),
    *("vault", "vaults", "consistency_group"),
}
"""What plans could not say when the first ones were started; without a value they say nothing."""
_LATER_ELSEWHERE = {"subscription": "network", "test_network": "test_first"}
"""Keys that came later to some parts of a plan, each with what stands beside it where it was from the first."""


def hash_of(said: dict[str, Any]) -> str:
    """Return the hash of a plan, as JSON; keys that came later count once said."""
    text = json.dumps(_without_later_keys(said), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_later_keys(said: Any) -> Any:
    if isinstance(said, list):
        return [_without_later_keys(one) for one in said]
    if not isinstance(said, dict):
        return said
    later = _LATER_KEYS | {key for key, beside in _LATER_ELSEWHERE.items() if beside not in said}
    silent = {key for key in later & said.keys() if not said[key] and said[key] != []}
    return {key: _without_later_keys(value) for key, value in said.items() if key not in silent}
