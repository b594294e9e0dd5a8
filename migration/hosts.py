"""Which addresses a probe may be sent to: never to those that only a machine itself, or its cloud, has any use for."""

from __future__ import annotations

import ipaddress

_PLATFORM = {"168.63.129.16", "100.100.100.200", "fd00:ec2::254"}
"""Azure's own service address, which every machine sees, and the metadata addresses of other clouds."""
_METADATA_NAMES = {"metadata", "metadata.azure.com", "metadata.azure.internal", "metadata.google.internal"}


def forbidden(host: str) -> str:
    """Return why nothing is sent to *host*, a name or an address; empty where it may be."""
    plain = host.strip("[]").rstrip(".").lower()
    if plain in _METADATA_NAMES:
        return "it names the metadata service of a cloud, which hands out credentials"
    try:
        address = ipaddress.ip_address(plain.split("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if str(address) in _PLATFORM or address.is_link_local:
        return "it is an address of the platform: metadata and credentials lie there"
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        return "no single machine has it"
    return ""
