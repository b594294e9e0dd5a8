"""Makes the values of an inventory from ARM's JSON. Each function takes the document of one resource."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from migration.access import Denial, Lock, Permission
from migration.inventory import (
    AttachedDisk,
    Disk,
    EligibilityError,
    Extension,
    Located,
    Machine,
    Network,
    NetworkMapping,
    Nic,
    ProtectedItem,
    Provider,
    Sku,
    Subnet,
    Usage,
)
from migration.perimeter import Peering
from migration.regions import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from arm.reads import Json

_LOCK_ID = re.compile(r"(?i)^(.*)/providers/microsoft\.authorization/locks/[^/]+$")


def machine(document: Json) -> Machine:
    """Return a virtual machine; its power state and agent only where the instance view was asked for."""
    body = document.get("properties") or {}
    storage, view = body.get("storageProfile") or {}, body.get("instanceView") or {}
    return Machine(
        id=document["id"],
        location=canonical(document.get("location", "")),
        size=(body.get("hardwareProfile") or {}).get("vmSize", ""),
        vm_unique_id=body.get("vmId", ""),
        os_type=(storage.get("osDisk") or {}).get("osType", "Linux"),
        provisioning_state=body.get("provisioningState", ""),
        os_disk=_attached(storage.get("osDisk") or {}),
        data_disks=tuple(_attached(disk) for disk in storage.get("dataDisks") or []),
        nic_ids=_nic_ids(body),
        zone=next(iter(document.get("zones") or []), None),
        power_state=_power_state(view),
        agent=_agent(view),
        generation=view.get("hyperVGeneration"),
        from_image=bool(body.get("osProfile") or storage.get("imageReference")),
        extensions=_extensions(document, view),
        os_name=view.get("osName") or "",
        os_version=view.get("osVersion") or "",
        **_placement(document, body),
    )


def disk(document: Json) -> Disk:
    """Return a managed disk."""
    body = document.get("properties") or {}
    return Disk(
        id=document["id"],
        type=(document.get("sku") or {}).get("name", ""),
        size_gib=int(body.get("diskSizeGB") or 0),
        max_shares=int(body.get("maxShares") or 1),
        encrypted_in_guest=bool((body.get("encryptionSettingsCollection") or {}).get("enabled")),
        encryption_set_id=(body.get("encryption") or {}).get("diskEncryptionSetId"),
        managed_by=document.get("managedBy"),
    )


def nic(document: Json) -> Nic:
    """Return a network interface by its primary address."""
    body = document.get("properties") or {}
    addresses = [entry.get("properties") or {} for entry in body.get("ipConfigurations") or []]
    first = next((entry for entry in addresses if entry.get("primary")), addresses[0] if addresses else {})
    subnet_id = (first.get("subnet") or {}).get("id", "")
    network_id, _, subnet_name = subnet_id.rpartition("/subnets/")
    return Nic(
        id=document["id"],
        network_id=network_id,
        subnet=subnet_name,
        address=first.get("privateIPAddress"),
        is_static=first.get("privateIPAllocationMethod", "").lower() == "static",
        machine_id=(body.get("virtualMachine") or {}).get("id"),
        security_group_id=(body.get("networkSecurityGroup") or {}).get("id"),
        public_address_ids=tuple(_ids(entry.get("publicIPAddress") for entry in addresses)),
        pool_ids=tuple(_ids(pool for entry in addresses for key in _POOLS for pool in entry.get(key) or [])),
        application_group_ids=tuple(
            _ids(group for entry in addresses for group in entry.get("applicationSecurityGroups") or [])
        ),
        more_addresses=tuple(
            str(entry.get("privateIPAddress") or entry.get("privateIPAddressVersion", "dynamic"))
            for entry in addresses
            if entry is not first
        ),
        accelerated=bool(body.get("enableAcceleratedNetworking")),
    )


def network(document: Json) -> Network:
    """Return a virtual network with its subnets."""
    body = document.get("properties") or {}
    return Network(
        id=document["id"],
        location=canonical(document.get("location", "")),
        subnets=tuple(_subnet(entry) for entry in body.get("subnets") or []),
        peerings=tuple(_peering(entry) for entry in body.get(_PEERINGS) or []),
    )


def located(document: Json) -> Located:
    """Return a resource of which only its place counts."""
    return Located(
        id=document["id"],
        location=canonical(document.get("location", "")),
        provisioning_state=(document.get("properties") or {}).get("provisioningState") or "Succeeded",
    )


def sku(document: Json, region: str) -> Sku:
    """Return a virtual machine size as a region offers it.

    `Resource SKUs <https://learn.microsoft.com/rest/api/compute/resource-skus/list>`_.
    """
    capable = {entry["name"]: str(entry["value"]) for entry in document.get("capabilities") or []}
    places = [place for place in document.get("locationInfo") or [] if canonical(place["location"]) == region]
    restrictions = document.get("restrictions") or []
    zonal = [entry for entry in restrictions if entry.get("type") == "Zone"]
    return Sku(
        name=document["name"],
        family=document.get("family", ""),
        vcpus=int(capable.get("vCPUs", 0)),
        zones=tuple(sorted(zone for place in places for zone in place.get("zones") or [])),
        restricted=any(entry.get("type") == "Location" for entry in restrictions),
        restricted_zones=tuple(z for entry in zonal for z in (entry.get("restrictionInfo") or {}).get("zones") or []),
        reason=", ".join(sorted({entry.get("reasonCode", "") for entry in restrictions} - {""})),
        max_data_disks=_number(capable.get("MaxDataDiskCount")),
        max_nics=_number(capable.get("MaxNetworkInterfaces")),
        premium=capable.get("PremiumIO", "True").lower() == "true",
        generations=tuple(filter(None, capable.get("HyperVGenerations", "").split(","))),
        memory_gib=float(capable["MemoryGB"]) if capable.get("MemoryGB") else None,
        controllers=tuple(part.strip() for part in capable.get("DiskControllerTypes", "").split(",") if part.strip()),
        architecture=capable.get("CpuArchitectureType", "x64"),
        accelerated=capable.get("AcceleratedNetworkingEnabled", "True").lower() == "true",
        trusted_launch=capable.get("TrustedLaunchDisabled", "False").lower() != "true",
        confidential=bool(capable.get("ConfidentialComputingType")),
    )


def usage(document: Json) -> Usage:
    """Return a quota with what is used of it."""
    name = document["name"]
    return Usage(name["value"], name.get("localizedValue", name["value"]), document["currentValue"], document["limit"])


def free_addresses(document: Json) -> tuple[str, int]:
    """Return a subnet's name in lower case and how many addresses are free in it."""
    return document["id"].rsplit("/", 1)[-1].lower(), int(document["limit"] - document["currentValue"])


def lock(document: Json) -> Lock:
    """Return a management lock."""
    match = _LOCK_ID.match(document["id"])
    return Lock(document["name"], document["properties"]["level"], match[1] if match else document["id"])


def permission(document: Json) -> Permission:
    """Return a grant."""
    return Permission(tuple(document.get("actions") or []), tuple(document.get("notActions") or []))


def denial(document: Json, identity: str | None) -> Denial:
    """Return a deny assignment, and whether it concerns an identity as far as its object id alone can tell.

    `List Azure deny assignments <https://learn.microsoft.com/azure/role-based-access-control/deny-assignments>`_.
    """
    body = document.get("properties") or {}
    grants = body.get("permissions") or []
    return Denial(
        name=body.get("denyAssignmentName") or document.get("name", ""),
        scope=body.get("scope") or document["id"].rsplit("/providers/", 1)[0],
        actions=tuple(action for grant in grants for action in grant.get("actions") or []),
        not_actions=tuple(action for grant in grants for action in grant.get("notActions") or []),
        applies=_concerns(body, identity),
        only_there=bool(body.get("doNotApplyToChildScopes")),
    )


def _concerns(body: Json, identity: str | None) -> bool | None:
    def named(key: str) -> dict[str, str]:
        return {str(one.get("id", "")).lower(): str(one.get("type", "")).lower() for one in body.get(key) or []}

    whom, spared = named("principals"), named("excludePrincipals")
    if identity and identity.lower() in spared:
        return False
    direct = _EVERYONE in whom or bool(identity and identity.lower() in whom)
    if direct:
        return None if "group" in spared.values() else True
    return None if identity is None or "group" in whom.values() else False


def provider(document: Json) -> Provider:
    """Return a resource provider."""
    return Provider(
        namespace=document["namespace"],
        registration=document.get("registrationState", ""),
        vault_regions=_regions(document, "vaults"),
        machine_regions=_regions(document, "virtualmachines"),
    )


_STAGING = "primaryStagingAzureStorageAccountId"


def protected_item(document: Json) -> ProtectedItem:
    """Return a replication protected item; items of other kinds than Azure to Azure have no machine id."""
    body = document.get("properties") or {}
    details = body.get("providerSpecificDetails") or {}
    disks = details.get("protectedManagedDisks") or []
    return ProtectedItem(
        id=document["id"],
        machine_id=details.get("fabricObjectId") or "",
        protection_state=body.get("protectionState", ""),
        active_location=body.get("activeLocation") or "",
        allowed_operations=tuple(body.get("allowedOperations") or []),
        replication_health=body.get("replicationHealth") or "",
        failover_health=body.get("failoverHealth") or "",
        errors=tuple(_health_error(entry) for entry in body.get("healthErrors") or [] if _is_critical(entry)),
        scenario=(body.get("currentScenario") or {}).get("scenarioName") or "None",
        rpo_seconds=details.get("rpoInSeconds"),
        replica_disk_ids=tuple(each["recoveryReplicaDiskId"] for each in disks if each.get("recoveryReplicaDiskId")),
        disks=len(disks),
        disk_ids=tuple(each["diskId"] for each in disks if each.get("diskId")),
        cache_ids=tuple(str(each[_STAGING]) for each in disks if each.get(_STAGING)),
        test_failover_state=body.get("testFailoverState") or "",
        target_group_id=details.get("recoveryAzureResourceGroupId") or "",
        target_name=details.get("recoveryAzureVMName") or "",
        target_vm_id=details.get("recoveryFabricObjectId") or "",
        consistency_group=details.get("multiVmGroupName") or "",
    )


def network_mapping(document: Json) -> NetworkMapping:
    """Return where Site Recovery maps a network to."""
    body = document.get("properties") or {}
    return NetworkMapping(document["id"], body.get("primaryNetworkId") or "", body.get("recoveryNetworkId") or "")


def eligibility_errors(document: Json) -> tuple[EligibilityError, ...]:
    """Return why Site Recovery would not protect a virtual machine; none: it would."""
    errors = (document.get("properties") or {}).get("errors") or []
    return tuple(
        EligibilityError(entry.get("code") or "", entry.get("message") or "", entry.get("recommendedAction") or "")
        for entry in errors
    )


_PEERINGS = "virtualNetworkPeerings"
_POOLS = ("loadBalancerBackendAddressPools", "applicationGatewayBackendAddressPools")
_EVERYONE = "00000000-0000-0000-0000-000000000000"
"""The id by which a deny assignment of the system names all principals."""


def _attached(document: Json) -> AttachedDisk:
    managed = document.get("managedDisk") or {}
    return AttachedDisk(
        name=document.get("name") or managed.get("id", "").rsplit("/", 1)[-1],
        id=managed.get("id"),
        size_gib=document.get("diskSizeGB"),
        type=managed.get("storageAccountType"),
        write_accelerated=bool(document.get("writeAcceleratorEnabled")),
        ephemeral=bool(document.get("diffDiskSettings")),
        create_option=document.get("createOption") or "",
        lun=document.get("lun"),
    )


def _nic_ids(body: Json) -> tuple[str, ...]:
    interfaces = (body.get("networkProfile") or {}).get("networkInterfaces") or []
    ordered = sorted(interfaces, key=lambda entry: not _is_primary(entry))
    return tuple(entry["id"] for entry in ordered)


def _is_primary(interface: Json) -> bool:
    flag: Any = (interface.get("properties") or {}).get("primary", interface.get("primary"))
    return bool(flag)


def _power_state(view: Json) -> str:
    codes = [status.get("code", "") for status in view.get("statuses") or []]
    return next((code for code in codes if code.startswith("PowerState/")), "")


def _agent(view: Json) -> str:
    statuses = (view.get("vmAgent") or {}).get("statuses") or []
    return str(statuses[0].get("displayStatus") or "") if statuses else ""


def _extensions(document: Json, view: Json) -> tuple[Extension, ...]:
    """Return the extensions, from the instance view where the document names them by id alone, as listings do."""
    told = [entry for entry in document.get("resources") or [] if "properties" in entry]
    seen = [_seen_extension(entry) for entry in view.get("extensions") or []]
    return tuple(_extension(entry) for entry in told) or tuple(seen)


def _extension(document: Json) -> Extension:
    body = document.get("properties") or {}
    return Extension(document["name"], body.get("provisioningState", ""), body.get("publisher") or "")


def _seen_extension(entry: Json) -> Extension:
    codes = [str(status.get("code") or "") for status in entry.get("statuses") or []]
    state = next((code.split("/")[1] for code in codes if code.lower().startswith("provisioningstate/")), "succeeded")
    publisher = str(entry.get("type") or "").rpartition(".")[0]
    return Extension(entry.get("name") or "", state.capitalize(), publisher)


def _placement(document: Json, body: Json) -> dict[str, Any]:
    """Return where and how a virtual machine is held, and who it is."""
    security, identity = body.get("securityProfile") or {}, document.get("identity") or {}
    named = list(identity.get("userAssignedIdentities") or {})
    own = ["system-assigned"] if "systemassigned" in str(identity.get("type", "")).lower() else []
    return {
        "security_type": security.get("securityType") or "",
        "encrypted_at_host": bool(security.get("encryptionAtHost")),
        "ultra_enabled": bool((body.get("additionalCapabilities") or {}).get("ultraSSDEnabled")),
        "disk_controller": (body.get("storageProfile") or {}).get("diskControllerType") or "",
        "availability_set_id": (body.get("availabilitySet") or {}).get("id"),
        "proximity_group_id": (body.get("proximityPlacementGroup") or {}).get("id"),
        "scale_set_id": (body.get("virtualMachineScaleSet") or {}).get("id"),
        "host_id": (body.get("host") or {}).get("id") or (body.get("hostGroup") or {}).get("id"),
        "identity_ids": (*own, *named),
        "principal_id": identity.get("principalId"),
    }


def _ids(references: Iterable[Any]) -> Iterator[str]:
    return (reference["id"] for reference in references if isinstance(reference, dict) and reference.get("id"))


def _regions(document: Json, kind: str) -> tuple[str, ...]:
    types = [entry for entry in document.get("resourceTypes") or [] if entry["resourceType"].lower() == kind]
    return tuple(canonical(place) for entry in types for place in entry.get("locations") or [])


def _subnet(document: Json) -> Subnet:
    body = document.get("properties") or {}
    prefixes = body.get("addressPrefixes") or ([body["addressPrefix"]] if body.get("addressPrefix") else [])
    delegations = [(entry.get("properties") or {}).get("serviceName", "") for entry in body.get("delegations") or []]
    return Subnet(
        document["name"],
        tuple(prefixes),
        tuple(filter(None, delegations)),
        security_group_id=(body.get("networkSecurityGroup") or {}).get("id"),
        route_table_id=(body.get("routeTable") or {}).get("id"),
        nat_gateway_id=(body.get("natGateway") or {}).get("id"),
        default_outbound=body.get("defaultOutboundAccess") is not False,
        in_use=bool(body.get("ipConfigurations")),
        has_private_endpoints=bool(body.get("privateEndpoints")),
    )


def _peering(document: Json) -> Peering:
    body = document.get("properties") or {}
    remote = (body.get("remoteVirtualNetwork") or {}).get("id") or ""
    return Peering(document.get("name") or "", remote, body.get("peeringState") or "")


def _is_critical(error: Json) -> bool:
    return str(error.get("errorLevel", "")).lower() not in {"warning", "information"}


def _health_error(error: Json) -> str:
    text = error.get("errorMessage") or error.get("summaryMessage") or ""
    return f"{error.get('errorCode', '')} {text}".strip()


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
