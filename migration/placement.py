"""The planner: which vault protects each virtual machine, and through which cache account its writes go.

It is pure and stable. The same plan gives the same places, wherever its machines stand in it; one machine more moves
others only where the vaults would be filled unevenly otherwise, and never one that is protected already.

What it answers from the plan alone (`Plan.first_vaults`) orders the turns of running workflows: a change of how it
spreads needs `workflow.patched`.

The limits are Site Recovery's: `Support matrix
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-support-matrix>`_ (protected disks of a subscription;
disks of a cache account at normal churn) and `Site Recovery limits
<https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits>`_ (vaults). It
names none for what one vault protects: machines are spread evenly over vaults, so that the listings stay short.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from migration import ids
from migration.base import Value
from migration.vaults import account_id

DISKS_OF_SUBSCRIPTION = 3000
"""Protected at once, where they lie or where they go."""
VAULTS_OF_SUBSCRIPTION = 500
DISKS_OF_ACCOUNT = 750
"""Of a cache account, at up to 4 MB of writes a second and disk (General Purpose v2)."""
DISKS_BY_CHOICE = 600
"""Of a cache account that we make: with room for disks that write more."""


class Place(Value):
    """Where a virtual machine is protected: one of the plan's vaults, and one of that vault's cache accounts."""

    vault: int = 0
    account: int = 0


@dataclass(frozen=True)
class Load:
    """A virtual machine, as the planner weighs it."""

    name: str
    key: str
    """By what it is told from others, whatever its place in the plan: its id."""
    disks: int = 1
    vault: int | None = None
    """Where it has to go: the plan says so, or it is protected there."""
    account: str | None = None
    """The cache account through which it is replicated already."""
    group: str = ""
    """Those of one consistency group share a vault."""
    networks: frozenset[tuple[str, str]] = frozenset()
    """Each of its networks with the one that it goes to, by their keys; a vault maps a network to one other."""


@dataclass(frozen=True)
class Site:
    """A vault of the plan: its cache accounts where the plan names them, and what they and it hold already."""

    id: str
    accounts: tuple[str, ...] = ()
    """Ids of those that the plan names; none where we make as many as are needed."""
    used: Mapping[str, int] = field(default_factory=dict)
    """Disks of other machines that replicate through an account, by its key."""
    source_region: str = ""
    items: int = 0
    """Other machines that it protects."""
    mappings: frozenset[tuple[str, str]] = frozenset()

    @property
    def room(self) -> float:
        """How many disks more it takes."""
        return sum(self.left(account) for account in self.accounts) if self.accounts else float("inf")

    def left(self, account: str) -> int:
        """Return how many disks more a cache account takes."""
        return max(0, DISKS_OF_ACCOUNT - self.used.get(ids.id_key(account), 0))


@dataclass(frozen=True)
class Misfit:
    """Why machines find no place, with the numbers, and what to do."""

    subject: str
    evidence: str
    remedy: str


@dataclass(frozen=True)
class Placement:
    """The places of all virtual machines, by their names; those without one are told by the misfits."""

    places: Mapping[str, Place]
    misfits: tuple[Misfit, ...] = ()


def place(loads: Sequence[Load], sites: Sequence[Site]) -> Placement:
    """Return where each machine goes."""
    vaults = spread(loads, sites)
    evenly = _evenly(loads, sites, vaults)
    if evenly is not None:
        return Placement(evenly)
    # Evenly it does not fit: it may still, tightly.
    packed = _Search(loads, sites).run()
    if packed is not None:
        return Placement({load.name: packed[load.name] for load in loads})
    return Placement(_forced(loads, sites, vaults), _misfits(loads, sites))


def spread(loads: Sequence[Load], sites: Sequence[Site]) -> dict[str, int]:
    """Return the vault of each machine, by name: what is bound where it has to go, all else evenly."""
    return _Vaults(sites).spread(loads)


def _rank(*parts: str) -> str:
    """Return by what things are ordered that shall keep their order whatever comes besides."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass
class _Unit:
    """Machines that share a vault: those of a group, or one."""

    key: str
    loads: list[Load]

    @property
    def disks(self) -> int:
        return sum(load.disks for load in self.loads)

    @property
    def vault(self) -> int | None:
        return next((load.vault for load in self.loads if load.vault is not None), None)

    @cached_property
    def networks(self) -> frozenset[tuple[str, str]]:
        return frozenset(pair for load in self.loads for pair in load.networks)


def _units(loads: Iterable[Load]) -> list[_Unit]:
    units: dict[str, _Unit] = {}
    for load in loads:
        key = f"group {load.group}" if load.group else load.key
        units.setdefault(key, _Unit(key, [])).loads.append(load)
    return list(units.values())


class _Vaults:
    """Spreads machines evenly over vaults, each by preferences of its own (rendezvous hashing with bounded loads)."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._sites = sites
        self._keys = [ids.id_key(site.id) for site in sites]
        self._machines = [site.items for site in sites]
        self._room = [site.room for site in sites]
        self._mapped = [dict(site.mappings) for site in sites]
        self._contested: set[str] = set()

    def spread(self, loads: Sequence[Load]) -> dict[str, int]:
        if len(self._sites) == 1:
            return dict.fromkeys((load.name for load in loads), 0)
        units = _units(loads)
        self._contested = _of_two_ways(loads, self._sites)
        total = len(loads) + sum(self._machines)
        fair = -(-total // len(self._sites)) + total // 20
        found: dict[str, int] = {}
        for unit in sorted(units, key=lambda unit: (unit.vault is None, _rank(unit.key))):
            chosen = self._choose(unit, fair) if unit.vault is None else unit.vault
            self._machines[chosen] += len(unit.loads)
            self._room[chosen] -= unit.disks
            self._mapped[chosen].update(unit.networks)
            found |= {load.name: chosen if load.vault is None else load.vault for load in unit.loads}
        return found

    def _choose(self, unit: _Unit, fair: int) -> int:
        """Return the vault that a unit likes best of those that suit: room, then mappings, then an even share."""
        disks = unit.disks
        numbers = sorted(range(len(self._sites)), key=lambda n: _rank(unit.key, self._keys[n]))

        def unsuited(number: int) -> tuple[bool, bool, bool, bool, int]:
            mapped = self._mapped[number]
            conflicts = any(mapped.get(one, other) != other for one, other in unit.networks)
            apart = any(one in self._contested and one not in mapped for one, _ in unit.networks)
            crowded = self._machines[number] + len(unit.loads) > fair
            return self._room[number] < disks, conflicts, apart, crowded, self._machines[number] if crowded else 0

        return min(numbers, key=unsuited)


def _of_two_ways(loads: Sequence[Load], sites: Sequence[Site]) -> set[str]:
    """Return the networks from which machines go to different networks: each way needs a vault of its own."""
    pairs = {pair for load in loads for pair in load.networks}.union(*(site.mappings for site in sites))
    return {one for one, ways in Counter(one for one, _ in pairs).items() if ways > 1}


def _fill(loads: Sequence[Load], site: Site) -> dict[str, int] | None:
    """Return the cache account of each machine of a vault, by name; None where one finds no room."""
    if not site.accounts:
        return _made(loads, site)
    left = [site.left(account) for account in site.accounts]
    keys = [ids.id_key(account) for account in site.accounts]
    machines, fair = [0] * len(keys), -(-len(loads) // len(keys)) + len(loads) // 20
    found: dict[str, int] = {}
    for load in sorted(loads, key=lambda load: (load.account is None, _rank(load.key))):
        known = ids.id_key(load.account) if load.account else ""
        fits = [
            (keys[n] != known, machines[n] >= fair and machines[n], _rank(load.key, keys[n]), n)
            for n in range(len(keys))
            if left[n] >= load.disks
        ]
        if not fits:
            return None
        chosen = min(fits)[-1]
        left[chosen] -= load.disks
        machines[chosen] += 1
        found[load.name] = chosen
    return found


def _made(loads: Sequence[Load], site: Site) -> dict[str, int]:
    """Return the numbers of the accounts that we make: filled one after the other, in the plan's order."""
    most = (sum(load.disks for load in loads) + sum(site.used.values())) // DISKS_BY_CHOICE + len(site.used) + 2
    keys = [ids.id_key(account_id(site.id, (), site.source_region, number)) for number in range(most)]
    taken = [site.used.get(key, 0) for key in keys]
    found: dict[str, int] = {}
    for load in loads:
        if load.account and ids.id_key(load.account) in keys:
            found[load.name] = keys.index(ids.id_key(load.account))
            taken[found[load.name]] += load.disks
    for load in loads:
        if load.name not in found:
            number = next(n for n in range(most) if taken[n] + load.disks <= DISKS_BY_CHOICE or not taken[n])
            found[load.name] = number
            taken[number] += load.disks
    return found


class _Search:
    """Looks for places where an even spread finds none: the largest first, and for few machines all ways there are."""

    def __init__(self, loads: Sequence[Load], sites: Sequence[Site]) -> None:
        self._units = sorted(_units(loads), key=lambda unit: (-unit.disks, _rank(unit.key)))
        self._loads = sorted(
            (load for unit in self._units for load in unit.loads), key=lambda load: (-load.disks, _rank(load.key))
        )
        self._sites = sites
        self._left = {
            (n, number): site.left(account) if site.accounts else _ENDLESS
            for n, site in enumerate(sites)
            for number, account in enumerate(site.accounts or (site.id,))
        }
        self._fixed = {unit.key: unit.vault for unit in self._units if unit.vault is not None}
        self._unit_of = {load.name: unit.key for unit in self._units for load in unit.loads}
        self._steps = _MOST_STEPS

    def run(self) -> dict[str, Place] | None:
        """Return the places; None where there are none, or none were found with reasonable effort."""
        if sum(load.disks for load in self._loads) > sum(self._left.values()):
            return None
        found: dict[str, tuple[int, int]] = {}
        if not self._at_once(found):
            found = {}
            if len(self._loads) > _FEW or not self._from(0, found, dict(self._fixed)):
                return None
        return self._numbered(found)

    def _at_once(self, found: dict[str, tuple[int, int]]) -> bool:
        """Place each where it just fits, the largest first, and never look back."""
        left, vaults = dict(self._left), dict(self._fixed)
        for load in self._loads:
            unit = self._unit_of[load.name]
            fits = [b for b in left if left[b] >= load.disks and vaults.get(unit, b[0]) == b[0]]
            if not fits:
                return False
            chosen = found[load.name] = min(fits, key=lambda b: (left[b], b))
            left[chosen] -= load.disks
            vaults[unit] = chosen[0]
        return True

    def _from(self, index: int, found: dict[str, tuple[int, int]], vaults: dict[str, int]) -> bool:
        """Place the machines from *index* on, trying all ways."""
        if index == len(self._loads):
            return True
        load, tried = self._loads[index], set[tuple[int, float]]()
        unit = self._unit_of[load.name]
        for key, room in self._left.items():
            if room < load.disks or vaults.get(unit, key[0]) != key[0] or (key[0], room) in tried:
                continue
            self._steps -= 1
            if self._steps < 0:
                return False
            tried.add((key[0], room))
            self._left[key] -= load.disks
            found[load.name] = key
            if self._from(index + 1, found, {**vaults, unit: key[0]}):
                return True
            self._left[key] = room
        return False

    def _numbered(self, found: dict[str, tuple[int, int]]) -> dict[str, Place]:
        """Return the places; where we make the accounts, as many as are needed."""
        places = {name: Place(vault=vault, account=account) for name, (vault, account) in found.items()}
        for n, site in enumerate(self._sites):
            if not site.accounts:
                mine = [load for load in self._loads if places[load.name].vault == n]
                places |= {name: Place(vault=n, account=number) for name, number in _made(mine, site).items()}
        return places


_ENDLESS = 1 << 40
_FEW, _MOST_STEPS = 60, 20_000


def _forced(loads: Sequence[Load], sites: Sequence[Site], vaults: Mapping[str, int]) -> dict[str, Place]:
    """Return places where there are none, so that all else can be judged: evenly, whatever the limits."""
    counts: Counter[int] = Counter()
    places: dict[str, Place] = {}
    for load in loads:
        vault = vaults[load.name]
        places[load.name] = Place(vault=vault, account=counts[vault] % max(1, len(sites[vault].accounts)))
        counts[vault] += 1
    return places


def _misfits(loads: Sequence[Load], sites: Sequence[Site]) -> tuple[Misfit, ...]:
    """Return why no places were found."""
    found = []
    for number, site in enumerate(sites):
        bound = [replace(load, vault=0) for load in loads if load.vault == number]
        if bound and _Search(bound, [site]).run() is None:
            found.append(_full(ids.describe(site.id), "have to go by it", bound, [site]))
    if not found:
        who = ids.describe(sites[0].id) if len(sites) == 1 else f"the {len(sites)} vaults of the plan"
        found.append(_full(who, "go by it" if len(sites) == 1 else "go by them", loads, sites))
    return tuple(found)


def _full(subject: str, go: str, loads: Sequence[Load], sites: Sequence[Site]) -> Misfit:
    accounts = [(site, account) for site in sites for account in site.accounts]
    room = sum(site.left(account) for site, account in accounts)
    disks = sum(load.disks for load in loads)
    used = sum(site.used.get(ids.id_key(account), 0) for site, account in accounts)
    told = (
        f"{disks} disks of {_counted(len(loads), 'machine')} {go}, and {_counted(len(accounts), 'cache account')} "
        f"with {DISKS_OF_ACCOUNT} disks each {'have' if len(accounts) != 1 else 'has'} room for {room}"
    )
    if used:
        told += f" ({used} are used already)"
    if disks <= room:
        largest = max(load.disks for load in loads)
        told += f", not in one piece: a machine's disks share an account, and the largest has {largest}"
    more = -(-(disks - room) // DISKS_OF_ACCOUNT) if disks > room else 1
    remedy = (
        f"name {_counted(more, 'cache account')} more in cache_account, or leave that key out, so that as many are "
        "made as are needed; or add a vault"
    )
    return Misfit(subject, told, remedy)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _evenly(loads: Sequence[Load], sites: Sequence[Site], vaults: Mapping[str, int]) -> dict[str, Place] | None:
    """Return the places in the vaults that were chosen; None where a cache account would be too full."""
    places: dict[str, Place] = {}
    for number, site in enumerate(sites):
        mine = [load for load in loads if vaults[load.name] == number]
        filled = _fill(mine, site)
        if filled is None:
            return None
        places |= {name: Place(vault=number, account=account) for name, account in filled.items()}
    return {load.name: places[load.name] for load in loads}
