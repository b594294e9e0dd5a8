"""What lets the traffic of a machine out, or does not: security groups, routes and peerings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SecurityRule:
    """An outbound rule of a network security group: where to, which ports, and whether that is let through."""

    name: str
    priority: int
    allows: bool
    protocol: str = "*"
    destinations: tuple[str, ...] = ("*",)
    ports: tuple[str, ...] = ("*",)


@dataclass(frozen=True)
class SecurityGroup:
    """A network security group by its outbound rules."""

    id: str
    rules: tuple[SecurityRule, ...] = ()


@dataclass(frozen=True)
class RouteTable:
    """A route table by the kind of its default route's next hop; None: it has no default route."""

    id: str
    default_hop: str | None = None
    routes: tuple[tuple[str, str], ...] = ()
    """Prefix and kind of the next hop of each route."""


@dataclass(frozen=True)
class Peering:
    """Where a virtual network is peered to, and whether both sides have agreed."""

    name: str
    remote_id: str
    state: str = ""
