"""What was read of the cloud for a check: pure values, each with the chance that it could not be asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from migration.access import Denial, Lock, Permission
from migration.facts import Fact, Facts
from migration.guests import GuestAnswer
from migration.ids import id_key
from migration.perimeter import Peering, RouteTable, SecurityGroup
from migration.surroundings import BackupItem, Churn, PolicyDenial, RoleAssignment, Subscription


@dataclass(frozen=True)
class AttachedDisk:
    """A disk as its virtual machine names it."""

    name: str
    id: str | None
    size_gib: int | None
    type: str | None
    write_accelerated: bool = False
    ephemeral: bool = False
    create_option: str = ""
    lun: int | None = None


@dataclass(frozen=True)
class Extension:
    """An extension of a virtual machine."""

    name: str
    provisioning_state: str
    publisher: str = ""


@dataclass(frozen=True)
class Machine:
    """A virtual machine with its state of this moment (none in listings). Primary interface first."""

    id: str
    location: str
    size: str
    vm_unique_id: str
    os_type: str
    provisioning_state: str
    os_disk: AttachedDisk
    data_disks: tuple[AttachedDisk, ...] = ()
    nic_ids: tuple[str, ...] = ()
    zone: str | None = None
    power_state: str = ""
    agent: str = ""
    """What the agent says of itself, such as `Ready`; empty where there is none."""
    generation: str | None = None
    from_image: bool = False
    """Whether it was provisioned from an image: it has an OS profile or an image reference."""
    extensions: tuple[Extension, ...] = ()
    os_name: str = ""
    """As the guest agent tells it, such as `ubuntu` or `Windows Server 2022 Datacenter`; empty where it does not."""
    os_version: str = ""
    security_type: str = ""
    """`TrustedLaunch`, `ConfidentialVM`, or empty: standard."""
    encrypted_at_host: bool = False
    ultra_enabled: bool = False
    disk_controller: str = ""
    """`SCSI`, `NVMe`, or empty where Azure does not tell."""
    availability_set_id: str | None = None
    proximity_group_id: str | None = None
    scale_set_id: str | None = None
    host_id: str | None = None
    """The dedicated host, or group of hosts, that it is bound to."""
    identity_ids: tuple[str, ...] = ()
    """The managed identities assigned to it; its own as `system-assigned`."""
    principal_id: str | None = None
    """The principal of its own identity."""

    @property
    def disks(self) -> tuple[AttachedDisk, ...]:
        """All disks, the OS disk first."""
        return (self.os_disk, *self.data_disks)

    @property
    def agent_ready(self) -> bool:
        """Whether the guest agent answers."""
        return self.agent.lower() == "ready"


@dataclass(frozen=True)
class Disk:
    """A managed disk."""

    id: str
    type: str
    size_gib: int
    max_shares: int = 1
    encrypted_in_guest: bool = False
    """Azure Disk Encryption."""
    encryption_set_id: str | None = None
    """The set of the customer's own key."""
    managed_by: str | None = None

    @property
    def name(self) -> str:
        """The disk's name."""
        return self.id.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Nic:
    """A network interface by its primary address."""

    id: str
    network_id: str
    subnet: str
    address: str | None = None
    is_static: bool = False
    machine_id: str | None = None
    security_group_id: str | None = None
    public_address_ids: tuple[str, ...] = ()
    pool_ids: tuple[str, ...] = ()
    """Backend pools of load balancers and application gateways that it is in."""
    application_group_ids: tuple[str, ...] = ()
    """Application security groups."""
    more_addresses: tuple[str, ...] = ()
    """Its private addresses beside the primary one, IPv6 among them."""
    accelerated: bool = False

    @property
    def name(self) -> str:
        """The interface's name."""
        return self.id.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Subnet:
    """A subnet: its IPv4 prefixes, what Azure counts as used, to whom it is delegated."""

    name: str
    prefixes: tuple[str, ...]
    delegated_to: tuple[str, ...] = ()
    security_group_id: str | None = None
    route_table_id: str | None = None
    nat_gateway_id: str | None = None
    default_outbound: bool = True
    """Whether machines without any other way out get Azure's own."""
    in_use: bool = False
    """Whether anything has an address in it."""
    has_private_endpoints: bool = False


@dataclass(frozen=True)
class Network:
    """A virtual network."""

    id: str
    location: str
    subnets: tuple[Subnet, ...] = ()
    peerings: tuple[Peering, ...] = ()

    def subnet(self, name: str) -> Subnet | None:
        """Return the subnet of that name."""
        return next((subnet for subnet in self.subnets if subnet.name.lower() == name.lower()), None)


@dataclass(frozen=True)
class AddressAnswer:
    """Whether a private address is free in its network."""

    available: bool
    others_free: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sku:
    """A virtual machine size as a region offers it to a subscription."""

    name: str
    family: str
    vcpus: int
    zones: tuple[str, ...] = ()
    restricted: bool = False
    restricted_zones: tuple[str, ...] = ()
    reason: str = ""
    max_data_disks: int | None = None
    max_nics: int | None = None
    premium: bool = True
    generations: tuple[str, ...] = ()
    memory_gib: float | None = None
    controllers: tuple[str, ...] = ()
    architecture: str = "x64"
    accelerated: bool = True
    trusted_launch: bool = True
    confidential: bool = False

    @property
    def usable(self) -> bool:
        """Whether the subscription may use it in the region, in some zone at least."""
        return not self.restricted and not (self.zones and set(self.zones) <= set(self.restricted_zones))


@dataclass(frozen=True)
class Usage:
    """How much of a quota is used."""

    name: str
    label: str
    used: int
    limit: int


@dataclass(frozen=True)
class Provider:
    """A resource provider in a subscription."""

    namespace: str
    registration: str
    vault_regions: tuple[str, ...] = ()
    """Where Recovery Services vaults are offered; only of Microsoft.RecoveryServices."""
    machine_regions: tuple[str, ...] = ()
    """Where virtual machines are offered; only of Microsoft.Compute."""


@dataclass(frozen=True)
class Located:
    """A resource of which only its place counts."""

    id: str
    location: str
    provisioning_state: str = "Succeeded"


@dataclass(frozen=True)
class ProtectedItem:
    """A replication protected item. `rpo_seconds` is None while Azure has not calculated it."""

    id: str
    machine_id: str
    protection_state: str
    active_location: str = ""
    allowed_operations: tuple[str, ...] = ()
    replication_health: str = ""
    failover_health: str = ""
    errors: tuple[str, ...] = ()
    scenario: str = "None"
    rpo_seconds: int | None = None
    replica_disk_ids: tuple[str, ...] = ()
    disks: int = 0
    disk_ids: tuple[str, ...] = ()
    """Those at the source that are replicated."""
    cache_ids: tuple[str, ...] = ()
    """The cache accounts through which they are, one for each."""
    test_failover_state: str = ""
    target_group_id: str = ""
    target_name: str = ""
    target_vm_id: str = ""
    """What a failover made; empty before one."""
    consistency_group: str = ""


@dataclass(frozen=True)
class NetworkMapping:
    """Where Site Recovery maps a network to."""

    id: str
    network_id: str
    target_network_id: str


@dataclass(frozen=True)
class EligibilityError:
    """Why Site Recovery itself would not protect a virtual machine."""

    code: str
    message: str
    recommendation: str = ""


@dataclass
class Inventory:
    """Everything that a check read. Keys are ids; `skus`, `usages` and `providers` go by `<subscription>/<name>`."""

    machines: Facts[Machine] = field(default_factory=Facts)
    disks: Facts[Disk] = field(default_factory=Facts)
    nics: Facts[Nic] = field(default_factory=Facts)
    eligibility: Facts[tuple[EligibilityError, ...]] = field(default_factory=Facts)
    groups: Facts[Located] = field(default_factory=Facts)
    group_machines: Facts[tuple[Machine, ...]] = field(default_factory=Facts)
    group_disks: Facts[tuple[Disk, ...]] = field(default_factory=Facts)
    group_nics: Facts[tuple[Nic, ...]] = field(default_factory=Facts)
    networks: Facts[Network] = field(default_factory=Facts)
    network_usage: Facts[dict[str, int]] = field(default_factory=Facts)
    """By network: the addresses that are free in each subnet (by its name in lower case)."""
    addresses: Facts[AddressAnswer] = field(default_factory=Facts)
    """By `<network id>/<address>`."""
    encryption_sets: Facts[Located] = field(default_factory=Facts)
    accounts: Facts[Located] = field(default_factory=Facts)
    skus: Facts[dict[str, Sku]] = field(default_factory=Facts)
    """By `<subscription>/<region>`: the sizes by name in lower case."""
    usages: Facts[dict[str, Usage]] = field(default_factory=Facts)
    """By `<subscription>/<region>`: the quotas by name in lower case."""
    locks: Facts[tuple[Lock, ...]] = field(default_factory=Facts)
    """By resource group: the locks on it, in it and above it."""
    permissions: Facts[tuple[Permission, ...]] = field(default_factory=Facts)
    """By scope."""
    deny_assignments: Facts[tuple[Denial, ...]] = field(default_factory=Facts)
    """By scope: the deny assignments on it and above it."""
    providers: Facts[Provider] = field(default_factory=Facts)
    """By `<subscription>/<namespace>`."""
    guests: Facts[GuestAnswer] = field(default_factory=Facts)
    """What virtual machines said from inside."""
    security_groups: Facts[SecurityGroup] = field(default_factory=Facts)
    route_tables: Facts[RouteTable] = field(default_factory=Facts)
    vaults: Facts[Located] = field(default_factory=Facts)
    """Those of the plan, by id; so are the items and the mappings in them."""
    items: Facts[tuple[ProtectedItem, ...]] = field(default_factory=Facts)
    mappings: Facts[tuple[NetworkMapping, ...]] = field(default_factory=Facts)
    foreign_items: Facts[tuple[ProtectedItem, ...]] = field(default_factory=Facts)
    """By subscription: what vaults of it protect that are none of the plan's."""
    vault_counts: Facts[int] = field(default_factory=Facts)
    """By subscription: how many vaults it has."""
    subscriptions: Facts[Subscription] = field(default_factory=Facts)
    network_usages: Facts[dict[str, Usage]] = field(default_factory=Facts)
    """By `<subscription>/<region>`: Network's quotas by name in lower case."""
    storage_usages: Facts[dict[str, Usage]] = field(default_factory=Facts)
    """By `<subscription>/<region>`: Storage's quotas by name in lower case."""
    denials: Facts[tuple[PolicyDenial, ...]] = field(default_factory=Facts)
    """By target group: what Azure Policy would refuse there."""
    role_assignments: Facts[tuple[RoleAssignment, ...]] = field(default_factory=Facts)
    """By subscription."""
    backups: Facts[tuple[BackupItem, ...]] = field(default_factory=Facts)
    """By subscription."""
    churn: Facts[Churn] = field(default_factory=Facts)
    """By virtual machine."""
    _indexed: tuple[list[Fact[tuple[ProtectedItem, ...]]], dict[str, ProtectedItem]] = field(
        default_factory=lambda: ([], {}), repr=False, compare=False
    )
    """The items by machine, and of what that was made: thousands are asked for one by one."""

    def item_of(self, machine_id: str) -> ProtectedItem | None:
        """Return the item by which a vault of the plan protects a virtual machine.

        Raises:
            UnaskedError: The items of a vault could not be listed.
        """
        facts = list(self.items.values())
        if [id(fact) for fact in facts] != [id(fact) for fact in self._indexed[0]]:
            items = [item for fact in facts for item in fact.value or ()]
            self._indexed = (facts, {id_key(item.machine_id): item for item in reversed(items)})
        found = self._indexed[1].get(id_key(machine_id)) if machine_id else None
        for fact in facts if found is None else ():
            fact.known()
        return found

    def passing_failures(self) -> list[str]:
        """Return what could not be asked though asking again may help."""
        tables = [value for value in vars(self).values() if isinstance(value, Facts)]
        facts = [fact for table in tables for fact in table.values()]
        return [fact.unasked for fact in facts if fact.passing]
