"""The tasks of a failover that stop the source: it is shut down, and what it wrote last is copied.

The seed's behaviour of a machine:

- ``shutdown_fails`` (true: it runs on, and so does the failover), ``shutdown_minutes`` (how long it takes)
- ``shutdown_skipped`` (true: both tasks are left out, though they were asked for)
- ``synchronise_fails`` (true: the last changes do not come over, the failover goes on with the newest point there is)
- ``synchronise_adds_no_point`` (true: the task succeeds, and leaves no point newer than the shutdown's start)
- ``failover_descriptions`` (what Azure says of a job or task that Succeeded, beside its state):
  ``{job: PartiallySucceeded, shutdown: CompletedWithInformation, synchronise: PartiallySucceeded}``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.compute import machines
from simulator.siterecovery import durations, estate, failures, names, recovery_points
from simulator.siterecovery.job_model import Job, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.refusals import AsrError, TaskFailureError

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

SHUTDOWN = "ShutdownVmTask"
SYNCHRONISE = "SynchronizeLatestChangesTask"


def tasks_of(world: World, item: Resource, *, shut_down: bool) -> tuple[Task, Task]:
    """The two tasks, left out where the source is not to be shut down."""
    vm_id = item.meta["vm"]
    behaviour = machines.behaviour(world, vm_id)
    slow, told = behaviour.get("shutdown_minutes"), behaviour.get("failover_descriptions") or {}
    shutdown = float(slow) * 60 if slow else durations.seconds(world, "shutdown", item.id)
    # A machine takes points until it goes down.
    before = 0.0 if behaviour.get("synchronise_adds_no_point") else 0.1
    stop = ((before * shutdown, "asr.failover_stopping"), ((1 - before) * shutdown, "asr.failover_stopped"))
    synchronise = ((durations.seconds(world, "synchronise", item.id), "asr.failover_synchronised"),)
    skipped = not shut_down or bool(behaviour.get("shutdown_skipped"))
    return (
        Task(SHUTDOWN, "Shut down the virtual machine", stop, skipped=skipped, description=told.get("shutdown") or ""),
        Task(
            SYNCHRONISE,
            "Synchronizing the latest changes",
            synchronise,
            skipped=skipped,
            description=told.get("synchronise") or "",
        ),
    )


def job_description(world: World, item: Resource) -> str:
    """What Azure says of the whole job beside Succeeded; empty: what it always says."""
    return str((machines.behaviour(world, item.meta["vm"]).get("failover_descriptions") or {}).get("job") or "")


def is_on(world: World, vm_id: str) -> bool:
    """Whether the machine exists and is neither stopped nor deallocated; one that is just starting counts."""
    off = {machines.STOPPED, machines.DEALLOCATED}
    return world.store.exists(vm_id) and machines.power_state(world, vm_id) not in off


@effect("asr.failover_stopping")
def _stopping(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    if _why_it_stays_on(world, item.meta["vm"]) is not None or not is_on(world, item.meta["vm"]):
        return
    # A machine that goes down takes no more points by itself.
    item.meta["frozen_at"] = item.meta.get("frozen_at") or world.now.isoformat()
    world.store.save(item)
    source = world.store.require(item.meta["vm"])
    # Whatever somebody else had begun on the machine is preempted.
    source.meta.pop("busy", None)
    world.store.save(source)
    machines.set_power_state(world, source.id, machines.DEALLOCATING)


def _why_it_stays_on(world: World, vm_id: str) -> AsrError | None:
    """What keeps the source from being shut down: it does not respond, or it is locked."""
    behaviour = machines.behaviour(world, vm_id)
    if behaviour.get("shutdown_fails") or behaviour.get("deallocate_fails"):
        return failures.shutdown_failed(names.last(vm_id))
    lock = estate.lock_on(world, vm_id, "ReadOnly")
    return failures.locked(vm_id, lock) if lock else None


@effect("asr.failover_stopped")
def _stopped(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    vm_id = item.meta["vm"]
    goes_down = not is_on(world, vm_id) or machines.power_state(world, vm_id) == machines.DEALLOCATING
    reason = None if goes_down else _why_it_stays_on(world, vm_id)
    if reason is not None:
        job.skip(SYNCHRONISE)
        raise TaskFailureError(reason)
    if world.store.exists(vm_id):
        machines.set_power_state(world, vm_id, machines.DEALLOCATED)


@effect("asr.failover_synchronised")
def _synchronised(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    behaviour = machines.behaviour(world, item.meta["vm"])
    if behaviour.get("synchronise_fails"):
        raise TaskFailureError(failures.synchronise_failed(names.last(item.meta["vm"])))
    if not behaviour.get("synchronise_adds_no_point"):
        recovery_points.add_now(world, item)
        world.store.save(item)
