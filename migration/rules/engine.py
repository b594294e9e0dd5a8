"""Runs every rule of a moment, and makes findings of what they object to and of what could not be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from migration.adoption import Adoption
from migration.facts import UnaskedError
from migration.findings import VmFindings
from migration.ids import describe
from migration.models import Finding, VmSpec, Waived
from migration.plan import Waiver
from migration.rules import (
    channels,
    churn,
    cutover_window,
    guest,
    inside,
    locks,
    network,
    not_carried,
    perimeter,
    permissions,
    placement,
    quotas,
    readiness,
    region,
    sizes,
    source,
    support_matrix,
    systems,
    target,
    vault,
)
from migration.rules.adoption import recognise
from migration.rules.case import Case, Hit, SharedCheck, VmCheck
from migration.rules.catalogue import ADOPTED, ALREADY_MIGRATED, RULES
from migration.rules.migrated import evidence_of_move
from migration.rules.rule import Rule

VM_CHECKS: dict[str, VmCheck] = {
    **source.CHECKS,
    **systems.CHECKS,
    **support_matrix.CHECKS,
    **placement.CHECKS,
    **churn.CHECKS,
    **sizes.CHECKS,
    **target.CHECKS,
    **network.CHECKS,
    **not_carried.CHECKS,
    **perimeter.CHECKS,
    **guest.CHECKS,
    **inside.CHECKS,
    **cutover_window.CHECKS,
    **readiness.CHECKS,
}
SHARED_CHECKS: dict[str, SharedCheck] = {
    **region.SHARED_CHECKS,
    **quotas.SHARED_CHECKS,
    **network.SHARED_CHECKS,
    **vault.SHARED_CHECKS,
    **permissions.SHARED_CHECKS,
    **locks.SHARED_CHECKS,
    **channels.SHARED_CHECKS,
}
_ORDER = {"blocking": 0, "unknown": 1, "warning": 2, "note": 3}


def judge(case: Case) -> tuple[list[Finding], list[VmFindings]]:
    """Return what did not pass: of what the virtual machines share, and of each of them.

    Those that were moved before, or have failed over in an earlier run, are recognised first; no other rule looks at
    them.
    """
    moved = {vm.name: evidence for vm in case.vms if (evidence := _moved(case, vm))} if case.moment == "start" else {}
    found = {vm.name: _adoption(case, vm) for vm in case.vms if vm.name not in moved}
    midway = {name for name, adoption in found.items() if adoption.is_midway}
    # The same case where it can be: it keeps what was made of it while its inventory was taken.
    apart = {*moved, *midway}
    rest = replace(case, vms=tuple(vm for vm in case.vms if vm.name not in apart)) if apart else case
    shared = _sorted(_shared_findings(rest)) if rest.vms else []
    each = [
        _already(vm, moved[vm.name])
        if vm.name in moved
        else _adopted(vm, found[vm.name])
        if vm.name in midway
        else _judged(rest, vm, found[vm.name])
        for vm in case.vms
    ]
    return shared, each


def _moved(case: Case, vm: VmSpec) -> str | None:
    try:
        return evidence_of_move(case, vm)
    except UnaskedError:
        return None  # the rules say below what could not be asked


def _adoption(case: Case, vm: VmSpec) -> Adoption:
    try:
        return recognise(case, vm) if case.moment == "start" else Adoption()
    except UnaskedError:
        return Adoption()  # as above


def _adopted(vm: VmSpec, adoption: Adoption) -> VmFindings:
    finding = _finding(ADOPTED, Hit(describe(vm.source_id), adoption.told))
    return VmFindings(name=vm.name, wave=vm.wave, findings=[finding], adoption=adoption)


def _already(vm: VmSpec, evidence: str) -> VmFindings:
    finding = _finding(ALREADY_MIGRATED, Hit(describe(vm.source_id), evidence))
    return VmFindings(name=vm.name, wave=vm.wave, findings=[finding], already_migrated=True)


def _judged(case: Case, vm: VmSpec, adoption: Adoption) -> VmFindings:
    size, why = _size(case, vm)
    found = _vm_findings(case, vm)
    if adoption.is_worth_telling:
        found.append(_finding(ADOPTED, Hit(describe(vm.source_id), adoption.told)))
    return VmFindings(
        name=vm.name,
        wave=vm.wave,
        findings=_sorted(found),
        size=size,
        size_reason=why,
        adoption=adoption,
        adopted_item_id=adoption.item_id if adoption.foreign else None,
    )


def _size(case: Case, vm: VmSpec) -> tuple[str | None, str]:
    try:
        return sizes.choice(case, vm) or (None, "")
    except UnaskedError:
        return None, ""  # the findings say what could not be asked


def _vm_findings(case: Case, vm: VmSpec) -> list[Finding]:
    rules = [rule for rule in RULES if not rule.shared and case.moment in rule.moments]
    found = [
        finding
        for rule in rules
        for finding in _asked(case, rule, vm.source_id, VM_CHECKS[rule.id](case, vm), vm.waivers)
    ]
    return _sorted(_merged(found))


def _shared_findings(case: Case) -> list[Finding]:
    rules = [rule for rule in RULES if rule.shared and case.moment in rule.moments]
    waivers = case.vms[0].waivers  # those of a rule that judges what is shared are the whole plan's
    found = [
        finding
        for rule in rules
        for finding in _asked(case, rule, case.vaults[0].id, SHARED_CHECKS[rule.id](case), waivers)
    ]
    return _merged(found)


def _asked(case: Case, rule: Rule, about: str, hits: Iterator[Hit], waivers: list[Waiver]) -> Iterator[Finding]:
    for finding in _told(rule, about, hits):
        waiver = next((waiver for waiver in waivers if waiver.rule == rule.id), None)
        if waiver and (not finding.blocks or case.moment in rule.waivable_at):
            yield finding.model_copy(update={"waived": Waived(by=waiver.by, reason=waiver.reason)})
        else:
            yield finding


def _told(rule: Rule, about: str, hits: Iterator[Hit]) -> Iterator[Finding]:
    try:
        for hit in hits:
            yield _finding(rule, hit)
    except (UnaskedError, LookupError, TypeError, ValueError, AttributeError) as error:
        # Whatever one machine makes a rule stumble over must not stop the others' checks.
        denied, why = getattr(error, "denied", False), getattr(error, "why", f"{type(error).__name__}: {error}")
        remedy = "let the identity read it (role Reader), then check again" if denied else "check again later"
        yield Finding(
            rule=rule.id,
            severity="unknown",
            subject=describe(about),
            evidence=f"it could not be asked: {why}",
            remedy=remedy,
            prevents=rule.prevents,
            link=rule.link,
            at_worst=rule.severity,
        )


def _finding(rule: Rule, hit: Hit) -> Finding:
    return Finding(
        rule=rule.id,
        severity=hit.severity or rule.severity,
        subject=hit.subject,
        evidence=hit.evidence,
        remedy=rule.remedy if hit.remedy is None else hit.remedy,
        prevents=hit.prevents or rule.prevents,
        link=rule.link,
        at_worst=rule.severity,
    )


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    """Tell once what several rules could not ask for one reason, with the names of all of them."""
    kept: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        alone = finding.severity != "unknown"
        key = (finding.rule if alone else "", finding.subject, finding.evidence, finding.waived)
        first = kept.get(key)
        kept[key] = _joined(first, finding) if first and not alone else finding
    return list(kept.values())


def _joined(first: Finding, second: Finding) -> Finding:
    worst = min(first.at_worst, second.at_worst, key=_ORDER.__getitem__)
    return first.model_copy(update={"rule": f"{first.rule}, {second.rule}", "at_worst": worst})


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.waived is not None, _ORDER[finding.severity]))
