"""Reads, for the rules of preflight, everything that they may ask about: in few requests, many at once, none a write.

What cannot be read is noted as such, and the rest is read all the same: a person wants every finding at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from arm import inventory_documents as documents
from arm import perimeter
from arm.asking import Asker, Count, Memory, Sharing, all_of, distinct, understood, with_value
from arm.identity import object_id
from arm.reads import API_VERSIONS, DISKS_API, LOCKS_API, SITE_RECOVERY_API, VAULT_API, Json
from arm.restrictions import Restrictions
from arm.surroundings import Surroundings
from migration import ids
from migration.access import Denial
from migration.calls.reads import NAMESPACES
from migration.facts import Fact, Facts, UnaskedError
from migration.ids import describe, id_key, same_id, vault_of
from migration.inventory import AddressAnswer, Inventory, Machine, Sku
from migration.rules.case import Case, place, source_group, target_group
from migration.rules.needs import scopes
from migration.rules.vault import searched, subscriptions

if TYPE_CHECKING:
    from arm.clients import AzureClients

_PERMISSIONS_API, _PROVIDERS_API, _SKUS_API = "2022-04-01", "2021-04-01", "2021-07-01"
_COMPUTE_API, _NETWORK_API = API_VERSIONS["microsoft.compute"], API_VERSIONS["microsoft.network"]

SIZES_AGE_SECONDS = 300
"""The listing of sizes is some megabytes and changes seldom."""

Questions = Iterable[Coroutine[Any, Any, None]]


async def take_inventory(
    azure: AzureClients,
    case: Case,
    memory: Memory | None = None,
    *,
    sharing: Sharing | None = None,
    count: Count | None = None,
    seen: dict[str, Json | None] | None = None,
) -> Inventory:
    """Fill, and return, the case's inventory with all that the rules of its moment ask about.

    What the virtual machines of a plan share may come from *memory*, as *sharing* says. *count* tells meanwhile how far
    it is; *seen* keeps the documents of single resources that were read, None for those that are not there.

    Raises:
        AzureError: Azure does not know the identity, or cannot be reached at all.
    """
    # Questions at once would each ask for a token, one after the other, before the first learns that none comes.
    await azure.sign_in()
    taking = _Taking(Asker(azure, memory or Memory(), sharing or Sharing(), count, seen), case)
    for questions in (taking.first_round, taking.second_round, taking.third_round):
        await all_of(questions())
    return case.inventory


class _Taking:
    """One inventory while it is taken; later rounds ask about what earlier ones found."""

    def __init__(self, asker: Asker, case: Case) -> None:
        self._ask = asker
        self._around = Surroundings(asker, case)
        self._case = case
        self._found = case.inventory
        self._at_start = case.moment == "start"

    def first_round(self) -> Questions:
        """Ask about what the plan names."""
        case, found = self._case, self._found
        yield from self._machines()
        for group_id in self._groups():
            yield self._ask.note_shared(found.groups, group_id, documents.located)
        for network_id in self._networks():
            yield self._ask.note_shared(found.networks, network_id, documents.network)
        for subscription, region in sorted({(vm.target_subscription, vm.target_region) for vm in case.vms}):
            yield self._sizes(subscription, region)
            yield self._quotas(subscription, region)
        yield from (self._vault(vault.id) for vault in case.vaults)
        if self._at_start:
            yield from self._first_round_at_start()

    def _first_round_at_start(self) -> Questions:
        case, found = self._case, self._found
        yield from self._around.first_round()
        for vm in case.vms:
            yield self._eligibility(vm.source_id)
        for set_id in distinct(vm.disk_encryption_set_id for vm in case.vms):
            yield self._ask.note_shared(found.encryption_sets, set_id, documents.located)
        for account in distinct(account for vault in case.vaults for account in vault.account_ids):
            yield self._ask.note_shared(found.accounts, account, documents.located)
        for subscription in subscriptions(case):
            for namespace in NAMESPACES:
                yield self._provider(subscription, namespace)
        for subscription in searched(case):
            yield self._foreign_items(subscription)

    def second_round(self) -> Questions:
        """Ask about what hangs on the sources, lies in the groups, and may be done there."""
        case, found = self._case, self._found
        machines = [fact.value for fact in found.machines.values() if fact.value is not None]
        disk_ids = [disk.id for machine in machines for disk in machine.disks if disk.id]
        nic_ids = [nic_id for machine in machines for nic_id in machine.nic_ids]
        yield from self._ask.note_each(found.disks, disk_ids, documents.disk, DISKS_API)
        yield from self._ask.note_each(found.nics, nic_ids, documents.nic, _NETWORK_API)
        for group_id in distinct(vm.target_resource_group_id for vm in case.vms):
            yield from self._contents(group_id) if self._at_start else self._namesakes(group_id)
        for group_id in self._groups():
            group = found.groups[id_key(group_id)]
            if group.value or group.unasked:
                yield self._locks(group_id)
        for group_id in self._other_groups(disk_ids):
            yield self._locks(group_id)
        for scope in scopes(case):
            yield self._permissions(scope)
            yield self._denials(scope)
        yield from Restrictions(self._ask, case).questions()
        for network_id, address in sorted({(vm.network_id, vm.address) for vm in case.vms if vm.address}):
            yield self._address(network_id, address)
        for network_id in self._networks() if self._at_start else ():
            yield self._network_usage(network_id)

    def third_round(self) -> Questions:
        """Ask about machines with a target's name, sizes that are not offered, and who lets traffic out."""
        for subscription, region in sorted(self._homes_of_absent_sizes()):
            yield self._sizes(subscription, region)
        if self._at_start:
            yield from perimeter.questions(self._ask, self._case)
            yield from perimeter.of_test_networks(self._ask, self._case)
        for vm in self._case.vms if self._at_start else ():
            listing = self._found.group_machines[id_key(vm.target_resource_group_id)]
            if any(same_id(machine.id, vm.target_id) for machine in listing.value or ()):
                yield self._single_machine(vm.target_id)
            else:
                self._found.machines.note(vm.target_id, with_value(listing, None))

    def _groups(self) -> list[str]:
        groups = [*self._case.vault_groups]
        groups += [group for vm in self._case.vms for group in (source_group(vm), target_group(vm))]
        return distinct(ids.resource_group_id(*group) for group in groups)

    def _other_groups(self, resource_ids: list[str]) -> list[str]:
        """Return the groups of resources in which no virtual machine of the plan lies or will."""
        known = set(map(id_key, self._groups()))
        homes = [ids.ResourceId.parse(resource_id) for resource_id in resource_ids]
        groups = distinct(ids.resource_group_id(home.subscription, home.resource_group or "") for home in homes)
        return [group_id for group_id in groups if id_key(group_id) not in known]

    def _networks(self) -> list[str]:
        return distinct(each for vm in self._case.vms for each in (vm.network_id, vm.test_network_id))

    def _machines(self) -> Questions:
        """Ask about the sources: one by one where they are few in a group, else by one listing for all of it."""
        groups: dict[tuple[str, str], list[str]] = {}
        for vm in self._case.vms:
            subscription, group = source_group(vm)
            groups.setdefault((subscription.lower(), group.lower()), []).append(vm.source_id)
        for (subscription, _), members in groups.items():
            if self._ask.is_listed(members[0].rpartition("/")[0], len(members)):
                yield self._listed_machines(subscription, members)
            else:
                yield from (self._single_machine(vm_id) for vm_id in members)

    async def _listed_machines(self, subscription: str, wanted: list[str]) -> None:
        """Ask with two listings: the group's machines, and how all of the subscription stand."""
        group = wanted[0].rpartition("/")[0]
        everywhere = f"/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines"
        state = f"the state of the virtual machines of subscription {subscription}"
        machines, states = await asyncio.gather(
            self._ask.by_id(group, _COMPUTE_API, f"the virtual machines of {group}"),
            self._ask.by_id(f"{everywhere}?statusOnly=true", _COMPUTE_API, state),
        )
        failed: Fact[Any] = machines if machines.unasked else states
        for vm_id in wanted:
            document = (machines.value or {}).get(id_key(vm_id))
            if document is not None:
                stands = ((states.value or {}).get(id_key(vm_id)) or {}).get("properties") or {}
                document.setdefault("properties", {})["instanceView"] = stands.get("instanceView") or {}
                self._ask.see(vm_id, document)
            elif self._ask.sharing.lists:  # as in `Asker.note_each`
                await self._single_machine(vm_id)
                continue
            fact = understood(describe(vm_id), document, documents.machine) if document else Fact[Machine]()
            self._found.machines.note(vm_id, with_value(failed, None) if failed.unasked else fact)

    async def _single_machine(self, vm_id: str) -> None:
        await self._ask.note(self._found.machines, vm_id, documents.machine, **{"$expand": "instanceView"})

    def _homes_of_absent_sizes(self) -> set[tuple[str, str]]:
        """Return where sizes are offered that the target region does not: what they are helps to find a substitute."""
        homes = set()
        for vm in self._case.vms if self._at_start else ():
            machine = self._found.machines[id_key(vm.source_id)].value
            offered = self._found.skus[id_key(place(vm.target_subscription, vm.target_region))].value
            if machine and offered and machine.size.lower() not in offered:
                homes.add((source_group(vm)[0], vm.source_region))
        return homes

    async def _sizes(self, subscription: str, region: str) -> None:
        def make(document: Json) -> Sku | None:
            is_size = document.get("resourceType") == "virtualMachines"
            return documents.sku(document, region) if is_size else None

        wanted = quote(f"location eq '{region}'")
        collection = f"/subscriptions/{subscription}/providers/Microsoft.Compute/skus?$filter={wanted}"
        what = f"the sizes offered in {region}"
        listed = await self._ask.many(collection, _SKUS_API, make, what, max_age_seconds=SIZES_AGE_SECONDS)
        table = {sku.name.lower(): sku for sku in listed.value or () if sku is not None}
        self._found.skus.note(place(subscription, region), with_value(listed, table))

    async def _quotas(self, subscription: str, region: str) -> None:
        collection = f"/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{region}/usages"
        # Right before a failover nothing old counts: the machines before this one have taken their part of it.
        age = None if self._at_start else 0
        what = f"the quotas in {region}"
        listed = await self._ask.many(collection, _COMPUTE_API, documents.usage, what, max_age_seconds=age)
        table = {usage.name.lower(): usage for usage in listed.value or ()}
        self._found.usages.note(place(subscription, region), with_value(listed, table))

    async def _vault(self, vault_id: str) -> None:
        found = self._found
        if not self._at_start:
            # Those of all others are no concern of one failover, and a vault may hold thousands.
            mine = [one for one in self._case.item_ids if same_id(vault_of(one), vault_id)]
            found.items.note(vault_id, await self._each(mine, lambda one: self._ask.one(one, documents.protected_item)))
            found.vaults.note(vault_id, Fact(unasked=f"reading {describe(vault_id)}: its items were asked for"))
            return
        there = await self._ask.shared(vault_id, documents.located)
        found.vaults.note(vault_id, there)
        if there.unasked or there.value is None:
            found.items.note(vault_id, with_value(there, ()))
            found.mappings.note(vault_id, with_value(there, ()))
            return
        items, mappings = await asyncio.gather(
            self._items(vault_id),
            self._in_vault(vault_id, "replicationNetworkMappings", documents.network_mapping),
        )
        found.items.note(vault_id, items)
        found.mappings.note(vault_id, mappings)

    async def _items(self, vault_id: str) -> Fact[Any]:
        return await self._in_vault(vault_id, "replicationProtectedItems", documents.protected_item)

    async def _in_vault(self, vault_id: str, kind: str, make: Callable[[Json], Any]) -> Fact[Any]:
        return await self._ask.many(f"{vault_id}/{kind}", SITE_RECOVERY_API, make, f"{kind} of {describe(vault_id)}")

    async def _eligibility(self, vm_id: str) -> None:
        result = f"{vm_id}/providers/Microsoft.RecoveryServices/replicationEligibilityResults/default"
        what = f"whether Site Recovery can protect {describe(vm_id)}"
        fact = await self._ask.shared(result, documents.eligibility_errors, what, version=SITE_RECOVERY_API)
        self._found.eligibility.note(vm_id, fact)

    async def _provider(self, subscription: str, namespace: str) -> None:
        path = f"/subscriptions/{subscription}/providers/{namespace}"
        what = f"provider {namespace} in subscription {subscription}"
        fact = await self._ask.shared(path, documents.provider, what, version=_PROVIDERS_API)
        self._found.providers.note(f"{subscription}/{namespace}", fact)

    async def _foreign_items(self, subscription: str) -> None:
        collection = f"/subscriptions/{subscription}/providers/Microsoft.RecoveryServices/vaults"
        vaults = await self._ask.many(
            collection, VAULT_API, documents.located, f"the vaults of subscription {subscription}"
        )
        self._found.vault_counts.note(subscription, with_value(vaults, len(vaults.value or ())))
        ours = {id_key(vault.id) for vault in self._case.vaults}
        others = [vault.id for vault in vaults.value or () if id_key(vault.id) not in ours]
        listings, _ = await asyncio.gather(
            asyncio.gather(*(self._items(other) for other in others)), self._around.backups(subscription, vaults)
        )
        failed = next((listing for listing in (vaults, *listings) if listing.unasked), vaults)
        items = tuple(item for listing in listings for item in listing.value or ())
        self._found.foreign_items.note(subscription, with_value(failed, items))

    def _contents(self, group_id: str) -> Questions:
        compute, network = f"{group_id}/providers/Microsoft.Compute", f"{group_id}/providers/Microsoft.Network"
        found = self._found
        yield self._content(
            found.group_machines, group_id, f"{compute}/virtualMachines", _COMPUTE_API, documents.machine
        )
        yield self._content(found.group_disks, group_id, f"{compute}/disks", DISKS_API, documents.disk)
        yield self._content(found.group_nics, group_id, f"{network}/networkInterfaces", _NETWORK_API, documents.nic)

    def _namesakes(self, group_id: str) -> Questions:
        """Ask whether anything has a name that a failover gives, by that name: a group may hold thousands of others."""
        case, found = self._case, self._found
        vms = [vm for vm in case.vms if same_id(vm.target_resource_group_id, group_id)]
        made: list[str] = []
        with suppress(UnaskedError):  # of a machine that cannot be read, which the rules say themselves
            made = [each for vm in vms for each in case.will_be_made(vm)]
        nics = [each for each in made if ids.type_of(each).lower() == "microsoft.network/networkinterfaces"]
        disks = [each for each in made if each not in nics]
        items = [item for fact in found.items.values() for item in fact.value or ()]
        replicas = [disk for item in items for disk in item.replica_disk_ids]
        yield self._named(found.group_machines, group_id, [vm.target_id for vm in vms], documents.machine)
        yield self._named(found.group_nics, group_id, nics, documents.nic)
        yield self._named(found.group_disks, group_id, disks, documents.disk, replicas)

    async def _named(
        self,
        table: Facts[Any],
        group_id: str,
        wanted: list[str],
        make: Callable[[Json], Any],
        known: Iterable[str] = (),
    ) -> None:
        """Keep those that are there, with those that are *known* to be."""
        answer = await self._each(wanted, lambda one: self._ask.namesake(one, make))
        there = (*(make({"id": one}) for one in known), *(answer.value or ()))
        table.note(group_id, with_value(answer, there))

    async def _each(self, wanted: Iterable[str], ask: Callable[[str], Awaitable[Fact[Any]]]) -> Fact[tuple[Any, ...]]:
        """Return those of some resources that are there."""
        answers = await asyncio.gather(*(ask(one) for one in wanted))
        failed = next((answer for answer in answers if answer.unasked), Fact[Any](()))
        return with_value(failed, tuple(answer.value for answer in answers if answer.value is not None))

    async def _content(
        self, table: Facts[Any], group_id: str, collection: str, version: str, make: Callable[[Json], Any]
    ) -> None:
        table.note(group_id, await self._ask.many(collection, version, make, f"what lies in {describe(group_id)}"))

    async def _locks(self, group_id: str) -> None:
        # Without a filter ARM lists what lies on the group and in it; atScope() adds what it inherits.
        base, what = f"{group_id}/providers/Microsoft.Authorization/locks", f"the locks of {describe(group_id)}"
        inside = await self._ask.many(base, LOCKS_API, documents.lock, what)
        above = await self._ask.many(f"{base}?$filter={quote('atScope()')}", LOCKS_API, documents.lock, what)
        locks = [*(inside.value or ()), *(above.value or ())]
        distinct_locks = tuple({(lock.scope.lower(), lock.name.lower()): lock for lock in locks}.values())
        self._found.locks.note(group_id, with_value(above if above.unasked else inside, distinct_locks))

    async def _permissions(self, scope: str) -> None:
        collection, what = f"{scope}/providers/Microsoft.Authorization/permissions", f"permissions on {describe(scope)}"
        self._found.permissions.note(
            scope, await self._ask.many(collection, _PERMISSIONS_API, documents.permission, what)
        )

    async def _denials(self, scope: str) -> None:
        listing = f"{scope}/providers/Microsoft.Authorization/denyAssignments"
        what, who = f"the deny assignments on {describe(scope)}", await object_id(self._ask.azure)

        def make(document: Json) -> Denial:
            return documents.denial(document, who)

        found = await self._ask.many(f"{listing}?$filter={quote('atScope()')}", _PERMISSIONS_API, make, what)
        if any(denial.applies is None for denial in found.value or ()) and who:
            # Whether the identity belongs to a group, only the directory knows; this filter asks it.
            assigned = quote(f"assignedTo('{who}')")
            mine = f"{listing}?$filter={assigned}"
            listed = await self._ask.many(mine, _PERMISSIONS_API, make, what)
            found = with_value(listed, _decided(found.value or (), listed.value or ()))
        self._found.deny_assignments.note(scope, found)

    async def _address(self, network_id: str, address: str) -> None:
        network = ids.ResourceId.parse(network_id)
        client = self._ask.azure.network(network.subscription)

        async def ask() -> AddressAnswer:
            group = network.resource_group or ""
            answer = await client.virtual_networks.check_ip_address_availability(
                group, network.name, ip_address=address
            )
            return AddressAnswer(bool(answer.available), tuple(answer.available_ip_addresses or ()))

        fact = await self._ask.fact(f"whether {address} is free in {describe(network_id)}", ask)
        self._found.addresses.note(f"{network_id}/{address}", fact)

    async def _network_usage(self, network_id: str) -> None:
        what = f"the free addresses of {describe(network_id)}"
        listed = await self._ask.many(f"{network_id}/usages", _NETWORK_API, documents.free_addresses, what)
        self._found.network_usage.note(network_id, with_value(listed, dict(listed.value or ())))


def _decided(denials: tuple[Denial, ...], mine: tuple[Denial, ...]) -> tuple[Denial, ...]:
    """Return deny assignments of which it is known whether they concern the identity: those that are listed as its."""
    listed = {(denial.scope.lower(), denial.name) for denial in mine}
    return tuple(
        replace(denial, applies=(denial.scope.lower(), denial.name) in listed) if denial.applies is None else denial
        for denial in denials
    )
