"""The check of a plan on the worker."""

import uuid
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowFailureError

from migration import names
from migration.findings import PlanCheck
from tests.workflows.scenes import make_plan, plan_check
from tests.workflows.script import Script, environment_failure
from tests.workflows.stage import Stage
from workflows.check_plan import CheckPlan


async def _check(stage: Stage, **plan: Any) -> PlanCheck:
    return await stage.client.execute_workflow(
        CheckPlan.run, make_plan(**plan), id=f"check-{uuid.uuid4()}", task_queue=names.WORKFLOW_TASK_QUEUE
    )


async def test_a_check_answers_and_writes_nothing(stage: Stage, script: Script) -> None:
    """The answer is what the rules found, and no other activity runs."""
    blocked = plan_check(make_plan(), blocked=("web-01",))
    script.on("check_plan", blocked)
    assert blocked == await _check(stage)
    assert ["check_plan"] == script.labels()


async def test_a_check_shows_its_findings_in_status_and_details(stage: Stage, script: Script) -> None:
    """Whoever looks at the check's workflow sees what it found, and the result has it too."""
    script.on("check_plan", plan_check(make_plan(), blocked=("web-01",)))
    plan = make_plan()
    handle = await stage.client.start_workflow(
        CheckPlan.run, plan, id=f"check-{uuid.uuid4()}", task_queue=names.WORKFLOW_TASK_QUEUE
    )
    check = await handle.result()
    status = await handle.query(CheckPlan.status)
    details = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)

    assert (plan.name, "done", check) == (status.plan, "done", status.check)
    assert "**blocking** (source-runs)" in details.current_details
    assert "0 of 1 ready" in details.current_details


async def test_a_check_that_azure_refuses_says_so(stage: Stage, script: Script) -> None:
    """A person waits for the answer, so an expired secret ends the check instead of holding it."""
    script.on("check_plan", environment_failure())
    with pytest.raises(WorkflowFailureError) as failed:
        await _check(stage)
    assert "the client secret has expired" in str(failed.value.cause.__cause__)
