"""How many at once: of the plan, each wave, subscription and vault, as the plan or people say now. Pure."""

from collections.abc import Iterable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.eta.values import Share
    from migration.plan import Plan
    from migration.plan_fleet import Home
    from migration.steering import LimitsNow, Part
from workflows.vm_state import PLAN_KEY, VmState, home_keys, part_key, wave_key


class Room:
    """How many may have a place at once, and how many have one: by keys, each a part of the plan."""

    def __init__(self) -> None:
        self.limits: dict[str, int] = {}
        self.taken: dict[str, int] = {}
        self.homes: dict[Home, tuple[str, ...]] = {}

    def has(self, keys: tuple[str, ...]) -> bool:
        """Whether one more finds room in each of these parts."""
        return all(self.taken.get(key, 0) < self.limits[key] for key in keys if key in self.limits)

    def has_for(self, home: Home) -> bool:
        """Whether the plan, a subscription and a vault have room for one more."""
        return self.has(self.homes[home])

    def take(self, vm: VmState) -> None:
        """Give a place away."""
        for key in vm.keys:
            self.taken[key] = self.taken.get(key, 0) + 1

    def give(self, vm: VmState) -> None:
        """Take a place back."""
        for key in vm.keys:
            self.taken[key] -= 1


class Bounds:
    """The room for replication and for failing over."""

    def __init__(self, plan: Plan, homes: list[Home]) -> None:
        self.copying, self.cutting = Room(), Room()
        self.changed: dict[Part, LimitsNow] = {}
        """What people have changed while the plan runs."""
        said = plan.concurrency
        self._set(PLAN_KEY, said.replication, said.cutover)
        for home in homes:
            subscription, vault = home_keys(home)
            self.copying.homes[home] = self.cutting.homes[home] = (PLAN_KEY, subscription, vault)
            for key, limits in ((subscription, said.per_subscription), (vault, said.per_vault)):
                if limits is not None:
                    self._set(key, limits.replication, limits.cutover)
        for place, wave in enumerate(plan.waves):
            if wave.concurrency is not None:
                self._set(wave_key(place), wave.concurrency.replication, wave.concurrency.cutover)
        self._waves = {wave.name: place for place, wave in enumerate(plan.waves)}

    def now(self, part: Part) -> LimitsNow:
        """Return how many of a part of the plan at once now."""
        key = self._key(part)
        return LimitsNow(part=part, replication=self.copying.limits.get(key), cutover=self.cutting.limits.get(key))

    def taken(self, part: Part) -> tuple[int, int]:
        """Return how many of a part of the plan replicate, and fail over, now."""
        key = self._key(part)
        return self.copying.taken.get(key, 0), self.cutting.taken.get(key, 0)

    @property
    def of_plan(self) -> tuple[int, int]:
        """How many of the plan may replicate, and fail over, at once now."""
        return self.copying.limits[PLAN_KEY], self.cutting.limits[PLAN_KEY]

    def shares(self, vms: Iterable[VmState]) -> list[Share]:
        """Return the limits of the subscriptions and vaults that have some, with whom of *vms* they bound."""
        bounded: dict[str, list[str]] = {}
        for vm in vms:
            for key in home_keys(vm.home):
                if key in self.copying.limits or key in self.cutting.limits:
                    bounded.setdefault(key, []).append(vm.name)
        return [
            Share(replication=self.copying.limits.get(key), cutover=self.cutting.limits.get(key), vms=names)
            for key, names in bounded.items()
        ]

    def change(self, limits: LimitsNow) -> None:
        """Bound a part of the plan anew; what is not given stays."""
        known = self.changed.get(limits.part, limits)
        given = {name: value for name in ("replication", "cutover") if (value := getattr(limits, name)) is not None}
        self.changed[limits.part] = known.model_copy(update=given)
        self._set(self._key(limits.part), limits.replication, limits.cutover)

    def _key(self, part: Part) -> str:
        return wave_key(self._waves[part.name]) if part.kind == "wave" else part_key(part.kind, part.name)

    def _set(self, key: str, replication: int | None, cutover: int | None) -> None:
        for room, value in ((self.copying, replication), (self.cutting, cutover)):
            if value is not None:
                room.limits[key] = value
