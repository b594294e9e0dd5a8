"""What has to hold before anything is written, and again right before the failover."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.preflight import PreflightActivities
    from migration.adoption import Adoption
    from migration.findings import CheckVm
    from migration.fingerprint import Fingerprint
    from migration.phases import Phase
    from migration.severities import Moment
from workflows.failures import moved_before, refusal
from workflows.holding import until_mended
from workflows.kit import Kit
from workflows.parity import Parity
from workflows.turns import Turns


class Prerequisites:
    """The checks of one virtual machine. The first tells the other chapters what was found."""

    def __init__(self, kit: Kit, parity: Parity, turns: Turns) -> None:
        self._task, self._board, self._engine = kit.task, kit.board, kit.engine
        self._belongings, self._replication = kit.belongings, kit.replication
        self._parity = parity
        self._turns = turns
        self._moved_before = False
        self.adoption = Adoption()
        """What replicates the machine already, as of the last check."""
        self._fingerprint: Fingerprint | None = None
        self._held = False

    async def check_prerequisites(self) -> None:
        """Ask all that can be known before anything is written."""
        findings = await self._check("start")
        if self._moved_before:
            raise moved_before("moved by an earlier run")
        if findings:
            raise refusal("; ".join(findings))

    async def check_prerequisites_again(self) -> None:
        """Ask again right before the failover. A finding holds the virtual machine; the copy is not thrown away.

        It is asked again by itself until it is mended, a person gives up, or the plan's deadline rolls it back. Who
        waited gave the turn back, and waits for it once more.
        """
        while True:
            await until_mended(self._engine, self._task.approval, self._in_the_way)
            if not self._turns.lost:
                return
            self._board.enter(Phase.WAITING_FOR_TURN)
            await self._turns.wait_for_turn()
            self._board.enter(Phase.CHECKING)

    async def _in_the_way(self) -> str:
        findings = await self._check("cutover")
        self._held = bool(findings)
        return f"before the failover: {'; '.join(findings)}" if findings else ""

    async def _check(self, moment: Moment) -> list[str]:
        """Ask the rules; return the blocking answers in words."""
        known = None if moment == "start" else self._replication.source
        request = CheckVm(
            task=self._task,
            moment=moment,
            own_ids=[entry.id for entry in self._belongings.entries if entry.ours],
            recorded=known,
            fingerprint=None if moment == "start" else self._fingerprint,
            again=self._held,
            ahead=self._task.joins_steps,
        )
        answer = await self._engine.call(PreflightActivities.check_vm, request, f"Check {self._task.vm.name}: {moment}")
        self._board.findings = answer.findings
        self._moved_before, self.adoption = answer.already_migrated, answer.adoption
        self._belongings.foresee(answer.ahead)
        if answer.source is not None:
            self._replication.source = answer.source
        self._parity.source = answer.side or self._parity.source
        self._replication.size = self._replication.size or answer.size
        self._fingerprint = answer.fingerprint
        self._board.fingerprint = answer.fingerprint.digest if answer.fingerprint else None
        return [f"{finding.subject}: {finding.evidence}" for finding in answer.blocking]
