"""Replicating back to the region that was left, where the plan wants it in place of the end of replication."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.replication import ReplicationActivities
    from activities.reprotection import ReprotectionActivities
    from activities.waits import WaitActivities
    from migration import makings
    from migration.requests import DisableReplication, ReadItem, Reprotect
    from migration.waiting import ProtectedWait
from workflows.failures import vm_failure
from workflows.kit import Kit


class Reprotection:
    """The chapter after the commit. Nothing here is undone: what fails waits for a person."""

    def __init__(self, kit: Kit) -> None:
        self._task, self._engine = kit.task, kit.engine
        self._belongings, self._replication = kit.belongings, kit.replication

    async def reprotect(self) -> None:
        """Turn the replication round, and wait until the machine is protected again, and healthy, the other way."""
        task, source, name = self._task, self._replication.found, self._task.vm.name
        await self._belongings.predict(makings.return_entries(task, source), "Read what replicating back will make")
        wanted = Reprotect(task=task, source=source)
        started = await self._engine.call(ReprotectionActivities.reprotect, wanted, f"Replicate {name} back")
        await self._engine.wait_for_job(started.job, "Until its replication is turned round")
        deadline = timedelta(seconds=task.reprotect.deadline) if task.reprotect else timedelta(0)
        protected = await self._engine.wait(
            WaitActivities.wait_until_protected,
            lambda give_back: ProtectedWait(task=task.reversed, give_back_after_seconds=give_back),
            f"Until {name} is protected the other way",
            deadline,
        )
        if protected.health.lower() == "critical":
            item = await self._engine.call(
                ReplicationActivities.read_item, ReadItem(task=task.reversed), "Read why it is not healthy"
            )
            raise vm_failure(f"replicating {name} back: its health is critical: {'; '.join(item.errors) or 'no cause'}")
        await self._belongings.look("See what replicating back made")

    async def give_it_up(self) -> None:
        """End what was begun of it, as if the plan had not asked for it: replication ends both ways."""
        await self._replication.disable_replication()
        started = await self._engine.call(
            ReplicationActivities.disable_replication,
            DisableReplication(task=self._task.reversed),
            "End the replication back",
        )
        await self._engine.wait_for_job(started.job, "Until the replication back has ended", accept_failure=True)
