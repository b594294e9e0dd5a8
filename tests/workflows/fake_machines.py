"""Stand-ins for machines and people: power, approvals, hooks, messages, windows."""

from temporalio import activity

from activities.approval import ApprovalActivities
from migration import ids
from migration.approvals import Desk, OpenDesk, Verified, VerifyApproval
from migration.delivery import Deliver, DeliveryAnswer
from migration.hooks import HookRan, RunHook
from migration.models import PowerStates, Started
from migration.notices import SendNotification
from migration.power import DEALLOCATED, RUNNING
from migration.requests import (
    PowerChange,
    ReadParts,
    ReadPower,
    VmParts,
)
from migration.waiting import (
    LookAtWindow,
)
from migration.windows import Standing
from tests.workflows.stand_in import StandIn


class Courier(StandIn):
    @activity.defn
    async def deliver_message(self, request: Deliver) -> DeliveryAnswer:
        """Deliver as the worker does."""
        scripted: DeliveryAnswer | None = await self.play(request, lambda: None)
        assert self.world.courier is not None
        return scripted or await self.world.courier.deliver_message(request)


class Power(StandIn):
    @activity.defn
    async def deallocate_vm(self, request: PowerChange) -> Started:
        """Stop a machine, if it is there."""
        return await self._turn(request, DEALLOCATED)

    @activity.defn
    async def start_vm(self, request: PowerChange) -> Started:
        """Start a machine, if it is there."""
        return await self._turn(request, RUNNING)

    @activity.defn
    async def read_power(self, request: ReadPower) -> PowerStates:
        """Read both sides."""
        return await self.play(request, lambda: self.world.both(request))

    @activity.defn
    async def read_parts(self, request: ReadParts) -> VmParts:
        """Tell of a machine whose parts have the names that were predicted."""

        def answer() -> VmParts:
            there = VmParts(exists=self.world.is_there(request.vm_id))
            return self.world.parts.get(ids.id_key(request.vm_id), there) if there.exists else there

        return await self.play(request, answer)

    async def _turn(self, request: PowerChange, state: str) -> Started:
        def answer() -> Started:
            there = self.world.power_of(request.vm_id) is not None
            if there:
                self.world.power[ids.id_key(request.vm_id)] = state
            return Started(resource_id=request.vm_id, existed=there)

        return await self.play(request, answer)


class Approvals(StandIn):
    @activity.defn
    async def open_desk(self, request: OpenDesk) -> Desk:
        """Tell how tokens may be sent."""
        scripted: Desk | None = await self.play(request, lambda: None)
        return scripted or await self._real.open_desk(request)

    @activity.defn
    async def verify_approval(self, request: VerifyApproval) -> Verified:
        """Verify as the worker does."""
        scripted: Verified | None = await self.play(request, lambda: None)
        return scripted or await self._real.verify_approval(request)

    @property
    def _real(self) -> ApprovalActivities:
        assert self.world.approvals is not None
        return self.world.approvals


class Hooks(StandIn):
    @activity.defn
    async def run_hook(self, request: RunHook) -> HookRan:
        """Run it well."""
        return await self.play(request, lambda: HookRan(output="done"))


class Notifications(StandIn):
    @activity.defn
    async def send_notification(self, request: SendNotification) -> None:
        """Tell."""
        await self.play(request, lambda: None)


class Windows(StandIn):
    @activity.defn
    async def look_at_window(self, request: LookAtWindow) -> Standing:
        """Look as the real one does: it asks nobody."""
        return await self.play(request, lambda: request.schedule.look(request.at))
