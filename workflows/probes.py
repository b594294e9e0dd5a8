"""Prove that a machine serves: it has booted, and the user's own probes hold. The same for target, test and source."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.booting import BootActivities
    from activities.proving import ProbeActivities
    from migration.ids import describe
    from migration.models import SourceVm, VmTask
    from migration.plan_verification import Probe
    from migration.proofs import Boot, BootWait, Comparison, ProbeResult, Proof, RunProbe, failures
from workflows import policies
from workflows.engine import Engine

ISOLATED = "not asked: the network of the test is isolated"
BEFORE = "not asked: it did not hold at the source before the failover either"
NOT_FOR_TESTS = "not asked: the plan leaves it out of test failovers"


class Probes:
    """The questions to the machines of one migration."""

    def __init__(self, task: VmTask, engine: Engine) -> None:
        self._wanted = task.verifying
        self._engine = engine

    @property
    def any(self) -> bool:
        """Whether the plan has probes for this machine."""
        return bool(self._wanted.probes)

    async def prove_machine(
        self, vm_id: str, source: SourceVm, compared: list[Comparison], *, in_test: bool = False
    ) -> Proof:
        """Return all that can be found out about a machine that was just made; a no ends the asking early."""
        proof = Proof(vm_id=vm_id, compared=compared)
        if proof.failures:
            return proof
        boot = await self.boots(vm_id, expects_agent=source.agent_ready)
        proof = proof.model_copy(update={"boot": boot})
        if boot.ok is False:
            return proof
        return proof.model_copy(update={"probes": await self.prove(vm_id, source, in_test=in_test)})

    async def boots(self, vm_id: str, *, expects_agent: bool = True) -> Boot:
        """Return whether a machine has booted, once that shows or its time is over."""
        wait = BootWait(vm_id=vm_id, expects_agent=expects_agent, timeout_seconds=self._wanted.boot_timeout)
        options = policies.booting(timedelta(seconds=self._wanted.boot_timeout))
        summary = f"Until {describe(vm_id)} has booted"
        return await self._engine.call(BootActivities.wait_for_boot, wait, summary, options)

    async def prove(
        self,
        vm_id: str,
        source: SourceVm,
        summary: str = "Probe",
        *,
        in_test: bool = False,
        only: frozenset[str] | None = None,
    ) -> list[ProbeResult]:
        """Ask the probes of the plan, one after the other, and return what each said; nothing is raised for a no.

        Once one has failed, the others are asked once each: the verdict stands, and the source waits. *only*: the names
        of those that are asked; None: all.
        """
        results: list[ProbeResult] = []
        for probe in self._wanted.probes:
            skipped = _why_not_asked(probe) if in_test else ""
            if only is not None and probe.name not in only:
                skipped = BEFORE
            if skipped:
                results.append(_unasked(probe, skipped))
            else:
                results.append(await self._ask(vm_id, source, probe, summary, once=bool(failures(results))))
        return results

    async def ask_once(self, vm_id: str, source: SourceVm, summary: str) -> list[ProbeResult]:
        """Ask every probe of the plan one time, and return what each said."""
        return [await self._ask(vm_id, source, probe, summary, once=True) for probe in self._wanted.probes]

    async def _ask(self, vm_id: str, source: SourceVm, probe: Probe, summary: str, *, once: bool) -> ProbeResult:
        timeout = 0 if once else probe.timeout or self._wanted.timeout
        request = RunProbe(
            vm_id=vm_id,
            os_type=source.os_type,
            probe=probe,
            timeout_seconds=timeout,
            interval_seconds=self._wanted.interval,
        )
        longest = timedelta(seconds=timeout + (probe.command.limit if probe.command else 0)) + policies.RUN_COMMAND
        told = f"{summary}: {probe.name} ({probe.kind}, from the {probe.where})"
        return await self._engine.call(ProbeActivities.run_probe, request, told, policies.asking_guest(longest))


def _why_not_asked(probe: Probe) -> str:
    if not probe.in_test:
        return NOT_FOR_TESTS
    return ISOLATED if probe.where == "worker" else ""


def _unasked(probe: Probe, why: str) -> ProbeResult:
    return ProbeResult(name=probe.name, kind=probe.kind, where=probe.where, ok=None, attempts=0, evidence=why)
