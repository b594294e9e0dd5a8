"""Enable replication, wait for it, set up the target, and stop it again."""

from collections.abc import Awaitable, Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failover import FailoverActivities
    from activities.power import PowerActivities
    from activities.replication import ReplicationActivities
    from activities.waits import WaitActivities
    from migration import ids, makings
    from migration.adoption import Adoption
    from migration.ledger_proof import around
    from migration.models import SourceVm, Started, VmTask
    from migration.power import is_running
    from migration.requests import ConfigureTarget, DisableReplication, EnableReplication, ReadPower, StartFailover
    from migration.waiting import ProtectedWait
from workflows import looks, policies
from workflows.belongings import Belongings
from workflows.engine import Engine
from workflows.failures import refusal, vm_failure

Contain = Callable[[str, str | None, str | None], Awaitable[None]]


class Replication:
    """The chapter of one virtual machine's replication. `source` is set by the checks before anything is written."""

    def __init__(self, task: VmTask, engine: Engine, belongings: Belongings) -> None:
        self._task = task
        self._engine = engine
        self._belongings = belongings
        self._unheard = False
        """Whether a write was asked for whose answer has not come: what it began may not show yet."""
        self.source: SourceVm | None = None
        self.on_two_copies: Contain | None = None
        """What contains two running copies, seen on the way back before the target is removed."""
        self.size: str | None = None
        """The size that the checks foretold."""
        self.adoption = Adoption()
        self.failover_is_ours = False
        """Set where whoever asks knows that a failover of the item is of the run that it cleans up after."""
        self.worst_copy_seconds: Callable[[], float | None] = lambda: None
        """How long the initial copy takes at worst: one that stands still is told before its deadline."""

    @property
    def found(self) -> SourceVm:
        """The source as the checks found it."""
        if self.source is None:
            raise refusal("reading the source: the checks have not found it")
        return self.source

    async def enable(self) -> None:
        """Enable replication, which installs the agent and makes the replica disks; go on with what is enabled."""
        task = self._task
        if self.adoption.stage == "enabling_failed":
            await self._disable()
            await self._belongings.look("See what the failed enabling left")
        wanted = makings.replication_entries(task, self.found)
        await self._belongings.predict(wanted, "Read what enabling will make", around(task, self.found))
        if self.adoption.is_midway:
            return
        self._unheard = True
        started = await self._engine.call(
            ReplicationActivities.enable_replication,
            EnableReplication(task=task, source=self.found),
            f"Enable replication of {task.vm.name}",
        )
        self._unheard = False
        await self._engine.wait_for_job(started.job, "Until replication is enabled")

    async def wait_until_protected(self) -> None:
        """Wait for the initial copy and the first recovery point."""
        task, worst = self._task, self.worst_copy_seconds()
        summary = f"Until {task.vm.name} is protected"
        made_of = self._belongings.open_ids if looks.are_spared(joins_steps=task.joins_steps) else []
        # The check before the failover, which reads the source, tells of its agent with no read of its own.
        later = task.vm.source_id if task.joins_steps else ""
        wanted = [one for one in made_of if not (later and ids.is_part_of(one, later))]
        while True:
            waited = await self._engine.wait(
                WaitActivities.wait_until_protected,
                lambda give_back: ProtectedWait(
                    task=task, give_back_after_seconds=give_back, worst_seconds=worst, observe=wanted
                ),
                summary,
                policies.PROTECTION_DEADLINE,
            )
            if not waited.failed_over:
                break
            question = (
                f"{summary}: somebody else has failed it over ({waited.failed_over}), which ended its replication"
            )
            await self._engine.ask(question, ("retry", "give_up"))
        if made_of:
            self._belongings.note(waited.seen)
        else:
            await self._belongings.look("See what replication made")

    async def configure_target(self) -> None:
        """Set size, name, network and disks of the target, which Azure takes only once protected, and may ignore."""
        wanted = ConfigureTarget(task=self._task, source=self.found)
        started = await self._engine.call(ReplicationActivities.configure_target, wanted, "Configure the target")
        await self._engine.wait_for_job(started.job, "Until the target is configured")
        as_it_is = started.existed and started.job is None
        if as_it_is and looks.are_spared(joins_steps=self._task.joins_steps):
            return  # it was just read, and is as wanted
        kept = await self._engine.call(
            ReplicationActivities.read_target_configuration, wanted, "Read the target's configuration back"
        )
        if kept.mismatches:
            told = "; ".join(f"{m.field}: wanted {m.expected}, is {m.actual}" for m in kept.mismatches)
            raise vm_failure(f"configuring the target: Azure did not keep {told}")

    async def clean_up_test_failover(self, *, settled: bool = False) -> None:
        """Remove what a test failover of the item made, whoever's run began it; nothing there is fine."""
        engine, wanted = self._engine, StartFailover(task=self._task, settled=settled)
        started = await engine.call(FailoverActivities.clean_up_test_failover, wanted, "Clean up the test failover")
        await engine.wait_for_job(started.job, "Until the test failover is cleaned up")

    async def disable_replication(self) -> None:
        """Stop replication for good; a running enable is stopped or waited for first."""
        await self._disable()

    async def _disable(self, after_foreign_job: Callable[[], Awaitable[None]] | None = None) -> None:
        removed = False
        for _ in range(_DISABLING_ROUNDS):
            started, is_gone = await self._disable_once(removed=removed)
            if is_gone:
                return
            removed = not started.existed
            if started.existed and after_foreign_job is not None:
                await after_foreign_job()
        raise vm_failure("disabling replication: the protected item is still there after its removal was reported done")

    async def disable_and_remove(self) -> None:
        """Stop replication, and remove from the target all that was made; not while the source is down for it."""
        may_have_failed_over = self._belongings.may_have_made(self._task.vm.target_id)
        if may_have_failed_over:
            await self._confirm_source()
        # The job that was waited for may have been a failover, which stops the source.
        if not self.adoption.foreign:
            await self._disable(self._confirm_source if may_have_failed_over else None)
        await self._belongings.remove()

    @property
    def _may_end_failed_over(self) -> bool:
        """Whether a failover of the item would be ours, or of the run that is gone on with."""
        return self.failover_is_ours or self.adoption.is_midway or self._belongings.names(self._task.vm.target_id)

    async def _confirm_source(self) -> None:
        vm = self._task.vm
        request = ReadPower(source_id=vm.source_id, target_id=vm.target_id)
        power = await self._engine.call(PowerActivities.read_power, request, "Undo: read both sides before removing")
        if is_running(power.source) and is_running(power.target) and self.on_two_copies is not None:
            await self.on_two_copies("before the target was removed", power.source_since, power.target_since)
        if is_running(self.found.power_state) and not is_running(power.source):
            raise vm_failure(
                f"removing the target: the source, which ran before, does not run now ({power.source}); nothing is "
                f"deleted before it does (az vm start --ids {vm.source_id})"
            )

    async def _disable_once(self, *, removed: bool) -> tuple[Started, bool]:
        """Ask once for the removal, and wait for the job that works on the item; tell also whether it is gone then."""
        engine, ours = self._engine, self._may_end_failed_over
        wanted = DisableReplication(task=self._task, settled=self._unheard, ours=ours, removed=removed)
        started = await engine.call(ReplicationActivities.disable_replication, wanted, "Disable replication")
        item = await engine.wait_for_item(
            started.job, self._task.item_id, "Until replication is disabled", accept_failure=started.existed
        )
        is_gone = started.job is None if item is None else not item.exists
        return started, is_gone and not started.existed


_DISABLING_ROUNDS = 5
"""A running job to end, the removal, the reading that proves it, and two more for a job that began meanwhile."""
