"""The fence: two running copies are contained, the evidence is judged, and the plan's policy is followed."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failover import FailoverActivities
    from migration.models import FenceEvidence, JobRef, VmTask
    from migration.power import DEALLOCATED, is_off, is_running
    from migration.requests import JudgeFence
from workflows.board import Board
from workflows.copies import Copies
from workflows.engine import Engine
from workflows.failures import vm_failure

RAN_BESIDE = "the source ran beside its copy"


class Fence:
    """What stands between two copies that both take writes."""

    def __init__(self, task: VmTask, board: Board, engine: Engine, copies: Copies) -> None:
        self._task = task
        self._board = board
        self._engine = engine
        self._copies = copies
        self._ran_beside = False

    async def hold(self, job: JobRef | None) -> None:
        """Judge a failover by its job, and follow the plan's policy where the fence did not hold."""
        while True:
            fence = self._board.fence = await self._judge(job)
            if fence.both_running_seen:
                await self.contain("after the failover both copies were running")
            if fence.held or await self._follow_policy(fence):
                return

    async def follow_policy(self) -> None:
        """Do what the plan says after both copies were seen running; nothing that could be read again undoes that."""
        fence = self._board.fence or FenceEvidence(held=False, reason=RAN_BESIDE)
        while not await self._follow_policy(fence):
            pass  # nothing that could be read again proves that the source did not write meanwhile

    async def contain(self, what: str) -> None:
        """Stop the target, which lacks the newest writes, and prove it, before anything is discussed."""
        board = self._board
        board.record_incident(f"two running copies: {what}")
        await self._copies.stop(self._task.vm.target_id, "Contain: deallocate the target")
        board.record_incident("contained: the target is deallocated")
        self._ran_beside = True
        if board.fence is not None and board.fence.held is not False:
            board.fence = _broken(board.fence)

    async def _judge(self, job: JobRef | None) -> FenceEvidence:
        if job is None:
            power = await self._copies.read("Read both sides: no job tells of the fence")
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
        vm, copies = self._task.vm, self._copies
        power = await copies.read("Read both sides")
        if is_running(power.source) and is_running(power.target):
            await self.contain("before the copy was accepted both copies were running")
            power = power.model_copy(update={"target": DEALLOCATED})
        self._board.record_incident(f"the copy was accepted although {fence.reason}")
        if not is_off(power.source):
            await copies.stop(vm.source_id, "Deallocate the source: the copy was accepted")
        if not is_running(power.target):
            await copies.start(vm.target_id, "the copy was accepted", "Start the target")
            await copies.wait_for(vm.target_id, "running", "Until the target runs")


def _broken(fence: FenceEvidence) -> FenceEvidence:
    """Return *fence* after the source was seen running beside its copy: what it wrote since, the copy lacks."""
    return fence.model_copy(update={"held": False, "reason": RAN_BESIDE, "data_loss_seconds": None})
