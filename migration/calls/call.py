"""One call to Azure Resource Manager: what it asks, where, when, and the permission that it needs.

`How Azure RBAC determines whether a user has access
<https://learn.microsoft.com/azure/role-based-access-control/overview#how-azure-rbac-determines-if-a-user-has-access-to-a-resource>`_.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from migration import ids

Place = Literal["vault", "source", "target", "network", "subscription"]
"""Where a permission is asked: on the resource groups of the vault, the sources or the targets, on a virtual network,
or on a subscription."""
Effect = Literal["reads", "asks", "creates", "changes", "removes"]
"""`asks`: a run command, whose script only looks, or is a probe of the user's own."""

ALWAYS = ""
IF_ABSENT = "if it is not there"
ON_THE_WAY_BACK = "on the way back"

_VERBS = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
_EFFECTS: dict[str, Effect] = {"GET": "reads", "PUT": "creates", "PATCH": "changes", "DELETE": "removes"}
_QUESTIONS = {"checkpolicyrestrictions"}
"""What is asked by a POST, since the question needs a body."""
_LOOKS = {"retrievebootdiagnosticsdata"}
"""What is a POST by its name only: an action, by which nothing changes."""
_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups"


@dataclass(frozen=True)
class Call:
    """A request; `{job}` and the like in its path stand for what only the run will know.

    *by* Site Recovery are the calls that it makes in consequence, with rights of its own: they are in no request log
    of ours, but what they make and remove is there to see.
    """

    step: str
    method: str
    path: str
    place: Place
    vm: str = ""
    when: str = ALWAYS
    by: Literal["us", "site_recovery"] = "us"
    does: Effect | None = None
    """What it does where the path does not tell: a run command may only look, or do as its author pleases."""
    optional: bool = False
    """Whether the move goes on without it, so that the check asks no permission for it: what it was to do stays
    open, with the reason, before the approval."""

    @property
    def writes(self) -> bool:
        """Whether it is a request that could change something."""
        return self.effect != "reads"

    @property
    def effect(self) -> Effect:
        """What it does to the resource that it names."""
        if self.does is not None:
            return self.does
        if self.method != "POST":
            return _EFFECTS[self.method]
        verb = self.path.rsplit("/", 1)[-1]
        if verb.lower() in _QUESTIONS | _LOOKS:
            return "reads"
        return "removes" if verb == "remove" else "asks" if verb == "runCommand" else "changes"

    @property
    def resource_id(self) -> str:
        """The resource that it is about."""
        return self.path.rpartition("/")[0] if self.method == "POST" else self.path

    @property
    def action(self) -> str:
        """The permission that it needs."""
        return action_of(self.method, self.path)


def action_of(method: str, path: str) -> str:
    """Return the action that Azure asks a permission for: `Microsoft.Compute/virtualMachines/start/action`."""
    last = path.rsplit("/", 1)[-1]
    is_action = method == "POST" and last.lower() not in _QUESTIONS
    verb = f"{last}/action" if is_action else _VERBS.get(method, "read")
    whole = path.rpartition("/")[0] if is_action else path
    _, provider, tail = whole.rpartition("/providers/")
    if not provider:
        parts = whole.strip("/").split("/")
        if len(parts) == 2:
            return f"Microsoft.Resources/subscriptions/{verb}"
        return "/".join([_GROUPS, *parts[4::2], verb])
    namespace, *rest = tail.split("/")
    if not rest:
        return f"Microsoft.Resources/subscriptions/providers/{verb}"
    return "/".join([namespace, *rest[::2], verb])


def scope_of(call: Call) -> str:
    """Return the narrowest scope on which one would grant the permission: a network, a resource group, a subscription.

    What lies in a resource group gets its permission there, since most of it does not exist yet.
    """
    parts = call.path.strip("/").split("/")
    if call.place == "subscription" or len(parts) < 4 or parts[2].lower() != "resourcegroups":
        return f"/subscriptions/{parts[1]}"
    if call.place == "network":
        return "/" + "/".join(parts[:8])
    return ids.resource_group_id(parts[1], parts[3])
