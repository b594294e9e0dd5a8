"""What the table of calls is made for: virtual machines, their vault, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from migration import ids, names
from migration.hooks import Hooks
from migration.models import VmSpec
from migration.placement import Place
from migration.plan import Failover, Plan
from migration.specs import hooks_by_vm
from migration.vaults import account_id

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
    """The virtual machines of a plan that go by one vault, or one of them, as the table of calls sees them."""

    vms: tuple[VmSpec, ...]
    vault_id: str
    failover: Failover
    cache_account_ids: tuple[str, ...]
    asks_guests: bool = True
    return_cache_account_ids: tuple[str, ...] = ()
    """In the target region, where the plan replicates back once it is committed."""
    fellows: tuple[VmSpec, ...] = ()
    """Those of the plan that go by other vaults: what they share is listed for all at once."""
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
        return bool(self.return_cache_account_ids)

    @property
    def vault_group_id(self) -> str:
        """The resource group of the vault and the cache account."""
        vault = ids.ResourceId.parse(self.vault_id)
        return ids.resource_group_id(vault.subscription, vault.resource_group or "")

    @property
    def vault_is_there(self) -> bool:
        """Whether the vault was there before, so that what lies in it may have been, too."""
        return self.is_there(self.vault_id)

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


def moves_of(plan: Plan, vms: tuple[VmSpec, ...], places: Mapping[str, Place] | None = None) -> list[Move]:
    """Return a plan's moves, one for each vault that is used, of which nothing was looked at yet.

    Where nobody knows the *places* of the machines, every vault is taken to be used, by its first cache account.
    """
    shares = shared_out(vms, len(plan.all_vaults), places)
    hooks = hooks_by_vm(plan)
    moves = []
    for number, (vault, vault_id) in enumerate(zip(plan.all_vaults, plan.vault_ids, strict=True)):
        mine = shares[number]
        if not mine:
            continue
        accounts = sorted({places[vm.name].account for vm in mine} if places else {0})
        back = accounts if plan.after_commit.wanted else []
        moves.append(
            Move(
                vms=mine,
                vault_id=vault_id,
                failover=plan.failover,
                cache_account_ids=tuple(
                    account_id(vault_id, vault.cache_accounts, plan.source.region, n) for n in accounts
                ),
                asks_guests=plan.guest_probes.enabled,
                return_cache_account_ids=tuple(account_id(vault_id, (), plan.target.region, n) for n in back),
                hooks={vm.name: hooks[vm.name] for vm in mine},
                fellows=others(vms, mine),
            )
        )
    return moves


def shared_out(vms: tuple[VmSpec, ...], vaults: int, places: Mapping[str, Place] | None) -> list[tuple[VmSpec, ...]]:
    """Return the virtual machines of each vault; where no *places* are known, some for every vault."""
    if places is None:
        return [vms[number::vaults] or vms[:1] for number in range(vaults)]
    return [tuple(vm for vm in vms if places[vm.name].vault == number) for number in range(vaults)]


def others(vms: tuple[VmSpec, ...], mine: tuple[VmSpec, ...]) -> tuple[VmSpec, ...]:
    """Return those of *vms* that are not among *mine*."""
    names = {vm.name for vm in mine}
    return tuple(vm for vm in vms if vm.name not in names) if len(mine) < len(vms) else ()


def _unknown_network(vm: VmSpec) -> str:
    source = ids.ResourceId.parse(vm.source_id)
    return ids.network_id(source.subscription, source.resource_group or "", UNKNOWN_NETWORK)
