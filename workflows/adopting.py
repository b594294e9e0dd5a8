"""Going on with what an earlier run, or somebody else, has begun: never doubled, nothing that it made lost sight of."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.earlier import EarlierActivities
    from migration.adoption import Adoption
    from migration.earlier import EarlierAnswer, EarlierRuns
    from migration.ids import describe, same_id
    from migration.phases import Outcome, Phase
    from migration.power import RUNNING
from workflows.failures import refusal
from workflows.kit import Kit
from workflows.turns import Turns

_BEFORE_THE_FAILOVER = {
    Phase.CHECKING,
    Phase.REPLICATING,
    Phase.CONFIGURING,
    Phase.TESTING,
    Phase.WAITING_FOR_TURN,
}


class Adopting:
    """What a run takes over at its first check. `passed`: phases that lie behind it, since it has failed over."""

    def __init__(self, kit: Kit, turns: Turns) -> None:
        self.passed: set[Phase] = set()
        self._task, self._board, self._engine = kit.task, kit.board, kit.engine
        self._belongings, self._replication = kit.belongings, kit.replication
        self._turns = turns

    async def take_up(self, adoption: Adoption) -> None:
        """Go on with what is there. Costs nothing where nothing is.

        Raises:
            ApplicationError: of type `Refused`; nothing was written.
        """
        if adoption.stage in {"none", "refused"}:
            return
        self._replication.adoption = adoption
        self._board.adopted = adoption.told
        if adoption.foreign:
            if self._task.adopted_item_id is None:
                raise refusal(f"{adoption.told}; it was not there when the plan began: start the plan again")
            return
        request = EarlierRuns(workflow_id=workflow.info().workflow_id)
        earlier = await self._engine.call(EarlierActivities.read_earlier_runs, request, "Read what earlier runs made")
        await self._belongings.inherit(earlier, adoption.own_ids)
        if adoption.test_pending:
            await self._take_up_test()
        if adoption.is_midway:
            self._skip_to_failover(earlier)
            await self._turns.take_over()

    def tell_end(self, outcome: Outcome) -> None:
        """Say of somebody else's protection that it stays, and that it is no use any more after a failover."""
        target = self._task.vm.target_id
        failed_over = any(same_id(one.id, target) and one.state == "deleted" for one in self._belongings.entries)
        if self._replication.adoption.foreign and outcome is not Outcome.MIGRATED and failed_over:
            item = describe(self._replication.adoption.item_id)
            self._board.record_incident(f"{item} was made by somebody else and stays, failed over: disable it there")

    def _skip_to_failover(self, earlier: EarlierAnswer) -> None:
        """Take the source as it was before its failover: what runs now says nothing about what ran then."""
        self.passed = _BEFORE_THE_FAILOVER
        found = earlier.source or self._replication.source
        if found is not None and earlier.source is None:
            # Only what runs can be replicated, so that a source which is off now was stopped by the failover.
            found = found.model_copy(update={"power_state": RUNNING})
        self._replication.source = found

    async def _take_up_test(self) -> None:
        vm, test = self._task.vm, self._task.vm.test_vm_id
        if not self._belongings.may_have_made(test):
            url = f"https://management.azure.com{self._task.item_id}/testFailoverCleanup?api-version=2025-08-01"
            command = f'az rest --method post --url \'{url}\' --body \'{{"properties":{{"comments":"done"}}}}\''
            raise refusal(
                f"taking up {describe(vm.source_id)}: a test failover of it waits for its clean-up, and no earlier run "
                f"of this plan is known to have made it. Clean it up ({command}), then start again"
            )
        if not self._task.failover.test_first:
            await self._replication.clean_up_test_failover()
