"""How the network interfaces of a replicated machine are set up for the recovery side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.siterecovery import estate, names
from simulator.siterecovery.networks import mapped_network

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World


def network_of(subnet_id: str) -> str:
    """The id of the virtual network that a subnet lies in."""
    return subnet_id.rpartition("/subnets/")[0]


def build(world: World, item: Resource) -> list[dict[str, Any]]:
    """The machine's NICs as they are now, with the recovery network and subnet chosen for each.

    On the way back the original NIC's security group is kept, which the sketch has.
    """
    source = estate.machine(world, item.meta["vm"])
    found = [world.store.get(nic_id) for nic_id in source.nic_ids] if source else []
    built = [_nic(world, item, nic) for nic in found if nic is not None]
    for nic, sketched in zip(built, item.meta.get("nics") or [], strict=False):
        nic["security_group"] = sketched.get("security_group")
        for configuration in nic["configurations"]:
            configuration["pools"] = sketched["configurations"][0].get("pools")
    return built


def _nic(world: World, item: Resource, nic: Resource) -> dict[str, Any]:
    configurations = nic.properties.get("ipConfigurations") or []
    subnet_id = str((configurations[0]["properties"].get("subnet") or {}).get("id", "")) if configurations else ""
    network = item.meta.get("network") or mapped_network(
        world, names.vault_id(item.id), network_of(subnet_id), names.fabric_of(item.meta["recovery_container"])
    )
    return {
        "nic_id": names.stable_uuid("nic", nic.id),
        "source": nic.id,
        "source_network": network_of(subnet_id) or None,
        "network": network,
        "selection": "SelectedByUserOverride" if item.meta.get("network") else "SelectedByDefault",
        "accelerated": bool(nic.properties.get("enableAcceleratedNetworking")),
        "configurations": [_configuration(world, item, network, entry) for entry in configurations],
    }


def _configuration(world: World, item: Resource, network: str | None, entry: dict[str, Any]) -> dict[str, Any]:
    properties = entry.get("properties") or {}
    subnet_id = str((properties.get("subnet") or {}).get("id", ""))
    static = str(properties.get("privateIPAllocationMethod", "Dynamic")).lower() == "static"
    return {
        "name": entry.get("name"),
        "primary": properties.get("primary", True),
        "source_subnet": names.last(subnet_id) or None,
        "source_address": properties.get("privateIPAddress"),
        "source_kind": "Static" if static else "Dynamic",
        "subnet": choose_recovery_subnet(world, item, network, names.last(subnet_id)),
    }


def choose_recovery_subnet(world: World, item: Resource, network: str | None, source_subnet: str) -> str | None:
    """The subnet that the user named, else the one called as the source's, else the network's first."""
    if network is None:
        return None
    wanted = item.meta.get("subnet")
    if wanted:
        return estate.choose_subnet(world, network, names.last(wanted)) or names.last(wanted)
    return estate.choose_subnet(world, network, source_subnet) or estate.choose_subnet(world, network, None)


def sketch(nic: Resource, *, network: str | None, subnet: str | None, of: str) -> dict[str, Any]:
    """A NIC as the reverse direction shows it until it is protected: *nic* is the recovery side's original one."""
    security_group = (nic.properties.get("networkSecurityGroup") or {}).get("id")
    configuration: dict[str, Any] = {"primary": True, "subnet": subnet, "pools": []}
    return {
        "nic_id": names.stable_uuid("nic", nic.id),
        "source": of.lower(),
        "network": network,
        "selection": "NotSelected",
        "security_group": security_group,
        "configurations": [configuration],
    }
