"""The cutover: fail over behind a fence, verify, commit, and the way back to the source until then."""

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failover import FailoverActivities
    from activities.power import PowerActivities
    from activities.replication import ReplicationActivities
    from activities.verification import VerificationActivities
    from activities.waits import WaitActivities
    from migration.models import FenceEvidence, JobRef, JobTask, PowerStates, Verification, VmTask
    from migration.power import DEALLOCATED, is_off, is_running
    from migration.requests import (
        JOB_LOST,
        ItemState,
        JudgeFence,
        PowerChange,
        ReadItem,
        ReadParts,
        ReadPower,
        StartFailover,
        VerifyTarget,
        VmMilestone,
        VmWait,
    )
    from migration.times import seconds_between
from workflows import belongings as made
from workflows.belongings import Belongings
from workflows.board import Board
from workflows.engine import Engine, reason_of, type_of
from workflows.failures import ASR_JOB_FAILED, GAVE_UP, kept_target, tasks_of, vm_failure
from workflows.replication import Replication


class Cutover:
    """The chapter between two regions. Until the commit the source can always come back."""

    def __init__(
        self, task: VmTask, board: Board, engine: Engine, belongings: Belongings, replication: Replication
    ) -> None:
        self._task = task
        self._board = board
        self._engine = engine
        self._belongings = belongings
        self._replication = replication
        self._attempted = False
        self._answered = False
        self._ran_beside = False
        self._source_ran = True
        self._source_was_off = False
        self._shutdown_started: str | None = None
        self._end_is_known = False

    async def fail_over(self) -> None:
        """Fail over to the latest point, the source shut down first, and judge the fence."""
        source = self._replication.found
        await self._belongings.predict(made.failover_entries(self._task, source), "Read what the failover will make")
        self._attempted = True
        self._source_ran = is_running(source.power_state)
        started = await self._engine.call(
            FailoverActivities.start_failover, StartFailover(task=self._task), "Start the failover: latest point"
        )
        self._answered = True
        if started.source_power_state_before is not None:
            self._source_ran = is_running(started.source_power_state_before)
        job = await self._wait_for_failover(started.started.job)
        await self._enter_parts()
        await self._hold_the_fence(job)

    async def _wait_for_failover(self, job: JobRef | None) -> JobRef | None:
        """Wait for the failover, and return the job that proves how it went; None where nothing does."""
        try:
            ended = await self._engine.wait_for_job(job, "Until the failover is done", evidence=self._both_power_states)
        except FailureError as error:
            # The downtime of a failover that fails counts as well: it may have shut the source down.
            if type_of(error) == ASR_JOB_FAILED:
                self._note_shutdown(tasks_of(error))
            raise
        if ended is None or ended.state != JOB_LOST:
            self._note_shutdown(ended.tasks if ended else [])
            return job
        item = await self._engine.call(
            ReplicationActivities.read_item, ReadItem(task=self._task), "See whether it has failed over"
        )
        if not item.failed_over:
            raise vm_failure(f"failing over: its job is not kept, and the item reads {item.protection_state or 'gone'}")
        return None

    async def _both_power_states(self) -> str:
        power = await self._read_power("Read both sides for the person who is asked")
        return f"; the source reads {power.source or 'absent'}, the target {power.target or 'absent'}"

    def _note_shutdown(self, tasks: list[JobTask]) -> None:
        self._end_is_known = True
        begun = (task.started for task in tasks if task.name == _SHUTDOWN_TASK)
        self._shutdown_started = next(begun, None) or self._shutdown_started

    async def verify_target(self) -> None:
        """Hold the target against the plan, and contain two running copies."""
        board, seen = self._board, await self._verify()
        while is_running(seen.source_power_state) and is_running(seen.target_power_state):
            await self._contain("the verification found both copies running")
            while not await self._follow_policy(board.fence or FenceEvidence(held=False, reason=_RAN_BESIDE)):
                pass  # nothing that could be read again proves that the source did not write meanwhile
            seen = await self._verify()
        board.mismatches = seen.mismatches
        if board.fence is not None:
            board.downtime_seconds = seconds_between(board.fence.shutdown_started, seen.running_since)
        if seen.mismatches:
            told = "; ".join(f"{m.field} is {m.actual}, wanted {m.expected}" for m in seen.mismatches)
            raise vm_failure(f"verifying the target: {told}")

    async def confirm_one_copy(self) -> None:
        """Read both sides again after the approval, which may have come days later: the target serves, alone."""
        while True:
            power = await self._read_power("Read both sides before the commit")
            if is_running(power.target) and is_off(power.source):
                return
            if is_running(power.target) and is_running(power.source):
                await self._contain("before the commit both copies were running")
            await self._engine.ask(
                f"since the approval the source reads {power.source} and the target {power.target}: see that only the "
                "target runs, then retry; give_up rolls back",
                ("retry", "give_up"),
            )

    async def commit_failover(self) -> None:
        """Make the failover final."""
        started = await self._engine.call(
            FailoverActivities.commit_failover, StartFailover(task=self._task), "Commit the failover"
        )
        await self._engine.wait_for_job(started.job, "Until the failover is committed")
        item = await self._engine.call(ReplicationActivities.read_item, ReadItem(task=self._task), "See it committed")
        if item.exists and not item.committed:
            raise vm_failure(f"committing the failover: its job ended, but the item reads {item.protection_state}")

    async def return_to_source(self) -> None:
        """Undo the failover: the target stops, then the source runs again, as it did before."""
        if not self._attempted:
            return
        item = await self._settled_item()
        if item.committed:
            raise kept_target("returning to the source: the failover is committed, so there is no way back")
        await self._enter_parts()
        power = await self._read_power("Undo: read both sides")
        if power.target is not None and not item.exists:
            raise vm_failure(
                "returning to the source: the protected item is gone, so nobody can tell whether somebody committed "
                f"the failover; the source reads {power.source or 'absent'}, the target {power.target}"
            )
        if is_running(power.target) and is_running(power.source):
            await self._contain("the way back found both copies running")
        elif power.target is not None and not is_off(power.target):
            await self._stop(self._task.vm.target_id, "Undo: deallocate the target")
        await self._serve_from_source(power)

    async def _serve_from_source(self, power: PowerStates) -> None:
        while True:
            try:
                await self._start_source_if_we_stopped_it(power)
            except FailureError as error:
                if type_of(error) == GAVE_UP:
                    raise
                choice = await self._engine.ask(
                    f"the source does not start: {reason_of(error)}. Nothing was deleted. retry starts it again, "
                    "skip starts the target instead and leaves all as it is, give_up leaves all as it is",
                    ("retry", "skip", "give_up"),
                )
                if choice == "skip":
                    await self._keep_target_instead()
                power = await self._read_power("Undo: read both sides again")
            else:
                return

    async def _start_source_if_we_stopped_it(self, power: PowerStates) -> None:
        vm = self._task.vm
        if not self._source_ran:
            return
        self._source_was_off |= not is_running(power.source)
        if not is_running(power.source):
            change = PowerChange(vm_id=vm.source_id, other_id=vm.target_id, reason="returning to the source")
            await self._engine.call(PowerActivities.start_vm, change, "Undo: start the source")
        serving = await self._wait_for_vm(vm.source_id, "serving", "Undo: until the source serves")
        if self._board.fence is None and self._source_was_off and not self._end_is_known:
            await self._look_up_shutdown()
        downtime = seconds_between(self._down_since, serving)
        # A source that its shutdown did not stop has served since before that.
        self._board.downtime_seconds = None if downtime is None else max(downtime, 0)

    @property
    def _down_since(self) -> str | None:
        """When Azure began to shut the source down, by the fence's evidence or the job's."""
        fence = self._board.fence
        return (fence.shutdown_started if fence is not None else None) or self._shutdown_started

    async def _look_up_shutdown(self) -> None:
        """Ask Azure when the source was stopped by a failover that ended while its cancel was under way."""
        found = await self._engine.call(
            FailoverActivities.find_failover, StartFailover(task=self._task), "Undo: find the failover's job"
        )
        ended = await self._engine.wait_for_job(found.job, "Undo: read the failover's tasks", accept_failure=True)
        self._note_shutdown(ended.tasks if ended else [])

    async def _keep_target_instead(self) -> None:
        vm = self._task.vm
        change = PowerChange(vm_id=vm.target_id, other_id=vm.source_id, reason="the source does not start")
        await self._engine.call(PowerActivities.start_vm, change, "Start the target again")
        serving = await self._wait_for_vm(vm.target_id, "running", "Until the target runs")
        self._board.downtime_seconds = seconds_between(self._down_since, serving)
        raise kept_target("a person chose to keep the target running")

    async def _verify(self) -> Verification:
        return await self._engine.call(
            VerificationActivities.verify_target,
            VerifyTarget(task=self._task, source=self._replication.found),
            f"Verify {self._task.vm.target_name} in {self._task.vm.target_region}",
        )

    async def _hold_the_fence(self, job: JobRef | None) -> None:
        while True:
            fence = self._board.fence = await self._judge_fence(job)
            if fence.both_running_seen:
                await self._contain("after the failover both copies were running")
            if fence.held or await self._follow_policy(fence):
                return

    async def _judge_fence(self, job: JobRef | None) -> FenceEvidence:
        if job is None:
            power = await self._read_power("Read both sides: no job tells of the fence")
            return FenceEvidence(
                held=None,
                reason="the failover had ended before, and its job is not kept",
                source_power_state=power.source,
                target_power_state=power.target,
                both_running_seen=is_running(power.source) and is_running(power.target),
            )
        fence = await self._engine.call(
            FailoverActivities.judge_fence, JudgeFence(task=self._task, job=job), "Judge the fence"
        )
        return _broken(fence) if self._ran_beside and fence.held is not False else fence

    async def _follow_policy(self, fence: FenceEvidence) -> bool:
        """Do what the plan says where the fence did not hold; return False to look at the evidence again."""
        policy = "ask" if fence.held is None else self._task.failover.if_shutdown_fails
        if policy == "roll_back":
            raise vm_failure(f"fencing the source: {fence.reason}")
        accepted = policy == "accept" or await self._asked_to_accept(fence)
        if accepted:
            await self._serve_from_target(fence)
        return accepted

    async def _asked_to_accept(self, fence: FenceEvidence) -> bool:
        loss = "an unknown time" if fence.data_loss_seconds is None else f"{fence.data_loss_seconds} s"
        choice = await self._engine.ask(
            f"the fence did not hold ({fence.reason}); the copy lacks the writes of {loss}. "
            "retry reads the evidence again, skip stops the source and goes on with the copy, give_up rolls back",
            ("retry", "skip", "give_up"),
        )
        return choice == "skip"

    async def _serve_from_target(self, fence: FenceEvidence) -> None:
        vm = self._task.vm
        power = await self._read_power("Read both sides")
        if is_running(power.source) and is_running(power.target):
            await self._contain("before the copy was accepted both copies were running")
            power = power.model_copy(update={"target": DEALLOCATED})
        self._board.record_incident(f"the copy was accepted although {fence.reason}")
        if not is_off(power.source):
            await self._stop(vm.source_id, "Deallocate the source: the copy was accepted")
        if not is_running(power.target):
            change = PowerChange(vm_id=vm.target_id, other_id=vm.source_id, reason="the copy was accepted")
            await self._engine.call(PowerActivities.start_vm, change, "Start the target")
            await self._wait_for_vm(vm.target_id, "running", "Until the target runs")

    async def _contain(self, what: str) -> None:
        """Stop the target, which lacks the newest writes, and prove it, before anything is discussed."""
        board = self._board
        board.record_incident(f"two running copies: {what}")
        await self._stop(self._task.vm.target_id, "Contain: deallocate the target")
        board.record_incident("contained: the target is deallocated")
        self._ran_beside = True
        if board.fence is not None and board.fence.held is not False:
            board.fence = _broken(board.fence)

    async def _settled_item(self) -> ItemState:
        """Wait out a job that runs on the item: a running failover is never cancelled."""
        while True:
            # A failover whose answer nobody heard may run, and show a moment later only.
            wanted = ReadItem(task=self._task, settled=not self._answered)
            item = await self._engine.call(ReplicationActivities.read_item, wanted, "Undo: read the protected item")
            if item.current_job is None:
                return item
            ended = await self._engine.wait_for_job(
                item.current_job, f"Undo: until {item.current_job.scenario} has ended", accept_failure=True
            )
            self._note_shutdown(ended.tasks if ended else [])

    async def _enter_parts(self) -> None:
        parts = await self._engine.call(
            PowerActivities.read_parts, ReadParts(vm_id=self._task.vm.target_id), "See the target virtual machine"
        )
        await self._belongings.look("See what the failover made")
        if parts.exists:
            self._belongings.note_parts([*parts.nic_ids, *parts.disk_ids], "part of the moved virtual machine")

    async def _stop(self, vm_id: str, summary: str) -> None:
        change = PowerChange(vm_id=vm_id, other_id=None, reason=summary)
        await self._engine.call(PowerActivities.deallocate_vm, change, summary)
        await self._wait_for_vm(vm_id, "deallocated", f"{summary}: proof")

    async def _wait_for_vm(self, vm_id: str, until: VmMilestone, summary: str) -> str | None:
        waited = await self._engine.wait(
            WaitActivities.wait_for_vm,
            lambda give_back: VmWait(vm_id=vm_id, until=until, give_back_after_seconds=give_back),
            summary,
        )
        return waited.since

    async def _read_power(self, summary: str) -> PowerStates:
        vm = self._task.vm
        return await self._engine.call(
            PowerActivities.read_power, ReadPower(source_id=vm.source_id, target_id=vm.target_id), summary
        )


def _broken(fence: FenceEvidence) -> FenceEvidence:
    """Return *fence* after the source was seen running beside its copy: what it wrote since, the copy lacks."""
    return fence.model_copy(update={"held": False, "reason": _RAN_BESIDE, "data_loss_seconds": None})


_RAN_BESIDE = "the source ran beside its copy"
_SHUTDOWN_TASK = "Shut down the virtual machine"
"""The task's friendly name, as the portal and the recorded jobs show it."""
