"""Load balancers: kept as given, with the NIC configurations that are in their backend pools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute.crud import require_location
from simulator.network.names import LOAD_BALANCER, etag
from simulator.network.operations import begin
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.world import World

CREATE_SECONDS = 4
POOLS = "loadBalancerBackendAddressPools"
PARTS = ("frontendIPConfigurations", "backendAddressPools", "probes", "loadBalancingRules", "inboundNatRules")


def load_balancers_create_or_update(call: Call) -> Reply:
    """Create (201) or replace (200) a load balancer; who is in its pools stays in them."""
    location = require_location(call)
    old = call.world.store.get(call.resource_id)
    given: dict[str, Any] = call.body_object().get("properties") or {}
    known = {pool["name"].lower(): pool for pool in (old.properties.get("backendAddressPools") or [])} if old else {}
    parts = {key: [_part(call.resource_id, key, one) for one in given.get(key) or []] for key in PARTS}
    for pool in parts["backendAddressPools"]:
        before = (known.get(pool["name"].lower()) or {}).get("properties") or {}
        if before.get("backendIPConfigurations"):
            pool["properties"]["backendIPConfigurations"] = before["backendIPConfigurations"]
    document = {
        "name": paths.parse(call.path).name,
        "id": call.resource_id,
        "etag": etag(call.resource_id),
        "type": LOAD_BALANCER,
        "location": location,
        "tags": call.body_object().get("tags") or {},
        "properties": {"provisioningState": "Updating", **parts},
        "sku": call.body_object().get("sku") or {"name": "Standard", "tier": "Regional"},
    }
    saved = call.world.store.put(document)
    return begin(
        call,
        seconds=CREATE_SECONDS,
        done="network.provisioned",
        payload={"id": saved.id},
        location=location,
        status=200 if old else 201,
        body=saved.doc,
    )


def _part(balancer: str, kind: str, given: dict[str, Any]) -> dict[str, Any]:
    name = str(given.get("name"))
    properties = {"provisioningState": "Succeeded", **(given.get("properties") or {})}
    return {
        "name": name,
        "id": f"{balancer}/{kind}/{name}",
        "type": f"{LOAD_BALANCER}/{kind}",
        "properties": properties,
    }


def backend_address_pools_get(call: Call) -> Reply:
    """Answer with a backend pool."""
    pool = find_pool(call.world, call.resource_id)
    if pool is None:
        raise ArmError(404, "NotFound", f"Resource {call.resource_id} not found.", details=[])
    return Reply(200, pool)


def find_pool(world: World, id_: str) -> dict[str, Any] | None:
    """The backend pool of a load balancer, None where it is absent."""
    balancer = world.store.get(id_.rpartition("/backendAddressPools/")[0])
    pools = balancer.properties.get("backendAddressPools") or [] if balancer else []
    return next((pool for pool in pools if paths.same(pool_id(balancer.id, pool), id_)), None) if balancer else None


def pool_id(balancer: str, pool: dict[str, Any]) -> str:
    """The id of a pool, also of a seeded one that does not say it."""
    return str(pool.get("id") or f"{balancer}/backendAddressPools/{pool.get('name')}")


def note_pools(world: World, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
    """Let each pool say which configurations of a NIC are in it."""
    before, after = _pools_of(old), _pools_of(new)
    for balancer_id in {key.rpartition("/backendaddresspools/")[0] for key, _ in before ^ after}:
        balancer = world.store.get(balancer_id)
        if balancer is None or balancer.type.lower() != LOAD_BALANCER.lower():
            continue
        for pool in balancer.properties.get("backendAddressPools") or []:
            key = pool_id(balancer.id, pool).lower()
            members = {id_ for one, id_ in after if one == key}
            gone = {id_.lower() for one, id_ in before if one == key}
            properties = pool.setdefault("properties", {})
            listed = properties.get("backendIPConfigurations") or []
            kept = [one for one in listed if str(one["id"]).lower() not in gone]
            known = {str(one["id"]).lower() for one in kept}
            properties["backendIPConfigurations"] = [
                *kept,
                *({"id": id_} for id_ in sorted(members) if id_.lower() not in known),
            ]
        world.store.save(balancer)


def _pools_of(nic: dict[str, Any] | None) -> set[tuple[str, str]]:
    """The pools that a NIC is in, each with the configuration by which it is."""
    if nic is None:
        return set()
    return {
        (str(pool["id"]).lower(), f"{nic['id']}/ipConfigurations/{configuration['name']}")
        for configuration in nic["properties"].get("ipConfigurations") or []
        for pool in configuration["properties"].get(POOLS) or []
        if pool.get("id")
    }
