"""Is the ledger true? What is listed in the end is held against it, and against what was there before.

Of one virtual machine only what is named like its own counts, and what belongs to its target; of a plan all that lies
in its groups and its vault. Digests stand for what was there before, so that large groups cost little in a history.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import Field

from migration.base import Value
from migration.ids import ResourceId, id_key
from migration.ledger import LedgerEntry
from migration.models import SourceVm, VmTask

MOST_LISTED = 5_000
"""A group that holds more is not listed to its end, and nothing is proved of it."""
MOST_TOLD = 50
BEFORE, AT_THE_END = "ledger before", "ledger at the end"
"""As who the ledger takes over readings: before a step that makes something, and when the move ends."""
_MADE_FOR = re.compile(r"-(asr\w*|test\w*|replica\w*)([-_.].*)?$", re.IGNORECASE)
"""Ends the names of what Site Recovery makes beside what is named as at the source."""
_MACHINE = "microsoft.compute/virtualmachines"
_SEED = re.compile(r"^(asrseeddisk|ms-asr)-", re.IGNORECASE)


class LedgerProof(Value):
    """What the listing at the end shows. `missing`: the ledger had it, it is not there; the report is corrected."""

    proved: bool
    unlisted: list[str] = Field(default_factory=list, description="Neither in the ledger nor there before.")
    missing: list[str] = Field(default_factory=list)
    why: str = Field("", description="Why nothing is proved, where that is so.")


class Around(Value):
    """Asks what lies around one virtual machine's move, beyond what the ledger names."""

    group_id: str
    vault_id: str
    source_id: str
    target_ids: list[str] = Field(description="The machines whose parts count, whatever their names.")
    names: list[str] = Field(description="As at the source: machine, disks, interfaces; and the target's.")


class Surroundings(Value):
    """What was listed."""

    ids: list[str] = Field(default_factory=list)
    why: str = Field("", description="Why the listing is not whole; empty where it is.")


class ListPlan(Value):
    """Asks what lies in the groups and the vaults of a plan."""

    plan: str
    group_ids: list[str]
    vault_id: str
    further_vault_ids: list[str] = Field(default_factory=list, description="Those of a plan with several vaults.")

    @property
    def vault_ids(self) -> list[str]:
        """The vaults."""
        return [self.vault_id, *self.further_vault_ids]


class PlanListing(Value):
    """Digests of what lies there."""

    digests: list[str] = Field(default_factory=list)
    why: str = ""


class ProvePlan(Value):
    """Holds what lies in the groups and the vault of a plan against all its ledgers."""

    what: ListPlan
    before: PlanListing
    entries: list[LedgerEntry]
    workflow_ids: list[str] = Field(description="Those of its virtual machines, which know their own.")


def around(task: VmTask, source: SourceVm) -> Around:
    """Return what to ask around a virtual machine."""
    vm = task.vm
    named = [ResourceId.parse(vm.source_id).name, vm.target_name]
    named += [disk.name for disk in source.disks] + [nic.name for nic in source.nics]
    return Around(
        group_id=vm.target_resource_group_id,
        vault_id=task.shared.vault_id,
        source_id=vm.source_id,
        target_ids=[vm.target_id, vm.test_vm_id],
        names=list(dict.fromkeys(named)),
    )


class Neighbourhood:
    """What lies in a group, by its owners and by its names: a thousand machines ask it, each for its own few.

    *listed*: ids, and by what each is managed.
    """

    def __init__(self, listed: Iterable[tuple[str, str | None]]) -> None:
        self._owned = defaultdict[str, list[_Neighbour]](list)
        self._named = defaultdict[str, list[_Neighbour]](list)
        self._seeds: list[_Neighbour] = []
        for place, (resource_id, owner) in enumerate(listed):
            one = _neighbour(place, resource_id)
            if owner:
                self._owned[id_key(owner)].append(one)
            for name in {one.name, _MADE_FOR.sub("", one.name)}:
                self._named[name].append(one)
            if _SEED.match(one.name):
                self._seeds.append(one)

    def concerning(self, asked: Around) -> list[str]:
        """Return what is named like a machine's own, or is attached to its target, in the order of the listing."""
        # Another machine of the plan may come to be called as this one's source is; the plan's proof knows them all.
        targets = {ResourceId.parse(one).name.lower() for one in asked.target_ids}
        own = {one.lower() for one in asked.names}
        found = {one for target in asked.target_ids for one in self._owned.get(id_key(target), ())}
        found |= {one for name in own for one in self._named.get(name, ()) if not one.is_machine}
        found |= {one for name in targets for one in self._named.get(name, ()) if one.is_machine}
        for seed in self._seeds:
            if any(f"-{name}-" in f"{seed.name}-" for name in (targets if seed.is_machine else own)):
                found.add(seed)
        return [one.id for one in sorted(found)]


@dataclass(frozen=True, order=True)
class _Neighbour:
    """One resource of a listing; of what is part of another, the name is that other's."""

    place: int
    id: str
    name: str
    is_machine: bool


def _neighbour(place: int, resource_id: str) -> _Neighbour:
    _, _, kind_and_names = id_key(resource_id).rpartition("/providers/")
    namespace, kind, name, *parts = [*kind_and_names.split("/"), "", ""]
    return _Neighbour(place, resource_id, name, f"{namespace}/{kind}" == _MACHINE and parts == ["", ""])


def digest(resource_id: str) -> str:
    """Return what stands for an id."""
    return hashlib.sha256(id_key(resource_id).encode()).hexdigest()[:12]


def digests(resource_ids: Iterable[str]) -> set[str]:
    """Return what stands for several ids."""
    return {digest(one) for one in resource_ids}


def unlisted(listed: list[str], before: set[str], known: set[str]) -> list[str]:
    """Return what is listed, was not there *before*, and is not *known* nor part of what is; both are digests."""
    return [one for one in listed if digest(one) not in before and known.isdisjoint(_digests_of_whole(one))]


def _digests_of_whole(resource_id: str) -> Iterator[str]:
    """Return the digests of a resource and of all that it is part of."""
    names = resource_id.split("/")
    return (digest("/".join(names[:count])) for count in range(len(names), 1, -1))


def proof(found: list[str], missing: list[str], why: str = "") -> LedgerProof:
    """Return the verdict; a report tells no more than a page of ids."""
    more = len(found) - MOST_TOLD
    told = [why, f"and {more} more are unlisted" if more > 0 else ""]
    return LedgerProof(
        proved=not found and not missing and not why,
        unlisted=found[:MOST_TOLD],
        missing=missing[:MOST_TOLD],
        why="; ".join(filter(None, told)),
    )
