"""The simulated cloud as one object: clock, state, events, operations, identities, behaviour and faults."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from simulator import context, guids
from simulator.clock import Clock, from_micros, retry_after, to_micros
from simulator.database import Database
from simulator.errors import ArmError
from simulator.faults import Faults
from simulator.identity import Identities
from simulator.operations import Operations
from simulator.rbac import Decisions
from simulator.requestlog import last_moment
from simulator.schedule import Schedule
from simulator.settings import SETTINGS, checked
from simulator.store import Area, Store
from simulator.throttling import Throttle
from simulator.unknown import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


class World:
    """Everything a handler may touch.

    ``world.store`` resources and areas · ``world.schedule`` future events · ``world.operations`` generic long-running
    operations · ``world.clock`` speed · ``world.now`` the virtual time of this request or event · ``world.created_by``
    who acts · ``world.behaviour(id)`` the seed's behaviour of a resource · ``world.quotas`` the seed's quotas.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        speed: float | None = None,
        start: datetime | None = None,
        seed_number: int | None = None,
    ) -> None:
        """Open the world kept in *state_dir*, or begin a new one there.

        A *speed* other than the one given at the last start wins over the recorded one; the same one again does not,
        so that a process that is started anew goes on at the speed to which a clock call had set it. *start* is the
        virtual time at which a new world begins (default: the real time), *seed_number* what its identifiers and
        durations follow from (default: 0).
        """
        self.state_dir = state_dir
        self.endpoint = "https://localhost"
        self.database = Database(state_dir / "state.sqlite", lambda: self.now)
        recorded = self.database.read("clock", "clock") or {}
        self.clock = Clock(
            virtual=max(from_micros(recorded["virtual"]), last_moment(self.database)) if recorded else start,
            speed=_speed_to_begin_with(recorded, speed),
        )
        self._asked_speed: float | None = recorded.get("asked") if speed is None else speed
        self.store = Store(self.database)
        if self.settings.get("seed_number") is None:
            self.settings.put("seed_number", {"number": seed_number or 0}, quiet=True)
        self.seed_number = int((self.settings.get("seed_number") or {})["number"])
        self.schedule = Schedule(self)
        self.operations = Operations(self)
        self.identities = Identities(self)
        self.faults = Faults(self)
        self.throttle = Throttle(self)
        self.unknown = Unknown(self.store)
        self.decisions = Decisions()
        self.save_clock()
        self.database.commit()

    @property
    def now(self) -> datetime:
        """The virtual time, the same all through a request or event (in a stale read: the time it is stale of)."""
        return context.as_of.get() or context.frozen_now.get() or self.clock.read()

    @property
    def created_by(self) -> str:
        """The client id (or user name) that acts now, ``seed`` while a seed is loaded."""
        return context.current_actor.get()

    @property
    def settings(self) -> Area:
        """Settings that outlive a restart."""
        return self.store.area("settings")

    def setting(self, name: str) -> int:
        """The value of a setting of :mod:`simulator.settings`."""
        return int((self.settings.get("numbers") or {}).get(name, SETTINGS[name].default))

    def change_settings(self, given: Any) -> dict[str, int]:
        """Change settings; all of them with their values. Raises UnknownSettingError."""
        if given:
            kept = {**(self.settings.get("numbers") or {}), **checked(given)}
            self.settings.put("numbers", kept, quiet=True)
        return {name: self.setting(name) for name in SETTINGS}

    def behaviour(self, id_: str) -> dict[str, Any]:
        """The seed's ``behaviour`` of a resource (empty where it has none)."""
        return self.store.area("behaviour").get(id_.rstrip("/")) or {}

    def set_behaviour(self, id_: str, behaviour: dict[str, Any]) -> None:
        """Replace the behaviour of a resource."""
        self.store.area("behaviour").put(id_.rstrip("/"), behaviour)

    @property
    def quotas(self) -> dict[str, Any]:
        """The seed's ``quotas`` object as written (empty where it has none)."""
        return self.store.area("settings").get("quotas") or {}

    @property
    def subscriptions(self) -> list[dict[str, Any]]:
        """The known subscriptions: ``subscriptionId`` and ``displayName``."""
        return self.store.area("subscriptions").values()

    @property
    def tenant_id(self) -> str:
        """The one tenant's id."""
        return self.identities.tenant_id

    def is_registered(self, subscription: str, namespace: str) -> bool:
        """Tell whether the provider *namespace* is registered in *subscription*."""
        return self.registration_state(subscription, namespace) == "Registered"

    def registration_state(self, subscription: str, namespace: str) -> str:
        """``Registered``, ``Registering`` or ``NotRegistered`` (every provider is registered unless told otherwise)."""
        kept = self.store.area("registrations").get(f"{subscription}/{namespace}")
        return str(kept["state"]) if kept else "Registered"

    def retry_after(self, recorded_seconds: float) -> str:
        """The Retry-After header for a recorded value: divided by the speed, rounded up, at least 1."""
        return retry_after(recorded_seconds, self.clock.speed)

    def duration(self, low_seconds: float, high_seconds: float, *key: str) -> float:
        """A duration between the bounds that depends on *key* alone (ids in any case) and on the seed number."""
        salt = (str(self.seed_number),) if self.seed_number else ()
        return low_seconds + _share((*key, *salt)) * (high_seconds - low_seconds)

    def new_guid(self) -> str:
        """A fresh GUID in lower case."""
        return guids.new_guid()

    def run_due(self) -> datetime:
        """Run every event that has come due; the time up to which that was done."""
        moment = self.clock.read()
        self.schedule.run_due(moment)
        return moment

    def advance(self, seconds: float) -> None:
        """Jump ahead in virtual time and run what comes due on the way."""
        self.clock.advance(seconds)
        self.run_due()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Let the block's changes be made whole, or not at all where it raises anything but an ``ArmError``."""
        request = context.current_request.get()
        accepted_before = request is not None and request.accepted
        try:
            with self.database.guarded():
                yield
        except ArmError:
            raise
        except BaseException:
            self.store.reindex()
            self.schedule.reload()
            self.throttle.reload()
            self.identities.reload()
            if request is not None:
                request.accepted = accepted_before
            raise

    def save_clock(self) -> None:
        """Record the clock, so that a restart goes on from here."""
        reading = {"virtual": to_micros(self.clock.read()), "speed": self.clock.speed, "asked": self._asked_speed}
        self.database.write("clock", "clock", reading, quiet=True)

    def commit(self) -> None:
        """Make everything durable; called before each answer leaves.

        Where nothing was written but the request log, its last line records the time.
        """
        if self.database.connection.in_transaction:
            self.save_clock()
            self.database.commit()


def _speed_to_begin_with(recorded: dict[str, Any], asked: float | None) -> float:
    if recorded and asked in {None, recorded["asked"]}:
        return float(recorded["speed"])
    return 1.0 if asked is None else asked


@lru_cache(maxsize=1 << 16)
def _share(key: tuple[str, ...]) -> float:
    """A number from 0 to 1 that belongs to *key* alone."""
    digest = hashlib.sha256("|".join(part.lower() for part in key).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
