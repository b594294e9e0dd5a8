"""What a Recovery Services vault answers beside Site Recovery: keys, certificates, private links, Backup's usages."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator.clock import rfc_seconds
from simulator.provider import ArmError, Reply
from simulator.siterecovery import names, regions
from simulator.siterecovery.calls import require_vault

if TYPE_CHECKING:
    from simulator.provider import Call

EXTENDED = "vault-extended-info"
CERTIFICATE_LIFE = timedelta(days=2)
USAGES = (
    ("Count", "MABContainersCount", "Backup management servers"),
    ("Count", "ProtectedItemCount", "Backup items/Azure virtual machine backup"),
    ("Count", "ProtectedItemCriticalCount", "Critical"),
    ("Count", "ProtectedItemWarningCount", "Warning"),
    ("Count", "IaaSVMProtectedItemCount", "Azure Virtual Machines"),
    ("Bytes", "GRSStorageUsage", "Cloud - GRS"),
    ("Bytes", "LRSStorageUsage", "Cloud - LRS"),
    ("Count", "ManagedInstances", "Protected Instances"),
)
"""What Backup counts: always 0 here, since nothing is backed up."""
PRIVATE_LINKS = {
    "backupResource": ("AzureBackup", ("backup-rec2", "backup-prot1", "backup-id1"), "backup"),
    "siteRecoveryResource": (
        "AzureSiteRecovery",
        ("siteRecovery-rcm1", "siteRecovery-prot2", "siteRecovery-srs1", "siteRecovery-id1"),
        "siterecovery",
    ),
}
OPERATIONS = {
    names.VAULT: ("Vaults", ("read", "write", "delete")),
    names.FABRIC: ("Fabrics", ("read", "write", "delete", "remove/action", "checkConsistency/action")),
    names.CONTAINER: ("Protection Containers", ("read", "write", "remove/action", "switchprotection/action")),
    names.MAPPING: ("Protection Container Mappings", ("read", "write", "delete", "remove/action")),
    names.NETWORK_MAPPING: ("Network Mappings", ("read", "write", "delete")),
    names.POLICY: ("Policies", ("read", "write", "delete")),
    names.RECOVERY_PLAN: ("Recovery Plans", ("read", "write", "delete")),
    names.JOB: ("Jobs", ("read", "cancel/action", "restart/action", "resume/action")),
    names.ITEM: (
        "Protected Items",
        (
            "read",
            "write",
            "delete",
            "remove/action",
            "testFailover/action",
            "testFailoverCleanup/action",
            "unplannedFailover/action",
            "applyRecoveryPoint/action",
            "failoverCommit/action",
        ),
    ),
}


def operations_list(_call: Call) -> Reply:
    """List the provider's operations."""
    shown = [
        {
            "name": f"{type_}/{verb}",
            "display": {
                "provider": names.NAMESPACE,
                "resource": label,
                "operation": f"{verb.partition('/')[0]} {label}",
                "description": f"{verb.partition('/')[0]} {label}",
            },
            "origin": "user",
        }
        for type_, (label, verbs) in OPERATIONS.items()
        for verb in verbs
    ]
    return Reply(200, {"value": shown, "nextLink": None})


def usages_list_by_vaults(call: Call) -> Reply:
    """List the usages of Backup, which this cloud does not have: all are 0."""
    require_vault(call)
    usages = [
        {"unit": unit, "currentValue": 0, "limit": -1, "name": {"value": name, "localizedValue": label}}
        for unit, name, label in USAGES
    ]
    return Reply(200, {"value": usages})


def vault_extended_info_get(call: Call) -> Reply:
    """Show the key that agents encrypt with."""
    return Reply(200, _extended(call, {}))


def vault_extended_info_create_or_update(call: Call) -> Reply:
    """Set the key that agents encrypt with; at once."""
    return Reply(200, _extended(call, call.body_object().get("properties") or {}))


def vault_extended_info_update(call: Call) -> Reply:
    """Change the key that agents encrypt with; at once."""
    return vault_extended_info_create_or_update(call)


def _extended(call: Call, given: dict[str, Any]) -> dict[str, Any]:
    vault = require_vault(call)
    area = call.world.store.area(EXTENDED)
    digest = hashlib.sha256(vault.id.lower().encode()).digest()
    default = {"integrityKey": base64.b64encode(digest[:16]).decode(), "algorithm": "None"}
    kept = area.get(vault.id) or {"properties": default, "etag": names.stable_uuid("extended", vault.id)}
    if given:
        kept = {"properties": {**kept["properties"], **given}, "etag": call.world.new_guid()}
        area.put(vault.id, kept)
    return {
        "name": "vaultExtendedInfo",
        **kept,
        "id": f"{vault.id}/extendedInformation/vaultExtendedInfo",
        "type": f"{names.VAULT}/extendedInformation",
    }


def vault_certificates_create(call: Call) -> Reply:
    """Upload a certificate with which an agent registers; none ever does here."""
    vault = require_vault(call)
    given = call.body_object().get("properties") or {}
    certificate = given.get("certificate")
    if not isinstance(certificate, str) or not certificate:
        raise ArmError(400, "CertificateMissing", "The certificate of the request is missing.")
    number = names.number(vault.id)
    tenant = call.world.tenant_id
    now = call.world.now
    properties = {
        "authType": "AzureActiveDirectory",
        "certificate": certificate,
        "resourceId": number,
        "aadAuthority": call.world.endpoint,
        "aadTenantId": tenant,
        "servicePrincipalClientId": names.stable_uuid("client", vault.id),
        "servicePrincipalObjectId": names.stable_uuid("object", vault.id),
        "azureManagementEndpointAudience": f"{call.world.endpoint}/",
        "subject": "CN=Windows Azure Tools",
        "validFrom": rfc_seconds(now),
        "validTo": rfc_seconds(now + CERTIFICATE_LIFE),
        "thumbprint": hashlib.sha256(certificate.encode()).hexdigest()[:40].upper(),
        "friendlyName": "",
        "issuer": "CN=Windows Azure Tools",
        "aadAudience": f"api://{tenant}/RecoveryServiceVault/{vault.location}/{vault.name}/{number}",
    }
    name = call.params["certificate"]
    id_ = f"{names.vault_id(vault.id)}/certificates/{name}"
    return Reply(200, {"name": name, "type": f"{names.VAULT}/certificates", "id": id_, "properties": properties})


def _private_link(vault_id: str, location: str, name: str) -> dict[str, Any]:
    group, members, zone = PRIVATE_LINKS[name]
    zones = [f"privatelink.{location}.{zone}.windowsazure.com"]
    zones += [f"privatelink.{kind}.core.windows.net" for kind in ("queue", "blob")]
    return {
        "id": f"{vault_id}/privateLinkResources/{name}",
        "name": name,
        "type": f"{names.VAULT}/privateLinkResources",
        "properties": {"groupId": group, "requiredMembers": list(members), "requiredZoneNames": zones},
    }


def private_link_resources_list(call: Call) -> Reply:
    """List what a private endpoint of the vault may be for."""
    vault = require_vault(call)
    return Reply(200, {"value": [_private_link(vault.id, vault.location, name) for name in PRIVATE_LINKS]})


def private_link_resources_get(call: Call) -> Reply:
    """Show one thing that a private endpoint of the vault may be for."""
    vault = require_vault(call)
    for name in PRIVATE_LINKS:
        if name.lower() == call.params["link"].lower():
            return Reply(200, _private_link(vault.id, vault.location, name))
    raise ArmError(404, "ResourceNotFound", f"The private link resource '{call.params['link']}' was not found.")


def registered_identities_delete(call: Call) -> Reply:
    """Unregister a container of Backup; there is none, which is fine."""
    require_vault(call)
    return Reply(204)


def recovery_services_check_name_availability(call: Call) -> Reply:
    """Tell whether a vault may have the name in the resource group."""
    name = call.body_object().get("name")
    if not isinstance(name, str) or not name:
        raise ArmError(400, "InvalidInput", "The name to be checked is missing.")
    taken = call.world.store.exists(
        f"/subscriptions/{call.subscription}/resourceGroups/{call.group}/providers/{names.VAULT}/{name}"
    )
    if not taken:
        return Reply(200, {"nameAvailable": True})
    message = "Resource already exists with the same name."
    return Reply(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": message})


def recovery_services_capabilities(call: Call) -> Reply:
    """Tell the DNS zones that private endpoints of vaults in the region need."""
    body = call.body_object()
    location = regions.normal(call.params["location"])
    asked = (body.get("properties") or {}).get("dnsZones") or []
    zones = {group: link for link, (group, _, _) in PRIVATE_LINKS.items()}
    shown = [
        {
            "subResource": one["subResource"],
            "requiredZoneNames": _private_link("", location, zones[one["subResource"]])["properties"][
                "requiredZoneNames"
            ],
        }
        for one in asked
        if one.get("subResource") in zones
    ]
    return Reply(200, {"type": body.get("type"), "properties": {"dnsZones": shown}})


def deleted_vaults_list_by_subscription_id(_call: Call) -> Reply:
    """List the vaults that could be undeleted: none, a vault without backups is gone for good."""
    return Reply(200, {"value": []})


def deleted_vaults_get(call: Call) -> Reply:
    """Answer for a vault that could be undeleted; there is none."""
    name = call.params["vault"]
    raise ArmError(404, "ResourceNotFound", f"The deleted vault '{name}' was not found.")
