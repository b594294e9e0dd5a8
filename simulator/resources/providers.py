"""Resource providers: what Azure has, and whether the subscription may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.errors import ArmError
from simulator.provider import Reply
from simulator.resources import offered
from simulator.schedule import event_handler

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.world import World

_REGISTER_SECONDS = 40
_UNREGISTER_SECONDS = 20
# Namespace: its resource types with one api-version that it has; the simulator takes any.
PROVIDERS: dict[str, list[str]] = {
    "Microsoft.Authorization": ["locks", "permissions", "policyAssignments", "roleAssignments", "roleDefinitions"],
    "Microsoft.Compute": [
        "availabilitySets",
        "diskEncryptionSets",
        "disks",
        "locations",
        "locations/operations",
        "locations/usages",
        "locations/vmSizes",
        "operations",
        "skus",
        "snapshots",
        "virtualMachines",
        "virtualMachines/extensions",
        "virtualMachines/runCommands",
    ],
    "Microsoft.DevTestLab": ["labs", "schedules"],
    "Microsoft.Features": ["features", "providers"],
    "Microsoft.Insights": ["activityLogAlerts", "diagnosticSettings", "metricAlerts", "metrics"],
    "Microsoft.KeyVault": ["vaults"],
    "Microsoft.ManagedIdentity": ["userAssignedIdentities"],
    "Microsoft.Network": [
        "loadBalancers",
        "locations",
        "locations/usages",
        "natGateways",
        "networkInterfaces",
        "networkSecurityGroups",
        "operations",
        "publicIPAddresses",
        "routeTables",
        "virtualNetworks",
        "virtualNetworks/subnets",
    ],
    "Microsoft.OffAzure": ["vmwareSites", "hyperVSites", "masterSites"],
    "Microsoft.PolicyInsights": ["checkPolicyRestrictions", "policyStates"],
    "Microsoft.RecoveryServices": [
        "locations",
        "locations/checkNameAvailability",
        "operations",
        "replicationEligibilityResults",
        "vaults",
        "vaults/replicationFabrics",
    ],
    "Microsoft.Resources": [
        "deployments",
        "operations",
        "providers",
        "resourceGroups",
        "resources",
        "subscriptions",
        "tenants",
    ],
    "Microsoft.Storage": ["checkNameAvailability", "locations/usages", "operations", "storageAccounts", "usages"],
}
_FREE = frozenset({"microsoft.authorization", "microsoft.features", "microsoft.resources"})
_API_VERSIONS = ["2026-04-01", "2025-08-01", "2024-04-01", "2023-06-01", "2022-10-01", "2022-08-01", "2021-07-01"]


def _namespace(call: Call) -> str:
    wanted = call.params["namespace"]
    known = next((name for name in PROVIDERS if name.lower() == wanted.lower()), None)
    if known is None:
        raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{wanted}' is invalid.")
    return known


def _document(world: World, subscription: str, namespace: str) -> dict[str, Any]:
    free = namespace.lower() in _FREE
    return {
        "id": f"/subscriptions/{subscription}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationFree" if free else "RegistrationRequired",
        "registrationState": "Registered" if free else world.registration_state(subscription, namespace),
        "authorizations": [],
        "resourceTypes": [
            {
                "resourceType": type_,
                "locations": []
                if type_ in {"operations", "locations"}
                else offered.regions(world, subscription, f"{namespace}/{type_}"),
                "apiVersions": _API_VERSIONS,
                "capabilities": "CrossResourceGroupResourceMove, CrossSubscriptionResourceMove, SupportsTags, "
                "SupportsLocation",
            }
            for type_ in PROVIDERS[namespace]
        ],
    }


def providers_list(call: Call) -> Reply:
    """List every provider with its registration."""
    return Reply(200, {"value": [_document(call.world, call.subscription, name) for name in PROVIDERS]})


def providers_get(call: Call) -> Reply:
    """Show one provider."""
    return Reply(200, _document(call.world, call.subscription, _namespace(call)))


def providers_register(call: Call) -> Reply:
    """Begin to register a provider: ``Registering`` at first, ``Registered`` a little later."""
    namespace = _namespace(call)
    if not call.world.is_registered(call.subscription, namespace):
        _change(call, namespace, "Registering", "Registered", _REGISTER_SECONDS)
    return Reply(200, _document(call.world, call.subscription, namespace))


def providers_unregister(call: Call) -> Reply:
    """Begin to unregister a provider; one that has resources is refused."""
    namespace = _namespace(call)
    prefix = f"/subscriptions/{call.subscription}"
    used = [r for r in call.world.store.children(prefix) if r.type.lower().startswith(namespace.lower() + "/")]
    if used:
        raise ArmError(
            409,
            "CannotUnregisterResourceProvider",
            f"Could not unregister resource provider '{namespace}': the subscription still has resources of it, such "
            f"as '{used[0].id}'.",
        )
    _change(call, namespace, "Unregistering", "NotRegistered", _UNREGISTER_SECONDS)
    return Reply(200, _document(call.world, call.subscription, namespace))


def _change(call: Call, namespace: str, now: str, then: str, seconds: float) -> None:
    key = f"{call.subscription}/{namespace}"
    call.world.store.area("registrations").put(key, {"state": now})
    fault = call.operation_fault
    if fault is None:
        call.world.schedule.after(seconds, "resources.registration_changed", {"key": key, "state": then})


@event_handler("resources.registration_changed")
def _registration_changed(world: World, payload: dict[str, Any]) -> None:
    world.store.area("registrations").put(payload["key"], {"state": payload["state"]})
