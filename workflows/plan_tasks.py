"""The task of each virtual machine: its slice of the plan."""

from collections.abc import Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.consistency import ConsistencyGroup
    from migration.findings import PlanCheck
    from migration.models import VmTask
    from migration.plan import Plan
    from migration.specs import hooks_by_vm, verifying_of
from workflows.preparation import Preparation


def tasks_of(
    plan: Plan,
    requester: str,
    preparation: Preparation,
    check: PlanCheck | None,
    group: Callable[[str], ConsistencyGroup | None],
) -> Callable[[str], VmTask]:
    """Return what makes the task of a virtual machine, by its name in the plan; what they share is made by then."""
    specs = {spec.name: spec for spec in preparation.specs}
    hooks, verifying, plan_hash = hooks_by_vm(plan), verifying_of(plan), plan.content_hash
    handed_over = {vm.name: vm.adopted_item_id for vm in check.vms if vm.adopted_item_id} if check else {}

    def task(name: str) -> VmTask:
        return VmTask(
            plan=plan.name,
            plan_hash=plan_hash,
            requester=requester,
            vm=specs[name],
            shared=preparation.shared[name],
            approval=plan.approval,
            failover=plan.failover,
            hooks=hooks[name],
            notifications=plan.notifications,
            verifying=verifying[name],
            adopted_item_id=handed_over.get(name),
            reprotect=plan.after_commit.wanted,
            group=group(name),
            plan_size=len(specs),
            joins_steps=True,
        )

    return task
