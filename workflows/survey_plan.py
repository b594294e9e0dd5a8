"""The survey for what a plan would do: read-only, as the identity that will do the work."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.surveys import SurveyActivities
    from migration import names
    from migration.plan import Plan
    from migration.survey import Survey
from workflows import policies


@workflow.defn(name=names.SURVEY_PLAN)
class SurveyPlan:
    """Looks at what a plan meets."""

    @workflow.run
    async def run(self, plan: Plan) -> Survey:
        """Return the machines and the shared resources as they are."""
        return await workflow.execute_activity_method(
            SurveyActivities.survey_plan, plan, summary=f"Survey {plan.name}", **policies.AZURE
        )
