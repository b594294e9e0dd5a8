"""The three-way difference: what the source had, what the target has, what the plan wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from migration.ids import describe, same_id
from migration.models import VmSpec, Waived
from migration.parity import security_rules
from migration.parity.aspects import AFTER_COMMIT, ASPECTS, TABLE, Aspect, waiving_rules
from migration.parity.values import MOST_ROWS, STATES, ParityRow, Side, Trait, shortened
from migration.plan_parity import ParityWanted

NOTHING = "nothing"
US = "this move"
FIRST = "nic0/config0"
"""Key of the first address of the first interface."""
_MERGED_FROM = 3
"""So many carried rows of one aspect become one."""
_ANY_WILL_DO = {"security-groups", "public-addresses", "load-balancer-pools", "backup"}
"""Where the target's own counterpart is another resource by nature, that there is one is what counts."""
_BOOT = "boot"
_RESTORED_LATER = {
    "locks": "set after the commit, since a lock would block the way back",
    "auto-shutdown": "set after the commit: before it, it would switch the target off while people decide",
}


def differences(
    vm: VmSpec,
    source: Side,
    target: Side,
    *,
    restored: frozenset[str] = frozenset(),
    failures: dict[str, str] | None = None,
    accepted: dict[str, Waived] | None = None,
) -> list[ParityRow]:
    """Return a row for each thing that the source had or the plan wants, in the order of the aspects.

    *restored* are the keys of what this project has restored, *failures* say by key why that did not work, *accepted*
    say by key who answers for a row that would be open.
    """
    rows: list[ParityRow] = []
    for aspect in ASPECTS:
        rows += _of_aspect(vm, aspect, source, target)
    judged = [_judged(vm, row, restored, failures or {}, accepted or {}) for row in rows]
    return _capped(_merged(judged))


def needed(vm: VmSpec, source: Side) -> set[str]:
    """Return the aspects that are worth reading on the target."""
    wanted = {
        "security-groups": vm.parity.network_security_group,
        "public-addresses": vm.parity.public_ip,
        "load-balancer-pools": vm.parity.load_balancer_pools,
    }
    return source.aspects | {aspect for aspect, value in wanted.items() if value}


def row_key(aspect: str, key: str) -> str:
    """Return what identifies a row: `tags:owner`."""
    return f"{aspect}:{key}"


def _of_aspect(vm: VmSpec, aspect: Aspect, source: Side, target: Side) -> Iterator[ParityRow]:
    had = [trait for trait in source.traits if trait.aspect == aspect]
    has = {trait.key: trait for trait in target.traits if trait.aspect == aspect}
    why = source.unread.get(aspect) or (target.unread.get(aspect) if aspect in needed(vm, source) else None)
    if why is not None:
        yield _unread(vm, aspect, why)
        return
    special = _BY_PLAN.get(aspect)
    yield from special(vm, had, has) if special else (_row(trait, has.get(trait.key)) for trait in had)
    if aspect in source.omitted:
        number = source.omitted[aspect]
        yield ParityRow(
            aspect=aspect,
            subject=describe(vm.source_id),
            source=f"{number} more",
            target="not compared",
            wanted="the same",
            state="open",
            reason="there are too many to compare",
            key=row_key(aspect, "#more"),
        )


def _unread(vm: VmSpec, aspect: Aspect, why: str) -> ParityRow:
    return ParityRow(
        aspect=aspect,
        subject=describe(vm.source_id),
        source="not known",
        target="not known",
        wanted="the same",
        state="open",
        reason=shortened(why),
        remedy="let the identity read it",
        key=row_key(aspect, "#unread"),
    )


def _row(had: Trait, has: Trait | None, wanted: str | None = None, ref: str = "") -> ParityRow:
    """Return the row of one trait, not judged yet: carried or open."""
    if ref:
        same = has is not None and same_id(has.ref, ref)
    elif had.aspect in _ANY_WILL_DO or (had.aspect == "diagnostics" and had.key == _BOOT):
        same = has is not None
    else:
        same = has is not None and has.value == had.value
    return ParityRow(
        aspect=had.aspect,
        subject=had.subject,
        source=had.value,
        target=has.value if has else NOTHING,
        wanted=wanted or had.value,
        state="carried" if same else "open",
        key=row_key(had.aspect, had.key),
        ref=ref or had.ref,
    )


def _nothing_had(aspect: Aspect, key: str, vm: VmSpec) -> Trait:
    return Trait(aspect=aspect, key=key, subject=f"first interface of {describe(vm.target_id)}", value=NOTHING)


def _security_groups(vm: VmSpec, had: list[Trait], has: dict[str, Trait]) -> Iterator[ParityRow]:
    wanted = vm.parity.network_security_group
    on_interfaces = [trait for trait in had if trait.key.startswith("nic") and "#" not in trait.key]
    if wanted and not on_interfaces:
        had = [_nothing_had("security-groups", "nic0", vm), *had]
    for trait in had:
        is_mapped = wanted is not None and "#" not in trait.key
        yield _row(trait, has.get(trait.key), _told(wanted) if is_mapped else None, (wanted or "") if is_mapped else "")


def _public_addresses(vm: VmSpec, had: list[Trait], has: dict[str, Trait]) -> Iterator[ParityRow]:
    wanted = vm.parity.public_ip
    if wanted and all(trait.key != FIRST for trait in had):
        had = [_nothing_had("public-addresses", FIRST, vm), *had]
    for trait in had:
        is_mapped = wanted is not None and trait.key == FIRST
        yield _row(trait, has.get(trait.key), _told(wanted) if is_mapped else None, (wanted or "") if is_mapped else "")


def _pools(vm: VmSpec, had: list[Trait], has: dict[str, Trait]) -> Iterator[ParityRow]:
    """Yield a row for each pool that the plan names; they answer for all pools of the first address."""
    pools = vm.parity.load_balancer_pools
    first = [trait for trait in had if trait.key.startswith(f"{FIRST}#")]
    for pool in pools:
        there = next((trait for trait in has.values() if same_id(trait.ref, pool)), None)
        trait = Trait(
            aspect="load-balancer-pools",
            key=f"{FIRST}@{pool.lower()}",
            subject=f"first interface of {describe(vm.target_id)}",
            value=shortened(", ".join(one.value for one in first) or NOTHING),
        )
        yield _row(trait, there, _told(pool), pool)
    for trait in had:
        if not pools or trait not in first:
            yield _row(trait, has.get(trait.key))


def _told(resource_id: str | None) -> str | None:
    return shortened(describe(resource_id)) if resource_id else None


_Rows = Callable[[VmSpec, list[Trait], dict[str, Trait]], Iterator[ParityRow]]
_BY_PLAN: dict[str, _Rows] = {
    "security-groups": _security_groups,
    "security-rules": lambda _, had, has: security_rules.rows(had, has),
    "public-addresses": _public_addresses,
    "load-balancer-pools": _pools,
}


def _judged(
    vm: VmSpec, row: ParityRow, restored: frozenset[str], failures: dict[str, str], accepted: dict[str, Waived]
) -> ParityRow:
    if row.state == "carried":
        if row.key in restored:
            return row.model_copy(update={"state": "restored", "by": US})
        return row
    waived = _waiver(vm, row) or accepted.get(row.key)
    if waived is not None:
        return row.model_copy(update={"state": "waived", "by": waived.by, "reason": waived.reason, "remedy": ""})
    why = failures.get(row.key, "")
    remedy = row.remedy or TABLE[row.aspect].remedy
    if not _restorable(vm, row):
        return row.model_copy(update={"reason": row.reason or why, "remedy": remedy})
    if row.aspect in AFTER_COMMIT and not why:
        later = {"state": "restored", "by": US, "reason": _RESTORED_LATER[row.aspect], "restore": "after_commit"}
        return row.model_copy(update=later)
    when = "after_commit" if row.aspect in AFTER_COMMIT else "now"
    return row.model_copy(update={"reason": row.reason or why, "remedy": remedy, "restore": when})


def _waiver(vm: VmSpec, row: ParityRow) -> Waived | None:
    """Return the plan's word on a row; that for one virtual machine stands before that for all."""
    rules = waiving_rules(row.aspect)
    found = sorted((w for w in vm.waivers if w.rule in rules), key=lambda waiver: waiver.vm is None)
    return Waived(by=found[0].by, reason=found[0].reason) if found else None


def _restorable(vm: VmSpec, row: ParityRow) -> bool:
    """Tell whether this project may restore what a row is about, by the plan and by what it is."""
    key = row.key.partition(":")[2]
    if row.aspect not in vm.parity.restore or key in {"#unread", "#more"}:
        return False
    can = _CAN.get(row.aspect)
    return can is None or can(vm.parity, key)


_CAN: dict[str, Callable[[ParityWanted, str], bool]] = {
    "security-groups": lambda wanted, key: "#" not in key and wanted.network_security_group is not None,
    "public-addresses": lambda wanted, key: key == FIRST and wanted.public_ip is not None,
    "load-balancer-pools": lambda _, key: "@" in key,
    "ip-configurations": lambda _, key: key.endswith("#forwarding"),
    "dns-labels": lambda _, key: key.endswith(("#servers", "#internal")),
    "diagnostics": lambda _, key: key == _BOOT or key.startswith("workspace/"),
}
"""What of an aspect can be restored, where that is not all of it."""


def _merged(rows: list[ParityRow]) -> list[ParityRow]:
    """Return the rows, those of one aspect that are simply carried as one where they are many."""
    merged: list[ParityRow] = []
    for aspect in ASPECTS:
        own = [row for row in rows if row.aspect == aspect]
        carried = [row for row in own if row.state == "carried"]
        if len(carried) > _MERGED_FROM:
            told = shortened(", ".join(row.subject for row in carried))
            one = carried[0].model_copy(
                update={
                    "subject": told,
                    "source": f"all {len(carried)}",
                    "target": f"all {len(carried)}",
                    "wanted": "the same",
                    "key": row_key(aspect, "#carried"),
                    "ref": "",
                }
            )
            own = [one, *(row for row in own if row.state != "carried")]
        merged += own
    return merged


def _capped(rows: list[ParityRow]) -> list[ParityRow]:
    """Return at most so many rows as a report bears, the open ones first; those left out are one row of their kind."""
    if len(rows) <= MOST_ROWS:
        return rows
    ordered = sorted(rows, key=lambda row: STATES.index(row.state))
    kept, rest = ordered[: MOST_ROWS - 1], ordered[MOST_ROWS - 1 :]
    worst = min(rest, key=lambda row: STATES.index(row.state))
    more = worst.model_copy(update={"subject": f"{worst.subject} and {len(rest) - 1} more rows"})
    return [*kept, more]
