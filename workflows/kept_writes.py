"""What was written on a target that the move took back: kept as snapshots, and deleted once the plan's time is over."""

from datetime import timedelta
from functools import partial

from temporalio import workflow
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.ledger import LedgerActivities
    from activities.snapshots import SnapshotActivities
    from activities.waits import WaitActivities
    from migration import ids, names
    from migration.copies import TargetWrites
    from migration.keeping import DeleteResources, KeepDisks, KeptDisk, KeptUntil
    from migration.ledger import LedgerEntry
    from migration.models import VmTask
    from migration.times import utc_text
    from migration.waiting import ResourcesWait
from workflows import policies
from workflows.belongings import Belongings
from workflows.board import Board
from workflows.engine import Engine
from workflows.holding import until_done


@workflow.defn(name=names.KEPT_WRITES)
class KeptWrites:
    """Deletes snapshots when their time is over. Who wants them for longer terminates it."""

    @workflow.run
    async def run(self, kept: KeptUntil) -> None:
        """Wait, and delete; what Azure refuses is tried again, for as long as it takes."""
        told = f"{len(kept.snapshot_ids)} snapshots are deleted at {kept.keep_until}; terminate to keep them."
        workflow.set_current_details(told)
        await workflow.sleep(timedelta(seconds=kept.seconds), summary="Until the plan's time to keep them is over")
        request = DeleteResources(ids=kept.snapshot_ids, why="the plan's time to keep them is over")
        while True:
            try:
                return await workflow.execute_activity_method(
                    LedgerActivities.delete_resources, request, summary="Delete the snapshots", **policies.AZURE
                )
            except ActivityError as error:
                workflow.logger.warning("Snapshots are not deleted", extra={"why": str(error.cause)})
                await workflow.sleep(policies.EXPIRY_RETRY, summary="Until they are tried again")


class Keeping:
    """The step of the way back that keeps, or says that nothing keeps, what was written on the target."""

    def __init__(self, task: VmTask, board: Board, engine: Engine, belongings: Belongings) -> None:
        self._task = task
        self._board = board
        self._engine = engine
        self._belongings = belongings

    async def keep_or_tell(self, writes: TargetWrites, disk_ids: list[str]) -> TargetWrites:
        """Return what became of *writes* on these disks, which are deleted next.

        Raises:
            ApplicationError: of type `GaveUp`: they cannot be kept, and a person stopped it there.
        """
        keep = self._task.failover.keep_target_writes
        if keep is not None and disk_ids:
            writes = await self._kept(writes, disk_ids, timedelta(seconds=keep))
        if writes.fate == "on_target":
            writes = writes.model_copy(update={"fate": "discarded"})
        self._board.record_incident(writes.text)
        return writes

    async def _kept(self, writes: TargetWrites, disk_ids: list[str], keep: timedelta) -> TargetWrites:
        until, run_id = utc_text(workflow.now() + keep), workflow.info().run_id
        disks = [KeptDisk(disk_id=disk, snapshot_id=_snapshot_of(disk, run_id)) for disk in disk_ids]
        wanted = KeepDisks(plan=self._task.plan, disks=disks, keep_until=until)
        entries = [_entry(disk, until) for disk in disks]
        await self._belongings.predict(entries, "Read what keeping the writes will make")
        skipped = await until_done(
            self._engine,
            partial(self._take, wanted),
            lambda why: (
                f"what was written on the target cannot be kept: {why}. Nothing was deleted. retry "
                "tries again, skip goes on and discards it, give_up leaves all as it is"
            ),
        )
        if skipped is not None:
            return writes
        await self._expire(KeptUntil(snapshot_ids=wanted.ids, keep_until=until, seconds=int(keep.total_seconds())))
        self._belongings.keep(wanted.ids, f"what was written on the target; deleted at {until}")
        return writes.model_copy(update={"fate": "kept", "keep_until": until, "snapshots": wanted.ids})

    async def _take(self, wanted: KeepDisks) -> None:
        await self._engine.call(SnapshotActivities.keep_disks, wanted, "Undo: keep what was written on the target")
        await self._engine.wait(
            WaitActivities.wait_for_resources,
            lambda give_back: ResourcesWait(ids=wanted.ids, until="provisioned", give_back_after_seconds=give_back),
            "Undo: until the snapshots are there",
        )

    async def _expire(self, kept: KeptUntil) -> None:
        task = self._task
        try:
            await workflow.start_child_workflow(
                KeptWrites.run,
                kept,
                id=names.kept_writes_id(task.plan, task.vm.name, workflow.info().run_id),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary=f"Snapshots of what was written on {task.vm.target_name}",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("The snapshots' end is planned already")


def _snapshot_of(disk_id: str, run_id: str) -> str:
    disk = ids.ResourceId.parse(disk_id)
    return ids.snapshot_id(disk.subscription, disk.resource_group or "", names.kept_snapshot_name(disk.name, run_id))


def _entry(kept: KeptDisk, until: str) -> LedgerEntry:
    kind = ids.ResourceId.parse(kept.snapshot_id).type
    why = f"what was written on {ids.describe(kept.disk_id)}, to be kept until {until}"
    return LedgerEntry(id=kept.snapshot_id, type=kind, created_by="plan", state="predicted", why=why)
