"""What a resource costs for each month that it is kept: a figure with its formula, or why there is none."""

from __future__ import annotations

from pydantic import Field

from migration.base import Value
from migration.estimate.prices import Prices
from migration.ids import describe, id_key
from migration.names import KEPT_SNAPSHOT_LETTERS
from migration.report import Report, ReportedResource, VmReport

_FREE = {
    "microsoft.recoveryservices/vaults": "a vault that protects nothing costs nothing",
    "microsoft.network/networkinterfaces": "an interface costs nothing",
    "microsoft.resources/resourcegroups": "a resource group costs nothing",
    "microsoft.compute/virtualmachines/extensions": "an extension costs nothing",
    "microsoft.insights/diagnosticsettings": "a diagnostic setting costs nothing; what it writes is the source's, too",
    "microsoft.authorization/roleassignments": "a role assignment costs nothing",
    "microsoft.authorization/locks": "a lock costs nothing",
    "microsoft.devtestlab/schedules": "a schedule costs nothing",
}
_SNAPSHOT = "microsoft.compute/snapshots"
_ITEM = "/replicationprotecteditems"
_MONTH_DAYS = 30


class Kept(Value):
    """One resource that stays, and its cost. `per_month` is None where it cannot be told."""

    id: str
    type: str
    why: str = ""
    per_month: float | None = None
    formula: str = ""
    reckoned: str = ""


class Keeping(Value):
    """All that stays on purpose, and what it costs together."""

    currency: str
    per_month: float = Field(description="The sum of what can be told.")
    resources: list[Kept] = Field(default_factory=list)


def kept(resource_id: str, kind: str, why: str, prices: Prices, *, size_gib: int | None = None, sku: str = "") -> Kept:
    """Return what keeping one resource costs a month."""
    lowered = kind.lower()
    found = Kept(id=resource_id, type=kind, why=why)
    if lowered in _FREE:
        return found.model_copy(update={"per_month": 0.0, "formula": _FREE[lowered]})
    if lowered.endswith(_ITEM):
        price = prices.prices.site_recovery_machine_month
        formula = "price of a protected machine and month, after the free days"
        return found.model_copy(update={"per_month": price, "formula": formula, "reckoned": f"1 * {price:g}"})
    if "/vaults/" in lowered:
        return found.model_copy(update={"per_month": 0.0, "formula": "what lies in a vault beside items costs nothing"})
    if lowered == _SNAPSHOT:
        return _snapshot(found, prices, size_gib)
    price_of = prices.prices.cache_gib_month if "storageaccounts" in lowered else prices.prices.disk_gib_month.get(sku)
    formula = "GiB * price of a GiB and month"
    if size_gib is None or price_of is None:
        return found.model_copy(update={"formula": formula, "reckoned": "its size or its price is not known"})
    return found.model_copy(
        update={"per_month": size_gib * price_of, "formula": formula, "reckoned": f"{size_gib} GiB * {price_of:g}"}
    )


def keeping(report: Report, prices: Prices) -> Keeping:
    """Return what a plan leaves on purpose: what all share and stays, and the sources, switched off but charged."""
    stays = [_shared(report, one.id, one.type, one.why, prices) for one in report.resources if one.state != "deleted"]
    for vm in report.vms:
        moved = {id_key(one) for one in vm.moved_ids}
        left = [one for one in vm.resources if one.state != "deleted" and id_key(one.id) not in moved]
        stays += [_own(vm, one, prices) for one in left]
        stays += [*_source(vm, prices), *_finalised(vm, prices)]
    known = [one.per_month for one in stays if one.per_month is not None]
    return Keeping(currency=prices.currency, per_month=round(sum(known), 2), resources=stays)


def _own(vm: VmReport, one: ReportedResource, prices: Prices) -> Kept:
    """Return what a resource of one machine costs; a copy or snapshot of a disk bears its name, and is of its size."""
    name = one.id.rpartition("/")[2].lower()
    copied = [disk for disk in vm.source_disks if name.startswith(disk.name.lower()[:KEPT_SNAPSHOT_LETTERS])]
    if one.type.lower() not in {"microsoft.compute/disks", _SNAPSHOT} or not copied:
        return kept(one.id, one.type, one.why, prices)
    disk = max(copied, key=lambda disk: len(disk.name))
    return kept(one.id, one.type, one.why, prices, size_gib=disk.size_gib, sku=disk.type)


def _source(vm: VmReport, prices: Prices) -> list[Kept]:
    """Return the disks of a source that was moved and not deleted since."""
    gone = {id_key(one["id"]) for one in (vm.finalised or {}).get("deleted", [])}
    return [
        kept(
            disk.id,
            "Microsoft.Compute/disks",
            f"disk of the source of {vm.name}, which is switched off",
            prices,
            size_gib=disk.size_gib,
            sku=disk.type,
        )
        for disk in (vm.source_disks if vm.outcome == "migrated" else [])
        if id_key(disk.id) not in gone
    ]


def _finalised(vm: VmReport, prices: Prices) -> list[Kept]:
    """Return the snapshots that were taken before a source was deleted: they stay until somebody deletes them."""
    return [
        kept(
            one["id"],
            "Microsoft.Compute/snapshots",
            f"taken before {describe(one['disk_id'])} was deleted; wanted until {one['wanted_until']}",
            prices,
            size_gib=one.get("size_gib"),
        )
        for one in (vm.finalised or {}).get("snapshots", [])
    ]


def _snapshot(found: Kept, prices: Prices, size_gib: int | None) -> Kept:
    price = prices.prices.snapshot_gib_month
    formula = "at most GiB of the disk * price of a snapshot's GiB and month; Azure bills what is used of it"
    if size_gib is None:
        return found.model_copy(update={"formula": formula, "reckoned": "its disk's size is not known"})
    return found.model_copy(
        update={"per_month": size_gib * price, "formula": formula, "reckoned": f"{size_gib} GiB * {price:g}"}
    )


def _shared(report: Report, resource_id: str, kind: str, why: str, prices: Prices) -> Kept:
    found = kept(resource_id, kind, why, prices)
    if "storageaccounts" not in kind.lower():
        return found
    gib = sum(disk.size_gib for vm in report.vms for disk in vm.source_disks)
    change, days = prices.assumptions.change_percent_per_day.worst, prices.assumptions.cached_days.worst
    price = prices.prices.cache_gib_month
    return found.model_copy(
        update={
            "per_month": round(gib * change / 100 * days * price, 2),
            "formula": "at most GiB of disks * changed % a day / 100 * days kept * price of a GiB and month",
            "reckoned": f"{gib} GiB * {change:g} / 100 * {days:g} * {price:g}",
        }
    )
