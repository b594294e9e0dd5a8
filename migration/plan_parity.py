"""The keys of a plan about parity: what is restored on the target, and by what it is replaced there."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from migration import checks, ids
from migration.base import Authored, Value
from migration.errors import InvalidValueError
from migration.parity import aspects
from migration.parity.aspects import Aspect

_NETWORK = "Microsoft.Network"
_POOL_TYPES = {
    f"{_NETWORK}/{balancer}/backendAddressPools".lower() for balancer in ("loadBalancers", "applicationGateways")
}


def security_group(text: str) -> str:
    """Return the name, or the id, of a network security group."""
    return checks.name_or_id(text, f"{_NETWORK}/networkSecurityGroups", "a network security group")


def public_address(text: str) -> str:
    """Return the name, or the id, of a public address."""
    return checks.name_or_id(text, f"{_NETWORK}/publicIPAddresses", "a public address")


def backend_pool(text: str) -> str:
    """Return the id of a backend pool."""
    try:
        kind = ids.ResourceId.parse(text).type.lower()
    except ValueError:
        kind = ""
    if kind not in _POOL_TYPES:
        raise InvalidValueError(
            f'"{text}" is no id of a backend pool',
            "it should look like /subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.Network/"
            "loadBalancers/<name>/backendAddressPools/<name>",
        )
    return text.rstrip("/")


def word_or_list(value: object) -> object:
    """Return the list that a plan may write as one word: `auto`, or `none`."""
    return {"auto": ["auto"], "none": []}.get(value, value) if isinstance(value, str) else value


SecurityGroup = Annotated[str, AfterValidator(security_group)]
PublicAddress = Annotated[str, AfterValidator(public_address)]
BackendPool = Annotated[str, AfterValidator(backend_pool)]
RestorableAspect = Literal[
    "auto",
    "tags",
    "security-groups",
    "public-addresses",
    "load-balancer-pools",
    "ip-configurations",
    "dns-labels",
    "managed-identities",
    "role-assignments",
    "diagnostics",
    "licence-type",
    "locks",
    "auto-shutdown",
]
MOST_POOLS = 10


def _auto() -> list[RestorableAspect]:
    return ["auto"]


class Parity(Authored):
    """What is done about what Site Recovery does not carry; `docs/parity.md` has the table."""

    restore: Annotated[
        list[RestorableAspect],
        BeforeValidator(word_or_list, json_schema_input_type=Literal["auto", "none"] | list[RestorableAspect]),
    ] = Field(
        default_factory=_auto,
        description="auto: what is safe and can be undone; none: nothing; or a list of aspects, `auto` among them.",
    )
    network_security_group: SecurityGroup | None = Field(
        None, description="Group for the interfaces that had one: its name in the target resource group, or its id."
    )


class ParityTarget(Authored):
    """By what things that belong to one region are replaced for one virtual machine; all of it exists already."""

    network_security_group: SecurityGroup | None = Field(
        None, description="Group for the interfaces: its name in the target resource group, or its id."
    )
    public_ip: PublicAddress | None = Field(
        None, description="Public address for the first interface: its name in the target resource group, or its id."
    )
    load_balancer_pools: Annotated[list[BackendPool], Field(max_length=MOST_POOLS)] = Field(
        default_factory=list, description="Ids of the backend pools that the first interface joins."
    )


class ParityWanted(Value):
    """What a plan wants for one virtual machine, defaults and overrides applied. Resources are ids."""

    restore: list[Aspect] = Field(default_factory=list)
    network_security_group: str | None = None
    public_ip: str | None = None
    load_balancer_pools: list[str] = Field(default_factory=list)

    @property
    def names_something(self) -> bool:
        """Whether something is wanted that the source need not have had."""
        return bool(self.network_security_group or self.public_ip or self.load_balancer_pools)


def parity_wanted(plan: Parity, target: ParityTarget, group_id: str) -> ParityWanted:
    """Return what a plan wants for a virtual machine whose target resource group is *group_id*."""
    group = target.network_security_group or plan.network_security_group
    return ParityWanted(
        restore=_restored(plan.restore),
        network_security_group=_id(group, group_id, "networkSecurityGroups"),
        public_ip=_id(target.public_ip, group_id, "publicIPAddresses"),
        load_balancer_pools=list(target.load_balancer_pools),
    )


def _restored(asked: list[RestorableAspect]) -> list[Aspect]:
    auto = aspects.BY_ITSELF if "auto" in asked else frozenset[Aspect]()
    return [aspect for aspect in aspects.ASPECTS if aspect in auto or aspect in asked]


def _id(name_or_id: str | None, group_id: str, kind: str) -> str | None:
    if name_or_id is None or name_or_id.startswith("/"):
        return name_or_id
    return f"{group_id}/providers/Microsoft.Network/{kind}/{name_or_id}"
