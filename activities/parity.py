"""Compare the target with what the source had, and restore what Site Recovery does not carry: safely, with its undo.

The tutorial leaves this to the reader; what is compared and restored stands in `migration.parity.aspects`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from temporalio import activity

from activities.heartbeats import beating
from activities.writing import INTENT_SETTLE_SECONDS, Write, Writer
from arm import operations, parity_documents, reads, restoring
from arm.asking import Asker, Memory, Sharing
from arm.clients import AzureClients
from arm.errors import classify
from arm.handover import PARITY
from arm.reads import Json
from arm.restoring import Change, key_of
from arm.sides import read_side
from arm.writes import Accepted, send_json
from migration.ids import ResourceId, describe, resource_group_id
from migration.models import Started, VmSpec
from migration.parity.compare import differences, needed
from migration.parity.making import made_id
from migration.parity.requests import CompareParity, ParityAnswer, RestoreAnswer, RestoreParity, TakeBackRestored
from migration.parity.values import ParityRow, shortened

OUTCOME_SECONDS = 120.0
"""How long a change of a machine or an interface is followed for the reason of its failure; it takes seconds."""
_OF_INTERFACES = {"security-groups", "public-addresses", "load-balancer-pools", "ip-configurations", "dns-labels"}

Build = Callable[[], Awaitable[Change | None]]


class ParityActivities:
    """The difference between source and target, and what is done about it."""

    def __init__(self, azure: AzureClients, settle_seconds: float = INTENT_SETTLE_SECONDS) -> None:
        self._azure = azure
        self._writer = Writer(azure, settle_seconds)

    @activity.defn
    async def compare_parity(self, request: CompareParity) -> ParityAnswer:
        """Tell, row by row, how the target differs from what the source had and from what the plan wants."""
        async with beating(list):
            seen = self._azure.handed.take(PARITY, [request.vm.target_id])
            return ParityAnswer(rows=await self._compare(request, request.failures, request.restored, seen))

    @activity.defn
    async def restore_parity(self, request: RestoreParity) -> RestoreAnswer:
        """Restore rows, each by itself: what Azure refuses stays open, with the reason."""
        compare = request.compare
        failures = await self._restore(compare, request.rows)
        restored = [*compare.restored, *(row.key for row in request.rows if row.key not in failures)]
        known = {key: why for key, why in compare.failures.items() if key not in restored} | failures
        async with beating(list):
            rows = await self._compare(compare, known, restored)
        return RestoreAnswer(rows=rows, failures=failures)

    @activity.defn
    async def take_back_restored(self, request: TakeBackRestored) -> None:
        """Leave public addresses and pools, and delete what restoring made; what is not there is fine."""
        target = await reads.read(self._azure, request.vm.target_id)
        nics = parity_documents.interface_ids(target) if target and request.refs else []
        leaving = [self._write(nic, self._leaving(nic, request.refs)) for nic in nics]
        await self._writer.write_all([*leaving, *(self._write(one, self._deletion(one)) for one in request.ids)])

    async def _compare(
        self,
        request: CompareParity,
        failures: dict[str, str],
        restored: list[str],
        seen: dict[str, Json | None] | None = None,
    ) -> list[ParityRow]:
        """Compare; *seen*: what has just been read of the target."""
        wanted = needed(request.vm, request.source)
        target = await read_side(Asker(self._azure, Memory(), Sharing(), seen=seen), request.vm.target_id, wanted)
        return differences(
            request.vm,
            request.source,
            target,
            restored=frozenset(restored),
            failures=failures,
            accepted=request.accepted,
        )

    async def _restore(self, compare: CompareParity, rows: list[ParityRow]) -> dict[str, str]:
        """Write what the rows want, in groups of one write each; return why by the keys of those refused."""
        groups = [group for group in self._groups(compare, rows) if group[0]]
        target_id = compare.vm.target_id
        refusals = await self._writer.try_each([self._write(target_id, build) for _, build in groups])
        return {
            row.key: shortened(f"not restored: {classify(refusal).code}: {classify(refusal).message}")
            for (group, _), refusal in zip(groups, refusals, strict=True)
            if refusal is not None
            for row in group
        }

    def _groups(self, compare: CompareParity, rows: list[ParityRow]) -> Iterator[tuple[list[ParityRow], Build]]:
        """Yield the rows that one write restores, and what builds that write from fresh readings."""
        vm = compare.vm
        settings = [row for row in rows if row.aspect in {"tags", "licence-type"} or row.key == "diagnostics:boot"]
        yield settings, lambda: self._machine(vm, lambda one, other: restoring.machine_settings(settings, one, other))
        own = [row for row in rows if row.aspect == "managed-identities"]
        yield own, lambda: self._machine(vm, lambda _, other: restoring.identities(own, other))
        on_interfaces = [row for row in rows if row.aspect in _OF_INTERFACES]
        for number in sorted({_number(row) for row in on_interfaces}):
            these = [row for row in on_interfaces if _number(row) == number]
            yield these, self._interface(vm, number, these)
        for row in rows:
            if row.aspect == "diagnostics" and row.key != "diagnostics:boot":
                yield [row], self._setting(vm, row)
            elif row.aspect == "role-assignments":
                yield [row], self._assignment(vm, row)
            elif row.aspect == "auto-shutdown":
                yield [row], self._schedule(vm, row, compare.plan)
            elif row.aspect == "locks":
                yield [row], self._lock(vm, row)

    async def _machine(self, vm: VmSpec, change: Callable[[Json, Json], Change | None]) -> Change | None:
        source, target = await self._both(vm.source_id, vm.target_id)
        return change(source, target) if target else None

    def _interface(self, vm: VmSpec, number: int, rows: list[ParityRow]) -> Build:
        async def build() -> Change | None:
            source, target = await self._both(vm.source_id, vm.target_id)
            theirs, ours = (parity_documents.interface_ids(one) for one in (source, target))
            if number >= len(ours):
                return None
            there = await reads.read(self._azure, ours[number])
            was = await reads.read(self._azure, theirs[number]) if number < len(theirs) else None
            return restoring.interface(rows, was or {}, there) if there else None

        return build

    def _setting(self, vm: VmSpec, row: ParityRow) -> Build:
        async def build() -> Change | None:
            source, there = await self._both(row.ref, made_id(vm, row) or "")
            return restoring.setting(vm, row, source) if source and not there else None

        return build

    def _assignment(self, vm: VmSpec, row: ParityRow) -> Build:
        async def build() -> Change | None:
            target, there = await self._both(vm.target_id, made_id(vm, row) or "")
            return restoring.assignment(vm, row, parity_documents.own_principal(target)) if not there else None

        return build

    def _schedule(self, vm: VmSpec, row: ParityRow, plan: str) -> Build:
        async def build() -> Change | None:
            home = ResourceId.parse(vm.source_id)
            group = resource_group_id(home.subscription, home.resource_group or "")
            collection = f"{group}/providers/Microsoft.DevTestLab/schedules"
            found = await reads.read_list(self._azure, collection, home.subscription, reads.SCHEDULES_API)
            there = await reads.read(self._azure, made_id(vm, row) or "")
            return restoring.schedule(vm, row, found, plan) if there is None else None

        return build

    def _lock(self, vm: VmSpec, row: ParityRow) -> Build:
        async def build() -> Change | None:
            there = await reads.read(self._azure, made_id(vm, row) or "")
            return restoring.lock(vm, row) if there is None else None

        return build

    def _leaving(self, nic_id: str, refs: list[str]) -> Build:
        async def build() -> Change | None:
            document = await reads.read(self._azure, nic_id)
            return restoring.interface_without(refs, document) if document else None

        return build

    def _deletion(self, resource_id: str) -> Build:
        async def build() -> Change | None:
            there = await reads.read(self._azure, resource_id)
            version = reads.api_version(resource_id)
            return Change("DELETE", resource_id, version, {}) if there is not None else None

        return build

    async def _both(self, one: str, other: str) -> tuple[Json, Json]:
        found = await asyncio.gather(reads.read(self._azure, one), reads.read(self._azure, other))
        return found[0] or {}, found[1] or {}

    def _write(self, target_id: str, build: Build) -> Write:
        """Return the write of what *build* finds to be done when it is its turn."""
        planned: list[Change] = []
        accepted: list[Accepted] = []

        async def decide() -> Started | None:
            change = await build()
            planned[:] = [change] if change else []
            return None if change else Started(resource_id=target_id, existed=True)

        async def send() -> Accepted:
            change = planned[0]
            body = None if change.method == "DELETE" else change.body
            sent = await send_json(self._azure, change.method, change.resource_id, change.version, body)
            accepted.append(sent)
            return sent

        async def settled() -> None:
            for sent in accepted:
                subscription = ResourceId.parse(target_id).subscription
                failure = await operations.failure_of(self._azure, subscription, sent, OUTCOME_SECONDS)
                if failure is not None:
                    code, message = failure
                    raise operations.OperationFailedError(f"changing {describe(target_id)}: {code}: {message}")

        return Write(target_id, decide, send, afterwards=settled)


def _number(row: ParityRow) -> int:
    """Return the place of the interface that a row is about: of `nic1/config0` the 1."""
    return int(key_of(row).removeprefix("nic").split("/")[0].split("#")[0])
