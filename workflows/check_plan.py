"""The check of a plan on the worker: read-only, as the identity that will do the work."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.preflight import PreflightActivities
    from migration import names
    from migration.findings import PlanCheck
    from migration.plan import Plan
from workflows import policies


@workflow.defn(name=names.CHECK_PLAN)
class CheckPlan:
    """Asks every rule for every virtual machine of a plan, and writes nothing."""

    @workflow.run
    async def run(self, plan: Plan) -> PlanCheck:
        """Return what did not pass."""
        return await workflow.execute_activity_method(
            PreflightActivities.check_plan, plan, summary=f"Check {plan.name}", **policies.AZURE
        )
