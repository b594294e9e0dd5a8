"""What virtual machines of a plan share, as workflows ask for it, and what a vault holds."""

from pydantic import Field

from migration.base import Value

NETWORK_MAPPINGS = "replicationNetworks/azureNetwork/replicationNetworkMappings"
"""Where the mappings of a fabric's networks lie, below the fabric."""
REMOVAL_ORDER = (
    "replicationNetworkMappings",
    "replicationProtectionContainerMappings",
    "replicationProtectionContainers",
    "replicationPolicies",
    "replicationFabrics",
    "storageAccounts",
    "vaults",
    "resourceGroups",
)
"""What depends on a thing goes before it: the order of real traffic (recording flow_A2A_scenarios)."""


class ResourceGroupWanted(Value):
    """A resource group that has to be there."""

    subscription: str
    name: str
    region: str
    plan: str


class VaultWanted(Value):
    """A Recovery Services vault that has to be there."""

    vault_id: str
    region: str
    plan: str


class FabricWanted(Value):
    """A replication fabric for an Azure region."""

    vault_id: str
    region: str


class PolicyWanted(Value):
    """The replication policy of a vault."""

    vault_id: str


class ContainerWanted(Value):
    """A protection container of a fabric."""

    fabric_id: str
    region: str


class ContainerMappingWanted(Value):
    """A mapping from one container to another, with the policy."""

    source_container_id: str
    target_container_id: str
    policy_id: str
    name: str


class NetworkMappingWanted(Value):
    """A mapping from a virtual network to its counterpart in the other region."""

    source_fabric_id: str
    target_fabric_id: str
    source_network_id: str
    target_network_id: str


class CacheAccountWanted(Value):
    """The cache storage account in the source region."""

    account_id: str
    region: str
    plan: str


class NetworkPair(Value):
    """A virtual network and its counterpart in the other region."""

    source_id: str
    target_id: str


class VaultToFind(Value):
    """A vault in which what virtual machines share is to be found."""

    vault_id: str
    source_region: str
    target_region: str
    networks: list[NetworkPair] = Field(default_factory=list)
    account_ids: list[str] = Field(default_factory=list)


class FindShared(Value):
    """Asks what of all that is shared is there already."""

    group_ids: list[str]
    vaults: list[VaultToFind]


class Serving(Value):
    """What serves as something that is wanted, by the id under which it would be made."""

    wanted: str
    by: str


class FoundShared(Value):
    """All that serves already; what is not named has to be read by itself, and made."""

    serving: list[Serving]


class VaultUse(Value):
    """Asks what a vault holds."""

    vault_id: str


class VaultUseAnswer(Value):
    """What a vault holds, whoever made it."""

    exists: bool
    item_ids: list[str] = Field(default_factory=list)
    mapping_ids: list[str] = Field(default_factory=list)
    container_ids: list[str] = Field(default_factory=list)
    fabric_ids: list[str] = Field(default_factory=list)
    policy_ids: list[str] = Field(default_factory=list)
    network_mapping_ids: list[str] = Field(default_factory=list)


class RemoveShared(Value):
    """Removes one resource that virtual machines shared, unless something still uses it."""

    id: str
    type: str
