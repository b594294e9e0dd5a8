"""What is judged: virtual machines with what the plan wants for them, and the inventory read for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from migration import ids
from migration.facts import UnaskedError
from migration.fingerprint import Fingerprint
from migration.hooks import Hooks
from migration.inventory import AttachedDisk, Inventory, Machine, Nic
from migration.models import VmSpec
from migration.placement import Place, Placement
from migration.plan import Failover
from migration.rules.needs import Need, needs_of
from migration.severities import Moment, Severity
from migration.vaults import PlannedVault
from migration.wires import Wanted, Wires


@dataclass(frozen=True)
class Hit:
    """A rule's objection. What is None comes from the catalogue."""

    subject: str
    evidence: str
    remedy: str | None = None
    severity: Severity | None = None
    prevents: str | None = None


@dataclass(frozen=True)
class Case:
    """The virtual machines of a check, all that they share, and what is known of the cloud."""

    vms: tuple[VmSpec, ...]
    vaults: tuple[PlannedVault, ...]
    failover: Failover
    inventory: Inventory
    moment: Moment = "start"
    named: Mapping[str, int] = field(default_factory=dict)
    """Which vault virtual machines have to go by: by the plan's name of the virtual machine."""
    placement: Placement | None = None
    """Who goes by which vault and cache account; None before that was planned."""
    item_ids: tuple[str, ...] = ()
    """The protected items of the machines; only right before the failover."""
    own_ids: frozenset[str] = frozenset()
    fingerprint: Fingerprint | None = None
    """What the first check saw; only right before the failover."""
    hooks: Mapping[str, Hooks] = field(default_factory=dict)
    """The user's hooks, by the plan's name of the virtual machine."""
    now: datetime | None = None
    """By the clock of the worker that checks; None where this check is not the one to ask about time."""
    finalised: Mapping[str, str] = field(default_factory=dict)
    """Sources that are gone because they were finalised, and when, by the plan's name of the virtual machine."""
    wires: Wires | None = None
    """By what the worker that checks reaches people; None where this check is not the one to ask about that."""
    wanted: Wanted | None = None
    """By what the plan wants to."""
    asks_guests: bool | None = None
    """Whether the plan has the machines asked from inside; None where this check is not the one to ask that."""

    @property
    def vault_groups(self) -> list[tuple[str, str]]:
        """Subscription and name of the vaults' resource groups, each once."""
        return list({ids.id_key(ids.resource_group_id(*vault.group)): vault.group for vault in self.vaults}.values())

    def place_of(self, vm: VmSpec) -> Place:
        """Return where a virtual machine is protected; the first vault as long as nothing is planned."""
        return (self.placement.places.get(vm.name) if self.placement else None) or Place()

    def vault_of(self, vm: VmSpec) -> PlannedVault:
        """Return the vault of a virtual machine."""
        return self.vaults[self.place_of(vm).vault]

    def cache_account_of(self, vm: VmSpec) -> str:
        """Return the id of the cache account of a virtual machine."""
        return self.vault_of(vm).account(vm.source_region, self.place_of(vm).account)

    def those_of(self, vault: PlannedVault) -> tuple[VmSpec, ...]:
        """Return the virtual machines that go by a vault."""
        return tuple(vm for vm in self.vms if self.vault_of(vm) is vault)

    def machine(self, vm: VmSpec) -> Machine | None:
        """Return the source as it is now."""
        return self.inventory.machines.about(vm.source_id)

    def nics(self, vm: VmSpec) -> tuple[Nic, ...]:
        """Return the source's network interfaces, the primary first; those that exist."""
        machine = self.machine(vm)
        found = [self.inventory.nics.about(nic_id) for nic_id in machine.nic_ids] if machine else []
        return tuple(nic for nic in found if nic is not None)

    def kept_disks(self, vm: VmSpec) -> tuple[AttachedDisk, ...]:
        """Return the source's disks that move: all but those that the plan leaves behind."""
        machine = self.machine(vm)
        return tuple(disk for disk in machine.disks if not vm.excludes(disk.name)) if machine else ()

    def wanted_size(self, vm: VmSpec) -> str | None:
        """Return the size that the virtual machine will have; None where the source is absent."""
        machine = self.machine(vm)
        return vm.size or (machine.size if machine else None)

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """What the move does, by place and scope; read once what the plan names was read (the table is long)."""
        return needs_of(self)

    @cached_property
    def brought(self) -> dict[str, str]:
        """Who is the first of the plan to bring a disk or interface to a target group: names by the ids it will have.

        What cannot be read of one machine is that machine's own trouble.
        """
        first: dict[str, str] = {}
        for vm in self.vms:
            with suppress(UnaskedError):
                for resource_id in self.will_be_made(vm):
                    first.setdefault(ids.id_key(resource_id), vm.name)
        return first

    @cached_property
    def departures(self) -> dict[tuple[str, str], VmSpec]:
        """Who is the first to leave a source network by a vault: by the ids of both."""
        first: dict[tuple[str, str], VmSpec] = {}
        for vm in self.vms:
            with suppress(UnaskedError):
                for nic in self.nics(vm):
                    first.setdefault((self.vault_of(vm).id, ids.id_key(nic.network_id)), vm)
        return first

    @cached_property
    def addressed(self) -> dict[tuple[str, str], str]:
        """Who is the first of the plan to want an address: names by network and address."""
        first: dict[tuple[str, str], str] = {}
        for vm in self.vms:
            if vm.address:
                first.setdefault((ids.id_key(vm.network_id), vm.address), vm.name)
        return first

    def will_be_made(self, vm: VmSpec) -> list[str]:
        """Return the ids that the interfaces and disks will have; Site Recovery names them as at the source."""
        machine = self.machine(vm)
        nics = [nic_id.rsplit("/", 1)[-1] for nic_id in machine.nic_ids] if machine else []
        disks = [disk.name for disk in self.kept_disks(vm)]
        home = target_group(vm)
        return [*(ids.nic_id(*home, name) for name in nics), *(ids.disk_id(*home, name) for name in disks)]

    def owns(self, resource_id: str) -> bool:
        """Whether a resource is known to be the move's own, made earlier."""
        return ids.id_key(resource_id) in self.own_ids

    def scope(self, subscription: str, group: str) -> str:
        """Return where permissions for a resource group are asked: at its subscription while it does not exist."""
        group_id = ids.resource_group_id(subscription, group)
        return group_id if self.inventory.groups.about(group_id) else f"/subscriptions/{subscription}"


VmCheck = Callable[[Case, VmSpec], Iterator[Hit]]
SharedCheck = Callable[[Case], Iterator[Hit]]


def source_group(vm: VmSpec) -> tuple[str, str]:
    """Return subscription and resource group of the source."""
    parsed = ids.ResourceId.parse(vm.source_id)
    return parsed.subscription, parsed.resource_group or ""


def target_group(vm: VmSpec) -> tuple[str, str]:
    """Return subscription and resource group of the target."""
    return vm.target_subscription, vm.target_resource_group


def place(subscription: str, region: str) -> str:
    """Return the key of what a region offers to a subscription."""
    return f"{subscription}/{region}"
