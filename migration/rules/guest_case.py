"""The judgement of what one machine said from inside, or of its silence."""

from __future__ import annotations

from dataclasses import replace

from migration.facts import Fact
from migration.findings import CheckGuest, VmFindings
from migration.guests import GuestAnswer
from migration.ids import describe
from migration.inventory import Inventory
from migration.plan import Failover
from migration.rules.case import Case
from migration.rules.engine import judge
from migration.vaults import PlannedVault


def judged(request: CheckGuest, fact: Fact[GuestAnswer]) -> VmFindings:
    """Return what the rules of the moment `guest` find. Disks that stay behind are nobody's trouble."""
    case = Case((request.vm,), (PlannedVault(request.vault_id),), Failover(), Inventory(), moment="guest")
    answer = fact.value
    if answer is not None and (answer.raw_luns is not None or not request.luns):
        raw = tuple(lun for lun in answer.raw_luns or () if lun in request.luns)
        fact = replace(fact, value=replace(answer, raw_luns=raw))
    case.inventory.guests.note(request.vm.source_id, fact)
    return judge(case)[1][0]


def silent(request: CheckGuest, why: str) -> VmFindings:
    """Return the findings about a machine that could not be asked at all: all of them unknown, none passed."""
    return judged(request, Fact(unasked=f"asking {describe(request.vm.source_id)}: {why}"))
