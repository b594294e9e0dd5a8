"""What lost runs of a plan left behind: what is proved to be theirs, by what, and what is not touched."""

from pydantic import Field

from migration.base import Value
from migration.earlier import EarlierAnswer
from migration.ids import ResourceId, id_key, type_of
from migration.plan import Plan

_COMMANDS = {
    "microsoft.compute/virtualmachines": "az vm delete",
    "microsoft.compute/disks": "az disk delete",
    "microsoft.network/networkinterfaces": "az network nic delete",
    "microsoft.storage/storageaccounts": "az storage account delete",
    "microsoft.recoveryservices/vaults": "az backup vault delete",
    "microsoft.compute/virtualmachines/extensions": "az vm extension delete",
    "microsoft.compute/snapshots": "az snapshot delete",
    "microsoft.authorization/roleassignments": "az role assignment delete",
    "microsoft.authorization/locks": "az lock delete",
}

RESTORED_TYPES = frozenset(
    {
        "microsoft.insights/diagnosticsettings",
        "microsoft.authorization/roleassignments",
        "microsoft.authorization/locks",
        "microsoft.devtestlab/schedules",
    }
)
"""What restoring makes beside a target; removed before it, since Azure keeps it when the target goes."""

RECOVERY_PLANS = "microsoft.recoveryservices/vaults/replicationrecoveryplans"
"""What fails a consistency group over; removed before the protection of its first member ends."""


class Leftover(Value):
    """One resource that a lost run left, and what proves that."""

    id: str
    type: str
    vm: str = Field("", description="The plan's name of the virtual machine; empty for what all share.")
    why: str
    since: str | None = Field(None, description="When Azure says it was made.")
    size_gib: int | None = None
    sku: str = ""


class Untouched(Value):
    """One resource that stays, why, and how a person removes it."""

    id: str
    why: str
    command: str = ""
    on_purpose: bool = Field(default=False, description="Whether it is no leftover: somebody needs it, or wanted it.")
    type: str = ""
    size_gib: int | None = None
    sku: str = ""


class CleanRequest(Value):
    """The input of `CleanPlan`: only what is confirmed is removed, and only if it is still proved then."""

    plan: Plan
    confirmed: list[str] = Field(default_factory=list)


class FindLeftovers(Value):
    """Asks what lost runs left. *held*: the machines are claimed by whoever asks."""

    plan: Plan
    held: bool = False


class MachineLeft(Value):
    """What a lost run left of one virtual machine, and how its protection is addressed."""

    name: str
    item_id: str | None = None
    test_pending: bool = False
    moved: bool = Field(default=False, description="Whether its failover was the lost run's, and is committed.")


class GroupLeft(Value):
    """A recovery plan that a lost run left, and the plan's machines that it concerns."""

    id: str
    members: list[str] = Field(default_factory=list)
    item_ids: list[str] = Field(default_factory=list, description="What it fails over.")


class CleanSurvey(Value):
    """What lost runs left. `refused`: something of the plan runs, so that nothing is anybody's leftover."""

    refused: str = ""
    leftovers: list[Leftover] = Field(default_factory=list)
    untouched: list[Untouched] = Field(default_factory=list)
    machines: list[MachineLeft] = Field(default_factory=list)
    groups: list[GroupLeft] = Field(default_factory=list)


class CleanAnswer(Value):
    """The result of `CleanPlan`."""

    plan: str
    refused: str = ""
    leftovers: list[Leftover] = Field(default_factory=list)
    untouched: list[Untouched] = Field(default_factory=list)
    deleted: list[str] = Field(default_factory=list)
    left: list[Untouched] = Field(default_factory=list, description="Confirmed, and not removed all the same.")


def removal_command(resource_id: str) -> str:
    """Return the exact command by which a person removes a resource."""
    parsed = ResourceId.parse(resource_id)
    if parsed.provider is None:
        return f"az group delete --name {parsed.name} --subscription {parsed.subscription}"
    verb = _COMMANDS.get(type_of(resource_id).lower())
    return f"{verb} --ids {resource_id}" if verb else f"az resource delete --ids {resource_id}"


def claimed(earlier: EarlierAnswer) -> dict[str, str]:
    """Return what the histories prove to be made by a lost run: the reason by the resource's key."""
    return {id_key(entry.id): f"in the run's ledger: {entry.why}" for entry in earlier.entries if entry.ours}
