"""What the table of calls is made for: virtual machines, their vault, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from migration import ids, names
from migration.hooks import Hooks
from migration.models import VmSpec, hooks_by_vm
from migration.plan import Failover, Plan

UNKNOWN_DISK, UNKNOWN_NIC, UNKNOWN_NETWORK = "{disk}", "{nic}", "{network}"


@dataclass(frozen=True)
class Attached:
    """What hangs on a source, by ids; nothing where the sources were not looked at."""

    disk_ids: tuple[str, ...] = ()
    nic_ids: tuple[str, ...] = ()
    network_ids: tuple[str, ...] = ()
    os_type: str = "Linux"


@dataclass(frozen=True)
class Move:
    """The virtual machines of a plan, or one of them, as the table of calls sees them."""

    vms: tuple[VmSpec, ...]
    vault_id: str
    failover: Failover
    cache_account_id: str
    asks_guests: bool = True
    return_cache_account_id: str = ""
    """In the target region, where the plan replicates back once it is committed."""
    attached: Mapping[str, Attached] = field(default_factory=dict)
    """By the plan's name of the virtual machine."""
    there: frozenset[str] = frozenset()
    """Keys of the shared resources that are there before the run."""
    hooks: Mapping[str, Hooks] = field(default_factory=dict)
    """The user's hooks, by the plan's name of the virtual machine."""
    fabrics: Mapping[str, str] = field(default_factory=dict)
    """The names of the fabrics that the vault has already, by region."""

    @property
    def source_region(self) -> str:
        """The region that all come from."""
        return self.vms[0].source_region

    @property
    def target_region(self) -> str:
        """The region that all go to."""
        return self.vms[0].target_region

    @property
    def reprotects(self) -> bool:
        """Whether machines replicate back once they are committed."""
        return bool(self.return_cache_account_id)

    @property
    def vault_group_id(self) -> str:
        """The resource group of the vault and the cache account."""
        vault = ids.ResourceId.parse(self.vault_id)
        return ids.resource_group_id(vault.subscription, vault.resource_group or "")

    @property
    def vault_is_there(self) -> bool:
        """Whether the vault was there before, so that what lies in it may have been, too."""
        return self.is_there(self.vault_id)

    @property
    def cache_is_there(self) -> bool:
        """Whether the cache account was there before."""
        return self.is_there(self.cache_account_id)

    def is_there(self, resource_id: str) -> bool:
        """Whether a shared resource was there before the run."""
        return ids.id_key(resource_id) in self.there

    def fabric_id(self, region: str) -> str:
        """Return the fabric of a region: the vault's own where it has one, else the one that we make."""
        return ids.fabric_id(self.vault_id, self.fabrics.get(region) or names.fabric_name(region))

    def container_id(self, region: str) -> str:
        """Return the container of a region."""
        return ids.container_id(self.fabric_id(region), names.container_name(region))

    def item_id(self, vm: VmSpec) -> str:
        """Return the protected item of a virtual machine."""
        return ids.item_id(self.container_id(self.source_region), names.protected_item_name(vm.source_id))

    def disk_names(self, vm: VmSpec) -> list[str]:
        """Return the names of the disks that move."""
        found = [disk_id.rsplit("/", 1)[-1] for disk_id in self.of(vm).disk_ids] or [UNKNOWN_DISK]
        return [name for name in found if not vm.excludes(name)]

    def nic_names(self, vm: VmSpec) -> list[str]:
        """Return the names of the network interfaces."""
        return [nic_id.rsplit("/", 1)[-1] for nic_id in self.of(vm).nic_ids] or [UNKNOWN_NIC]

    def network_pairs(self) -> list[tuple[str, str]]:
        """Return each source network with the network that its virtual machines go to, once."""
        pairs = {
            (network.lower(), vm.network_id.lower()): (network, vm.network_id)
            for vm in self.vms
            for network in self.of(vm).network_ids or (_unknown_network(vm),)
        }
        return list(pairs.values())

    def hooks_of(self, vm: VmSpec) -> Hooks:
        """Return the user's hooks for a virtual machine."""
        return self.hooks.get(vm.name, Hooks())

    def of(self, vm: VmSpec) -> Attached:
        """Return what hangs on a source."""
        return self.attached.get(vm.name, Attached())


def cache_account_id(vault_id: str, source_region: str, name: str | None = None) -> str:
    """Return the id of the cache account: beside the vault, under a name of ours unless the plan has one."""
    vault = ids.ResourceId.parse(vault_id)
    name = name or names.cache_account_name(vault_id, source_region)
    return ids.storage_account_id(vault.subscription, vault.resource_group or "", name)


def move_of(plan: Plan, vms: tuple[VmSpec, ...]) -> Move:
    """Return a plan's move, of which nothing was looked at yet."""
    hooks = hooks_by_vm(plan)
    return Move(
        vms=vms,
        vault_id=plan.vault_id,
        failover=plan.failover,
        cache_account_id=cache_account_id(plan.vault_id, plan.source.region, plan.vault.cache_account),
        asks_guests=plan.guest_probes.enabled,
        return_cache_account_id=cache_account_id(plan.vault_id, plan.target.region) if plan.after_commit.wanted else "",
        hooks={vm.name: hooks[vm.name] for vm in vms},
    )


def _unknown_network(vm: VmSpec) -> str:
    source = ids.ResourceId.parse(vm.source_id)
    return ids.network_id(source.subscription, source.resource_group or "", UNKNOWN_NETWORK)
