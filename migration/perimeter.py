"""What lets the traffic of a machine out, or does not: security groups and routes."""

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
