"""Looks that follow at once on each other are one step: what a check has seen counts for the next step, and at once."""

import json
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from temporalio.api.history.v1 import UpsertWorkflowSearchAttributesEventAttributes

from migration import ids, makings, names
from migration.findings import CheckVm, VmCheck
from migration.ledger import LedgerEntry, Observation
from migration.ledger_proof import Around, Surroundings, around
from migration.models import JobResult
from migration.phases import Outcome, Phase
from migration.power import RUNNING
from migration.requests import ItemState, Observations, ObserveResources
from migration.waiting import JobWaited
from tests.workflows.scenes import APPROVER, make_plan, make_task, source_of
from tests.workflows.script import Script
from tests.workflows.stage import Stage, VmHandle
from tests.workflows.test_story import TUTORIAL
from tests.workflows.world import World
from workflows import belongings
from workflows.engine import Engine

APART = [
    *("check_vm", "observe_resources", *TUTORIAL[1:7], "check_vm", "observe_resources", *TUTORIAL[8:-3]),
    *("read_item", "disable_replication", "wait_for_job(DisableDr)", "disable_replication"),
    *("read_power", "observe_resources"),
]
"""The steps of a run that joins none."""
TASK = make_task()
WANTED = makings.replication_entries(TASK, source_of(TASK.vm))
NEAR = around(TASK, source_of(TASK.vm))


class Reads:
    """An engine that reads, and counts how often."""

    def __init__(self) -> None:
        self.requests: list[ObserveResources] = []

    async def call(self, _method: object, request: ObserveResources, _summary: str) -> Observations:
        """Find all there."""
        self.requests.append(request)
        return Observations(seen=[Observation(id=one, exists=True) for one in request.ids], around=Surroundings())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Return the workflow's time."""
    times = [datetime(2026, 3, 1, tzinfo=UTC)]
    monkeypatch.setattr("temporalio.workflow.now", lambda: times[0])
    return times


def absent(entries: list[LedgerEntry], surroundings: Surroundings | None = None) -> Observations:
    """Return that none of them is there."""
    return Observations(seen=[Observation(id=entry.id.upper(), exists=False) for entry in entries], around=surroundings)


@pytest.mark.parametrize(
    ("ahead", "seconds", "near", "state"),
    [
        pytest.param(absent(WANTED), 0, None, "predicted", id="seen"),
        pytest.param(absent(WANTED, Surroundings()), 5, NEAR, "predicted", id="with-what-lies-around"),
        pytest.param(absent(WANTED), 0, NEAR, "existed", id="without-what-lies-around"),
        pytest.param(absent(WANTED[1:]), 0, None, "existed", id="one-not-seen"),
        pytest.param(absent(WANTED), 6, None, "existed", id="long-ago"),
        pytest.param(None, 0, None, "existed", id="nobody-looked"),
    ],
)
async def test_what_a_check_saw_counts_where_it_is_whole_and_fresh(
    clock: list[datetime], ahead: Observations | None, seconds: int, near: Around | None, state: str
) -> None:
    """Everything else is read: a resource that came meanwhile must not be taken for ours."""
    engine = Reads()
    ledger = belongings.Belongings(cast("Engine", engine))
    ledger.foresee(ahead)
    clock[0] += timedelta(seconds=seconds)
    await ledger.predict(WANTED, "Read what enabling will make", near)
    assert {state} == {entry.state for entry in ledger.entries}
    assert (state == "existed") == bool(engine.requests)


@pytest.mark.usefixtures("clock")
async def test_what_a_check_saw_counts_once() -> None:
    """The step after the next reads by itself."""
    engine = Reads()
    ledger = belongings.Belongings(cast("Engine", engine))
    more = makings.failover_entries(TASK, source_of(TASK.vm))
    ledger.foresee(absent([*WANTED, *more]))
    await ledger.predict(WANTED, "Read what enabling will make")
    await ledger.predict(more, "Read what the failover will make")
    assert [[entry.id for entry in more]] == [request.ids for request in engine.requests]


async def test_an_earlier_runs_steps_stay_apart(stage: Stage, script: Script) -> None:
    """A run that an earlier build began goes on with each look by itself."""
    handle = await stage.start_vm(make_task().model_copy(update={"joins_steps": False}))
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert APART == script.labels()
    # Once it is removed nobody need look for an enabling of it among all jobs of the vault.
    assert [False, True] == [request.removed for request in script.requests("disable_replication")]


async def test_a_check_that_does_not_look_ahead_costs_a_step(stage: Stage, script: Script, world: World) -> None:
    """Where nobody looked, as an earlier build's worker does not, the step reads by itself."""

    def found(request: CheckVm) -> VmCheck:
        return VmCheck(findings=[], source=world.source(request.task.vm))

    script.on("check_vm", found, times=0)
    assert Outcome.MIGRATED == (await stage.approve(await stage.start_vm())).outcome
    assert 3 == script.labels().count("observe_resources")


async def test_what_was_there_before_is_never_ours(stage: Stage, script: Script, world: World) -> None:
    """A replica disk that the check saw before enabling is a stranger's: the way back leaves it."""
    task = make_task()
    strange = makings.replication_entries(task, source_of(task.vm))[1].id
    world.make(strange)
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, names.SIGNAL_REJECT_COMMIT, APPROVER)
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    deleted = [one for request in script.requests("delete_resources") for one in request.ids]
    assert ids.id_key(strange) not in map(ids.id_key, deleted)
    assert not [one for one in (await stage.report(handle)).resources if ids.same_id(one.id, strange)]


async def test_a_source_that_runs_at_the_end_is_contained(stage: Stage, script: Script, world: World) -> None:
    """The last look reads both copies as well: a source that was started beyond the commit is stopped."""
    task = make_task()
    gate = script.gate("wait_for_job(DisableDr)")
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, names.SIGNAL_APPROVE_COMMIT, APPROVER)
    await gate.reached.wait()
    world.power[ids.id_key(task.vm.source_id)] = RUNNING
    gate.open()
    assert Outcome.MIGRATED == (await handle.result()).outcome
    after = script.labels()[len(TUTORIAL) - 1 :]
    assert ["observe_resources", "deallocate_vm"] == after[:2]
    assert "after the commit" in (await stage.report(handle)).incidents[0]


@pytest.mark.parametrize("committed", [False, True])
async def test_an_item_that_lags_behind_its_commit_is_read_once_more(
    stage: Stage, script: Script, world: World, *, committed: bool
) -> None:
    """What the wait for the commit has read of the item may be old; only a reading of its own fails the step."""
    task = make_task()
    late = ItemState(exists=True, failed_over=True, committed=False)
    done = JobResult(id="j", scenario="CommitFailover", state="Succeeded", state_description="Completed")
    script.on_job("CommitFailover", JobWaited(running=False, result=done, item=late))
    if not committed:
        script.on("read_item", late)
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, names.SIGNAL_APPROVE_COMMIT, APPROVER)
    if not committed:
        await stage.until_asked(handle, "its job ended, but the item reads")
        await stage.resolve(handle, "retry")
    assert Outcome.MIGRATED == (await handle.result()).outcome
    assert 1 == script.labels().count("read_item")
    assert not world.items


async def test_what_its_start_told_is_not_told_again(stage: Stage) -> None:
    """A machine begins with its phase in its search attributes: only what changes is told, and at once."""
    plan = make_plan()
    handle = stage.vm_of(plan, "web-01")
    await stage.start_plan(plan)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    told = [
        {name: json.loads(payload.data) for name, payload in event.search_attributes.indexed_fields.items()}
        for event in await _upserts(handle)
    ]
    before = ["enabling", "replicating", "configuring", "waiting_for_turn", "checking", "failing_over", "verifying"]
    asked = {names.ATTRIBUTE_PHASE: "awaiting_approval", names.ATTRIBUTE_NEEDS_ACTION: True}
    assert [*({names.ATTRIBUTE_PHASE: phase} for phase in before), asked] == told
    await stage.approve(handle)


async def _upserts(handle: VmHandle) -> list[UpsertWorkflowSearchAttributesEventAttributes]:
    return [
        event.upsert_workflow_search_attributes_event_attributes
        for event in (await handle.fetch_history()).events
        if event.HasField("upsert_workflow_search_attributes_event_attributes")
    ]
