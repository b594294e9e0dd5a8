"""May the subscription make virtual machines in the target region at all, and does anything refuse them there?"""

from __future__ import annotations

from collections.abc import Iterator

from migration import ids
from migration.ids import describe
from migration.rules.case import Case, Hit, SharedCheck, place, source_group, target_group
from migration.rules.vault import subscriptions


def subscription_enabled(case: Case) -> Iterator[Hit]:
    """Object to a subscription in which nothing can be made; warn of one that will be such unless it is paid for.

    `Azure subscription states
    <https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states>`_: a warned one takes no
    writes any more, one past due still does.
    """
    for subscription in subscriptions(case):
        found = case.inventory.subscriptions.about(f"/subscriptions/{subscription}")
        if found is None:
            yield Hit(f"subscription {subscription}", "Azure knows no such subscription")
        elif found.state.lower() == "pastdue":
            told = f"its state is {found.state}: it is disabled soon if nobody pays"
            yield Hit(f"subscription {subscription}", told, severity="warning")
        elif found.state.lower() != "enabled":
            yield Hit(f"subscription {subscription}", f"its state is {found.state}: nothing can be made in it")


def region_open(case: Case) -> Iterator[Hit]:
    """Object to a target region in which the subscription can make no virtual machine."""
    for subscription, region in sorted({(vm.target_subscription, vm.target_region) for vm in case.vms}):
        provider = case.inventory.providers.about(f"{subscription.lower()}/Microsoft.Compute")
        subject = f"region {region} for subscription {subscription}"
        if provider and region not in provider.machine_regions:
            yield Hit(subject, "virtual machines are not offered there")
            continue
        sizes = case.inventory.skus.about(place(subscription, region)) or {}
        if not any(sku.usable for sku in sizes.values()):
            yield Hit(subject, f"of {len(sizes)} sizes the subscription may use none there")


def groups_usable(case: Case) -> Iterator[Hit]:
    """Object to resource groups that are being deleted."""
    homes = {*case.vault_groups, *(group for vm in case.vms for group in (source_group(vm), target_group(vm)))}
    for group_id in sorted({ids.resource_group_id(*home) for home in homes}):
        found = case.inventory.groups.about(group_id)
        if found and found.provisioning_state.lower() != "succeeded":
            yield Hit(describe(group_id), f"its provisioning state is {found.provisioning_state}")


def policies(case: Case) -> Iterator[Hit]:
    """Object to what Azure Policy would refuse: what is made there, and the extension on the source."""
    groups = {ids.id_key(ids.resource_group_id(*target_group(vm))) for vm in case.vms}
    if case.moment == "start":
        groups |= {ids.id_key(ids.resource_group_id(*source_group(vm))) for vm in case.vms}
    for group_id in sorted(groups):
        for denial in case.inventory.denials.about(group_id) or ():
            why = f": {denial.reason}" if denial.reason else ""
            # An exemption lies within what the policy is assigned to.
            is_below = ids.id_key(denial.scope).startswith(f"{group_id}/")
            exempt = denial.scope if is_below else group_id
            yield Hit(
                describe(exempt),
                f"policy assignment {denial.assignment_id.rsplit('/', 1)[-1]} would refuse {denial.subject}{why}",
                "exempt it for the time of the move: az policy exemption create --name move "
                f"--policy-assignment {denial.assignment_id} --exemption-category Waiver --scope {exempt}",
            )


SHARED_CHECKS: dict[str, SharedCheck] = {
    "subscription-enabled": subscription_enabled,
    "region-open": region_open,
    "groups-usable": groups_usable,
    "policies": policies,
}
