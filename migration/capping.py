"""Keeps the answer of a check small enough for a history."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from migration.models import Finding

if TYPE_CHECKING:
    from migration.findings import PlanCheck, VmFindings

MAX_ANSWER_BYTES = 60_000
"""The plan's report repeats the answer beside what else it tells, and stays under 100 KB."""
BYTES_A_VM, MOST_BYTES = 1_200, 4_000_000
"""A larger plan's answer grows with it, to what a codec packs into a tenth: Temporal takes 2 MB as one value."""
MOST_FINDINGS = 200
"""Of one virtual machine in its own history."""
_SEVERITIES = ("note", "warning", "unknown", "blocking")


def capped(answer: PlanCheck) -> PlanCheck:
    """Return the answer with the least severe findings left out, and counted, where there are too many.

    They go from whichever virtual machine has most of them. What blocks a machine is never left out wholly.
    """
    surplus = len(answer.model_dump_json()) - _room(len(answer.vms))
    if surplus <= 0:
        return answer
    kept = [list(vm.findings) for vm in answer.vms]
    omitted = 0
    for severity in _SEVERITIES:
        heap = [(-weight, index) for index, found in enumerate(kept) if (weight := _weight(found, severity))]
        heapq.heapify(heap)
        while heap and surplus > 0:
            weight, index = heapq.heappop(heap)
            gone = _last_of(kept[index], severity)
            kept[index].remove(gone)
            surplus -= len(gone.model_dump_json()) + 1
            omitted += 1
            if weight < -1:
                heapq.heappush(heap, (weight + 1, index))
    vms = [_with(vm, found) for vm, found in zip(answer.vms, kept, strict=True)]
    return answer.model_copy(update={"vms": vms, "omitted": answer.omitted + omitted})


def _room(vms: int) -> int:
    return max(MAX_ANSWER_BYTES, min(BYTES_A_VM * vms, MOST_BYTES))


def worst(findings: list[Finding]) -> list[Finding]:
    """Return the findings of one virtual machine, the least severe left out where there are too many, and told so."""
    surplus = len(findings) - MOST_FINDINGS
    if surplus <= 0:
        return findings
    order = sorted(
        range(len(findings)),
        key=lambda index: (not findings[index].blocks, -_SEVERITIES.index(findings[index].severity)),
    )
    kept = [findings[index] for index in sorted(order[:MOST_FINDINGS])]
    first = findings[order[MOST_FINDINGS]]
    note = Finding(
        rule="findings",
        severity="note",
        subject=first.subject,
        evidence=f"{surplus} more findings are left out, {first.severity} at the most",
        remedy="mend these first, then check again",
        at_worst="note",
    )
    return [*kept, note]


def _weight(found: list[Finding], severity: str) -> int:
    """How many findings of a severity may go; one that blocks stays, for it is why the machine may not move."""
    of_this = [finding for finding in found if finding.severity == severity]
    is_last_reason = any(finding.blocks for finding in of_this) and not any(
        finding.blocks for finding in found if finding.severity != severity
    )
    if severity == "unknown" and not is_last_reason:
        return len(of_this)
    return max(0, len(of_this) - 1) if any(finding.blocks for finding in of_this) else len(of_this)


def _last_of(found: list[Finding], severity: str) -> Finding:
    """Return the last finding of a severity that does not block, or the last one that does."""
    of_this = [finding for finding in found if finding.severity == severity]
    return next((finding for finding in reversed(of_this) if not finding.blocks), of_this[-1])


def _with(vm: VmFindings, found: list[Finding]) -> VmFindings:
    return vm if len(found) == len(vm.findings) else vm.model_copy(update={"findings": found})
