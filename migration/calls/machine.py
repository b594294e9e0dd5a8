"""The calls for one virtual machine, in the order of its story, and those of the way back."""

from __future__ import annotations

from collections.abc import Iterator

from migration import ids
from migration.calls.call import ALWAYS, ON_THE_WAY_BACK, Call, Place
from migration.calls.move import Move
from migration.calls.parity import after_commit, restored, taken_back
from migration.consistency import recovery_plan_id
from migration.hooks import Hook
from migration.models import VmSpec

CHECK, ENABLE, CONFIGURE = "check", "enable replication", "configure the target"
TEST, FAIL_OVER, COMMIT, DISABLE = "test failover", "fail over", "commit", "disable replication"
REPROTECT = "replicate back"
UNDO = "return to the source"

IF_GUEST_ANSWERS = "if it runs, its agent is ready and nothing replicates it yet"
FOR_EACH_PROBE = "for each probe from inside, until it holds"
FOR_EACH_PROBE_BEFORE = "for each probe from inside, once, and again on the way back"
IF_IT_DIFFERS = "if Site Recovery's choice differs from the plan"
IF_BOTH_RUN = "if both copies run"
IF_COPY_ACCEPTED = "if the copy is accepted although the source did not stop"
IF_IT_FAILED_OVER = f"{ON_THE_WAY_BACK}, if it failed over"
IF_SOURCE_WAS_STOPPED = f"{ON_THE_WAY_BACK}, if this run stopped it"
IF_ENABLING = f"{ON_THE_WAY_BACK}, if it is still being enabled"
IF_SOURCE_RUNS = f"{ON_THE_WAY_BACK}, where the source runs"
IF_SOURCE_IS_OFF = "where the source is switched off"
IF_MADE = f"{ON_THE_WAY_BACK}, if this run made it"
IF_WRITES_ARE_KEPT = f"{ON_THE_WAY_BACK}, if the target had run"
IF_KEPT_LONG_ENOUGH = "once the plan's time to keep them is over"
IF_GIVEN_UP = "if a person gives up replicating back"
IF_NOT_WITH_GROUP = "if the commit of its consistency group did not reach it"
IF_TEST_IS_LEFT = f"{ON_THE_WAY_BACK}, if the test was not cleaned up"


class Machine:
    """The calls for one virtual machine of a move."""

    def __init__(self, move: Move, vm: VmSpec) -> None:
        self._move = move
        self._vm = vm
        self._item = move.item_id(vm)
        self._plan = recovery_plan_id(move.vault_id, vm.consistency_group) if vm.consistency_group else ""
        """The recovery plan of its consistency group; the group's first machine calls it for all."""
        first = next((one for one in move.vms if one.consistency_group == vm.consistency_group), vm)
        self._leads = bool(self._plan) and first.name == vm.name

    def check(self) -> Iterator[Call]:
        """Yield what asks inside the machine."""
        if self._move.asks_guests:
            yield self._call(CHECK, "POST", f"{self._vm.source_id}/runCommand", "source", IF_GUEST_ANSWERS)

    def replicate(self) -> Iterator[Call]:
        """Yield what enables replication, sets the target up and tests it, with what Site Recovery does for it."""
        yield self._call(ENABLE, "PUT", self._item, "vault")
        extension = f"{self._vm.source_id}/extensions/SiteRecovery-{self._move.of(self._vm).os_type}"
        yield self._theirs(ENABLE, "PUT", extension, "source")
        for disk_id in self._disks("-ASRReplica"):
            yield self._theirs(ENABLE, "PUT", disk_id, "target")
        yield self._call(CONFIGURE, "PATCH", self._item, "vault", IF_IT_DIFFERS)
        if self._move.failover.test_first:
            yield from self._test()

    def cut_over(self) -> Iterator[Call]:
        """Yield the failover and what may become necessary until the approval."""
        vm = self._vm
        if vm.asks_guest:
            yield self._call(FAIL_OVER, "POST", f"{vm.source_id}/runCommand", "source", FOR_EACH_PROBE_BEFORE)
        yield from self._commands(self._move.hooks_of(vm).before, FAIL_OVER, vm.source_id, "source")
        if self._leads:
            yield self._call(FAIL_OVER, "PUT", self._plan, "vault")
            yield self._call(FAIL_OVER, "POST", f"{self._plan}/unplannedFailover", "vault")
        elif not self._plan:
            yield self._call(FAIL_OVER, "POST", f"{self._item}/unplannedFailover", "vault")
        if self._move.failover.shut_down_source:
            yield self._theirs(FAIL_OVER, "POST", f"{vm.source_id}/deallocate", "source")
        for resource_id in (*self._disks(), *self._nics(), vm.target_id):
            yield self._theirs(FAIL_OVER, "PUT", resource_id, "target")
        if vm.asks_guest:
            yield self._call(FAIL_OVER, "POST", f"{vm.target_id}/runCommand", "target", FOR_EACH_PROBE)
        yield self._call(FAIL_OVER, "POST", f"{vm.target_id}/deallocate", "target", IF_BOTH_RUN)
        yield self._call(FAIL_OVER, "POST", f"{vm.source_id}/deallocate", "source", IF_COPY_ACCEPTED)
        yield self._call(FAIL_OVER, "POST", f"{vm.target_id}/start", "target", IF_COPY_ACCEPTED)
        yield from self._commands(self._move.hooks_of(vm).after, FAIL_OVER, vm.target_id, "target")

    def restore(self) -> Iterator[Call]:
        """Yield what restores on the target what Site Recovery does not carry."""
        yield from restored(self._move, self._vm)

    def finish(self) -> Iterator[Call]:
        """Yield the commit and the end of the replication."""
        if self._leads:
            yield self._call(COMMIT, "POST", f"{self._plan}/failoverCommit", "vault")
        alone = IF_NOT_WITH_GROUP if self._plan else ALWAYS
        yield self._call(COMMIT, "POST", f"{self._item}/failoverCommit", "vault", alone)
        yield from after_commit(self._move, self._vm)
        if self._leads:
            yield self._call(COMMIT, "DELETE", self._plan, "vault")
        if self._move.reprotects:
            yield from self._turn_round()
        when = f"{IF_GIVEN_UP}, " if self._move.reprotects else ""
        yield self._call(DISABLE, "DELETE", self._item, "vault", f"{when}{IF_SOURCE_IS_OFF}")
        yield self._call(DISABLE, "POST", f"{self._item}/remove", "vault", f"{when}where the source runs")
        for disk_id in self._disks("-ASRReplica"):
            yield self._theirs(DISABLE, "DELETE", disk_id, "target")

    def _turn_round(self) -> Iterator[Call]:
        """Yield what replicates the machine back to where it was."""
        source, there = ids.ResourceId.parse(self._vm.source_id), self._move.container_id(self._move.target_region)
        home, turned = (source.subscription, source.resource_group or ""), ids.ResourceId.parse(self._item).name
        container = self._item.rpartition("/replicationProtectedItems/")[0]
        yield self._call(REPROTECT, "POST", f"{container}/switchprotection", "vault")
        yield self._theirs(REPROTECT, "PUT", ids.item_id(there, turned), "vault")
        for name in self._move.disk_names(self._vm):
            yield self._theirs(REPROTECT, "PUT", ids.disk_id(*home, f"{name}-ASRReplica"), "source")
        extension = f"{self._vm.target_id}/extensions/SiteRecovery-{self._move.of(self._vm).os_type}"
        yield self._theirs(REPROTECT, "PUT", extension, "target")
        for method, path in (("DELETE", ids.item_id(there, turned)), ("POST", f"{ids.item_id(there, turned)}/remove")):
            yield self._call(REPROTECT, method, path, "vault", IF_GIVEN_UP)

    def go_back(self) -> Iterator[Call]:
        """Yield what leads back to the source, whatever went wrong before the commit."""
        vm, item = self._vm, self._item
        yield from self._undone(self._move.hooks_of(vm).after, vm.target_id, "target")
        if self._move.failover.test_first:
            yield self._call(UNDO, "POST", f"{item}/testFailoverCleanup", "vault", IF_TEST_IS_LEFT)
        yield from taken_back(self._move, vm, UNDO)
        yield self._call(UNDO, "POST", f"{vm.target_id}/deallocate", "target", IF_IT_FAILED_OVER)
        yield self._call(UNDO, "POST", f"{vm.source_id}/start", "source", IF_SOURCE_WAS_STOPPED)
        yield self._call(UNDO, "POST", f"{vm.target_id}/start", "target", "if a person keeps the target instead")
        for snapshot in self.snapshots():
            yield self._call(UNDO, "PUT", snapshot, "target", IF_WRITES_ARE_KEPT)
        yield from self._undone(self._move.hooks_of(vm).before, vm.source_id, "source")
        if self._leads:
            yield self._call(UNDO, "DELETE", self._plan, "vault", IF_MADE)
        job = ids.job_id(self._move.vault_id, "{job}")
        yield self._call(UNDO, "POST", f"{job}/cancel", "vault", IF_ENABLING)
        yield self._call(UNDO, "POST", f"{item}/remove", "vault", IF_SOURCE_RUNS)
        yield self._call(UNDO, "DELETE", item, "vault", f"{ON_THE_WAY_BACK}, {IF_SOURCE_IS_OFF}")
        for resource_id in self._made():
            yield self._call(UNDO, "DELETE", resource_id, "target", IF_MADE)
        for snapshot in self.snapshots():
            yield self._call(UNDO, "DELETE", snapshot, "target", IF_KEPT_LONG_ENOUGH)

    def snapshots(self) -> list[str]:
        """Return the snapshots that keep what was written on the target, where the plan wants them."""
        if self._move.failover.keep_target_writes is None:
            return []
        home = (self._vm.target_subscription, self._vm.target_resource_group)
        return [ids.snapshot_id(*home, f"{name}-kept-{{run}}") for name in self._move.disk_names(self._vm)]

    def _commands(self, hooks: list[Hook], step: str, vm_id: str, place: Place) -> Iterator[Call]:
        """Yield the hooks that run in the guest; what a channel is asked is no call of Azure."""
        for hook in hooks:
            if hook.do.command is not None:
                yield self._hook(step, vm_id, place, f"the hook {hook.name}")

    def _undone(self, hooks: list[Hook], vm_id: str, place: Place) -> Iterator[Call]:
        for hook in reversed(hooks):
            if hook.undo is not None and hook.undo.command is not None:
                yield self._hook(UNDO, vm_id, place, f"{ON_THE_WAY_BACK}, if the hook {hook.name} had begun")

    def _hook(self, step: str, vm_id: str, place: Place, when: str) -> Call:
        return Call(step, "POST", f"{vm_id}/runCommand", place, self._vm.name, when, does="changes")

    def _test(self) -> Iterator[Call]:
        yield self._call(TEST, "POST", f"{self._item}/testFailover", "vault")
        made = (*self._disks("-ASRtest"), self._vm.test_vm_id)
        for resource_id in made:
            yield self._theirs(TEST, "PUT", resource_id, "target")
        if self._vm.asks_guest:
            yield self._call(TEST, "POST", f"{self._vm.test_vm_id}/runCommand", "target", FOR_EACH_PROBE)
        yield self._call(TEST, "POST", f"{self._item}/testFailoverCleanup", "vault")
        for resource_id in reversed(made):
            yield self._theirs(TEST, "DELETE", resource_id, "target")

    def _made(self) -> list[str]:
        """Return what the way back deletes, a machine before what it is attached to."""
        tests = [self._vm.test_vm_id] if self._move.failover.test_first else []
        test_disks = self._disks("-ASRtest") if self._move.failover.test_first else []
        parts = [*self._nics(), *self._disks(), *self._disks("-ASRReplica"), *test_disks]
        return [self._vm.target_id, *tests, *parts]

    def _disks(self, suffix: str = "") -> list[str]:
        home = (self._vm.target_subscription, self._vm.target_resource_group)
        return [ids.disk_id(*home, f"{name}{suffix}") for name in self._move.disk_names(self._vm)]

    def _nics(self) -> list[str]:
        home = (self._vm.target_subscription, self._vm.target_resource_group)
        return [ids.nic_id(*home, name) for name in self._move.nic_names(self._vm)]

    def _call(self, step: str, method: str, path: str, place: Place, when: str = "") -> Call:
        return Call(step, method, path, place, self._vm.name, when)

    def _theirs(self, step: str, method: str, path: str, place: Place) -> Call:
        return Call(step, method, path, place, self._vm.name, by="site_recovery")
