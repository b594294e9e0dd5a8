"""The cutover: fail over behind a fence, verify, commit. Until the commit `way_back` leads to the source again."""

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failover import FailoverActivities
    from activities.replication import ReplicationActivities
    from activities.verification import VerificationActivities
    from migration import makings
    from migration.ledger_proof import AT_THE_END
    from migration.models import JobRef, PowerStates, Verification
    from migration.power import is_off, is_running
    from migration.proofs import Proof, failures, held_of
    from migration.requests import JOB_LOST, FailoverStarted, ReadItem, StartFailover, VerifyTarget
    from migration.times import seconds_between
from workflows import looks
from workflows.copies import Copies, Facts
from workflows.engine import type_of
from workflows.failures import ASR_JOB_FAILED, tasks_of, vm_failure
from workflows.fence import Fence
from workflows.kit import Kit
from workflows.together import Together
from workflows.watch import CopyWatch
from workflows.way_back import WayBack


class Cutover:
    """The chapter between two regions. Until the commit the source can always come back."""

    def __init__(self, kit: Kit) -> None:
        self._task, self._board, self._engine = kit.task, kit.board, kit.engine
        self._belongings, self._replication, self._probes = kit.belongings, kit.replication, kit.probes
        self._facts = Facts()
        self._copies = Copies(kit.task, kit.engine)
        self.fence = Fence(kit.task, kit.board, kit.engine, self._copies)
        kit.replication.on_two_copies = self.fence.contain
        self.way_back = WayBack(kit, self._copies, self.fence, self._facts)
        self.way_back.ask_source = self._prove_source
        self.seen: Verification | None = None
        self.together: Together | None = None
        """The consistency group with which it moves. Set by who knows it; None: it moves alone."""

    async def fail_over(self) -> None:
        """Fail over to the latest point, the source shut down first, and judge the fence."""
        source, facts = self._replication.found, self._facts
        await self._belongings.predict(makings.failover_entries(self._task, source), "Read what the failover will make")
        facts.attempted = True
        facts.source_ran = is_running(source.power_state)
        facts.source_agent_ready = source.agent_ready
        started = await self._begin()
        facts.answered = True
        if started.source_power_state_before is not None:
            facts.source_ran = is_running(started.source_power_state_before)
        job = await self._wait_for_failover(started.started.job)
        await self._belongings.enter_parts(self._task.vm.target_id, "part of the moved virtual machine")
        await self.fence.hold(job)

    async def _begin(self) -> FailoverStarted:
        if self._task.group is not None and self.together is not None:
            return await self.together.fail_over()
        return await self._engine.call(
            FailoverActivities.start_failover, StartFailover(task=self._task), "Start the failover: latest point"
        )

    async def _wait_for_failover(self, job: JobRef | None) -> JobRef | None:
        """Wait for the failover, and return the job that proves how it went; None where nothing does."""
        try:
            ended = await self._engine.wait_for_job(
                job, "Until the failover is done", urgent=True, evidence=self._copies.told
            )
        except FailureError as error:
            # The downtime of a failover that fails counts as well: it may have shut the source down.
            if type_of(error) == ASR_JOB_FAILED:
                if self._task.group is None:
                    self._facts.note_tasks(tasks_of(error))
                else:
                    await self._see_own_failure()
            raise
        if ended is None or ended.state != JOB_LOST:
            if self._task.group is None:
                self._facts.note_tasks(ended.tasks if ended else [])
            return job
        item = await self._engine.call(
            ReplicationActivities.read_item, ReadItem(task=self._task), "See whether it has failed over"
        )
        if not item.failed_over:
            raise vm_failure(f"failing over: its job is not kept, and the item reads {item.protection_state or 'gone'}")
        return None

    async def _see_own_failure(self) -> None:
        """Raise why this machine's own failover failed: the job of a recovery plan only names who did.

        Raises:
            ActivityError: it did. Where another of the group did, nothing is raised here.
        """
        found = await self._engine.call(
            FailoverActivities.find_failover, StartFailover(task=self._task), "Find this machine's part in the failover"
        )
        try:
            ended = await self._engine.wait_for_job(found.job, "Read this machine's part in the failover")
        except FailureError as error:
            self._facts.note_tasks(tasks_of(error))
            raise
        self._facts.note_tasks(ended.tasks if ended else [])

    async def verify_target(self) -> None:
        """Hold the target against the plan, see it boot, ask the plan's probes, and contain two running copies."""
        board, seen = self._board, await self._verify()
        while _both_run(seen):
            await self.fence.contain("at the verification", seen.source_since, seen.running_since)
            await self.fence.follow_policy()
            seen = await self._verify()
        self.seen, board.mismatches = seen, seen.mismatches
        if board.fence is not None:
            board.downtime_seconds = seconds_between(board.fence.shutdown_started, seen.running_since)
        if is_running(seen.target_power_state):
            board.note_target(seen.running_since)
        await self._prove(seen)

    async def _prove(self, seen: Verification) -> None:
        vm, source = self._task.vm, self._replication.found
        # Whoever reads meanwhile sees what is known already.
        self._board.verification = Proof(vm_id=vm.target_id, compared=seen.compared)
        if not seen.mismatches:
            proof = await self._probes.prove_machine(vm.target_id, source, seen.compared)
            self._board.verification = proof
            failed = proof.failures
        else:
            failed = [f"{m.field} is {m.actual}, wanted {m.expected}" for m in seen.mismatches]
        if failed:
            raise vm_failure(f"verifying the target: {'; '.join(failed)}")

    async def ask_source_before(self) -> None:
        """Ask the source what the target will be asked: what does not hold here is not wanted of it on a way back."""
        vm, source = self._task.vm, self._replication.found
        if self._probes.any and is_running(source.power_state):
            probes = await self._probes.ask_once(vm.source_id, source, "Before the failover")
            self._board.source_probes = probes

    async def _prove_source(self) -> None:
        """Ask the source on the way back: nothing is deleted before it serves as it did."""
        vm, source, held = self._task.vm, self._replication.found, held_of(self._board.source_probes)
        if not self._probes.any:
            return
        self._board.source_probes = await self._probes.prove(vm.source_id, source, "Undo: ask the source", only=held)
        if failed := failures(self._board.source_probes):
            raise vm_failure(f"proving that the source serves: {'; '.join(failed)}")

    def watch_copies(self) -> CopyWatch:
        """Return the look at both copies while a person is waited for."""
        return CopyWatch(self._task)

    async def settle_two_copies(self, power: PowerStates) -> None:
        """Contain a source that was started beside the target that serves, and let a person decide which one stays."""
        await self.fence.contain("while the approval was waited for", power.source_since, power.target_since)
        await self.confirm_one_copy("while the approval is waited for")

    async def confirm_one_copy(self, when: str = "since the approval") -> None:
        """Read both sides again after the approval, which may have come days later: the target serves, alone.

        Where it does not, a person decides whatever the plan's policy: the target has served, so each way loses writes.
        """
        while True:
            power = await self._copies.read("Read both sides before the commit")
            if is_running(power.target) and is_off(power.source):
                return
            if is_running(power.target) and is_running(power.source):
                await self.fence.contain("before the commit", power.source_since, power.target_since)
            choice = await self._engine.ask(
                f"{when} the source reads {power.source} and the target {power.target}: see that only the target runs, "
                "then retry; skip deallocates the source and serves from the target, which lacks what the source wrote "
                "meanwhile; give_up goes back to the source, which lacks what was written on the target",
                ("retry", "skip", "give_up"),
            )
            if choice == "skip":
                await self.fence.serve_from_target(f"the target was kept ({self._engine.last_word})")

    async def see_one_copy(self) -> None:
        """Look once more at the end: beyond the commit a source that was started is the copy too many."""
        power = await self._belongings.look_back(self._copies.both(AT_THE_END)) if self._task.joins_steps else None
        power = power or await self._copies.read("See that the target runs alone", AT_THE_END)
        if is_running(power.source) and is_running(power.target):
            await self.fence.contain_source("after the commit", power)
        elif is_running(power.source):
            self._board.record_incident(f"after the commit the source runs, and the target reads {power.target}")

    async def look_again(self) -> None:
        """Read all that was approved once more: the approval may have come days later."""
        spares = looks.are_spared(joins_steps=self._task.joins_steps)
        if not spares:
            await self.confirm_one_copy()
        seen = await self._verify(again=True)
        while not _serves_alone(seen) if spares else _both_run(seen):
            await self.confirm_one_copy()
            seen = await self._verify(again=True)
        self.seen, self._board.mismatches = seen, seen.mismatches

    async def commit_failover(self) -> None:
        """Make the failover final."""
        task, item = self._task, None
        if self.together is None or not await self.together.commit_failover():
            started = await self._engine.call(
                FailoverActivities.commit_failover, StartFailover(task=task), "Commit the failover"
            )
            item = await self._engine.wait_for_item(started.job, task.item_id, "Until the failover is committed")
        if item is None or (item.exists and not item.committed):
            item = await self._engine.call(ReplicationActivities.read_item, ReadItem(task=task), "See it committed")
        if item.exists and not item.committed:
            raise vm_failure(f"committing the failover: its job ended, but the item reads {item.protection_state}")

    async def _verify(self, *, again: bool = False) -> Verification:
        return await self._engine.call(
            VerificationActivities.verify_target,
            VerifyTarget(task=self._task, source=self._replication.found, size=self._replication.size, again=again),
            f"Verify {self._task.vm.target_name} in {self._task.vm.target_region}",
        )


def _both_run(seen: Verification) -> bool:
    return is_running(seen.source_power_state) and is_running(seen.target_power_state)


def _serves_alone(seen: Verification) -> bool:
    source = seen.source_power_state
    return is_running(seen.target_power_state) and is_off(None if source == "absent" else source)
