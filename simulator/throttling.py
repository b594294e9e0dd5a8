"""Azure Resource Manager's token buckets, per subscription (or tenant), principal and kind of operation.

Source: Microsoft's "Understand how Azure Resource Manager throttles requests" (the scheme of 2024): subscription reads
250 refilled by 25 a second, writes and deletes 200 refilled by 10 a second each; all principals of a subscription
together may ask 15 times as much. Buckets refill in virtual time unless the clock call chose the wall; a restart finds
them as they were. A provider may have buckets of its own beside these (:func:`meters`).
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.errors import ArmError
from simulator.jsontext import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.provider import Call
    from simulator.world import World

    Meter = Callable[[Call], dict[str, str]]

DEFAULT_LIMITS = {"reads": (250.0, 25.0), "writes": (200.0, 10.0), "deletes": (200.0, 10.0)}
AREA = "throttle"
TENANT = "tenant"
"""The scope of requests outside any subscription."""
GLOBAL_FACTOR = 15
"""How much more all principals of a subscription together may ask than one."""
FIELDS = frozenset({"enabled", "clock", "limits"})


_METERS: dict[str, Meter] = {}


class SettingsError(ValueError):
    """Settings of the buckets that make no sense; the message says what would be right."""


def checked(given: Any) -> dict[str, Any]:
    """Check ``{"enabled": bool, "clock": "virtual"|"wall", "limits": {"reads": [size, per second], ...}}``."""
    if not isinstance(given, dict) or set(given) - FIELDS:
        message = f"throttling: give an object with {', '.join(sorted(FIELDS))}"
        raise SettingsError(message)
    if given.get("clock", "wall") not in {"wall", "virtual"}:
        message = 'throttling.clock: give "wall" or "virtual"'
        raise SettingsError(message)
    for kind, limit in given.get("limits", {}).items():
        good = isinstance(limit, list) and [n for n in limit if isinstance(n, (int, float)) and n > 0] == limit
        if kind not in DEFAULT_LIMITS or not good or len(limit) != 2:
            message = f"throttling.limits: give {', '.join(DEFAULT_LIMITS)} as [bucket size, refill per second]"
            raise SettingsError(message)
    return dict(given)


def meters(namespace: str) -> Callable[[Meter], Meter]:
    """Register ``call -> headers``, by which a provider takes from buckets of its own (or raises its 429)."""

    def register(meter: Meter) -> Meter:
        _METERS[namespace.lower()] = meter
        return meter

    return register


def provider_headers(call: Call) -> dict[str, str]:
    """Take from the provider's own buckets; the headers that say what is left of them."""
    meter = _METERS.get(paths.parse(call.path).namespace.lower())
    return meter(call) if meter else {}


def kind_of(method: str) -> str:
    """The bucket that a method draws from: ``reads``, ``writes`` or ``deletes``."""
    if method in {"GET", "HEAD"}:
        return "reads"
    return "deletes" if method == "DELETE" else "writes"


class Throttle:
    """All buckets.

    The settings are ``{"enabled": bool, "clock": "virtual"|"wall", "limits": {kind: [size, per second]}}``.
    """

    def __init__(self, world: World) -> None:
        """Start with full buckets."""
        self._world = world
        self._buckets: dict[str, tuple[float, float]] = {}
        self._drawn: dict[str, tuple[float, float]] = {}
        self._unsaved: set[str] = set()
        self.settings: dict[str, Any] = {}
        self.reload()
        for record in world.database.journal.recovered:
            kept = {key: (level, last) for key, (level, last) in decode(record[1] or "{}").items()}
            self._buckets |= kept
            self._unsaved |= set(kept)
        world.database.before_commit.append(self._save)

    def reload(self) -> None:
        """Read the settings and the buckets that were kept."""
        self.settings = self._world.settings.get("throttle") or {"enabled": True, "clock": "virtual"}
        self._buckets = {key: (level, last) for key, (level, last) in self._world.database.items(AREA)}

    def _save(self) -> None:
        """Carry the buckets that were drawn from since the last commit into the database."""
        for key in self._unsaved & set(self._buckets):
            self._world.database.write(AREA, key, self._buckets[key], quiet=True)
        self._unsaved.clear()

    def drawn(self) -> str:
        """The buckets that the request has drawn from, for the journal."""
        text = encode(self._drawn) if self._drawn else ""
        self._drawn = {}
        return text

    def configure(self, **changes: Any) -> None:
        """Change settings and keep them; buckets are full again."""
        self.settings = {**self.settings, **changes}
        self._world.settings.put("throttle", self.settings, quiet=True)
        self.fill()

    def fill(self) -> None:
        """Make every bucket full."""
        self._buckets.clear()
        for key in self._world.database.keys(AREA):
            self._world.database.delete(AREA, key, quiet=True)

    def take(self, scope: str, principal: str, method: str) -> tuple[int, int]:
        """Take one token from the caller's bucket and from that of all callers; what remains in each.

        Raises the 429 when one is empty.
        """
        kind = kind_of(method)
        size, per_second = self.settings.get("limits", {}).get(kind) or DEFAULT_LIMITS[kind]
        remaining, wait = self.draw((scope, principal, kind), size, per_second)
        if wait:
            raise _too_many(self._world, scope, kind, wait, actor=principal)
        everyone, wait = self.draw((scope, kind), size * GLOBAL_FACTOR, per_second * GLOBAL_FACTOR)
        if wait:
            raise _too_many(self._world, scope, kind, wait, actor=None)
        return remaining, everyone

    def draw(self, parts: tuple[str, ...], size: float, per_second: float) -> tuple[int, int]:
        """Take a token from the bucket of *parts*: what remains, and 0, or the seconds of wall time to wait for one."""
        key, now = "|".join(parts).lower(), self._seconds()
        level, last = self._buckets.get(key, (size, now))
        level = min(size, level + max(0.0, now - last) * per_second)
        short = level < 1 and self.settings["enabled"]
        self._buckets[key] = self._drawn[key] = (level if short else max(0.0, level - 1), now)
        self._unsaved.add(key)
        return (0, self._wall_seconds((1 - level) / per_second)) if short else (int(max(0.0, level - 1)), 0)

    def _wall_seconds(self, seconds: float) -> int:
        speed = 1.0 if self.settings["clock"] == "wall" else self._world.clock.speed
        return max(1, math.ceil(seconds / speed)) if speed > 0 else 1

    def _seconds(self) -> float:
        if self.settings["clock"] == "wall":
            return time.monotonic()
        return self._world.clock.read().timestamp()


def _too_many(world: World, scope: str, kind: str, wait: int, *, actor: str | None) -> ArmError:
    """Resource Manager's 429; without *actor* it is all principals together who asked too much."""
    of_tenant = scope == TENANT
    whose = f"tenant '{world.tenant_id}'" if of_tenant else f"subscription '{scope}'"
    who = f" actor '{actor}'" if actor else ""
    middle = f"{'tenant' if of_tenant else 'subscription'}{'' if actor or of_tenant else '-global'}"
    return ArmError(
        429,
        "TenantRequestsThrottled" if of_tenant else "SubscriptionRequestsThrottled",
        f"Number of '{kind.removesuffix('s')}' requests for {whose}{who} exceeded. Please try again after '{wait}' "
        "seconds after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional "
        "information.",
        headers={
            "Retry-After": str(wait),
            "x-ms-failure-cause": "gateway",
            f"x-ms-ratelimit-remaining-{middle}-{kind}": "0",
        },
    )
