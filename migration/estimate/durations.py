"""How long a plan takes from start to end, and how long each machine stands still: best and worst case.

Machines replicate side by side, as many as the plan lets; each wave fails over after those that it depends on. The wait
for a person's approval is in neither figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from migration.estimate.prices import Assumption, Assumptions
from migration.models import VmSpec
from migration.plan import Plan
from migration.schedule import PLAN_KEY, Turn, fail_over, side_by_side, wave_key
from migration.specs import vm_specs
from migration.survey import SurveyedVm, kept_disks
from migration.waves import in_order

_MIB_PER_GIB = 1024


@dataclass(frozen=True)
class Span:
    """Seconds, from the best case to the worst."""

    low: float
    high: float

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)

    def times(self, number: int) -> Span:
        """Return it so many times, one after the other."""
        return Span(self.low * number, self.high * number)


@dataclass(frozen=True)
class Durations:
    """The figures of a plan, and what they rest on."""

    total: Span
    stages: dict[str, Span]
    downtime: dict[str, Span]
    """By the plan's name of the machine."""
    copy: dict[str, Span]
    assumptions: dict[str, Assumption]


def durations(plan: Plan, vms: Mapping[str, SurveyedVm], assumed: Assumptions) -> Durations:
    """Return how long the machines in *vms* take, by their sizes and the plan's concurrency."""
    specs = [spec for spec in vm_specs(plan) if spec.name in vms]
    replicating = {spec.name: _replicating(spec, vms[spec.name], assumed) for spec in specs}
    down = {spec.name: _downtime(spec, vms[spec.name], assumed) for spec in specs}
    vaults = len({vms[spec.name].place.vault for spec in specs})
    prepare = _minutes(assumed.check_minutes) + _minutes(assumed.prepare_minutes).times(max(1, vaults))
    test = _minutes(assumed.test_minutes) if plan.failover.test_first else Span(0, 0)
    ready = {name: span + _minutes(assumed.configure_minutes) + test for name, span in replicating.items()}
    cutover = {name: span + _minutes(assumed.verify_minutes) for name, span in down.items()}
    finish = _minutes(assumed.commit_minutes) + _minutes(assumed.disable_minutes)
    waves = [[vm.name for vm in wave.vms if vm.name in vms] for wave in plan.waves]
    homes = {spec.name: _home(plan, spec, vms[spec.name]) for spec in specs}
    copied, moved = _both(lambda case: _schedule(plan, waves, homes, _pick(ready, case), _pick(cutover, case)))
    tidy = _minutes(assumed.tidy_minutes).times(max(1, vaults))
    return Durations(
        total=prepare + moved + finish + tidy if specs else prepare,
        stages={
            "check and prepare": prepare,
            "replicate and test all": copied,
            "fail over wave by wave": Span(moved.low - copied.low, moved.high - copied.high),
            "commit and disable replication, after the approval": finish,
            "tidy up": tidy,
        },
        downtime=down,
        copy=replicating,
        assumptions={name: getattr(assumed, name) for name in _USED if plan.failover.test_first or name != _TEST},
    )


def _replicating(spec: VmSpec, vm: SurveyedVm, assumed: Assumptions) -> Span:
    gib = sum(disk.size_gib for disk in kept_disks(spec, vm))
    rate, used = assumed.copy_mib_per_second, assumed.used_percent
    copy = Span(gib * used.best / 100 * _MIB_PER_GIB / rate.best, gib * used.worst / 100 * _MIB_PER_GIB / rate.worst)
    return _minutes(assumed.enable_minutes) + copy + _minutes(assumed.first_point_minutes)


def _downtime(spec: VmSpec, vm: SurveyedVm, assumed: Assumptions) -> Span:
    disks = len(kept_disks(spec, vm))
    attach = Span(disks * assumed.disk_seconds.best, disks * assumed.disk_seconds.worst)
    parts = (assumed.shutdown_minutes, assumed.last_sync_minutes, assumed.create_minutes)
    return sum((_minutes(part) for part in parts), start=attach)


def _schedule(
    plan: Plan,
    waves: list[list[str]],
    homes: Mapping[str, tuple[str, str]],
    ready: dict[str, float],
    cutover: dict[str, float],
) -> tuple[float, float]:
    """Return when the last machine is ready to fail over, and when the last one is verified."""
    after = plan.wave_dependencies
    parts = {name: (PLAN_KEY, wave_key(wave), *homes[name]) for wave in in_order(after) for name in waves[wave]}
    at = side_by_side(((name, ready[name], of) for name, of in parts.items()), _limits(plan, homes, "replication"))
    turns = [[Turn(name, at[name], cutover[name], parts=parts[name]) for name in wave] for wave in waves]
    ends, _ = fail_over(turns, after, _limits(plan, homes, "cutover"))
    return max(at.values(), default=0.0), max(ends.values(), default=0.0)


def _home(plan: Plan, spec: VmSpec, vm: SurveyedVm) -> tuple[str, str]:
    """Return the subscription and the vault by which a machine counts."""
    return f"subscription {plan.source_subscriptions[spec.name]}", f"vault {vm.place.vault}"


def _limits(
    plan: Plan, homes: Mapping[str, tuple[str, str]], what: Literal["replication", "cutover"]
) -> dict[str, int]:
    """Return how many of each part of the plan replicate, or fail over, at once."""
    said = plan.concurrency
    limits = {PLAN_KEY: getattr(said, what)}
    for wave, one in enumerate(plan.waves):
        if one.concurrency is not None and getattr(one.concurrency, what):
            limits[wave_key(wave)] = getattr(one.concurrency, what)
    for at, each in enumerate((said.per_subscription, said.per_vault)):
        if each is not None and getattr(each, what) is not None:
            limits |= dict.fromkeys((home[at] for home in homes.values()), getattr(each, what))
    return limits


def _both(of_case: Callable[[str], tuple[float, float]]) -> tuple[Span, Span]:
    best, worst = of_case("low"), of_case("high")
    return Span(best[0], worst[0]), Span(best[1], worst[1])


def _pick(spans: dict[str, Span], case: str) -> dict[str, float]:
    return {name: getattr(span, case) for name, span in spans.items()}


def _minutes(assumption: Assumption) -> Span:
    return Span(assumption.best * 60, assumption.worst * 60)


_TEST = "test_minutes"
_USED = (
    "check_minutes",
    "prepare_minutes",
    "enable_minutes",
    "copy_mib_per_second",
    "used_percent",
    "first_point_minutes",
    "configure_minutes",
    _TEST,
    "shutdown_minutes",
    "last_sync_minutes",
    "create_minutes",
    "disk_seconds",
    "verify_minutes",
    "commit_minutes",
    "disable_minutes",
    "tidy_minutes",
)
