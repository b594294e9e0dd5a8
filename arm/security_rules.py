"""The rules of a network security group in words, so that the same rule always reads the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ids import ResourceId, describe
from migration.parity.security_rules import parts_of
from migration.parity.values import Trait, shortened

if TYPE_CHECKING:
    from arm.reads import Json

ANY = "*"


def of_group(key: str, place: str, group_id: str, document: Json) -> Trait:
    """Return a security group by its rules; *place* says on what it is."""
    listed = (document.get("properties") or {}).get("securityRules") or []
    rules = {str(rule.get("name") or ""): shortened(_in_words(rule.get("properties") or {})) for rule in listed}
    return Trait(
        aspect="security-rules",
        key=key,
        subject=f"{describe(group_id)} on {place}",
        value=f"{len(rules)} rules",
        ref=group_id,
        parts=parts_of(rules),
    )


def _in_words(body: Json) -> str:
    source, target = _side(body, "source"), _side(body, "destination")
    protocol = str(body.get("protocol") or ANY).lower()
    whither = f"{body.get('access') or '?'} {body.get('direction') or '?'}".lower()
    return f"{whither} {body.get('priority')}, {protocol} from {source} to {target}"


def _side(body: Json, side: str) -> str:
    """Return addresses and ports of one side, in an order of their own."""
    addresses = _both(body, f"{side}AddressPrefix", f"{side}AddressPrefixes")
    groups = [ResourceId.parse(str(one["id"])).name for one in body.get(f"{side}ApplicationSecurityGroups") or []]
    ports = _both(body, f"{side}PortRange", f"{side}PortRanges")
    named = sorted({*(one.lower() for one in addresses), *(f"group {one.lower()}" for one in groups)})
    return f"{'+'.join(named) or ANY} port {'+'.join(sorted(set(ports))) or ANY}"


def _both(body: Json, one: str, many: str) -> list[str]:
    return [str(each) for each in (body.get(one), *(body.get(many) or [])) if each]
