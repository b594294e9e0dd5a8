"""The fence: two running copies are contained, the evidence is judged, and the plan's policy is followed."""

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failover import FailoverActivities
    from migration.copies import TwoCopies
    from migration.models import FenceEvidence, JobRef, PowerStates, VmTask
    from migration.power import DEALLOCATED, RUNNING, is_off, is_running
    from migration.requests import JudgeFence
    from migration.times import seconds_between
from workflows import policies
from workflows.board import Board
from workflows.copies import Copies
from workflows.engine import Engine, reason_of, type_of
from workflows.failures import GAVE_UP, going_on, vm_failure
from workflows.moments import Side

RAN_BESIDE = "the source ran beside its copy"


class Fence:
    """What stands between two copies that both take writes."""

    def __init__(self, task: VmTask, board: Board, engine: Engine, copies: Copies) -> None:
        self._task = task
        self._board = board
        self._engine = engine
        self._copies = copies
        self._ran_beside = False
        self._lacking_since: str | None = None
        """From when on the copy lacks what the source wrote, by Azure."""

    async def hold(self, job: JobRef | None) -> None:
        """Judge a failover by its job, and follow the plan's policy where the fence did not hold."""
        while True:
            fence = self._board.fence = await self._judge(job)
            is_unknown = fence.held is None
            if fence.both_running_seen:
                await self.contain("after the failover", fence.source_running_since, fence.target_running_since)
                fence = self._board.fence
            if fence.held or await self._follow_policy(fence, is_unknown=is_unknown):
                return

    async def follow_policy(self) -> None:
        """Do what the plan says after both copies were seen running; nothing that could be read again undoes that."""
        fence = self._board.fence or FenceEvidence(held=False, reason=RAN_BESIDE)
        while not await self._follow_policy(fence):
            pass  # nothing that could be read again proves that the source did not write meanwhile

    async def contain(self, where: str, source_since: str | None, target_since: str | None) -> None:
        """Stop the target, which lacks the newest writes, and prove it, before anything is discussed.

        The times are Azure's, since when each side runs.
        """
        fence = self._board.fence
        if not self._ran_beside:
            # Behind a fence that held, the source has written only since somebody started it again.
            held = fence is not None and fence.held is True
            self._lacking_since = source_since if held else fence.recovery_point_time if fence else None
        moment = await self._contain(where, source_since, target_since, "target")
        self._ran_beside = True
        if fence is not None:
            runs = {"source_power_state": RUNNING} if moment.stopped == "target" else {}
            self._board.fence = _broken(fence, moment, self._lacking_since).model_copy(update=runs)

    async def contain_source(self, where: str, power: PowerStates) -> None:
        """Stop the source, where the target is committed and the only one that counts."""
        await self._contain(where, power.source_since, power.target_since, "source")

    async def _contain(self, where: str, source_since: str | None, target_since: str | None, side: Side) -> TwoCopies:
        board = self._board
        moment = board.moments.see(where, source_since, target_since, side)
        board.record_incident(moment.text)
        board.show(waiting_for=f"two copies run: the {side} is being deallocated")
        since, stopped = await self._stop(side)
        moment = board.moments.contain(since, stopped)
        board.record_incident(f"contained: the {stopped} is off; both ran for {_seconds(moment.seconds)}")
        board.show()
        return moment

    async def _stop(self, side: Side) -> tuple[str | None, Side]:
        """Deallocate one side, again and again until one is off; return since when, and which one is."""
        vm_id = self._task.vm.target_id if side == "target" else self._task.vm.source_id
        while True:
            try:
                summary = f"Contain: deallocate the {side}"
                return await self._copies.stop(vm_id, summary, policies.CONTAINMENT_DEADLINE), side
            except FailureError as error:
                if type_of(error) == GAVE_UP:
                    raise
                await self._engine.ask(
                    f"two copies run, and the {side} cannot be deallocated: {going_on(reason_of(error))}. By hand: "
                    f"az vm deallocate --ids {vm_id}. It is tried again every "
                    f"{policies.CONTAINMENT_RETRY.seconds // 60} minutes; retry tries at once",
                    ("retry", "give_up"),
                    policies.CONTAINMENT_RETRY,
                )
            power = await self._copies.read("See whether both copies still run")
            if is_off(power.target):
                return power.target_since, "target"
            if is_off(power.source):
                return power.source_since, "source"

    async def _judge(self, job: JobRef | None) -> FenceEvidence:
        if job is None:
            power = await self._copies.read("Read both sides: no job tells of the fence")
            return FenceEvidence(
                held=None,
                reason="the failover had ended before, and its job is not kept",
                source_power_state=power.source,
                source_running_since=power.source_since if is_running(power.source) else None,
                target_power_state=power.target,
                target_running_since=power.target_since if is_running(power.target) else None,
                both_running_seen=is_running(power.source) and is_running(power.target),
            )
        fence = await self._engine.call(
            FailoverActivities.judge_fence, JudgeFence(task=self._task, job=job), "Judge the fence"
        )
        if not self._ran_beside:
            return fence
        # Evidence that is read again knows the loss at the failover, not what the source wrote beside its copy.
        return _broken(fence, self._board.moments.all[-1], self._lacking_since)

    async def _follow_policy(self, fence: FenceEvidence, *, is_unknown: bool = False) -> bool:
        """Do what the plan says where the fence did not hold; return False to look at the evidence again."""
        policy = "ask" if is_unknown else self._task.failover.if_shutdown_fails
        if policy == "roll_back":
            raise vm_failure(f"fencing the source: {fence.reason}")
        by = "the plan"
        if policy == "ask":
            if not await self._asked_to_accept(fence):
                return False
            by = self._engine.last_word
        await self.serve_from_target(f"the copy was accepted although {fence.reason} ({by})")
        return True

    async def _asked_to_accept(self, fence: FenceEvidence) -> bool:
        # What the source writes until it is stopped comes on top; that is known once it has stopped.
        more = ", and all that it still writes" if is_running(fence.source_power_state) else ""
        verdict = "cannot be judged" if fence.held is None else "did not hold"
        choice = await self._engine.ask(
            f"the fence {verdict} ({fence.reason}); the copy lacks the writes of {_seconds(fence.data_loss_seconds)}"
            f"{more}. retry reads the evidence again, skip stops the source and goes on with the copy, "
            "give_up rolls back",
            ("retry", "skip", "give_up"),
        )
        return choice == "skip"

    async def serve_from_target(self, why: str) -> None:
        """Go on with the copy: the source is deallocated and proved to be before the target starts."""
        vm, copies = self._task.vm, self._copies
        power = await copies.read("Read both sides")
        if is_running(power.source) and is_running(power.target):
            await self.contain("before the copy was accepted", power.source_since, power.target_since)
            power = power.model_copy(update={"target": DEALLOCATED})
        self._board.record_incident(why)
        if not is_off(power.source):
            stopped = await copies.stop(vm.source_id, "Deallocate the source: the copy was accepted")
            self._note_loss(stopped)
        if not is_running(power.target):
            await copies.start(vm.target_id, "the copy was accepted", "Start the target")
            await copies.wait_for(vm.target_id, "running", "Until the target runs")

    def _note_loss(self, stopped: str | None) -> None:
        """Enter which writes the copy lacks, now that the source has stopped."""
        fence = self._board.fence
        since = self._lacking_since or (fence.recovery_point_time if fence else None)
        loss = seconds_between(since, stopped)
        if fence is not None and loss is not None:
            self._board.fence = fence.model_copy(update={"data_loss_seconds": max(loss, 0)})


def _broken(fence: FenceEvidence, moment: TwoCopies, lacking_since: str | None) -> FenceEvidence:
    """Return *fence* after the source was seen running beside its copy: what it wrote since, the copy lacks."""
    until = moment.contained if moment.clock == "azure" else None
    loss = seconds_between(lacking_since, until)
    if fence.held is False:
        known = fence.data_loss_seconds
        return fence if loss is None else fence.model_copy(update={"data_loss_seconds": max(loss, known or 0)})
    return fence.model_copy(update={"held": False, "reason": RAN_BESIDE, "data_loss_seconds": loss})


def _seconds(seconds: int | None) -> str:
    return "an unknown time" if seconds is None else f"{seconds} s"
