"""The network interfaces of a replicated item, in the recorded spelling (``isSeletedForFailover`` and all)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.store import Resource


def shown_nics(item: Resource, *, protected: bool) -> list[dict[str, Any]]:
    """The NICs; before protection none, or in the reverse direction a sketch of them."""
    if not protected and not item.meta.get("reversed"):
        return []
    return [_nic(nic) for nic in item.meta.get("nics") or []]


def _nic(nic: dict[str, Any]) -> dict[str, Any]:
    return {
        "nicId": nic["nic_id"],
        "replicaNicId": None,
        "sourceNicArmId": nic["source"],
        "vMNetworkName": nic.get("source_network"),
        "recoveryVMNetworkId": nic.get("network"),
        "ipConfigs": [_configuration(configuration) for configuration in nic["configurations"]],
        "selectionType": nic["selection"],
        "recoveryNetworkSecurityGroupId": nic.get("security_group"),
        "enableAcceleratedNetworkingOnRecovery": bool(nic.get("accelerated")),
        "tfoVMNetworkId": nic.get("test_network"),
        "tfoNetworkSecurityGroupId": nic.get("test_security_group"),
        "enableAcceleratedNetworkingOnTfo": nic.get("test_accelerated"),
        "recoveryNicName": nic.get("name"),
        "recoveryNicResourceGroupName": nic.get("group"),
        "reuseExistingNic": bool(nic.get("reuse")),
        "tfoRecoveryNicName": nic.get("test_name"),
        "tfoRecoveryNicResourceGroupName": nic.get("test_group"),
        "tfoReuseExistingNic": bool(nic.get("test_reuse")),
        "targetNicName": nic.get("target_name"),
    }


def _configuration(configuration: dict[str, Any]) -> dict[str, Any]:
    address = configuration.get("address")
    return {
        "name": configuration.get("name"),
        "isPrimary": bool(configuration.get("primary")),
        "subnetName": configuration.get("source_subnet"),
        "staticIPAddress": configuration.get("source_address"),
        "ipAddressType": configuration.get("source_kind") or "Dynamic",
        "isSeletedForFailover": bool(configuration.get("selected", True)),
        "recoverySubnetName": configuration.get("subnet"),
        "recoveryStaticIPAddress": address or "",
        "recoveryIPAddressType": "Static" if address else "Dynamic",
        "recoveryPublicIPAddressId": configuration.get("public_ip"),
        "recoveryLBBackendAddressPoolIds": configuration.get("pools"),
        "tfoSubnetName": configuration.get("test_subnet"),
        "tfoStaticIPAddress": configuration.get("test_address"),
        "tfoPublicIPAddressId": configuration.get("test_public_ip"),
        "tfoLBBackendAddressPoolIds": configuration.get("test_pools"),
    }
