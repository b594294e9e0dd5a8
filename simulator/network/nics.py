"""Network interfaces: their documents, and which machine has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.network.addresses import check_address, forget_nic, free_address, note_nic
from simulator.network.balancers import note_pools
from simulator.network.names import NIC, etag, stable_guid

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

__all__ = ["attach_nic", "create_nic", "delete_nic", "detach_nic", "free_address", "nic_document", "save_nic"]

_AZURE_MAC_PREFIX = "00-0D-3A"
REFERENCES = (
    "publicIPAddress",
    "loadBalancerBackendAddressPools",
    "applicationGatewayBackendAddressPools",
    "applicationSecurityGroups",
)
"""What an IP configuration may refer to, besides its subnet."""


def ip_configuration(
    nic_id: str,
    name: str,
    *,
    subnet_id: str,
    address: str,
    static: bool,
    primary: bool = True,
    extra: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write one IP configuration of a NIC; *extra* are further properties."""
    return {
        "name": name,
        "id": f"{nic_id}/ipConfigurations/{name}",
        "etag": etag(nic_id, name),
        "type": f"{NIC}/ipConfigurations",
        "properties": {
            "provisioningState": "Succeeded",
            "privateIPAddress": address,
            "privateIPAllocationMethod": "Static" if static else "Dynamic",
            **(extra or {}),
            "subnet": {"id": subnet_id},
            "primary": primary,
            "privateIPAddressVersion": "IPv4",
        },
    }


def nic_document(
    nic_id: str, location: str, configurations: list[dict[str, Any]], properties: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Write the JSON of a NIC; *properties* are merged over Azure's defaults."""
    digits = stable_guid("mac", nic_id).replace("-", "").upper()
    return {
        "name": paths.parse(nic_id).name,
        "id": nic_id,
        "etag": etag(nic_id),
        "tags": {},
        "properties": {
            "provisioningState": "Succeeded",
            "resourceGuid": stable_guid("nic", nic_id),
            "ipConfigurations": configurations,
            "dnsSettings": {
                "dnsServers": [],
                "appliedDnsServers": [],
                "internalDomainNameSuffix": f"{digits[:20].lower()}.ax.internal.cloudapp.net",
            },
            "macAddress": f"{_AZURE_MAC_PREFIX}-{digits[20:22]}-{digits[22:24]}-{digits[24:26]}",
            "enableAcceleratedNetworking": False,
            "vnetEncryptionSupported": False,
            "enableIPForwarding": False,
            "disableTcpStateTracking": False,
            "hostedWorkloads": [],
            "tapConfigurations": [],
            "nicType": "Standard",
            "allowPort25Out": True,
            "auxiliaryMode": "None",
            "auxiliarySku": "None",
            **(properties or {}),
        },
        "type": NIC,
        "location": location,
        "kind": "Regular",
    }


def create_nic(  # noqa: PLR0913 - each is one property of a NIC, all by name
    world: World,
    *,
    nic_id: str,
    location: str,
    subnet_id: str,
    private_ip: str | None = None,
    static: bool = False,
    tags: dict[str, str] | None = None,
    created_by: str = "site-recovery",
    accelerated: bool = False,
    configuration_name: str = "ipconfig1",
) -> Resource:
    """Create a NIC at once, with *private_ip* or the subnet's next free address.

    Raises an ArmError: `InvalidResourceReference` (no such subnet), `SubnetIsFull`, `PrivateIPAddressInUse`.
    """
    if private_ip is None:
        private_ip = free_address(world, subnet_id)
    else:
        check_address(world, subnet_id, private_ip, nic_id)
    configuration = ip_configuration(nic_id, configuration_name, subnet_id=subnet_id, address=private_ip, static=static)
    document = nic_document(nic_id, location, [configuration], {"enableAcceleratedNetworking": accelerated})
    document["tags"] = dict(tags or {})
    return save_nic(world, document, {"created_by": created_by})


def save_nic(world: World, document: dict[str, Any], meta: dict[str, Any] | None = None) -> Resource:
    """Write a NIC and keep the index of addresses right."""
    old = world.store.get(document["id"])
    saved = world.store.put(document, meta)
    note_nic(world, saved.doc, old=old.doc if old else None)
    _note_public_addresses(world, old.doc if old else None, saved.doc)
    note_pools(world, old.doc if old else None, saved.doc)
    return saved


def note_references(world: World, nic: dict[str, Any]) -> None:
    """Let the public addresses and pools of a seeded NIC name it, as they do of one that was made."""
    for id_, configuration in _public_addresses(nic).items():
        address = world.store.get(id_)
        if address is not None and not address.properties.get("ipConfiguration"):
            address.properties["ipConfiguration"] = {"id": configuration}
            world.store.save(address)
    note_pools(world, None, nic)


def _note_public_addresses(world: World, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
    """Let each public address say which configuration has it."""
    before, after = _public_addresses(old), _public_addresses(new)
    for id_ in sorted(before.keys() | after.keys()):
        address = world.store.get(id_)
        if address is None or before.get(id_) == after.get(id_):
            continue
        address.properties.pop("ipConfiguration", None)
        if id_ in after:
            address.properties["ipConfiguration"] = {"id": after[id_]}
        world.store.save(address)


def _public_addresses(nic: dict[str, Any] | None) -> dict[str, str]:
    """The configurations of a NIC by the public addresses that they have."""
    if nic is None:
        return {}
    return {
        str(public["id"]).lower(): f"{nic['id']}/ipConfigurations/{configuration['name']}"
        for configuration in nic["properties"].get("ipConfigurations") or []
        if (public := configuration["properties"].get("publicIPAddress"))
    }


def delete_nic(world: World, nic_id: str) -> bool:
    """Delete a NIC at once, attached or not, and free its addresses; tell whether it was there."""
    nic = world.store.get(nic_id)
    if nic is None:
        return False
    world.store.delete(nic_id)
    forget_nic(world, nic.doc)
    _note_public_addresses(world, nic.doc, None)
    note_pools(world, nic.doc, None)
    return True


def attach_nic(world: World, nic_id: str, vm_id: str, *, primary: bool) -> None:
    """Note that the machine has the NIC. An absent NIC is no matter."""
    nic = world.store.get(nic_id)
    if nic is None:
        return
    nic.properties["virtualMachine"] = {"id": vm_id}
    nic.properties["primary"] = primary
    world.store.save(nic)


def detach_nic(world: World, nic_id: str) -> None:
    """Note that no machine has the NIC any more."""
    nic = world.store.get(nic_id)
    if nic is None:
        return
    nic.properties.pop("virtualMachine", None)
    nic.properties.pop("primary", None)
    world.store.save(nic)
