"""The cutover: when its window opens next, whether it ever does, and whether the fence behind it can hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from migration import zones
from migration.ids import describe
from migration.models import VmSpec
from migration.rules.case import Case, Hit, VmCheck

_LONG = timedelta(days=14)
"""A copy that waits for longer costs its disks and Site Recovery's fee each day."""


def next_opening(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Tell when the window opens; object where it never does again."""
    if vm.cutover is None or case.now is None:
        return
    seen = vm.cutover.look(case.now)
    subject = describe(vm.source_id)
    why = f" (frozen: {seen.frozen})" if seen.frozen else ""
    if seen.never_again:
        yield Hit(
            subject,
            f"its cutover window never opens again{why}",
            "give it a window that lies ahead, in the plan's key cutover",
            "blocking",
        )
    elif seen.opens is not None:
        far = seen.opens - case.now > _LONG
        yield Hit(
            subject,
            f"{seen.in_words(case.now)}",
            "start the plan later, or choose an earlier window: the copy is paid for while it waits" if far else None,
            "warning" if far else None,
        )
    else:
        until = f"until {zones.in_words(seen.closes, seen.time_zone)}" if seen.closes else "and nothing closes it"
        yield Hit(subject, f"its cutover window is open now, {until}")


def fence_can_hold(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of a plan that lets the source run on, and goes back wherever it does."""
    failover = case.failover
    if not failover.shut_down_source and failover.if_shutdown_fails == "roll_back":
        yield Hit(
            describe(vm.source_id),
            "the plan does not shut it down, and goes back where both copies run: unless somebody stops it, each "
            "failover is for nothing",
        )


CHECKS: dict[str, VmCheck] = {"cutover-window": next_opening, "fence-can-hold": fence_can_hold}
