"""Check that the virtual machine appears in the target region as expected."""

from __future__ import annotations

import asyncio

from temporalio import activity

from activities.heartbeats import beating
from arm import machines, verify
from arm.clients import AzureClients
from migration.ids import describe
from migration.models import Mismatch, Verification
from migration.requests import VerifyTarget


class VerificationActivities:
    """Reads the target, and holds it against the plan."""

    def __init__(self, azure: AzureClients) -> None:
        self._azure = azure

    @activity.defn
    async def verify_target(self, request: VerifyTarget) -> Verification:
        """Tell every field in which the target differs from the plan, and both power states."""
        async with beating(list):
            return await self._verify(request)

    async def _verify(self, request: VerifyTarget) -> Verification:
        vm = request.task.vm
        source, target = await asyncio.gather(
            machines.read_machine(self._azure, vm.source_id), machines.read_machine(self._azure, vm.target_id)
        )
        source_power = source.power_state if source else "absent"
        if target is None:
            missing = Mismatch(field="virtual machine", expected=describe(vm.target_id), actual="absent")
            return Verification(mismatches=[missing], target_power_state="absent", source_power_state=source_power)
        disks = await asyncio.gather(*(machines.read_disk(self._azure, disk) for disk in target.disks))
        interfaces = await asyncio.gather(*(machines.read_interface(self._azure, nic) for nic in target.nic_ids))
        seen = verify.Target(target, list(disks), list(interfaces))
        return Verification(
            mismatches=verify.mismatches(vm, request.source, seen),
            target_power_state=target.power_state,
            source_power_state=source_power,
            running_since=target.power_since,
            source_since=source.power_since if source else None,
        )
