"""What the machines of a plan share, as somebody has made it before: a run that finds it there is half as long."""

from typing import Any

from activities.vault import POLICY
from migration import ids, names
from migration.plan import Plan
from migration.vaults import planned_vaults


def ready_vault(plan: Plan, source_network: str, target_network: str) -> list[dict[str, Any]]:
    """Return all that a plan would make in its vault's group, for the seed of a simulator."""
    vault, here, there = plan.vault_ids[0], plan.source.region, plan.target.region
    policy = f"{vault}/replicationPolicies/{names.POLICY_NAME}"
    fabrics = {region: ids.fabric_id(vault, names.fabric_name(region)) for region in (here, there)}
    containers = {region: ids.container_id(fabrics[region], names.container_name(region)) for region in fabrics}
    found = [
        _resource(
            vault, {"provisioningState": "Succeeded"}, location=plan.all_vaults[0].region, sku={"name": "Standard"}
        ),
        _resource(
            planned_vaults(plan)[0].account(here),
            {"provisioningState": "Succeeded"},
            location=here,
            kind="StorageV2",
            sku={"name": "Standard_LRS", "tier": "Standard"},
        ),
        _resource(policy, {"providerSpecificDetails": POLICY}),
    ]
    for region, fabric in fabrics.items():
        found.append(_resource(fabric, {"customDetails": {"instanceType": "Azure", "location": region}}))
        found.append(_resource(containers[region], {"friendlyName": names.container_name(region)}))
    for one, other, networks in (
        (here, there, (source_network, target_network)),
        (there, here, (target_network, source_network)),
    ):
        mapping = f"replicationProtectionContainerMappings/{names.container_mapping_name(one, other)}"
        paired = {"policyId": policy, "targetProtectionContainerId": containers[other]}
        found.append(_resource(f"{containers[one]}/{mapping}", paired))
        mapping = f"replicationNetworkMappings/{names.network_mapping_name(*networks)}"
        joined = {
            "primaryNetworkId": networks[0],
            "recoveryNetworkId": networks[1],
            "recoveryFabricArmId": fabrics[other],
        }
        found.append(_resource(f"{fabrics[one]}/replicationNetworks/azureNetwork/{mapping}", joined))
    return found


def _resource(resource_id: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    parsed = ids.ResourceId.parse(resource_id)
    return {"id": resource_id, "name": parsed.name, "type": parsed.type, "properties": properties, **more}
