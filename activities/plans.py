"""What other plans do: asked of Temporal, which knows them all."""

from pydantic import Field
from temporalio import activity
from temporalio.client import Client

from migration import names
from migration.base import Value
from migration.ids import same_id
from migration.report import vaults_in


class OtherPlans(Value):
    """Which plan asks, and for which vault."""

    vault_id: str
    plan: str


class OtherPlansAnswer(Value):
    """The names of the other running plans that use the vault."""

    plans: list[str] = Field(default_factory=list)


class PlanActivities:
    """Reads of Temporal's visibility."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def other_plans_using(self, request: OtherPlans) -> OtherPlansAnswer:
        """Return the other running plans whose memo names this vault."""
        return OtherPlansAnswer(plans=await running_plans_using(self._client, request.vault_id, request.plan))


async def running_plans_using(client: Client, vault_id: str, plan: str) -> list[str]:
    """Return the running plans, but for *plan*, whose memo names a vault."""
    mine = names.migrate_plan_id(plan)
    query = f"WorkflowType = '{names.MIGRATE_PLAN}' AND ExecutionStatus = 'Running'"
    others = []
    async for execution in client.list_workflows(query):
        if execution.id == mine:
            continue
        if any(same_id(one, vault_id) for one in vaults_in(await execution.memo())):
            others.append(execution.id.removeprefix("migrate-plan/"))
    return sorted(others)
