"""The way back from a failover: the target stops, the source serves again, and only then anything is removed."""

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failover import FailoverActivities
    from activities.replication import ReplicationActivities
    from migration.models import PowerStates
    from migration.power import is_off, is_running
    from migration.requests import ItemState, ReadItem, StartFailover
    from migration.times import seconds_between
    from migration.waiting import VmMilestone
from workflows.copies import Copies, Facts
from workflows.engine import reason_of, type_of
from workflows.failures import GAVE_UP, going_on, kept_target, vm_failure
from workflows.fence import Fence
from workflows.holding import until_done
from workflows.kept_writes import Keeping
from workflows.kit import Kit


async def _nothing() -> None:
    return None


class WayBack:
    """The undo of a failover. It tolerates that none was begun, and refuses once one is committed."""

    def __init__(self, kit: Kit, copies: Copies, fence: Fence, facts: Facts) -> None:
        self._task, self._board, self._engine, self._belongings = kit.task, kit.board, kit.engine, kit.belongings
        self._copies = copies
        self._fence = fence
        self._facts = facts
        self._keeping = Keeping(kit.task, kit.board, kit.engine, kit.belongings)
        self.ask_source: Callable[[], Awaitable[None]] = _nothing
        """What proves that the source serves, beyond its agent: raises where it does not. Set by who knows probes."""

    async def return_to_source(self) -> None:
        """Undo the failover: the target stops, then the source runs again, as it did before."""
        if not self._facts.attempted:
            return
        item = await self._settled_item()
        if item.committed:
            raise kept_target("returning to the source: the failover is committed, so there is no way back")
        parts = await self._belongings.enter_parts(self._task.vm.target_id, "part of the moved virtual machine")
        power = await self._copies.read("Undo: read both sides")
        if power.target is not None and not item.exists:
            raise vm_failure(
                "returning to the source: the protected item is gone, so nobody can tell whether somebody committed "
                f"the failover; the source reads {power.source or 'absent'}, the target {power.target}"
            )
        await self._stop_target(power)
        await self._serve_from_source(power)
        if self._board.target_writes is not None and self._board.target_writes.fate == "on_target":
            kept = await self._keeping.keep_or_tell(self._board.target_writes, parts.disk_ids)
            self._board.target_writes = kept

    async def _stop_target(self, power: PowerStates) -> None:
        """Deallocate the target, and enter how long it took writes."""
        board, until = self._board, power.target_since
        if board.fence is not None and is_running(board.fence.target_power_state):
            board.note_target(board.fence.target_running_since)
        if is_running(power.target):
            board.note_target(power.target_since)
        if is_running(power.target) and is_running(power.source):
            await self._fence.contain("on the way back", power.source_since, power.target_since)
            until = board.moments.all[-1].contained if board.moments.all[-1].clock == "azure" else None
        elif power.target is not None and not is_off(power.target):
            until = await self._copies.stop(self._task.vm.target_id, "Undo: deallocate the target")
        if self._facts.source_ran:
            board.downtime_seconds = None  # it did not end with the target, and goes on until one of both serves
        writes = board.target_writes
        if writes is not None and writes.until is None:
            lasted = seconds_between(writes.since, until)
            seconds = None if lasted is None else max(lasted, 0)
            board.target_writes = writes.model_copy(update={"until": until, "seconds": seconds})

    async def _serve_from_source(self, power: PowerStates) -> None:
        while True:
            try:
                await self._start_source_if_we_stopped_it(power)
            except FailureError as error:
                if type_of(error) == GAVE_UP:
                    raise
                choice = await self._engine.ask(
                    f"the source does not start: {going_on(reason_of(error))}. Nothing was deleted. By hand: "
                    f"az vm start --ids {self._task.vm.source_id}. retry starts it again, skip starts the target "
                    "instead and leaves all as it is, give_up leaves all as it is",
                    ("retry", "skip", "give_up"),
                )
                if choice == "skip":
                    await self._keep_target_instead()
                power = await self._copies.read("Undo: read both sides again")
            else:
                return

    async def _start_source_if_we_stopped_it(self, power: PowerStates) -> None:
        vm, facts = self._task.vm, self._facts
        if not facts.source_ran:
            return
        facts.source_was_off |= not is_running(power.source)
        if not is_running(power.source):
            await self._copies.start(vm.source_id, "returning to the source", "Undo: start the source")
        # An agent that was not ready before does not become so by going back.
        proof: VmMilestone = "serving" if facts.source_agent_ready else "running"
        serving = await self._copies.wait_for(vm.source_id, proof, "Undo: until the source serves")
        await self._prove_source_serves()
        self._board.serves_again(was_off=facts.source_was_off)
        if self._board.fence is None and facts.source_was_off and not facts.end_is_known:
            await self._look_up_shutdown()
        downtime = seconds_between(self._down_since, serving)
        # A source that its shutdown did not stop has served since before that.
        self._board.downtime_seconds = None if downtime is None else max(downtime, 0)

    async def _prove_source_serves(self) -> None:
        """Ask the source as the plan asks the target; nothing is deleted before a person says that it may stay silent.

        Raises:
            ApplicationError: of type `GaveUp`.
        """
        skipped = await until_done(
            self._engine,
            self.ask_source,
            lambda why: (
                f"the source runs, and does not serve: {why}. Nothing was deleted. retry asks it "
                "again, skip goes on with it as it is, give_up leaves all as it is"
            ),
        )
        if skipped is not None:
            told = f"the source was taken as it is ({self._engine.last_word}): {skipped}"
            self._board.record_incident(told)

    @property
    def _down_since(self) -> str | None:
        """When Azure began to shut the source down, by the fence's evidence or the job's."""
        fence = self._board.fence
        return (fence.shutdown_started if fence is not None else None) or self._facts.shutdown_started

    async def _look_up_shutdown(self) -> None:
        """Ask Azure when the source was stopped by a failover that ended while its cancel was under way."""
        found = await self._engine.call(
            FailoverActivities.find_failover, StartFailover(task=self._task), "Undo: find the failover's job"
        )
        ended = await self._engine.wait_for_job(found.job, "Undo: read the failover's tasks", accept_failure=True)
        self._facts.note_tasks(ended.tasks if ended else [])

    async def _keep_target_instead(self) -> None:
        target = self._task.vm.target_id
        await self._copies.start(target, "the source does not start", "Start the target again")
        serving = await self._copies.wait_for(target, "running", "Until the target runs")
        self._board.downtime_seconds = seconds_between(self._down_since, serving)
        raise kept_target("a person chose to keep the target running")

    async def _settled_item(self) -> ItemState:
        """Wait out a job that runs on the item: a running failover is never cancelled."""
        while True:
            # A failover whose answer nobody heard may run, and show a moment later only.
            wanted = ReadItem(task=self._task, settled=not self._facts.answered)
            item = await self._engine.call(ReplicationActivities.read_item, wanted, "Undo: read the protected item")
            if item.current_job is None:
                return item
            told = f"Undo: until {item.current_job.scenario} has ended"
            ended = await self._engine.wait_for_job(item.current_job, told, accept_failure=True, urgent=True)
            self._facts.note_tasks(ended.tasks if ended else [])
