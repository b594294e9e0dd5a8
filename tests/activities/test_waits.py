"""Held waits: what they tell while they wait, and how they go on elsewhere."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.failover import FailoverActivities
from activities.replication import ReplicationActivities
from activities.waits import WaitActivities
from arm.watcher import FEW, Watchers
from migration.makings import replication_entries
from migration.models import Progress
from migration.requests import EnableReplication, StartFailover
from migration.waiting import JobWait, JobWaited, ProtectedWait
from tests.activities.stage import SPEED

if TYPE_CHECKING:
    from temporalio.client import WorkflowHandle

    from migration.models import JobRef, Started
    from migration.requests import FailoverStarted
    from tests.activities.stage import Case, Stage


async def enable(stage: Stage, case: Case) -> Started:
    """Enable replication, and do not wait."""
    request = EnableReplication(task=case.task, source=case.source)
    started: Started = await stage.run(ReplicationActivities.enable_replication, request)
    return started


async def progress_of(handle: WorkflowHandle[Any, Any]) -> Progress | None:
    """Return what the wait's heartbeat tells, None before the first."""
    described = await handle.describe()
    for pending in described.raw_description.pending_activities:
        if pending.heartbeat_details.payloads:
            (told,) = await pydantic_data_converter.decode(pending.heartbeat_details.payloads, [Progress])
            return told if isinstance(told, Progress) else None
    return None


async def until_told(handle: WorkflowHandle[Any, Any], word: str) -> Progress:
    """Wait until a heartbeat's detail has a word in it."""
    async with asyncio.timeout(90):
        while True:
            told = await progress_of(handle)
            if told is not None and word in told.detail:
                return told
            await asyncio.sleep(0.1)


async def test_a_wait_tells_how_far_things_are(stage: Stage) -> None:
    """While replication runs its state travels in the heartbeats, where `describe` shows it; a cancel ends it."""
    case = stage.arrange(behaviour={"initial_replication_minutes": 600})
    await stage.end((await enable(stage, case)).job)
    stage.sim.clock(speed=1)
    handle = await stage.start(
        WaitActivities.wait_until_protected, ProtectedWait(task=case.task), heartbeat_seconds=2.0
    )

    told = await until_told(handle, "Initial replication")
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert "Initial replication is in progress" == told.detail


async def test_what_was_made_is_seen_once_it_is_protected(stage: Stage) -> None:
    """The item names its replica disks; only what it does not name is read, and what is not there is told as well."""
    case = stage.arrange()
    await stage.end((await enable(stage, case)).job)
    entries = [entry.id for entry in replication_entries(case.task, case.source)]
    absent = f"{entries[1]}-of-nobody"
    before = stage.mark

    wait = ProtectedWait(task=case.task, observe=[*entries, absent])
    waited = await stage.run(WaitActivities.wait_until_protected, wait)

    seen = {one.id: one.exists for one in waited.seen}
    assert {**dict.fromkeys(entries, True), absent: False} == seen
    read = {line["path"].lower() for line in stage.sim.requests(before)}
    assert {entries[-1].lower(), absent.lower(), case.task.item_id.lower()} == read


async def test_a_wait_goes_on_at_another_worker(stage: Stage) -> None:
    """A worker that stops hands its wait over at once; it ends at the next one."""
    case = stage.arrange()
    stage.sim.clock(speed=1)
    started = await enable(stage, case)
    assert started.job is not None
    queue = f"other-{uuid.uuid4()}"

    async with Watchers(stage.azure, 0.05) as watchers:
        async with stage.worker(watchers, queue):
            handle = await stage.start(WaitActivities.wait_for_job, JobWait(job=started.job), queue=queue)
            await until_told(handle, "")
        stage.sim.clock(speed=SPEED)
        async with stage.worker(watchers, queue):
            waited = await handle.result()

    assert "Succeeded" == waited["result"]["state"]


async def jobs_read_by_many(stage: Stage, job: JobRef) -> tuple[list[JobWaited], set[str]]:
    """Let many wait for one job; return what they learn, and the names of what was read once all waited."""
    stage.sim.clock(speed=1)
    handles = [await stage.start(WaitActivities.wait_for_job, JobWait(job=job)) for _ in range(FEW + 2)]
    for handle in handles:
        await until_told(handle, "")
    before = stage.mark
    stage.sim.clock(speed=SPEED)
    waited = [JobWaited.model_validate(await handle.result()) for handle in handles]
    return waited, {line["path"].rpartition("/")[2] for line in stage.sim.requests(before)}


async def test_how_a_job_ended_is_read_once(stage: Stage) -> None:
    """One reading by name tells everything; among many, the listing that tells of a plain good end is all it takes."""
    job = (await enable(stage, stage.arrange())).job
    assert job is not None
    together, read_together = await jobs_read_by_many(stage, job)
    before = stage.mark
    alone = await stage.end(job)
    read_alone = [line["path"].endswith(job.id) for line in stage.sim.requests(before)]

    assert [True] == read_alone
    assert alone.result.tasks
    assert {"replicationJobs"} == read_together
    listed = alone.result.model_copy(update={"tasks": []})
    assert [listed] * len(together) == [waited.result for waited in together]


async def test_the_tasks_of_a_failover_are_read_also_among_many(stage: Stage) -> None:
    """They tell whether and when the source was shut down, which a listing leaves out."""
    case = stage.arrange()
    await stage.protect(case)
    stage.sim.clock(speed=1)
    begun: FailoverStarted = await stage.run(FailoverActivities.start_failover, StartFailover(task=case.task))
    job = begun.started.job
    assert job is not None

    together, read = await jobs_read_by_many(stage, job)

    assert {"replicationJobs", job.id.rpartition("/")[2]} == read
    assert all(waited.result is not None and waited.result.tasks for waited in together)
