"""Check that the virtual machine appears in the target region as expected."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from temporalio import activity

from activities.heartbeats import beating
from arm import inventory_documents as documents
from arm import machines, reads, verify
from arm.asking import Memory
from arm.clients import AzureClients
from arm.handover import BOOT, PARITY, VERIFYING
from arm.machines import AttachedDisk, Machine
from arm.reads import Json
from migration.facts import Fact
from migration.ids import describe, id_key
from migration.inventory import Network
from migration.models import Verification
from migration.proofs import Comparison
from migration.requests import VerifyTarget

NETWORK_FLOORS = 15
"""How many floors old the ranges of a target network may be, half a minute where the floor is two seconds."""


class VerificationActivities:
    """Reads the target, and holds it against the plan."""

    def __init__(self, azure: AzureClients, floor_seconds: float = 0.0) -> None:
        """*floor_seconds*: between two reads; the ranges of a target network may be so old for each of its fleet."""
        self._azure = azure
        self._networks = Memory()
        self._age_seconds = NETWORK_FLOORS * floor_seconds

    @activity.defn
    async def verify_target(self, request: VerifyTarget) -> Verification:
        """Tell every field in which the target differs from the plan, and both power states."""
        vm = request.task.vm
        async with beating(list):
            *both, network = await asyncio.gather(
                self._machine(request, vm.source_id),
                self._machine(request, vm.target_id),
                self._networks.recall(id_key(vm.network_id), self._age_seconds, lambda: self._network(vm.network_id)),
            )
            source, target = (None if one is None else machines.machine_of(one) for one in both)
            # A machine's document does not tell by which set a disk is encrypted.
            told = request.again and not request.task.vm.disk_encryption_set_id
            seen = await self._parts(target, told=told) if target else None
        for reader in (BOOT, PARITY):
            self._azure.handed.put(reader, {vm.target_id: both[1]} if both[1] else {})
        source_power = source.power_state if source else "absent"
        if target is None or seen is None:
            compared = [_absent(vm.target_id)]
        else:
            seen = replace(seen, network=network.value)
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

    async def _machine(self, request: VerifyTarget, vm_id: str) -> Json | None:
        """Return a machine: at the first look as the fence has just read it, right before the commit as it is."""
        if request.again:
            return await machines.read_document(self._azure, vm_id)
        return await machines.just_read(self._azure, VERIFYING, vm_id)

    async def _network(self, network_id: str) -> Fact[Network]:
        document = await reads.read(self._azure, network_id)
        return Fact(None if document is None else documents.network(document))

    async def _parts(self, machine: Machine, *, told: bool = False) -> verify.Target:
        """Read the parts; *told*: what the machine itself tells of its disks is enough, which were read before."""
        disks, interfaces = await asyncio.gather(
            asyncio.gather(*(self._disk(disk, told=told) for disk in machine.disks)),
            asyncio.gather(*(machines.read_interface(self._azure, nic) for nic in machine.nic_ids)),
        )
        return verify.Target(machine, list(disks), list(interfaces))

    async def _disk(self, disk: AttachedDisk, *, told: bool) -> AttachedDisk | None:
        return disk if told and disk.size_gib and disk.type else await machines.read_disk(self._azure, disk)


def _absent(vm_id: str) -> Comparison:
    return Comparison(field="virtual machine", expected=describe(vm_id), actual="absent", ok=False)
