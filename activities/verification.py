"""Check that the virtual machine appears in the target region as expected."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from temporalio import activity

from activities.heartbeats import beating
from arm import inventory_documents as documents
from arm import machines, reads, verify
from arm.clients import AzureClients
from arm.machines import Machine
from migration.ids import describe
from migration.models import Verification
from migration.proofs import Comparison
from migration.requests import VerifyTarget


class VerificationActivities:
    """Reads the target, and holds it against the plan."""

    def __init__(self, azure: AzureClients) -> None:
        self._azure = azure

    @activity.defn
    async def verify_target(self, request: VerifyTarget) -> Verification:
        """Tell every field in which the target differs from the plan, and both power states."""
        vm = request.task.vm
        async with beating(list):
            source, target, network = await asyncio.gather(
                machines.read_machine(self._azure, vm.source_id),
                machines.read_machine(self._azure, vm.target_id),
                reads.read(self._azure, vm.network_id),
            )
            seen = await self._parts(target) if target else None
        source_power = source.power_state if source else "absent"
        if target is None or seen is None:
            compared = [_absent(vm.target_id)]
        else:
            seen = replace(seen, network=documents.network(network) if network else None)
            compared = verify.compared(vm, request.source, seen, request.size)
        return Verification(
            mismatches=verify.differing(compared),
            compared=compared,
            target_power_state=target.power_state if target else "absent",
            source_power_state=source_power,
            running_since=target.power_since if target else None,
            source_since=source.power_since if source else None,
            source_vm_id=source.unique_id if source else None,
            target_vm_id=target.unique_id if target else None,
        )

    @activity.defn
    async def verify_test_copy(self, request: VerifyTarget) -> Verification:
        """Tell every field in which the copy of a test failover differs from what the failover would make."""
        vm = request.task.vm
        async with beating(list):
            copy = await machines.read_machine(self._azure, vm.test_vm_id)
            seen = await self._parts(copy) if copy else None
        missing = [_absent(vm.test_vm_id)]
        compared = verify.compared_test(vm, request.source, seen, request.size) if seen else missing
        return Verification(
            mismatches=verify.differing(compared),
            compared=compared,
            target_power_state=copy.power_state if copy else "absent",
            source_power_state="",
            running_since=copy.power_since if copy else None,
        )

    async def _parts(self, machine: Machine) -> verify.Target:
        disks, interfaces = await asyncio.gather(
            asyncio.gather(*(machines.read_disk(self._azure, disk) for disk in machine.disks)),
            asyncio.gather(*(machines.read_interface(self._azure, nic) for nic in machine.nic_ids)),
        )
        return verify.Target(machine, list(disks), list(interfaces))


def _absent(vm_id: str) -> Comparison:
    return Comparison(field="virtual machine", expected=describe(vm_id), actual="absent", ok=False)
