"""What a move costs beside what its machines cost anyway: each driver with its formula, best and worst case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from migration.estimate.durations import Durations
from migration.estimate.prices import Assumption, Prices
from migration.plan import Plan
from migration.specs import vm_specs
from migration.survey import SurveyedDisk, SurveyedVm, kept_disks

_DAY_SECONDS = 86_400
_MONTH_DAYS = 30


@dataclass(frozen=True)
class Driver:
    """One reason for costs. *formula* is in words, *reckoned* the same with its numbers."""

    name: str
    formula: str
    reckoned: str
    low: float
    high: float


@dataclass(frozen=True)
class Costs:
    """All drivers, what they rest on, and what is not in them."""

    currency: str
    drivers: list[Driver]
    days: tuple[float, float]
    assumptions: dict[str, Assumption]
    unpriced: list[str] = field(default_factory=list)
    """Kinds of disks that have no price in the file."""

    @property
    def low(self) -> float:
        """All drivers in the best case."""
        return sum(driver.low for driver in self.drivers)

    @property
    def high(self) -> float:
        """All drivers in the worst case."""
        return sum(driver.high for driver in self.drivers)


def costs(plan: Plan, vms: Mapping[str, SurveyedVm], prices: Prices, took: Durations) -> Costs:
    """Return what moving the machines in *vms* costs, from the replication's begin to its end.

    The worst case waits for an approval until the plan's deadline. Snapshots that the plan wants come on top: they cost
    for as long as it wants them.
    """
    disks = [disk for spec in vm_specs(plan) if spec.name in vms for disk in kept_disks(spec, vms[spec.name])]
    days = (
        took.total.low / _DAY_SECONDS,
        (took.total.high + plan.approval.deadline) / _DAY_SECONDS,
    )
    reckoning = _Reckoning(prices, disks, len(vms), days)
    drivers = [reckoning.replicas(), reckoning.cache(), reckoning.traffic(), reckoning.machines()]
    if plan.failover.keep_target_writes is not None:
        drivers.append(reckoning.kept_writes(plan.failover.keep_target_writes / _DAY_SECONDS))
    if plan.finalise.snapshot and plan.finalise.disks == "delete":
        sources = sum(disk.size_gib for vm in vms.values() for disk in vm.disks)
        drivers.append(reckoning.last_snapshots(sources, plan.finalise.keep_snapshots / _DAY_SECONDS))
    known = prices.prices.disk_gib_month
    return Costs(
        currency=prices.currency,
        drivers=drivers,
        days=days,
        assumptions={name: getattr(prices.assumptions, name) for name in _USED},
        unpriced=sorted({disk.type for disk in disks if disk.type not in known}),
    )


@dataclass(frozen=True)
class _Reckoning:
    prices: Prices
    disks: list[SurveyedDisk]
    machines_count: int
    days: tuple[float, float]

    @property
    def gib(self) -> int:
        return sum(disk.size_gib for disk in self.disks)

    def replicas(self) -> Driver:
        """Each disk has a replica of its size in the target region, from the enabling to the end."""
        by_type: Counter[str] = Counter()
        for disk in self.disks:
            by_type[disk.type] += disk.size_gib
        table = self.prices.prices.disk_gib_month
        month = sum(gib * table.get(kind, 0.0) for kind, gib in by_type.items())
        told = " + ".join(f"{gib} GiB {kind} * {table[kind]:g}" for kind, gib in by_type.items() if kind in table)
        return Driver(
            "replica disks",
            "sum over types (GiB * price of a GiB and month) * days / 30",
            f"({told or '0'}) * {_range(self.days)} days / {_MONTH_DAYS}",
            month * self.days[0] / _MONTH_DAYS,
            month * self.days[1] / _MONTH_DAYS,
        )

    def cache(self) -> Driver:
        """What is copied and changed goes through the cache account, and stays there for a while."""
        assumed, prices = self.prices.assumptions, self.prices.prices
        low, high = (
            (prices.cache_written_gib + prices.cache_gib_month * kept / _MONTH_DAYS) * written
            for kept, written in zip(assumed.cached_days.range, self._sent(), strict=True)
        )
        return Driver(
            "cache account",
            "GiB sent * (price of a GiB written + price of a GiB and month * days kept / 30)",
            f"{_range(self._sent())} GiB * ({prices.cache_written_gib:g} + {prices.cache_gib_month:g} * "
            f"{_range(assumed.cached_days.range)} / {_MONTH_DAYS})",
            low,
            high,
        )

    def traffic(self) -> Driver:
        """The first copy and each change cross regions once."""
        price = self.prices.prices.inter_region_gib
        low, high = self._sent()
        return Driver(
            "traffic between the regions",
            "GiB sent * price of a GiB; sent = GiB of disks * (used % + changed % a day * days) / 100",
            f"{_range((low, high))} GiB * {price:g}",
            low * price,
            high * price,
        )

    def machines(self) -> Driver:
        """Site Recovery itself, which is free for a machine's first days."""
        free, price = self.prices.assumptions.free_days, self.prices.prices.site_recovery_machine_month
        low, high = (
            self.machines_count * max(days - free_days, 0.0) / _MONTH_DAYS * price
            for days, free_days in zip(self.days, (free.best, free.worst), strict=True)
        )
        return Driver(
            "Site Recovery",
            "machines * days beyond the free ones / 30 * price of a machine and month",
            f"{self.machines_count} * max({_range(self.days)} days - {free.worst:g}, 0) / {_MONTH_DAYS} * {price:g}",
            low,
            high,
        )

    def kept_writes(self, days: float) -> Driver:
        """Whatever goes back is kept for as long as the plan says; in the best case nothing goes back."""
        high = self._held(self.gib, days)[1]
        return Driver(
            "snapshots of what a move that goes back wrote",
            "0, or of all machines GiB * used % / 100 * price of a snapshot's GiB and month * days / 30",
            f"{self.gib} GiB * {self._used} / 100 * {self._price:g} * {_range((days, days))} days / {_MONTH_DAYS}",
            0.0,
            high,
        )

    def last_snapshots(self, gib: int, days: float) -> Driver:
        """Before a source is deleted each of its disks has a snapshot, which nobody but its owner deletes."""
        low, high = self._held(gib, days)
        return Driver(
            "snapshots of the sources, once they are deleted",
            "GiB * used % / 100 * price of a snapshot's GiB and month * days wanted / 30",
            f"{gib} GiB * {self._used} / 100 * {self._price:g} * {_range((days, days))} days / {_MONTH_DAYS}",
            low,
            high,
        )

    def _held(self, gib: int, days: float) -> tuple[float, float]:
        """What snapshots cost in those days: what was never written takes no room in them."""
        used = self.prices.assumptions.used_percent
        whole = gib * self._price * days / _MONTH_DAYS
        return whole * used.best / 100, whole * used.worst / 100

    @property
    def _price(self) -> float:
        return self.prices.prices.snapshot_gib_month

    @property
    def _used(self) -> str:
        return _range(self.prices.assumptions.used_percent.range)

    def _sent(self) -> tuple[float, float]:
        assumed = self.prices.assumptions
        changed = assumed.change_percent_per_day
        return (
            self.gib * (assumed.used_percent.best + changed.best * self.days[0]) / 100,
            self.gib * (assumed.used_percent.worst + changed.worst * self.days[1]) / 100,
        )


def _range(span: tuple[float, float]) -> str:
    low, high = (f"{value:.1f}".removesuffix(".0") for value in span)
    return low if low == high else f"{low} to {high}"


_USED = ("free_days", "used_percent", "change_percent_per_day", "cached_days")
