"""Builds whose `MigrateVm` differs from ours in a step at its beginning, with and without a patch around the change."""

from temporalio import workflow

from migration import names
from migration.models import VmTask
from migration.report import VmEnding
from workflows.migrate_vm import MigrateVm

PATCH = "pause-after-the-claim"
_PAUSE_SECONDS = 0.01


@workflow.defn(name=names.MIGRATE_VM)
class Unpatched(MigrateVm):
    """Does one thing more, whoever began the run."""

    @workflow.run
    async def run(self, task: VmTask) -> VmEnding:
        """Move the virtual machine."""
        return await super().run(task)

    async def claim_vm(self) -> None:
        """Wait a moment after the claim: a timer that older histories do not have."""
        await super().claim_vm()
        await workflow.sleep(_PAUSE_SECONDS)


@workflow.defn(name=names.MIGRATE_VM)
class Patched(MigrateVm):
    """Does one thing more in the runs that it begins itself."""

    @workflow.run
    async def run(self, task: VmTask) -> VmEnding:
        """Move the virtual machine."""
        return await super().run(task)

    async def claim_vm(self) -> None:
        """Wait a moment after the claim, where the run was not begun before."""
        await super().claim_vm()
        if workflow.patched(PATCH):
            await workflow.sleep(_PAUSE_SECONDS)
