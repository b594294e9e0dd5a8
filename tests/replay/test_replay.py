"""Yesterday's histories still replay: a worker of this version goes on with what an earlier one began."""

import json
import re
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from activities.registry import interceptors
from runtime.sandbox import WALLS, ContextFreeRunner
from tests.replay.record import HISTORIES
from tests.replay.scenarios import SCENARIOS
from worker import WORKFLOWS
from workflows.messages import IgnoreMisfits
from workflows.priorities import Priorities

BROKEN = """\
the history {name}.json does not replay: {cause}

A worker with this change could not go on with runs that an earlier one began: each would stand still, its workflow
tasks failing, until the earlier worker is back. Runs wait for approvals for weeks, so there are always some. Either

- put what is new behind `if workflow.patched("<what-changes>"):`, with what was there before in the `else`, and keep
  both until no run of before is open (docs/adr/0014-a-new-build-goes-on-with-old-runs.md);
- or, where no version that began such runs has been released, record the histories anew
  (`python -m tests.replay.record`), and say in the commit why that is right.
"""


@pytest.fixture
def replayer() -> Replayer:
    """Return a replayer of production's workflows, interceptors and converter, with walls around all their modules."""
    return Replayer(
        workflows=WORKFLOWS,
        workflow_runner=ContextFreeRunner(restrictions=WALLS),
        interceptors=[*interceptors(), IgnoreMisfits(), Priorities()],
        data_converter=pydantic_data_converter,
    )


def _history(name: str) -> WorkflowHistory:
    return WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_kept_history_replays(replayer: Replayer, name: str) -> None:
    """The workflows decide today as they did when this history was recorded."""
    broken = ""
    try:
        await replayer.replay_workflow(_history(name))
    except NondeterminismError as error:
        found = re.search(r'message: "([^"]*)"', str(error))
        broken = BROKEN.format(name=name, cause=found[1] if found else error)
    if broken:
        pytest.fail(broken, pytrace=False)


def test_every_kept_history_has_its_scenario() -> None:
    """A history without a scenario could not be recorded again."""
    assert sorted(SCENARIOS) == sorted(path.stem for path in Path(HISTORIES).glob("*.json"))


async def test_another_story_does_not_replay(replayer: Replayer) -> None:
    """The replay notices when a step is another one than the history tells."""
    history = json.loads((HISTORIES / "migrated.json").read_text())
    [step] = [
        event["activityTaskScheduledEventAttributes"]["activityType"]
        for event in history["events"]
        if event.get("activityTaskScheduledEventAttributes", {}).get("activityType", {}).get("name") == "judge_fence"
    ]
    step["name"] = "judge_nothing"
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(WorkflowHistory.from_json("another", json.dumps(history)))
