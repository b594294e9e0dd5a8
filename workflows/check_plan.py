"""The check of a plan on the worker: it writes nothing, as the identity that will do the work."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.preflight import PreflightActivities
    from migration import names
    from migration.capping import capped
    from migration.findings import CheckStatus, PlanCheck
    from migration.plan import Plan
from workflows import policies
from workflows.guests import ask_guests
from workflows.plan_board import check_details


@workflow.defn(name=names.CHECK_PLAN)
class CheckPlan:
    """Asks every rule for every virtual machine of a plan, and writes nothing."""

    @workflow.init
    def __init__(self, plan: Plan) -> None:
        self._status = CheckStatus(plan=plan.name)

    @workflow.run
    async def run(self, plan: Plan) -> PlanCheck:
        """Return what did not pass."""
        workflow.set_current_details(f"**{plan.name}**: {len(plan.vms)} virtual machines are being checked")
        check: PlanCheck = await workflow.execute_activity_method(
            PreflightActivities.check_plan, plan, summary=f"Check {plan.name}", **policies.AZURE
        )
        if any(vm.guest for vm in check.vms):
            workflow.set_current_details(f"**{plan.name}**: the machines are asked from inside")
            check = capped(await ask_guests(plan, check))
        self._status = CheckStatus(plan=plan.name, phase="done", check=check)
        workflow.set_current_details("\n".join([f"**{plan.name}**: checked", *check_details(check)]))
        return check

    @workflow.query(name=names.QUERY_STATUS)
    def status(self) -> CheckStatus:
        """Tell whether the check is done, and what it found."""
        return self._status
