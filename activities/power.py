"""Start and deallocate virtual machines; nothing is started without reading its other copy first."""

from __future__ import annotations

import asyncio

from temporalio import activity

from activities.failures import refused
from activities.heartbeats import beating
from activities.writing import INTENT_SETTLE_SECONDS, Find, Write, Writer
from arm import machines, operations
from arm.clients import AzureClients
from arm.handover import FENCE
from arm.machines import Machine
from arm.writes import Accepted, begin
from migration import power
from migration.ids import ResourceId, describe
from migration.models import PowerStates, Started
from migration.requests import PowerChange, ReadParts, ReadPower, VmParts

OTHER_COPY_RUNS = "OtherCopyRuns"
OUTCOME_SECONDS = 120.0
"""How long a start or a stop is followed for the reason of its failure; the longest seen took a minute."""
_GOING_OFF = {"powerstate/deallocating"}


class PowerActivities:
    """The power states of a machine and its copy."""

    def __init__(self, azure: AzureClients, settle_seconds: float = INTENT_SETTLE_SECONDS) -> None:
        self._azure = azure
        self._writer = Writer(azure, settle_seconds)

    @activity.defn
    async def deallocate_vm(self, change: PowerChange) -> Started:
        """Deallocate a virtual machine, unless it is deallocated or absent; `wait_for_vm` then proves it."""

        async def find() -> Started | None:
            machine = await machines.read_machine(self._azure, change.vm_id)
            state = machine.power_state.lower() if machine else ""
            done = machine is None or state == power.DEALLOCATED.lower() or state in _GOING_OFF
            return Started(resource_id=change.vm_id, existed=machine is not None) if done else None

        return await self._change(change, find, "begin_deallocate")

    @activity.defn
    async def start_vm(self, change: PowerChange) -> Started:
        """Start a virtual machine, unless it runs.

        Raises:
            ApplicationError: `OtherCopyRuns`: its other copy is not certainly off.
        """

        async def find() -> Started | None:
            machine = await machines.read_machine(self._azure, change.vm_id)
            if machine is None:
                raise refused(f"starting {describe(change.vm_id)}: it does not exist.", change.vm_id)
            if power.is_running(machine.power_state):
                return Started(resource_id=change.vm_id, existed=True)
            await self._refuse_beside_other(change)
            return None

        return await self._change(change, find, "begin_start")

    @activity.defn
    async def read_power(self, request: ReadPower) -> PowerStates:
        """Read both copies at one moment."""
        async with beating(list):
            return await read_both(self._azure, request)

    @activity.defn
    async def read_parts(self, request: ReadParts) -> VmParts:
        """Tell the interfaces and disks of a virtual machine."""
        async with beating(list):
            document = await machines.read_document(self._azure, request.vm_id)
        if document is None:
            return VmParts(exists=False)
        self._azure.handed.put(FENCE, {request.vm_id: document})
        machine = machines.machine_of(document)
        return VmParts(exists=True, nic_ids=list(machine.nic_ids), disk_ids=[disk.id for disk in machine.disks])

    async def _refuse_beside_other(self, change: PowerChange) -> None:
        if change.other_id is None:
            return
        other = await machines.read_machine(self._azure, change.other_id)
        if other is not None and not power.is_off(other.power_state):
            raise refused(
                f"starting {describe(change.vm_id)}: its copy {describe(change.other_id)} is {other.power_state}.",
                change.vm_id,
                OTHER_COPY_RUNS,
                remedy="Deallocate that one first: two running copies would both take writes.",
            )

    async def _change(self, change: PowerChange, find: Find, operation: str) -> Started:
        vm = ResourceId.parse(change.vm_id)
        accepted: list[Accepted] = []

        async def send() -> Accepted:
            client = self._azure.compute(vm.subscription).virtual_machines
            accepted.append(await begin(getattr(client, operation), vm.resource_group, vm.name))
            return accepted[-1]

        async def settled() -> None:
            for write in accepted:
                await self._raise_failure(change, vm, write)

        return await self._writer.write(Write(change.vm_id, find, send, afterwards=settled))

    async def _raise_failure(self, change: PowerChange, vm: ResourceId, accepted: Accepted) -> None:
        failure = await operations.failure_of(self._azure, vm.subscription, accepted, OUTCOME_SECONDS)
        if failure is not None:
            code, message = failure
            raise refused(
                f"{change.reason or 'changing the power'}: {describe(change.vm_id)}: {code}: {message}", vm.text
            )


async def read_both(azure: AzureClients, request: ReadPower) -> PowerStates:
    """Return the power states of both copies at one moment; what was read is handed on to the request's reader."""
    both = [request.source_id, request.target_id]
    documents = await asyncio.gather(*(machines.read_document(azure, one) for one in both))
    if request.reader:
        azure.handed.put(request.reader, dict(zip(both, documents, strict=True)))
    source, target = (None if one is None else machines.machine_of(one) for one in documents)
    return PowerStates(
        source=_state(source),
        target=_state(target),
        source_since=source.power_since if source else None,
        target_since=target.power_since if target else None,
    )


def _state(machine: Machine | None) -> str | None:
    return machine.power_state if machine else None
