"""What a plan cannot fit for certain, by its file alone: each machine has one disk at least."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from migration import ids
from migration.models import Finding
from migration.placement import DISKS_OF_SUBSCRIPTION, Load, Site, place
from migration.plan import Plan, Vm
from migration.rules.catalogue import BY_ID
from migration.vaults import planned_vaults


def certain(plan: Plan) -> list[Finding]:
    """Return what blocks a plan whatever Azure answers, as long as none of its machines has moved before."""
    return [*_protected_disks(plan), *_places(plan)]


def _protected_disks(plan: Plan) -> list[Finding]:
    ends: tuple[tuple[str, Callable[[Vm], str]], ...] = (
        ("leave", plan.source_subscription),
        ("go to", plan.target_subscription),
    )
    found: dict[str, Finding] = {}
    for do, subscription_of in ends:
        for subscription, number in Counter(map(subscription_of, plan.vms)).items():
            if number > DISKS_OF_SUBSCRIPTION:
                told = (
                    f"{number} machines of the plan {do} it, each with one disk or more; Site Recovery protects "
                    f"{DISKS_OF_SUBSCRIPTION} disks of a subscription"
                )
                found.setdefault(subscription, _finding("protected-disks", f"subscription {subscription}", told))
    return list(found.values())


def _places(plan: Plan) -> list[Finding]:
    loads = [Load(vm.name, ids.id_key(plan.source_id(vm)), vault=plan.named_vaults.get(vm.name)) for vm in plan.vms]
    sites = [Site(vault.id, vault.account_ids, source_region=plan.source.region) for vault in planned_vaults(plan)]
    misfits = place(loads, sites).misfits
    return [_finding("plan-fits", one.subject, f"at least {one.evidence}", one.remedy) for one in misfits]


def _finding(rule_id: str, subject: str, evidence: str, remedy: str = "") -> Finding:
    rule = BY_ID[rule_id]
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        subject=subject,
        evidence=evidence,
        remedy=remedy or rule.remedy,
        prevents=rule.prevents,
        link=rule.link,
        at_worst=rule.severity,
    )
