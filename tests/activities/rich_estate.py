"""A virtual machine with everything that parity compares, and what it refers to in both regions."""

from __future__ import annotations

from typing import Any

from tests.activities.estate import (
    SOURCE_GROUP,
    SOURCE_REGION,
    SUBSCRIPTION,
    TARGET_GROUP,
    TARGET_REGION,
    machine_of,
)

_SOURCE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{SOURCE_GROUP}/providers"
_TARGET = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{TARGET_GROUP}/providers"
_NETWORK = "Microsoft.Network"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
SOMEBODY = "77777777-1111-2222-3333-444444444444"
WORKSPACE = f"{_SOURCE}/Microsoft.OperationalInsights/workspaces/logs"
IDENTITY = f"{_SOURCE}/Microsoft.ManagedIdentity/userAssignedIdentities/app"
SOURCE_GROUP_ID = f"{_SOURCE}/{_NETWORK}/networkSecurityGroups/web"
SOURCE_POOL = f"{_SOURCE}/{_NETWORK}/loadBalancers/front/backendAddressPools/web"
TARGET_SECURITY = f"{_TARGET}/{_NETWORK}/networkSecurityGroups/web-ne"
TARGET_ADDRESS = f"{_TARGET}/{_NETWORK}/publicIPAddresses/web-ne"
TARGET_BALANCER = f"{_TARGET}/{_NETWORK}/loadBalancers/front-ne"
TARGET_POOL = f"{TARGET_BALANCER}/backendAddressPools/web"
SCHEDULES = f"{_SOURCE}/Microsoft.DevTestLab/schedules"


def security_rule(name: str, priority: int, port: str) -> dict[str, Any]:
    """Return a rule that lets everybody in to a port, as Azure shows it."""
    either = {f"{side}{what}": "*" for side in ("source", "destination") for what in ("AddressPrefix", "PortRange")}
    body = {"priority": priority, "direction": "Inbound", "access": "Allow", "protocol": "TCP", **either}
    return {"name": name, "properties": body | {"destinationPortRange": port}}


def rich_machine(name: str, number: int) -> list[dict[str, Any]]:
    """Return the resources of a machine that has something of every aspect, as a seed has them."""
    *disks, nic, machine = machine_of(name, number)
    address = nic["properties"]["ipConfigurations"][0]["properties"]
    address["publicIPAddress"] = {"id": f"{_SOURCE}/{_NETWORK}/publicIPAddresses/{name}"}
    address["loadBalancerBackendAddressPools"] = [{"id": SOURCE_POOL}]
    nic["properties"] |= {"networkSecurityGroup": {"id": SOURCE_GROUP_ID}, "enableIPForwarding": True}
    nic["properties"]["dnsSettings"] = {"dnsServers": ["10.1.0.4"]}
    machine["tags"] = {"role": "test", "Owner": "größe"}
    machine["identity"] = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}
    machine["properties"] |= {
        "licenseType": "RHEL_BYOS",
        "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
        "securityProfile": {"encryptionAtHost": True},
    }
    vm = machine["id"]
    monitor = {"publisher": "Microsoft.Azure.Monitor", "type": "AzureMonitorLinuxAgent", "typeHandlerVersion": "1.0"}
    return [*disks, nic, machine, *_beside(name, vm, monitor)]


def _beside(name: str, vm: str, monitor: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what stands beside the machine: all that is no part of it."""
    role = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    setting = {"workspaceId": WORKSPACE, "metrics": [{"category": "AllMetrics", "enabled": True}]}
    shutdown = {
        "status": "Enabled",
        "taskType": "ComputeVmShutdownTask",
        "dailyRecurrence": {"time": "1930"},
        "timeZoneId": "UTC",
        "targetResourceId": vm,
    }
    given: list[tuple[str, str | None, dict[str, Any]]] = [
        (
            f"{_SOURCE}/{_NETWORK}/publicIPAddresses/{name}",
            SOURCE_REGION,
            {"ipAddress": "20.1.1.1", "dnsSettings": {"domainNameLabel": name}},
        ),
        (SOURCE_GROUP_ID, SOURCE_REGION, {"securityRules": [security_rule("https", 100, "443")]}),
        (SOURCE_POOL.rpartition("/backendAddressPools/")[0], SOURCE_REGION, {"backendAddressPools": [{"name": "web"}]}),
        (TARGET_SECURITY, TARGET_REGION, {"securityRules": [security_rule("tls", 100, "443")]}),
        (TARGET_ADDRESS, TARGET_REGION, {"ipAddress": "20.2.2.2"}),
        (TARGET_BALANCER, TARGET_REGION, {"backendAddressPools": [{"name": "web"}]}),
        (f"{vm}/extensions/Monitor", SOURCE_REGION, monitor),
        (f"{vm}/providers/Microsoft.Insights/diagnosticSettings/all", None, setting),
        (f"{SCHEDULES}/shutdown-computevm-{name}", SOURCE_REGION, shutdown),
        (
            f"{vm}/providers/Microsoft.Authorization/roleAssignments/10000000-0000-0000-0000-000000000001",
            None,
            {"roleDefinitionId": role, "principalId": SOMEBODY, "principalType": "Group"},
        ),
        (f"{vm}/providers/Microsoft.Authorization/locks/keep", None, {"level": "CanNotDelete"}),
    ]
    return [{"id": one, **({"location": where} if where else {}), "properties": body} for one, where, body in given]
