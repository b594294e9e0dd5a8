"""Reads all that parity compares of one side, the source's or the target's: the same questions of both."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from azure.core.exceptions import ServiceResponseError

from arm import inventory_documents, security_rules
from arm import parity_documents as documents
from arm import surrounding_documents as surrounding
from arm.asking import as_it_is
from arm.reads import ASSIGNMENTS_API, BACKUP_API, LOCKS_API, SCHEDULES_API, SETTINGS_API, VAULT_API, read
from migration.ids import ResourceId, describe, id_key, same_id
from migration.parity.aspects import ASPECTS
from migration.parity.values import Side, Trait, shortened, side_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from arm.asking import Asker
    from arm.reads import Json
    from migration.facts import Fact

_UNREGISTERED = ("missingsubscriptionregistration", "invalidresourcenamespace", "invalidresourcetype")
"""A subscription that has not registered a provider has nothing of it."""
_OF_INTERFACES = {
    "security-groups",
    "security-rules",
    "public-addresses",
    "load-balancer-pools",
    "ip-configurations",
    "dns-labels",
}

_OF_GROUPS = {"security-groups", "security-rules"}


async def read_side(asker: Asker, machine_id: str, aspects: set[str] | None = None) -> Side:
    """Return what a machine has of *aspects*, all unless named; nothing where there is no such machine.

    What may not be read is noted as such.

    Raises:
        AzureError: Azure is out of order, so that asking again may help.
    """
    side = _Side(asker, machine_id, set(ASPECTS) if aspects is None else aspects)
    machine = await asker.document(machine_id)
    side.note_failure(machine, tuple(ASPECTS))
    if machine.value is not None:
        await side.read(machine.value)
    return side_of(side.traits, side.unread)


class _Side:
    """One side while it is read."""

    def __init__(self, asker: Asker, machine_id: str, aspects: set[str]) -> None:
        self.traits: list[Trait] = []
        self.unread: dict[str, str] = {}
        self._ask = asker
        self._id = machine_id
        self._aspects = aspects
        self._home = ResourceId.parse(machine_id)

    async def read(self, machine: Json) -> None:
        """Read all that hangs on the machine."""
        self._take(documents.of_machine(machine))
        questions: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("role-assignments", lambda: self._assignments(documents.own_principal(machine))),
            ("diagnostics", self._settings),
            ("auto-shutdown", self._schedules),
            ("locks", self._locks),
            ("backup", self._backups),
        ]
        asked = [ask() for aspect, ask in questions if aspect in self._aspects]
        if self._aspects & _OF_INTERFACES:
            asked += [self._interface(*each) for each in enumerate(documents.interface_ids(machine))]
        await asyncio.gather(*asked)

    def note_failure(self, fact: Fact[Any], aspects: tuple[str, ...]) -> None:
        """Note that *aspects* could not be read.

        Raises:
            AzureError: Asking again may help.
        """
        if not fact.unasked or any(code in fact.unasked.lower() for code in _UNREGISTERED):
            return
        if fact.passing:
            raise ServiceResponseError(fact.unasked)
        self.unread |= {aspect: shortened(fact.unasked) for aspect in aspects if aspect in self._aspects}

    def _take(self, traits: Iterator[Trait]) -> None:
        self.traits += [trait for trait in traits if trait.aspect in self._aspects]

    async def _interface(self, number: int, nic_id: str) -> None:
        fact = await self._ask.document(nic_id)
        self.note_failure(fact, tuple(_OF_INTERFACES))
        if fact.value is None:
            return
        self._take(documents.of_interface(number, fact.value))
        asked = []
        if self._aspects & _OF_GROUPS:
            nic = describe(nic_id)
            asked.append(self._rules(f"nic{number}", nic, documents.security_group_id(fact.value)))
            if subnet := documents.subnet_id(fact.value):
                asked.append(self._subnet(number, fact.value, subnet))
        if "dns-labels" in self._aspects:
            addresses = documents.public_address_ids(fact.value)
            asked += [self._public_address(f"nic{number}/{key}", one) for key, one in addresses.items()]
        await asyncio.gather(*asked)

    async def _subnet(self, number: int, interface: Json, subnet: str) -> None:
        fact = await self._ask.shared(subnet, as_it_is)
        self.note_failure(fact, tuple(_OF_GROUPS))
        found = fact.value or {}
        self._take(documents.of_subnet(number, interface, found))
        place = f"the subnet of {describe(str(interface['id']))}"
        await self._rules(f"nic{number}#subnet", place, documents.security_group_id(found))

    async def _rules(self, key: str, place: str, group_id: str | None) -> None:
        """Ask for the rules of a group; many machines share one."""
        if group_id is None or "security-rules" not in self._aspects:
            return
        what = f"the rules of {describe(group_id)}"
        fact = await self._ask.recall(f"{what} {id_key(group_id)}", what, lambda: read(self._ask.azure, group_id))
        self.note_failure(fact, ("security-rules",))
        if fact.value is not None:
            self._take(iter([security_rules.of_group(key, place, group_id, fact.value)]))

    async def _public_address(self, key: str, address: str) -> None:
        fact = await self._ask.document(address)
        self.note_failure(fact, ("dns-labels",))
        if fact.value is not None:
            self._take(documents.of_public_address(key, fact.value))

    async def _assignments(self, principal: str | None) -> None:
        subscription = self._home.subscription
        path = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleAssignments"
        what = f"the role assignments of subscription {subscription}"
        fact = await self._ask.many(path, ASSIGNMENTS_API, surrounding.role_assignment, what)
        self.note_failure(fact, ("role-assignments",))
        for assignment in fact.value or ():
            self._take(documents.of_assignment(self._id, principal, assignment))

    async def _settings(self) -> None:
        path = f"{self._id}/providers/Microsoft.Insights/diagnosticSettings"
        fact = await self._ask.many(path, SETTINGS_API, as_it_is, f"diagnostic settings of {describe(self._id)}")
        self.note_failure(fact, ("diagnostics",))
        for setting in fact.value or ():
            self._take(documents.of_setting(self._id, setting))

    async def _schedules(self) -> None:
        group = f"/subscriptions/{self._home.subscription}/resourceGroups/{self._home.resource_group}"
        path = f"{group}/providers/Microsoft.DevTestLab/schedules"
        fact = await self._ask.many(path, SCHEDULES_API, as_it_is, f"the schedules of {describe(group)}")
        self.note_failure(fact, ("auto-shutdown",))
        for schedule in fact.value or ():
            self._take(documents.of_schedule(self._id, schedule))

    async def _locks(self) -> None:
        # Without a filter ARM lists what lies on a scope and in it: the check has asked that of the whole group.
        place = self._id if self._ask.sharing.age_seconds <= 0 else self._id.partition("/providers/")[0]
        path, what = f"{place}/providers/Microsoft.Authorization/locks", f"the locks of {describe(place)}"
        fact = await self._ask.many(path, LOCKS_API, inventory_documents.lock, what)
        self.note_failure(fact, ("locks",))
        for lock in fact.value or ():
            self._take(documents.of_lock(self._id, lock))

    async def _backups(self) -> None:
        """Ask each vault of the subscription, as the check does."""
        subscription = self._home.subscription
        path = f"/subscriptions/{subscription}/providers/Microsoft.RecoveryServices/vaults"
        what = f"the vaults of subscription {subscription}"
        vaults = await self._ask.many(path, VAULT_API, inventory_documents.located, what)
        self.note_failure(vaults, ("backup",))
        await asyncio.gather(*(self._backup(vault.id) for vault in vaults.value or ()))

    async def _backup(self, vault_id: str) -> None:
        only = quote("backupManagementType eq 'AzureIaasVM'")
        path = f"{vault_id}/backupProtectedItems?$filter={only}"
        fact = await self._ask.many(path, BACKUP_API, surrounding.backup_item, f"what {describe(vault_id)} backs up")
        self.note_failure(fact, ("backup",))
        for item in fact.value or ():
            if same_id(item.machine_id, self._id):
                name = describe(self._id)
                self._take(
                    iter([Trait(aspect="backup", key="backup", subject=name, value=describe(vault_id), ref=item.id)])
                )
