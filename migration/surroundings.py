"""What stands around the virtual machines of a check: subscriptions, policies, role assignments, backups, churn."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Subscription:
    """A subscription's state: Enabled, Warned, PastDue or Disabled."""

    id: str
    state: str


@dataclass(frozen=True)
class PolicyDenial:
    """An Azure Policy assignment that would refuse a resource of the move."""

    assignment_id: str
    definition_id: str
    subject: str
    """What would be refused, in words: `virtual machines of size Standard_D2s_v5`."""
    reason: str = ""

    @property
    def scope(self) -> str:
        """Where it is assigned: a management group, a subscription, a group, or a resource."""
        return scope_of_assignment(self.assignment_id)


def scope_of_assignment(assignment_id: str) -> str:
    """Return what a policy is assigned to, by the assignment's id."""
    at = assignment_id.lower().rfind("/providers/microsoft.authorization/policyassignments/")
    return assignment_id[:at] if at >= 0 else ""


@dataclass(frozen=True)
class RoleAssignment:
    """A role that a principal has on a scope."""

    id: str
    scope: str
    principal_id: str
    role: str
    """Id of the role definition."""
    principal_type: str = ""
    """`User`, `Group`, `ServicePrincipal`, ..."""


@dataclass(frozen=True)
class BackupItem:
    """A virtual machine that a vault backs up."""

    id: str
    machine_id: str
    vault_id: str


@dataclass(frozen=True)
class Churn:
    """How much a virtual machine writes to its disks, by Azure Monitor, in bytes a second over the last hour."""

    average: float
    peak: float
