"""What a check found, on the screen: a table for each virtual machine, then a summary by wave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.tables import screen, table
from console.texts import clean, counted
from migration.findings import summary_by_wave, verdict

if TYPE_CHECKING:
    from rich.console import Console

    from console.session import Session
    from migration.findings import PlanCheck, VmFindings
    from migration.models import Finding
    from migration.plan import Plan

_HEADINGS = ["severity", "finding", "what to do"]
_COUNTS = ["VMs", "ready", "blocked", "migrated", "warnings", "notes", "waived"]
_SHOWN_WHEN_CLEAN = 50
"""In a larger plan, virtual machines without a finding are counted, not listed."""


def print_check(session: Session, plan: Plan, check: PlanCheck) -> None:
    """Print what did not pass, and how many virtual machines of each wave are ready."""
    console = screen(plain=session.is_plain)
    if check.findings:
        _print_table(console, "What they share", check.findings)
    clean_ones = 0
    for vm in check.vms:
        if vm.findings or len(check.vms) <= _SHOWN_WHEN_CLEAN:
            _print_vm(console, vm)
        else:
            clean_ones += 1
    if clean_ones:
        session.answer(f"{counted(clean_ones, 'VM')} without a finding")
    session.answer("")
    _print_waves(console, check)
    if check.omitted:
        session.answer(f"{counted(check.omitted, 'finding')} more: mend these and check again")
    session.answer("")
    found = counted(sum(len(vm.findings) for vm in check.vms) + len(check.findings) + check.omitted, "finding")
    end = f"{len(check.blocking)} to mend before it starts" if check.blocking else "nothing blocks"
    session.answer(f"plan {plan.name}: {counted(len(check.vms), 'VM')} checked, {found}; {end}")


def _print_vm(console: Console, vm: VmFindings) -> None:
    size = f"; it will be {vm.size}, {vm.size_reason}" if vm.size else ""
    if vm.already_migrated:
        console.print(clean(f"{vm.name}: migrated already"), soft_wrap=True)
        return
    title = f"{vm.name} (wave {vm.wave}): {verdict(vm)}{size}"
    if vm.findings:
        _print_table(console, title, vm.findings)
    else:
        console.print(clean(title), soft_wrap=True)


def _print_table(console: Console, title: str, findings: list[Finding]) -> None:
    console.print(clean(title), soft_wrap=True)
    console.print(table(_HEADINGS, [_row(finding) for finding in findings]))
    console.print()


def _row(finding: Finding) -> list[str]:
    rule = f" ({finding.rule}" + (f", prevents {finding.prevents})" if finding.prevents else ")")
    waived = finding.waived
    remedy = f"waived by {waived.by}: {waived.reason}" if waived else finding.remedy
    severity = f"{finding.severity}, waived" if waived else finding.severity
    return [severity, f"{finding.subject}: {finding.evidence}{rule}", remedy]


def _print_waves(console: Console, check: PlanCheck) -> None:
    rows = [
        [
            wave.wave,
            *(str(getattr(wave, column.lower())) for column in _COUNTS),
        ]
        for wave in summary_by_wave(check)
    ]
    console.print(table(["wave", *_COUNTS], rows))
