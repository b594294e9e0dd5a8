"""A consistency group as each of its virtual machines knows it."""

from pydantic import Field

from migration import ids, names
from migration.base import Value


class GroupMember(Value):
    """One virtual machine of a group."""

    name: str = Field(description="The plan's own name for it.")
    source_id: str


class ConsistencyGroup(Value):
    """Virtual machines that fail over, are approved and go back together. The first leads: it writes for all."""

    id: str = Field(description="The id of the workflow in which the members meet.")
    name: str = Field(description="The plan's own name for it.")
    azure_name: str = Field(description="Site Recovery's multiVmGroupName.")
    members: list[GroupMember] = Field(description="Those that are to move, in the plan's order.")

    @property
    def leader(self) -> str:
        """The member that writes for all."""
        return self.members[0].name

    @property
    def names(self) -> list[str]:
        """The members' names in the plan."""
        return [member.name for member in self.members]

    def recovery_plan_id(self, vault_id: str) -> str:
        """Return the id of the recovery plan that fails the group over."""
        return recovery_plan_id(vault_id, self.azure_name)


def recovery_plan_id(vault_id: str, azure_name: str) -> str:
    """Return the id of the recovery plan that fails over the group of that name in Azure."""
    return ids.recovery_plan_id(vault_id, names.recovery_plan_name(azure_name))
