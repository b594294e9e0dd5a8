"""The two copies of one virtual machine: read, stopped and started, each proved; and what is known of the failover."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.power import PowerActivities
    from activities.waits import WaitActivities
    from migration.models import JobTask, PowerStates, VmTask
    from migration.requests import PowerChange, ReadPower
    from migration.waiting import VmMilestone, VmWait
from workflows import policies
from workflows.engine import Engine

_SHUTDOWN_TASK = "Shut down the virtual machine"
"""The task's friendly name, as the portal and the recorded jobs show it."""


@dataclass
class Facts:
    """What is known of a failover, for whoever judges or undoes it."""

    attempted: bool = False
    answered: bool = False
    source_ran: bool = True
    source_agent_ready: bool = True
    source_was_off: bool = False
    shutdown_started: str | None = None
    end_is_known: bool = False

    def note_tasks(self, tasks: list[JobTask]) -> None:
        """Take the tasks of the failover's job, which has ended."""
        self.end_is_known = True
        begun = (task.started for task in tasks if task.name == _SHUTDOWN_TASK)
        self.shutdown_started = next(begun, None) or self.shutdown_started


class Copies:
    """Source and target. Nothing is powered on without reading the other side."""

    def __init__(self, task: VmTask, engine: Engine) -> None:
        self._source, self._target = task.vm.source_id, task.vm.target_id
        self._engine = engine

    async def read(self, summary: str, reader: str = "") -> PowerStates:
        """Read both sides at one moment; *reader*: who takes over what was read."""
        return await self._engine.call(PowerActivities.read_power, self.both(reader), summary)

    def both(self, reader: str = "") -> ReadPower:
        """Return the question for both sides; *reader*: who takes over what is read."""
        return ReadPower(source_id=self._source, target_id=self._target, reader=reader)

    async def told(self) -> str:
        """Return both sides in words, for a person who is asked."""
        power = await self.read("Read both sides for the person who is asked")
        return f"; the source reads {power.source or 'absent'}, the target {power.target or 'absent'}"

    async def stop(self, vm_id: str, summary: str, deadline: timedelta = policies.JOB_DEADLINE) -> str | None:
        """Deallocate one side and prove it; return since when by Azure."""
        change = PowerChange(vm_id=vm_id, other_id=None, reason=summary)
        await self._engine.call(PowerActivities.deallocate_vm, change, summary)
        return await self.wait_for(vm_id, "deallocated", f"{summary}: proof", deadline)

    async def start(self, vm_id: str, reason: str, summary: str) -> None:
        """Start one side, unless the other one is not certainly off."""
        other = self._target if vm_id == self._source else self._source
        change = PowerChange(vm_id=vm_id, other_id=other, reason=reason)
        await self._engine.call(PowerActivities.start_vm, change, summary)

    async def wait_for(
        self, vm_id: str, until: VmMilestone, summary: str, deadline: timedelta = policies.JOB_DEADLINE
    ) -> str | None:
        """Wait for one side; return since when it is so, by Azure."""
        waited = await self._engine.wait(
            WaitActivities.wait_for_vm,
            lambda give_back: VmWait(vm_id=vm_id, until=until, give_back_after_seconds=give_back),
            summary,
            deadline,
            urgent=True,
            evidence=self.told,
        )
        return waited.since
