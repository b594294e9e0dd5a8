"""Makes the traits of one side from ARM's JSON. Each function takes documents and the names that its rows show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration.ids import ResourceId, describe, id_key, same_id
from migration.parity.values import Trait, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arm.reads import Json
    from migration.access import Lock
    from migration.surroundings import RoleAssignment

ON = "on"
MANAGED_STORAGE = "storage of Azure's own"
_OWN_EXTENSIONS = "microsoft.azure.recoveryservices.siterecovery"
_POOLS = ("loadBalancerBackendAddressPools", "applicationGatewayBackendAddressPools")
_SHUTDOWN_TASK = "computevmshutdowntask"


def of_machine(document: Json) -> Iterator[Trait]:
    """Yield what a virtual machine's own document tells, extensions among it."""
    name, body = describe(str(document["id"])), document.get("properties") or {}
    for key, value in (document.get("tags") or {}).items():
        yield Trait(aspect="tags", key=key.lower(), subject=f'tag "{shortened(key)}"', value=shortened(str(value)))
    if (body.get("securityProfile") or {}).get("encryptionAtHost"):
        yield Trait(aspect="encryption-at-host", key="host", subject=name, value=ON)
    licence = str(body.get("licenseType") or "")
    if licence.lower() not in {"", "none"}:
        yield Trait(aspect="licence-type", key="licence", subject=name, value=licence)
    boot = (body.get("diagnosticsProfile") or {}).get("bootDiagnostics") or {}
    if boot.get("enabled"):
        yield Trait(aspect="diagnostics", key="boot", subject="boot diagnostics", value=boot.get("storageUri") or ON)
    yield from _identities(document, name)
    for extension in document.get("resources") or []:
        yield from _extension(extension)


def own_principal(document: Json) -> str | None:
    """Return the principal of a machine's own identity."""
    identity = document.get("identity") or {}
    return identity.get("principalId") if "systemassigned" in str(identity.get("type", "")).lower() else None


def of_interface(number: int, document: Json) -> Iterator[Trait]:
    """Yield what a network interface's document tells; *number* is its place, the primary first."""
    name, body = describe(str(document["id"])), document.get("properties") or {}
    group = security_group_id(document)
    if group:
        yield _reference("security-groups", f"nic{number}", name, group)
    if body.get("enableIPForwarding"):
        yield Trait(
            aspect="ip-configurations", key=f"nic{number}#forwarding", subject=f"IP forwarding of {name}", value=ON
        )
    names = body.get("dnsSettings") or {}
    if names.get("internalDnsNameLabel"):
        label = str(names["internalDnsNameLabel"])
        yield Trait(
            aspect="dns-labels", key=f"nic{number}#internal", subject=f"internal name of {name}", value=shortened(label)
        )
    if names.get("dnsServers"):
        servers = shortened(", ".join(sorted(map(str, names["dnsServers"]))))
        yield Trait(aspect="dns-labels", key=f"nic{number}#servers", subject=f"DNS servers of {name}", value=servers)
    for index, configuration in enumerate(configurations_of(document)):
        yield from _configuration(f"nic{number}/config{index}", name, configuration, is_first=index == 0)


def configurations_of(interface: Json) -> list[Json]:
    """Return an interface's IP configurations, the primary first."""
    found = (interface.get("properties") or {}).get("ipConfigurations") or []
    return sorted(found, key=lambda one: not (one.get("properties") or {}).get("primary"))


def interface_ids(machine: Json) -> list[str]:
    """Return the ids of a machine's interfaces, the primary first."""
    listed = ((machine.get("properties") or {}).get("networkProfile") or {}).get("networkInterfaces") or []
    ordered = sorted(listed, key=lambda nic: not (nic.get("properties") or {}).get("primary", False))
    return [str(nic["id"]) for nic in ordered]


def public_address_ids(interface: Json) -> dict[str, str]:
    """Return the public addresses of an interface, by the place of their configuration: `config0`."""
    found = {}
    for index, configuration in enumerate(configurations_of(interface)):
        public = (configuration.get("properties") or {}).get("publicIPAddress") or {}
        if public.get("id"):
            found[f"config{index}"] = str(public["id"])
    return found


def subnet_id(interface: Json) -> str | None:
    """Return the subnet of an interface's primary configuration."""
    first = next(iter(configurations_of(interface)), {})
    return ((first.get("properties") or {}).get("subnet") or {}).get("id")


def security_group_id(document: Json) -> str | None:
    """Return the security group of an interface or a subnet."""
    group = ((document.get("properties") or {}).get("networkSecurityGroup") or {}).get("id")
    return str(group) if group else None


def of_subnet(number: int, interface: Json, document: Json) -> Iterator[Trait]:
    """Yield the security group of the subnet that an interface is in."""
    group = security_group_id(document)
    if group:
        name = f"subnet of {describe(str(interface['id']))}"
        yield _reference("security-groups", f"nic{number}#subnet", name, group)


def of_public_address(key: str, document: Json) -> Iterator[Trait]:
    """Yield the DNS label of a public address."""
    label = ((document.get("properties") or {}).get("dnsSettings") or {}).get("domainNameLabel")
    if label:
        name = f"DNS label of {describe(str(document['id']))}"
        yield Trait(aspect="dns-labels", key=f"{key}#label", subject=name, value=str(label))


def of_setting(machine_id: str, document: Json) -> Iterator[Trait]:
    """Yield a diagnostic setting by where it writes to; only a workspace may lie in any region."""
    body = document.get("properties") or {}
    keys = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")
    places = [str(body[key]) for key in keys if body.get(key)]
    only_workspace = len(places) == 1 and bool(body.get("workspaceId"))
    yield Trait(
        aspect="diagnostics",
        key=f"{'workspace' if only_workspace else 'setting'}/{document['name']}".lower(),
        subject=f'diagnostic setting "{document["name"]}" of {describe(machine_id)}',
        value=shortened("to " + (", ".join(map(describe, places)) or "nowhere")),
        ref=f"{machine_id}/providers/Microsoft.Insights/diagnosticSettings/{document['name']}",
    )


def of_schedule(machine_id: str, document: Json) -> Iterator[Trait]:
    """Yield the shutdown schedule of a machine, in words; other schedules yield nothing."""
    body = document.get("properties") or {}
    if not is_shutdown_of(machine_id, document):
        return
    time = str((body.get("dailyRecurrence") or {}).get("time") or "")
    told = f"{time[:2]}:{time[2:]} {body.get('timeZoneId') or 'UTC'}, {str(body.get('status') or 'Enabled').lower()}"
    yield Trait(aspect="auto-shutdown", key="schedule", subject=describe(machine_id), value=told)


def is_shutdown_of(machine_id: str, schedule: Json) -> bool:
    """Tell whether a schedule of DevTest Labs switches a machine off."""
    body = schedule.get("properties") or {}
    task = str(body.get("taskType", "")).lower()
    return task == _SHUTDOWN_TASK and same_id(body.get("targetResourceId"), machine_id)


def of_lock(machine_id: str, lock: Lock) -> Iterator[Trait]:
    """Yield a lock that stands on the machine itself."""
    if same_id(lock.scope, machine_id):
        yield Trait(aspect="locks", key=lock.name.lower(), subject=f'lock "{lock.name}"', value=lock.level)


def of_assignment(machine_id: str, principal: str | None, assignment: RoleAssignment) -> Iterator[Trait]:
    """Yield a role that somebody has on the machine, or that its own identity has."""
    role = assignment.role.rpartition("/")[2].lower()
    if same_id(assignment.scope, machine_id):
        yield Trait(
            aspect="role-assignments",
            key=f"on/{assignment.principal_id.lower()}/{role}/{assignment.principal_type}",
            subject=f"{assignment.principal_type or 'principal'} {assignment.principal_id}",
            value=f"role {role} on the machine",
            ref=assignment.role,
        )
    elif principal and assignment.principal_id.lower() == principal.lower():
        yield Trait(
            aspect="role-assignments",
            key=f"own/{role}/{id_key(assignment.scope)}",
            subject=f"own identity on {shortened(describe(assignment.scope))}",
            value=f"role {role}",
            ref=assignment.scope,
        )


def _identities(document: Json, name: str) -> Iterator[Trait]:
    if own_principal(document):
        yield Trait(aspect="managed-identities", key="own", subject=name, value="an identity of its own")
    for identity in (document.get("identity") or {}).get("userAssignedIdentities") or {}:
        yield Trait(
            aspect="managed-identities", key=id_key(identity), subject=name, value=describe(identity), ref=identity
        )


def _extension(document: Json) -> Iterator[Trait]:
    body = document.get("properties") or {}
    publisher, kind = str(body.get("publisher") or ""), str(body.get("type") or "")
    own = publisher.lower() == _OWN_EXTENSIONS or str(document.get("name", "")).lower().startswith("siterecovery")
    if kind and not own:
        name = f'extension "{document.get("name")}"'
        yield Trait(aspect="extensions", key=f"{publisher}.{kind}".lower(), subject=name, value=f"{publisher}.{kind}")


def _configuration(key: str, nic: str, document: Json, *, is_first: bool) -> Iterator[Trait]:
    body: dict[str, Any] = document.get("properties") or {}
    label = f"{document.get('name')} of {nic}"
    if not is_first:
        kind = str(body.get("privateIPAddressVersion") or "IPv4")
        yield Trait(aspect="ip-configurations", key=key, subject=label, value=f"a further {kind} address")
    if (body.get("publicIPAddress") or {}).get("id"):
        yield _reference("public-addresses", key, label, body["publicIPAddress"]["id"])
    for pool in (pool for kind in _POOLS for pool in body.get(kind) or []):
        name = str(pool["id"]).rpartition("/")[2].lower()
        yield _reference("load-balancer-pools", f"{key}#{name}", label, pool["id"])
    for group in body.get("applicationSecurityGroups") or []:
        name = str(group["id"]).rpartition("/")[2].lower()
        yield _reference("security-groups", f"{key}#application/{name}", label, group["id"])


def _reference(aspect: Any, key: str, subject: str, resource_id: str) -> Trait:
    return Trait(
        aspect=aspect, key=key, subject=subject, value=shortened(_short_name(resource_id)), ref=str(resource_id)
    )


def _short_name(resource_id: str) -> str:
    try:
        parsed = ResourceId.parse(resource_id)
    except ValueError:
        return resource_id
    return " in ".join(f'{kind} "{name}"' for kind, name in reversed(parsed.names))
