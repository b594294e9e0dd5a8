"""The test failover: a copy in a network that is proved to be isolated first, verified, probed, and cleaned up."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failover import FailoverActivities
    from activities.isolation import IsolationActivities
    from activities.power import PowerActivities
    from activities.verification import VerificationActivities
    from migration import makings
    from migration.ids import describe
    from migration.proofs import Isolation, ProveIsolation, TestFailoverReport
    from migration.requests import ReadParts, StartFailover, VerifyTarget
from workflows.board import now_text
from workflows.failures import vm_failure
from workflows.holding import until_mended
from workflows.kit import Kit


class Rehearsal:
    """The chapter of one virtual machine's test failover. The source runs on meanwhile, untouched."""

    def __init__(self, kit: Kit) -> None:
        self._task, self._board, self._engine = kit.task, kit.board, kit.engine
        self._belongings, self._replication, self._probes = kit.belongings, kit.replication, kit.probes
        self._unheard = False
        """Whether a test was asked for whose answer has not come: what it began may not show yet."""

    async def test_failover(self) -> None:
        """Run a test failover into the isolated network, verify and probe its copy, and clean it up."""
        engine, task, source = self._engine, self._task, self._replication.found
        await self._prove_isolation()
        await self._belongings.predict(makings.test_entries(task, source), "Read what the test failover will make")
        self._unheard = True
        started = await engine.call(
            FailoverActivities.start_test_failover, StartFailover(task=task), "Start the test failover"
        )
        self._unheard = False
        self._note(second_copy="isolated", started=now_text())
        await engine.wait_for_job(started.job, "Until the test failover is done")
        parts = await engine.call(
            PowerActivities.read_parts, ReadParts(vm_id=task.vm.test_vm_id), "See the virtual machine of the test"
        )
        if not parts.exists:
            raise vm_failure("testing the failover: it ended well, but there is no test virtual machine")
        self._belongings.note_parts([*parts.nic_ids, *parts.disk_ids], "part of the test failover")
        await self._verify_copy()
        await self.clean_up_test_failover()

    async def clean_up_test_failover(self) -> None:
        """Remove what a test failover made; nothing there is fine."""
        await self._replication.clean_up_test_failover(settled=self._unheard)
        if self._report.started is not None and self._report.ended is None:
            self._note(ended=now_text())

    async def _prove_isolation(self) -> None:
        """Hold until the test network is isolated: nothing is started into one that is not.

        It is looked at again by itself until it is mended, a person gives up, or the plan's deadline rolls it back.
        """
        await until_mended(self._engine, self._task.approval, self._why_not_isolated)

    async def _why_not_isolated(self) -> str:
        network = self._task.vm.test_network_id or ""
        found = await self._look_at_network(network)
        if found.isolated:
            return ""
        return f"before the test failover: {describe(network)} is not isolated: {'; '.join(found.reasons)}"

    async def _look_at_network(self, network: str) -> Isolation:
        vm, source = self._task.vm, self._replication.found
        production = list(dict.fromkeys([vm.network_id, *(nic.network_id for nic in source.nics)]))
        request = ProveIsolation(network_id=network, production=production, region=vm.target_region)
        found = await self._engine.call(
            IsolationActivities.prove_isolation, request, "Prove that the test network is isolated"
        )
        self._note(isolation=found)
        return found

    async def _verify_copy(self) -> None:
        vm, source = self._task.vm, self._replication.found
        seen = await self._engine.call(
            VerificationActivities.verify_test_copy,
            VerifyTarget(task=self._task, source=source, size=self._replication.size),
            f"Verify {describe(vm.test_vm_id)}",
        )
        proof = await self._probes.prove_machine(vm.test_vm_id, source, seen.compared, in_test=True)
        self._note(verification=proof)
        if proof.failures:
            raise vm_failure(f"testing the failover: {'; '.join(proof.failures)}")

    @property
    def _report(self) -> TestFailoverReport:
        return self._board.test_failover or TestFailoverReport(vm_id=self._task.vm.test_vm_id)

    def _note(self, **found: object) -> None:
        self._board.test_failover = self._report.model_copy(update=found)
