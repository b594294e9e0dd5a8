"""The whole answer of `plan`: calls, what they make of resources, durations, costs; as values that print as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from migration.calls.call import ON_THE_WAY_BACK, Call
from migration.calls.machine import UNDO
from migration.calls.table import everything
from migration.estimate.costs import costs
from migration.estimate.durations import Span, durations
from migration.estimate.prices import Assumption, Prices
from migration.ids import id_key
from migration.models import VmSpec
from migration.placement import Place
from migration.plan import Plan
from migration.specs import vm_specs
from migration.survey import Survey, kept_disks, surveyed_moves
from migration.times import utc_text
from migration.vaults import account_id

NOT_IN_THE_FIGURES = (
    (
        "the waits for cutover windows and for a person's approval are in no duration; "
        "the worst case of the costs waits until the plan's deadline"
    ),
    "what the machines cost at home and in the target region, and what a test failover's machines cost",
    "machines that stay after the commit: the source's disks are charged until somebody deletes them",
)


def outline(
    plan: Plan, survey: Survey, prices: Prices, prices_file: str, now: datetime | None = None
) -> dict[str, Any]:
    """Return what a run of the plan would do, as JSON; *now* tells where its cutover windows stand."""
    moving = {vm.name: vm for vm in survey.vms if not vm.already_migrated}
    calls = everything(*surveyed_moves(plan, survey)) if moving else []
    took = durations(plan, moving, prices.assumptions)
    paid = costs(plan, moving, prices, took)
    return {
        "plan": plan.name,
        "blocking": survey.blocking,
        "already_migrated": [vm.name for vm in survey.vms if vm.already_migrated],
        "unread": {vm.name: vm.unread for vm in survey.vms if vm.unread},
        "vaults": _vaults(plan, survey) if moving else [],
        "calls": [_call(number, call) for number, call in enumerate(calls, 1)],
        "resources": _resources(calls),
        "waves": _waves(plan, set(moving)),
        "windows": [_window(spec, now) for spec in vm_specs(plan) if spec.name in moving and spec.cutover and now],
        "duration": {
            **_span(took.total),
            "stages": [{"name": name, **_span(span)} for name, span in took.stages.items()],
            "assumptions": _assumptions(took.assumptions),
        },
        "downtime": {
            **_span(_widest(list(took.downtime.values()))),
            "vms": [{"name": name, **_span(span)} for name, span in took.downtime.items()],
        },
        "cost": {
            "currency": paid.currency,
            "low": round(paid.low, 2),
            "high": round(paid.high, 2),
            "days": {"low": round(paid.days[0], 2), "high": round(paid.days[1], 2)},
            "drivers": [
                {**vars(driver), "low": round(driver.low, 2), "high": round(driver.high, 2)} for driver in paid.drivers
            ],
            "unpriced": paid.unpriced,
            "assumptions": _assumptions(paid.assumptions),
            "prices_file": prices_file,
        },
        "not_included": list(NOT_IN_THE_FIGURES),
    }


def _vaults(plan: Plan, survey: Survey) -> list[dict[str, Any]]:
    """Return which machines go by which vault, and through which of its cache accounts."""
    moving = {vm.name: vm for vm in survey.vms if not vm.already_migrated}
    disks = {spec.name: len(kept_disks(spec, moving[spec.name])) for spec in vm_specs(plan) if spec.name in moving}
    answer = []
    for number, (vault, vault_id) in enumerate(zip(plan.all_vaults, plan.vault_ids, strict=True)):
        accounts = sorted({vm.place.account for vm in moving.values() if vm.place.vault == number})
        through = {
            n: [vm.name for vm in moving.values() if vm.place == Place(vault=number, account=n)] for n in accounts
        }
        answer.append(
            {
                "id": vault_id,
                "vms": sum(map(len, through.values())),
                "cache_accounts": [
                    {
                        "id": account_id(vault_id, vault.cache_accounts, plan.source.region, n),
                        "vms": names,
                        "disks": sum(disks[name] for name in names),
                    }
                    for n, names in through.items()
                ],
            }
        )
    return answer


def _call(number: int, call: Call) -> dict[str, Any]:
    return {
        "n": number,
        "step": call.step,
        "vm": call.vm or None,
        "method": call.method,
        "path": call.path,
        "writes": call.writes,
        "by": call.by,
        "when": call.when or "always",
        "action": call.action,
    }


def _waves(plan: Plan, moving: set[str]) -> list[dict[str, Any]]:
    """Return the waves in the order in which they fail over, and what each comes after."""
    after = dict(zip((wave.name for wave in plan.waves), plan.wave_dependencies, strict=True))
    return [
        {
            "name": wave.name,
            "after": [plan.waves[one].name for one in after[wave.name]],
            "vms": [vm.name for vm in wave.vms if vm.name in moving],
            "replication": wave.concurrency.replication if wave.concurrency else None,
            "cutover": wave.concurrency.cutover if wave.concurrency else None,
        }
        for wave in plan.waves_in_order
    ]


def _window(spec: VmSpec, now: datetime) -> dict[str, Any]:
    """Return when a virtual machine may fail over, were it ready now."""
    assert spec.cutover is not None  # noqa: S101 - others are left out
    seen = spec.cutover.look(now)
    return {
        "vm": spec.name,
        "time_zone": seen.time_zone,
        "is_open": seen.is_open,
        "opens": utc_text(seen.opens) if seen.opens else None,
        "closes": utc_text(seen.closes) if seen.closes else None,
        "frozen": seen.frozen,
        "never_again": seen.never_again,
        "in_words": "open now" if seen.is_open else seen.in_words(now),
    }


def _resources(calls: list[Call]) -> dict[str, list[dict[str, str]]]:
    """Return what is made, changed and removed, each resource once; the way back only removes what was made."""
    listed: dict[str, dict[str, dict[str, str]]] = {"created": {}, "changed": {}, "removed": {}}
    kinds = {"creates": "created", "changes": "changed", "removes": "removed"}
    for call in calls:
        kind = kinds.get(call.effect)
        if kind and call.step != UNDO and not call.when.startswith(ON_THE_WAY_BACK):
            entry = {"id": call.resource_id, "step": call.step, "by": call.by, "when": call.when or "always"}
            listed[kind].setdefault(id_key(call.resource_id), entry)
    for key in listed["created"]:
        listed["changed"].pop(key, None)
    return {kind: list(entries.values()) for kind, entries in listed.items()}


def _span(span: Span) -> dict[str, int]:
    return {"low_seconds": round(span.low), "high_seconds": round(span.high)}


def _widest(spans: list[Span]) -> Span:
    return Span(min((span.low for span in spans), default=0.0), max((span.high for span in spans), default=0.0))


def _assumptions(named: dict[str, Assumption]) -> list[dict[str, Any]]:
    return [
        {"name": name, "best": assumed.best, "worst": assumed.worst, "because": assumed.because}
        for name, assumed in named.items()
    ]
