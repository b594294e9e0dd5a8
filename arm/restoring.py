"""The documents that restoring writes: what the target lacks, taken from the source. None where nothing is to do."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arm.parity_documents import configurations_of, is_shutdown_of
from arm.reads import API_VERSIONS, ASSIGNMENTS_API, LOCKS_API, SCHEDULES_API, SETTINGS_API
from migration import names
from migration.ids import id_key, same_id
from migration.parity.making import made_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arm.reads import Json
    from migration.models import VmSpec
    from migration.parity.values import ParityRow

_COMPUTE_API, _NETWORK_API = API_VERSIONS["microsoft.compute"], API_VERSIONS["microsoft.network"]
_POOLS = "loadBalancerBackendAddressPools"
_GATEWAY_POOLS = "applicationGatewayBackendAddressPools"
_SETTING_KEYS = ("workspaceId", "logAnalyticsDestinationType", "logs", "metrics")
_SCHEDULE_KEYS = ("status", "taskType", "dailyRecurrence", "timeZoneId", "notificationSettings")


@dataclass(frozen=True)
class Change:
    """A write of ARM's own JSON."""

    method: str
    resource_id: str
    version: str
    body: Json


def key_of(row: ParityRow) -> str:
    """Return what a row is about within its aspect."""
    return row.key.partition(":")[2]


def machine_settings(rows: list[ParityRow], source: Json, target: Json) -> Change | None:
    """Set tags, licence type and boot diagnostics."""
    wanted = {row.aspect: key_of(row) for row in rows}
    body: Json = {}
    missing = {key_of(row) for row in rows if row.aspect == "tags"}
    given = {name: value for name, value in (source.get("tags") or {}).items() if name.lower() in missing}
    tags = {name: value for name, value in (target.get("tags") or {}).items() if name.lower() not in missing} | given
    if tags != (target.get("tags") or {}):
        body["tags"] = tags
    properties, theirs = source.get("properties") or {}, target.get("properties") or {}
    changed: Json = {}
    if "licence-type" in wanted and properties.get("licenseType") != theirs.get("licenseType"):
        changed["licenseType"] = properties.get("licenseType")
    boot = (theirs.get("diagnosticsProfile") or {}).get("bootDiagnostics") or {}
    if wanted.get("diagnostics") == "boot" and not boot.get("enabled"):
        changed["diagnosticsProfile"] = {"bootDiagnostics": {"enabled": True}}
    if changed:
        body["properties"] = changed
    return Change("PATCH", str(target["id"]), _COMPUTE_API, body) if body else None


def identities(rows: list[ParityRow], target: Json) -> Change | None:
    """Assign identities beside those that are assigned."""
    current = target.get("identity") or {}
    users = dict.fromkeys(current.get("userAssignedIdentities") or {})
    known = {id_key(one) for one in users}
    has_own = "systemassigned" in str(current.get("type", "")).lower()
    own = has_own or any(key_of(row) == "own" for row in rows)
    users |= dict.fromkeys(row.ref for row in rows if row.ref and id_key(row.ref) not in known)
    if own == has_own and len(users) == len(known):
        return None
    kinds = [*(["SystemAssigned"] if own else []), *(["UserAssigned"] if users else [])]
    identity: Json = {"type": ", ".join(kinds)}
    if users:
        identity["userAssignedIdentities"] = {one: {} for one in users}
    return Change("PATCH", str(target["id"]), _COMPUTE_API, {"identity": identity})


def interface(rows: list[ParityRow], source: Json, target: Json) -> Change | None:
    """Put group, public address, pools, forwarding and DNS on an interface, and leave all else as it is."""
    document = copy.deepcopy(target)
    body, first = document["properties"], _first(document)
    theirs = source.get("properties") or {}
    for row in rows:
        key = key_of(row)
        if row.aspect == "security-groups":
            body["networkSecurityGroup"] = {"id": row.ref}
        elif row.aspect == "public-addresses":
            first["publicIPAddress"] = {"id": row.ref}
        elif row.aspect == "load-balancer-pools":
            _join(first, row.ref)
        elif row.aspect == "ip-configurations":
            body["enableIPForwarding"] = True
        elif key.endswith("#servers"):
            servers = (theirs.get("dnsSettings") or {}).get("dnsServers") or []
            body["dnsSettings"] = {**(body.get("dnsSettings") or {}), "dnsServers": list(servers)}
        elif key.endswith("#internal"):
            label = (theirs.get("dnsSettings") or {}).get("internalDnsNameLabel")
            body["dnsSettings"] = {**(body.get("dnsSettings") or {}), "internalDnsNameLabel": label}
    return _interface_change(document, target)


def interface_without(refs: Iterable[str], target: Json) -> Change | None:
    """Take public addresses and pools off an interface."""
    document, gone = copy.deepcopy(target), {id_key(ref) for ref in refs}
    for configuration in configurations_of(document):
        body = configuration.get("properties") or {}
        if id_key(str((body.get("publicIPAddress") or {}).get("id") or "")) in gone:
            del body["publicIPAddress"]
        for kind in (_POOLS, _GATEWAY_POOLS):
            if kind in body:
                body[kind] = [pool for pool in body[kind] if id_key(str(pool.get("id") or "")) not in gone]
    return _interface_change(document, target)


def setting(vm: VmSpec, row: ParityRow, source: Json) -> Change | None:
    """Write a diagnostic setting as the source's is, to the same workspace."""
    body = source.get("properties") or {}
    kept = {key: body[key] for key in _SETTING_KEYS if body.get(key)}
    made = made_id(vm, row)
    return Change("PUT", made, SETTINGS_API, {"properties": kept}) if made else None


def assignment(vm: VmSpec, row: ParityRow, own_principal: str | None) -> Change | None:
    """Assign a role: to the same principal on the target, or to the target's own identity where the source's had it."""
    made, parts = made_id(vm, row), key_of(row).split("/")
    is_own = parts[0] == "own"
    principal, role, kind = (own_principal, parts[1], "ServicePrincipal") if is_own else parts[1:4]
    if made is None or principal is None:
        return None
    subscription = made.split("/")[2]
    definition = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    body: Json = {"roleDefinitionId": definition, "principalId": principal}
    if kind:
        # Azure takes a principal that its directory does not show yet only where one says what it is.
        body["principalType"] = kind
    return Change("PUT", made, ASSIGNMENTS_API, {"properties": body})


def schedule(vm: VmSpec, row: ParityRow, schedules: list[Json], plan: str) -> Change | None:
    """Write the shutdown schedule of the source for the target, with our tag."""
    own = next((one for one in schedules if is_shutdown_of(vm.source_id, one)), None)
    made = made_id(vm, row)
    if own is None or made is None:
        return None
    body = own.get("properties") or {}
    kept: dict[str, Any] = {key: body[key] for key in _SCHEDULE_KEYS if body.get(key)}
    kept["targetResourceId"] = vm.target_id
    tags = {**(own.get("tags") or {}), names.TAG_PLAN: plan}
    return Change("PUT", made, SCHEDULES_API, {"location": vm.target_region, "tags": tags, "properties": kept})


def lock(vm: VmSpec, row: ParityRow) -> Change | None:
    """Set a lock as the source has it."""
    made = made_id(vm, row)
    return Change("PUT", made, LOCKS_API, {"properties": {"level": row.source}}) if made else None


def _first(document: Json) -> Json:
    body: Json = configurations_of(document)[0].setdefault("properties", {})
    return body


def _join(configuration: Json, pool: str) -> None:
    kind = _GATEWAY_POOLS if "/applicationgateways/" in pool.lower() else _POOLS
    pools = configuration.get(kind) or []
    if not any(same_id(one.get("id"), pool) for one in pools):
        configuration[kind] = [*pools, {"id": pool}]


def _interface_change(document: Json, before: Json) -> Change | None:
    if document == before:
        return None
    kept = ("location", "tags", "extendedLocation", "properties")
    body = {key: document[key] for key in kept if key in document}
    return Change("PUT", str(document["id"]), _NETWORK_API, body)
