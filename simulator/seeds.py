"""Filling the world: the first founding, seeds, and the way back to the seed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simulator import context, guids, paths, seedfile
from simulator.compute.flattened import unflatten
from simulator.compute.seeding import complete
from simulator.errors import ArmError
from simulator.network.names import NIC
from simulator.network.seeding import complete_lone_nic
from simulator.paths import GROUP_TYPE
from simulator.registry import canonical_type
from simulator.resources.locations import location_name
from simulator.seedfile import Seed, SeedError
from simulator.siterecovery.seeding import settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.world import World

__all__ = ["SeedError", "found", "load", "reset"]

MACHINE = "microsoft.compute/virtualmachines"
DEFAULT_LOCATION = "westeurope"
KEPT_ON_RESET = frozenset({"settings", "identities", "clock"})


def found(world: World, text: str | None, file: str) -> None:
    """Fill a new world from the seed *text* (None: one empty subscription) and choose the ready line's principal."""
    with guids.drawn_from(world.seed_number, "seed", 0):
        _found(world, text, file)


def _found(world: World, text: str | None, file: str) -> None:
    seed = seedfile.read(text, file) if text is not None else Seed()
    principals = [i for i in seed.identities if i.get("kind", "service_principal") == "service_principal"]
    subscription = next(iter(_subscriptions(seed)), None) or guids.new_guid()
    principal = dict(principals[0]) if principals else {}
    # The ready line's principal owns every subscription unless the seed names its roles.
    principal.setdefault("roles", [{"role": "Owner", "scope": "/"}])
    kept = world.identities.put(principal)
    ready = {"client_id": kept["client_id"], "subscription_id": subscription, "seed": text, "file": file}
    world.settings.put("ready", ready, quiet=True)
    rest = [identity for identity in seed.identities if not principals or identity is not principals[0]]
    _fill(world, seed, rest)
    world.settings.put("founders", {"identities": world.identities.raw()}, quiet=True)


def load(world: World, text: str, file: str) -> int:
    """Add a seed to the estate; how many resources it names. Raises SeedError."""
    seed = seedfile.read(text, file)
    count = int((world.settings.get("seeds_added") or {"count": 0})["count"]) + 1
    world.settings.put("seeds_added", {"count": count}, quiet=True)
    with guids.drawn_from(world.seed_number, "seed", count):
        _fill(world, seed, seed.identities)
    return len(seed.resources)


def reset(world: World) -> None:
    """Go back to the seed that the world was founded with: estate, principals with their roles, buckets that are full.

    Faults and later changes are forgotten; the clock, the request log, secrets, settings and tokens stay.
    """
    ready = world.settings.get("ready") or {}
    world.database.forget(keep=KEPT_ON_RESET)
    for name in ("quotas", "seeds_added"):
        world.settings.delete(name, quiet=True)
    world.store.reindex()
    world.schedule.reload()
    world.throttle.reload()
    world.identities.replace_all((world.settings.get("founders") or {})["identities"])
    seed = seedfile.read(ready["seed"], ready["file"]) if ready["seed"] is not None else Seed()
    with guids.drawn_from(world.seed_number, "seed", 0):
        _fill(world, seed, [])


def _subscriptions(seed: Seed) -> dict[str, str]:
    named = {str(s["subscriptionId"]): str(s.get("displayName") or s["subscriptionId"]) for s in seed.subscriptions}
    known = {id_.lower() for id_ in named}
    for resource in seed.resources:
        subscription = paths.parse(resource["id"]).subscription
        if subscription.lower() not in known:
            known.add(subscription.lower())
            named[subscription] = subscription
    return named


def _fill(world: World, seed: Seed, identities: list[dict[str, Any]]) -> None:
    with context.loading_seed(), context.acting_as(context.SEED):
        ready = world.settings.get("ready") or {}
        named = _subscriptions(seed)
        if not world.subscriptions and not named:
            named = {ready["subscription_id"]: "Simulator"}
        explicit = {str(subscription["subscriptionId"]) for subscription in seed.subscriptions}
        told = {
            str(subscription["subscriptionId"]): {
                key: subscription[key] for key in ("managementGroups", "state") if subscription.get(key)
            }
            for subscription in seed.subscriptions
        }
        kept = world.store.area("subscriptions")
        for id_, display in named.items():
            if id_ in explicit or kept.get(id_) is None:
                kept.put(id_, {"subscriptionId": id_, "displayName": display, **told.get(id_, {})})
        for id_, behaviour in seed.behaviour.items():
            world.set_behaviour(id_, behaviour)
        _set_quotas(world, seed.quotas)
        for identity in identities:
            world.identities.put(identity)
        _fill_resources(world, seed.resources)


def _set_quotas(world: World, quotas: dict[str, Any]) -> None:
    rest = {name: value for name, value in quotas.items() if name != "throttling"}
    if rest:
        world.settings.put("quotas", {**world.quotas, **rest})
    if "throttling" in quotas:
        world.throttle.configure(**quotas["throttling"])


def _fill_resources(world: World, resources: list[dict[str, Any]]) -> None:
    _make_groups(world, resources)
    machines = []
    for given in resources:
        type_ = paths.parse(given["id"]).type.lower()
        if "/" not in type_:
            _set_registration(world, given)
        elif type_ == MACHINE:
            machines.append(given)
        elif not type_.endswith("subscriptions/resourcegroups") and type_ != "microsoft.resources/subscriptions":
            world.store.put(_arranged(given))
    for given in machines:
        document = {**given, "location": location_name(str(given["location"])), "type": canonical_type(MACHINE)}
        document["id"] = given["id"].rstrip("/")
        document.setdefault("name", paths.parse(document["id"]).name)
        with _naming(document["id"]):
            complete(world, document)
    for given in resources:
        if paths.parse(given["id"]).type.lower() == NIC.lower():
            with _naming(given["id"]):
                complete_lone_nic(world, given["id"])
    settle(world)


def _set_registration(world: World, given: dict[str, Any]) -> None:
    """Take over whether a provider is registered, from what `az provider show` prints."""
    parsed = paths.parse(given["id"])
    state = given.get("registrationState") or (given.get("properties") or {}).get("registrationState") or "Registered"
    world.store.area("registrations").put(f"{parsed.subscription}/{parsed.type}", {"state": state})


@contextmanager
def _naming(id_: str) -> Iterator[None]:
    """Turn a provider's refusal of a seeded resource into an error of the seed that names it."""
    try:
        yield
    except ArmError as problem:
        message = f"seeding {id_}: {problem.message}"
        raise SeedError(message) from None


def _make_groups(world: World, resources: list[dict[str, Any]]) -> None:
    """Make the groups that a seed names, then those that its ids imply (in the first such resource's region)."""
    named = [r for r in resources if paths.parse(r["id"]).type.endswith("subscriptions/resourceGroups")]
    for given in [*named, *resources]:
        parsed = paths.parse(given["id"])
        id_ = f"/subscriptions/{parsed.subscription}/resourceGroups/{parsed.group}"
        if not parsed.group or world.store.exists(id_):
            continue
        location = location_name(str(given.get("location") or _location_in(parsed, resources)))
        document = {"id": id_, "name": parsed.group, "type": GROUP_TYPE, "location": location}
        if given in named and given.get("tags"):
            document["tags"] = given["tags"]
        world.store.put({**document, "properties": {"provisioningState": "Succeeded"}})


def _location_in(group: paths.ResourceId, resources: list[dict[str, Any]]) -> str:
    inside = (r for r in resources if paths.parse(r["id"]).group.lower() == group.group.lower())
    return next((str(r["location"]) for r in inside if r.get("location")), DEFAULT_LOCATION)


def _arranged(given: dict[str, Any]) -> dict[str, Any]:
    document = unflatten(given)
    parsed = paths.parse(document["id"].rstrip("/"))
    document["id"] = document["id"].rstrip("/")
    # Lists of resources name what is inside another one with it: `web/AzureMonitorLinuxAgent`.
    document["name"] = str(document.get("name") or parsed.name).rpartition("/")[2]
    document["type"] = canonical_type(parsed.type)
    if document.get("location"):
        document["location"] = location_name(str(document["location"]))
    if parsed.namespace.lower() == "microsoft.network":
        _nest(document["properties"])
    return document


def _nest(properties: dict[str, Any]) -> None:
    """Put the parts of a network resource, which the Azure CLI prints flat, into their own properties."""
    for value in properties.values():
        for part in value if isinstance(value, list) else ():
            if isinstance(part, dict) and "name" in part and "properties" not in part:
                envelope = {"id", "name", "type", "etag", "zones", "sku"}
                part["properties"] = {key: part.pop(key) for key in list(part) if key not in envelope}
                _nest(part["properties"])
