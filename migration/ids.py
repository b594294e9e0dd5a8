"""Azure resource ids: parsed once, printed typed, compared without regard to case.

Grammar: `Azure resource id <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>`_.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SEGMENT = re.compile(r"[^/?#%\x00-\x1f]+")


@dataclass(frozen=True)
class ResourceId:
    """An id such as `/subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/V`.

    *names* pairs each type segment with its name: `(("virtualMachines", "V"),)`, deeper for children.
    """

    subscription: str
    resource_group: str | None
    provider: str | None
    names: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> ResourceId:
        """Return the id that *text* spells.

        Raises:
            ValueError: *text* is no id of a subscription, a resource group or a resource.
        """
        parts = text.strip("/").split("/")
        if not text.startswith("/") or len(parts) % 2 or not all(_SEGMENT.fullmatch(part) for part in parts):
            raise ValueError(_no_id(text))
        pairs = list(zip(parts[::2], parts[1::2], strict=True))
        if pairs[0][0].lower() != "subscriptions":
            raise ValueError(_no_id(text))
        subscription = pairs.pop(0)[1]
        group = pairs.pop(0)[1] if pairs and pairs[0][0].lower() == "resourcegroups" else None
        provider = pairs.pop(0)[1] if pairs and pairs[0][0].lower() == "providers" else None
        if provider is None and pairs:
            raise ValueError(_no_id(text))
        return cls(subscription, group, provider, tuple(pairs))

    @property
    def name(self) -> str:
        """The last segment: the resource's own name."""
        return self.names[-1][1] if self.names else self.resource_group or self.subscription

    @property
    def type(self) -> str:
        """The resource type, such as `Microsoft.Compute/virtualMachines`."""
        if self.provider is None:
            return "Microsoft.Resources/resourceGroups" if self.resource_group else "Microsoft.Resources/subscriptions"
        return "/".join([self.provider, *(kind for kind, _ in self.names)])

    @property
    def text(self) -> str:
        """The id as Azure takes it."""
        group = f"/resourceGroups/{self.resource_group}" if self.resource_group else ""
        provider = f"/providers/{self.provider}" if self.provider else ""
        return f"/subscriptions/{self.subscription}{group}{provider}" + "".join(f"/{k}/{n}" for k, n in self.names)

    def __str__(self) -> str:
        """Return the typed form for messages: `virtualMachines "web-01" (resource group "prod")`."""
        if self.provider is None:
            kind = "resource group" if self.resource_group else "subscription"
            return f'{kind} "{self.name}"'
        if not self.names:
            return f'provider "{self.provider}" (subscription "{self.subscription}")'
        # What lies between a thing and its outermost parent, such as a vault, would only make the sentence long.
        ends = dict.fromkeys((self.names[-1], self.names[0]))
        path = " in ".join(f'{kind} "{name}"' for kind, name in ends)
        return path + (f' (resource group "{self.resource_group}")' if self.resource_group else "")


def type_of(resource_id: str) -> str:
    """Return the type of a resource, also of one that extends another: that after the last `/providers/`."""
    if resource_id.count("/providers/") < 2:
        return ResourceId.parse(resource_id).type
    namespace, *rest = resource_id.rpartition("/providers/")[2].split("/")
    return "/".join([namespace, *rest[::2]])


def same_id(one: str | None, other: str | None) -> bool:
    """Tell whether two ids name one resource; Azure changes their case at will."""
    return bool(one) and bool(other) and id_key(one or "") == id_key(other or "")


def id_key(text: str) -> str:
    """Return the form of an id that serves as a key."""
    return text.rstrip("/").lower()


def describe(text: str) -> str:
    """Return the typed form of an id for a message; what is no id, as it stands."""
    try:
        return str(ResourceId.parse(text))
    except ValueError:
        return text


def is_part_of(resource_id: str, whole_id: str) -> bool:
    """Tell whether a resource is a part of another, such as an extension of its machine."""
    return id_key(resource_id).startswith(f"{id_key(whole_id)}/")


def resource_group_id(subscription: str, group: str) -> str:
    """Return the id of a resource group."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def vm_id(subscription: str, group: str, name: str) -> str:
    """Return the id of a virtual machine."""
    return f"{resource_group_id(subscription, group)}/providers/Microsoft.Compute/virtualMachines/{name}"


def disk_id(subscription: str, group: str, name: str) -> str:
    """Return the id of a managed disk."""
    return f"{resource_group_id(subscription, group)}/providers/Microsoft.Compute/disks/{name}"


def snapshot_id(subscription: str, group: str, name: str) -> str:
    """Return the id of a snapshot of a managed disk."""
    return f"{resource_group_id(subscription, group)}/providers/Microsoft.Compute/snapshots/{name}"


def nic_id(subscription: str, group: str, name: str) -> str:
    """Return the id of a network interface."""
    return f"{resource_group_id(subscription, group)}/providers/Microsoft.Network/networkInterfaces/{name}"


def network_id(subscription: str, group: str, name: str) -> str:
    """Return the id of a virtual network."""
    return f"{resource_group_id(subscription, group)}/providers/Microsoft.Network/virtualNetworks/{name}"


def vault_id(subscription: str, group: str, name: str) -> str:
    """Return the id of a Recovery Services vault."""
    return f"{resource_group_id(subscription, group)}/providers/Microsoft.RecoveryServices/vaults/{name}"


def storage_account_id(subscription: str, group: str, name: str) -> str:
    """Return the id of a storage account."""
    return f"{resource_group_id(subscription, group)}/providers/Microsoft.Storage/storageAccounts/{name}"


def fabric_id(vault: str, fabric: str) -> str:
    """Return the id of a replication fabric of a vault."""
    return f"{vault}/replicationFabrics/{fabric}"


def container_id(fabric: str, container: str) -> str:
    """Return the id of a protection container of a fabric."""
    return f"{fabric}/replicationProtectionContainers/{container}"


def item_id(container: str, item: str) -> str:
    """Return the id of a replication protected item of a container."""
    return f"{container}/replicationProtectedItems/{item}"


def job_id(vault: str, job: str) -> str:
    """Return the id of a Site Recovery job of a vault."""
    return f"{vault}/replicationJobs/{job}"


def recovery_plan_id(vault: str, name: str) -> str:
    """Return the id of a recovery plan of a vault."""
    return f"{vault}/replicationRecoveryPlans/{name}"


def vault_of(text: str) -> str:
    """Return the id of the vault that the Site Recovery resource *text* lies in.

    Raises:
        ValueError: *text* lies in no vault.
    """
    match = re.match(r"(?i)(/subscriptions/[^/]+/resourcegroups/[^/]+/providers/[^/]+/vaults/[^/]+)", text)
    if match is None:
        raise ValueError(_no_id(text))
    return match[1]


def _no_id(text: str) -> str:
    return f'reading "{text[:200]}" as an Azure resource id: one starts with /subscriptions/<id>/resourceGroups/'
