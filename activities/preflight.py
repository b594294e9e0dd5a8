"""Verify the target resources, the permissions and the sources before anything is written, and again before a failover.

The first chapter of `Migrate Azure VMs to another region
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-tutorial-migrate>`_. It reads and never writes; the
rules that judge what was read are in `migration.rules`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from azure.core.exceptions import ServiceResponseError
from temporalio import activity

from activities.finalised import finalised_sources
from activities.guests import check_guests
from activities.heartbeats import beating
from activities.observing import ResourceObserver, told_by
from arm.asking import Asker, Count, Memory, Sharing
from arm.handover import FAILING_OVER
from arm.inventory import take_inventory
from arm.pace import FLOOR_SECONDS
from arm.sides import read_side
from migration import ids, makings, names
from migration.capping import capped, worst
from migration.facts import UnaskedError
from migration.findings import CheckVm, OsType, PlanCheck, VmCheck, VmFindings, guests_to_ask
from migration.inventory import Inventory
from migration.ledger import Observation
from migration.ledger_proof import BEFORE, around
from migration.models import Progress, VmSpec
from migration.plan import Plan
from migration.requests import ObserveResources
from migration.rules import fingerprints
from migration.rules.case import Case
from migration.rules.engine import judge
from migration.rules.perimeter import asks_guest
from migration.rules.placing import placed
from migration.rules.sources import source_vm
from migration.specs import hooks_by_vm, vm_specs
from migration.vaults import PlannedVault, planned_vaults
from migration.wires import wanted_of

if TYPE_CHECKING:
    from temporalio.client import Client

    from arm.clients import AzureClients
    from arm.reads import Json
    from migration.adoption import Adoption
    from migration.fingerprint import Fingerprint
    from migration.models import SourceVm
    from migration.parity.values import Side
    from migration.requests import Observations
    from migration.wires import Wires

SHARED_AGE_SECONDS = 15
"""How old an answer may be when virtual machines start: 50 of them must not ask 50 times."""
CUTOVER_FLOORS = 15
"""How many floors between two reads old an answer to another machine may be right before a failover, half a minute
where the floor is two seconds: about what machines share (permissions, locks, policies, networks, groups). A
failover takes minutes, and what is changed in them meets it all the same."""
ANSWER_SECONDS = 5
"""Whoever asks for a check learns within ten seconds, with a process to start, that Azure does not answer."""
_PATIENT_ATTEMPTS = 4


class PreflightActivities:
    """Checks of plans and of single virtual machines."""

    def __init__(
        self,
        azure: AzureClients,
        client: Client | None = None,
        wires: Wires | None = None,
        floor_seconds: float = FLOOR_SECONDS,
    ) -> None:
        """*client*: whom to ask for finalised runs; *wires*: by what this worker reaches people; None: nobody asks."""
        self._azure = azure
        self._client = client
        self._wires = wires
        self._memory = Memory()
        self._observer = ResourceObserver(azure, floor_seconds)
        self._cutover_age_seconds = CUTOVER_FLOORS * floor_seconds

    @activity.defn
    async def check_plan(self, plan: Plan) -> PlanCheck:
        """Ask every rule for every virtual machine of a plan."""
        case, count = case_of(plan, self._wires), Count()
        async with beating(lambda: [Progress(detail=str(count))]):
            await self._azure.greet(ANSWER_SECONDS)
            kept = Sharing(kept_seconds=SHARED_AGE_SECONDS)
            await take_inventory(self._azure, case, self._memory, sharing=kept, count=count)
            if self._client is not None:
                case = replace(case, finalised=await finalised_sources(self._client, plan.name, _absent(case)))
        _insist(case)
        return capped(_answer(placed(case)))

    @activity.defn
    async def check_vm(self, request: CheckVm) -> VmCheck:
        """Ask the rules of a moment for one virtual machine, what it shares with others included."""
        task = request.task
        case = Case(
            vms=(task.vm,),
            vaults=(PlannedVault(task.shared.vault_id),),
            failover=task.failover,
            inventory=Inventory(),
            moment=request.moment,
            item_ids=(task.item_id,),
            own_ids=frozenset(ids.id_key(own) for own in request.own_ids),
            fingerprint=request.fingerprint,
            now=datetime.now(UTC),
        )
        sharing = self._sharing(request)
        seen: dict[str, Json | None] = {}
        async with beating(list):
            await take_inventory(self._azure, case, self._memory, sharing=sharing, seen=seen)
        self._hand_on(request, seen)
        _insist(case)
        shared, (found,) = judge(case)
        findings, source = [*found.findings, *shared], request.recorded or _source(case, task.vm)
        goes_on = not found.already_migrated and not any(finding.blocks for finding in findings)
        side, ahead = await asyncio.gather(
            self._side(request, sharing, seen) if goes_on else _nothing(),
            self._ahead(request, source, found.adoption, seen) if goes_on else _nothing(),
        )
        return VmCheck(
            findings=worst(findings),
            source=source,
            fingerprint=request.fingerprint or _fingerprint(case, task.vm),
            already_migrated=found.already_migrated,
            side=side,
            size=found.size,
            adoption=found.adoption,
            ahead=ahead,
        )

    def _hand_on(self, request: CheckVm, seen: dict[str, Json | None]) -> None:
        """Hand on what was just read: the source, and to the ledger what is not there before the failover makes it."""
        source = ids.id_key(request.task.vm.source_id)
        if request.moment == "start":
            self._azure.handed.put(BEFORE, {source: seen[source]} if seen.get(source) else {})
        else:
            self._azure.handed.put(BEFORE, {one: None for one, document in seen.items() if document is None})
            self._azure.handed.put(FAILING_OVER, {source: seen[source]} if seen.get(source) else {})

    def _sharing(self, request: CheckVm) -> Sharing:
        """Return how far a check may rely on what others have asked.

        All of it was checked with the plan a moment ago when machines start. Right before a failover its own is read
        anew; and a machine that was held asks all anew, for what held it may be mended.
        """
        if request.moment == "start":
            return Sharing(age_seconds=SHARED_AGE_SECONDS, kept_seconds=SHARED_AGE_SECONDS, lists=True)
        age = self._cutover_age_seconds
        return Sharing(0 if request.again else age, age, request.moment)

    async def _side(self, request: CheckVm, sharing: Sharing, seen: dict[str, Json | None]) -> Side | None:
        """Return what the source has before anything is written, for the difference after the failover."""
        if request.moment != "start":
            return None
        async with beating(list):
            return await read_side(Asker(self._azure, self._memory, sharing, seen=seen), request.task.vm.source_id)

    async def _ahead(
        self, request: CheckVm, source: SourceVm | None, adoption: Adoption, seen: dict[str, Json | None]
    ) -> Observations | None:
        """Look at what the step after the check will make: it is all read at one moment, and spares that step a look.

        The source, as it was *seen*, tells also which of its own parts we have made. Where an earlier run is gone on
        with, what it made has to be known first.
        """
        if not request.ahead or source is None:
            return None
        if request.moment == "cutover":
            made, near = makings.failover_entries(request.task, source), None
        elif adoption.stage == "none":
            made, near = makings.replication_entries(request.task, source), around(request.task, source)
        else:
            return None
        wanted = ObserveResources(ids=[entry.id for entry in made], around=near, reader=BEFORE)
        ahead = await self._observer.observe(wanted)
        return ahead.model_copy(update={"seen": [*ahead.seen, *_own_parts(request, seen)]})


def _own_parts(request: CheckVm, seen: dict[str, Json | None]) -> list[Observation]:
    """Return which parts of the source are there that are ours, as far as the source tells."""
    source_id = request.task.vm.source_id
    parts = [own for own in request.own_ids if ids.is_part_of(own, source_id)]
    key = ids.id_key(source_id)
    told = told_by({key: seen[key]}, parts) if seen.get(key) else {}
    return [Observation(id=own, exists=told[ids.id_key(own)]) for own in parts if ids.id_key(own) in told]


async def _nothing() -> None:
    return None


def _absent(case: Case) -> list[VmSpec]:
    """Return the virtual machines whose source Azure does not know."""
    absent = []
    for vm in case.vms:
        with suppress(UnaskedError):
            if case.machine(vm) is None:
                absent.append(vm)
    return absent


async def check(azure: AzureClients, plan: Plan, count: Count | None = None, wires: Wires | None = None) -> PlanCheck:
    """Return what does not pass of a plan; for `check --local`, where no Temporal is there. *count*: how far it is."""
    case = case_of(plan, wires)
    await azure.greet(ANSWER_SECONDS)
    await take_inventory(azure, case, count=count)
    answer = _answer(placed(case))
    return await check_guests(azure, plan, answer, guests_to_ask(plan, answer))


def case_of(plan: Plan, wires: Wires | None = None) -> Case:
    """Return the case of a whole plan, of which nothing was read yet."""
    return Case(
        vms=tuple(vm_specs(plan)),
        vaults=planned_vaults(plan),
        named=plan.named_vaults,
        failover=plan.failover,
        inventory=Inventory(),
        asks_guests=plan.guest_probes.enabled,
        hooks=hooks_by_vm(plan),
        wires=wires,
        wanted=wanted_of(plan),
        now=datetime.now(UTC),
    )


def _answer(case: Case) -> PlanCheck:
    shared, each = judge(case)
    pairs = zip(each, case.vms, strict=True)
    vms = [found.model_copy(update=_besides(case, vm, found)) for found, vm in pairs]
    wanted = {case.cache_account_of(vm) for vm in case.vms}
    there = {account for account in wanted if _is_there(case, account)}
    some = sorted(account.rsplit("/", 1)[-1] for account in there) if there != wanted else []
    return PlanCheck(findings=shared, vms=vms, cache_is_there=there == wanted, caches_there=some)


def _besides(case: Case, vm: VmSpec, found: VmFindings) -> dict[str, object]:
    """Return what the plan has to know of a virtual machine besides its findings."""
    source = _source(case, vm)
    gib = sum(disk.size_gib for disk in source.disks if not vm.excludes(disk.name)) if source else None
    return {
        "network_ids": _networks(case, vm),
        "place": case.place_of(vm),
        "guest": _guest(case, vm, found),
        "luns": _luns(case, vm),
        "copied_gib": gib,
    }


def _is_there(case: Case, account: str) -> bool:
    fact = case.inventory.accounts.get(ids.id_key(account))
    return fact is not None and bool(fact.value or fact.unasked)


def _guest(case: Case, vm: VmSpec, found: VmFindings) -> OsType | None:
    """Return the system of a machine that is to be asked from inside."""
    if found.already_migrated or not asks_guest(case, vm):
        return None
    machine = case.machine(vm)
    return "Windows" if machine and machine.os_type.lower() == "windows" else "Linux"


def _luns(case: Case, vm: VmSpec) -> list[int]:
    try:
        return [disk.lun for disk in case.kept_disks(vm) if disk.lun is not None]
    except UnaskedError:
        return []  # nothing is asked of a machine that cannot be read


def _insist(case: Case) -> None:
    """End the attempt where Azure was out of order: an outage must not refuse a plan, it is tried again.

    Only a person who asks for nothing but the check gets what could be found out all the same.
    """
    info = activity.info()
    failures = case.inventory.passing_failures()
    if failures and (info.workflow_type != names.CHECK_PLAN or info.attempt < _PATIENT_ATTEMPTS):
        raise ServiceResponseError("; ".join(failures[:3]))


def _source(case: Case, vm: VmSpec) -> SourceVm | None:
    try:
        return source_vm(case.inventory, vm)
    except UnaskedError:
        return None  # the findings say what could not be asked


def _fingerprint(case: Case, vm: VmSpec) -> Fingerprint | None:
    try:
        return fingerprints.take(case, vm)
    except UnaskedError:
        return None  # as above


def _networks(case: Case, vm: VmSpec) -> list[str]:
    try:
        return sorted({nic.network_id for nic in case.nics(vm)})
    except UnaskedError:
        return []
