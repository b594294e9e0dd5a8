"""Deployments of templates: their resources are created one after the other by the cloud's own operations."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from simulator import frontdoor, paths
from simulator.clock import parse_time, rfc7, to_micros
from simulator.errors import ArmError, from_gateway
from simulator.provider import Reply
from simulator.resources.template_expressions import Scope, evaluate, invalid
from simulator.router import Router
from simulator.schedule import event_handler

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.world import World

AREA = "deployments"
TYPE = "Microsoft.Resources/deployments"
POLL_SECONDS = 5.0
ACCEPTED_SECONDS = 5
UNSETTLED = {"Creating", "Updating", "Provisioning", "ResolvingDns"}
_COUNTDOWN = 10**20


@dataclass(frozen=True)
class Part:
    """A resource of a template: its id, type and name as written, api-version, body, and the ids that come first."""

    id: str
    type: str
    name: str
    api_version: str
    body: dict[str, Any]
    after: tuple[str, ...]

    @property
    def shown(self) -> dict[str, str]:
        """How a deployment names it."""
        return {"id": self.id, "resourceType": self.type, "resourceName": self.name}


def deployments_create_or_update(call: Call) -> Reply:
    """Deploy a template into the group (201): in the background, by the operations of each resource."""
    parts, outputs = _parts(call)
    document = _document(call, parts)
    operation = f"{_COUNTDOWN - to_micros(call.world.now):020d}"
    error = _run(call, parts)
    if error is None and call.operation_fault is not None and call.operation_fault.fails:
        error = {"code": call.operation_fault.code, "message": call.operation_fault.message}
    kept = {
        "document": document,
        "operation": operation,
        "began": rfc7(call.world.now),
        "error": error,
        "parts": [part.shown for part in parts],
        "outputs": outputs,
    }
    call.world.store.area(AREA).put(document["id"], kept)
    if call.operation_fault is None or not call.operation_fault.never_ends:
        call.world.schedule.after(POLL_SECONDS, "resources.deployment", {"id": document["id"], "operation": operation})
    url = call.url(f"{call.path}/operationStatuses/{operation}")
    return Reply(201, document, {"Azure-AsyncOperation": url})


def deployments_validate(call: Call) -> Reply:
    """Tell whether a template could be deployed, without deploying it."""
    document = _document(replace(call, path=call.parent_id), _parts(call)[0])
    document["properties"] |= {"provisioningState": "Succeeded"}
    return Reply(200, document)


def _parts(call: Call) -> tuple[list[Part], dict[str, Any]]:
    """The template's resources in the order in which they can be made, and its outputs."""
    properties = call.body_object().get("properties") or {}
    template = properties.get("template")
    if not isinstance(template, dict):
        raise invalid("The template is missing; links to templates are not followed here")
    scope = Scope(_parameters(template, properties), template.get("variables") or {}, _group(call), call.subscription)
    found = [_part(call, evaluate(resource, scope)) for resource in template.get("resources") or []]
    return _in_order(found), evaluate(template.get("outputs") or {}, scope)


def _parameters(template: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    given = {name: value.get("value") for name, value in (properties.get("parameters") or {}).items()}
    declared = template.get("parameters") or {}
    missing = [name for name, one in declared.items() if name not in given and "defaultValue" not in one]
    if missing:
        raise invalid(f"The value for the template parameter '{missing[0]}' is not provided")
    return {**{name: one.get("defaultValue") for name, one in declared.items()}, **given}


def _group(call: Call) -> dict[str, Any]:
    return call.world.store.require(f"/subscriptions/{call.subscription}/resourceGroups/{call.group}").doc


def _part(call: Call, resource: dict[str, Any]) -> Part:
    type_, name = str(resource.get("type") or ""), str(resource.get("name") or "")
    names = name.split("/")
    if type_.count("/") != len(names) or not resource.get("apiVersion"):
        raise invalid(f"The template resource '{name}' of type '{type_}' is not complete")
    base = f"/subscriptions/{call.subscription}/resourceGroups/{call.group}/providers"
    body = {key: value for key, value in resource.items() if key not in {"type", "name", "apiVersion", "dependsOn"}}
    after = tuple(str(one) for one in resource.get("dependsOn") or [])
    return Part(_id(base, type_, names), type_, name, resource["apiVersion"], _without_empty(body), after)


def _id(base: str, type_: str, names: list[str]) -> str:
    namespace, *types = type_.split("/")
    return f"{base}/{namespace}" + "".join(f"/{one}/{name}" for one, name in zip(types, names, strict=True))


def _without_empty(value: Any) -> Any:
    """Objects of which nothing is left once nulls are gone are left out as well, but for tags and lists."""
    if isinstance(value, list):
        return [_without_empty(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {key: _without_empty(inner) for key, inner in value.items() if inner != {} or key == "tags"}


def _in_order(parts: list[Part]) -> list[Part]:
    rest, ordered = list(parts), list[Part]()
    while rest:
        ready = [part for part in rest if not any(_means(part, other) for other in rest if other is not part)]
        if not ready:
            raise invalid(f"Circular dependency detected on resource: '{rest[0].id}'")
        ordered += ready
        rest = [part for part in rest if part not in ready]
    return ordered


def _means(part: Part, other: Part) -> bool:
    """Whether *part* depends on *other*: by id, by type and name, or by name alone."""
    names = {other.id.lower(), f"{other.type}/{other.name}".lower(), other.name.lower()}
    return any(one.lower() in names for one in part.after)


def _deployment_id(call: Call, name: str) -> str:
    return f"/subscriptions/{call.subscription}/resourceGroups/{call.group}/providers/{TYPE}/{name}"


def _document(call: Call, parts: list[Part]) -> dict[str, Any]:
    properties = call.body_object()["properties"]
    template = properties["template"]
    digest = hashlib.sha256(str(template).encode()).digest()
    secrets = {name for name, one in (template.get("parameters") or {}).items() if "secure" in one["type"].lower()}
    shown = {
        name: {"type": one["type"][:1].upper() + one["type"][1:], **({} if name in secrets else given)}
        for name, one in (template.get("parameters") or {}).items()
        if (given := (properties.get("parameters") or {}).get(name)) is not None
    }
    return {
        "id": _deployment_id(call, paths.parse(call.path).name),
        "name": paths.parse(call.path).name,
        "type": TYPE,
        "properties": {
            "templateHash": str(int.from_bytes(digest[:8], "big")),
            "parameters": shown,
            "mode": str(properties.get("mode") or "Incremental").capitalize(),
            "provisioningState": "Accepted",
            "timestamp": rfc7(call.world.now),
            "duration": "PT0S",
            "correlationId": call.world.new_guid(),
            "providers": _providers(parts),
            "dependencies": [
                {"dependsOn": [other.shown for other in parts if _means(part, other)], **part.shown}
                for part in parts
                if part.after
            ],
        },
    }


def _providers(parts: list[Part]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, list[str]]] = {}
    for part in parts:
        namespace, _, type_ = part.type.partition("/")
        locations = found.setdefault(namespace, {}).setdefault(type_, [])
        if part.body.get("location") not in {None, *locations}:
            locations.append(part.body["location"])
    return [
        {
            "namespace": namespace,
            "resourceTypes": [{"resourceType": type_, "locations": places} for type_, places in types.items()],
        }
        for namespace, types in found.items()
    ]


@cache
def _router() -> Router:
    from simulator.registry import ROUTES  # noqa: PLC0415 - the registry is made of this module, among others

    return Router(ROUTES)


def _run(call: Call, parts: list[Part]) -> dict[str, Any] | None:
    """Create the resources; the error of the first that is refused, after which nothing more is made."""
    for part in parts:
        try:
            _create(call, part)
        except ArmError as refusal:
            message = (
                "At least one resource deployment operation failed. Please list deployment operations for details. "
                "Please see https://aka.ms/arm-deployment-operations for usage details."
            )
            return {"code": "DeploymentFailed", "target": part.id, "message": message, "details": [refusal.error]}
    return None


def _create(call: Call, part: Part) -> None:
    found = _router().find("PUT", part.id)
    if found is None:
        raise _router().explain("PUT", part.id, part.api_version)
    route, params = found
    frontdoor.admit(call.world, call.identity, "PUT", part.id, route)
    inner = replace(
        call,
        method="PUT",
        path=part.id,
        params=params,
        query={"api-version": part.api_version},
        body=part.body,
        route=route,
        operation_fault=None,
        target=part.id,
    )
    route.handler(inner)


@event_handler("resources.deployment")
def _look(world: World, payload: dict[str, Any]) -> None:
    """End the deployment once its resources are settled."""
    kept = world.store.area(AREA).get(payload["id"])
    if kept is None or kept["operation"] != payload["operation"]:
        return
    ids = [part["id"] for part in kept["parts"]]
    resources = [world.store.get(id_) for id_ in ids]
    states = {str(one.properties.get("provisioningState")) for one in resources if one is not None}
    if kept["error"] is None and states & UNSETTLED:
        world.schedule.after(POLL_SECONDS, "resources.deployment", payload)
        return
    properties = kept["document"]["properties"]
    took = (world.now - parse_time(kept["began"])) // timedelta(microseconds=1) / 1_000_000
    properties |= {"timestamp": rfc7(world.now), "duration": f"PT{took:.7f}S"}
    if "Failed" in states and kept["error"] is None:
        kept["error"] = {"code": "DeploymentFailed", "message": "At least one resource deployment operation failed."}
    if kept["error"] is None:
        made = [{"id": id_} for id_ in sorted(ids, key=str.lower)]
        properties |= {"provisioningState": "Succeeded", "outputs": kept["outputs"], "outputResources": made}
    else:
        properties |= {"provisioningState": "Failed", "error": kept["error"]}
    world.store.area(AREA).put(payload["id"], kept)


def _kept(call: Call) -> dict[str, Any]:
    kept: dict[str, Any] | None = call.world.store.area(AREA).get(_deployment_id(call, call.params["deployment"]))
    if kept is None:
        name = call.params["deployment"]
        raise from_gateway(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
    return kept


def deployments_get(call: Call) -> Reply:
    """Show a deployment."""
    return Reply(200, _kept(call)["document"])


def deployments_list_by_resource_group(call: Call) -> Reply:
    """List the deployments of the group."""
    found = call.world.store.area(AREA).values(_deployment_id(call, ""))
    return Reply(200, {"value": [kept["document"] for kept in found]})


def deployments_delete(call: Call) -> Reply:
    """Forget a deployment; what it made stays."""
    _kept(call)
    call.world.store.area(AREA).delete(_deployment_id(call, call.params["deployment"]))
    return Reply(204)


def deployment_operations_list(call: Call) -> Reply:
    """List what a deployment did, resource by resource."""
    kept = _kept(call)
    state = kept["document"]["properties"]["provisioningState"]
    shown = []
    for part in kept["parts"]:
        failed = kept["error"] is not None and kept["error"].get("target") == part["id"]
        properties = {
            "provisioningOperation": "Create",
            "provisioningState": "Failed" if failed else "Succeeded" if state != "Accepted" else "Running",
            "statusCode": "Conflict" if failed else "Created",
            "targetResource": part,
        }
        if failed:
            properties["statusMessage"] = {"error": kept["error"]["details"][0]}
        name = hashlib.sha256(part["id"].lower().encode()).hexdigest()[:16].upper()
        id_ = f"{kept['document']['id']}/operations/{name}"
        shown.append({"id": id_, "operationId": name, "properties": properties})
        if failed:
            break
    return Reply(200, {"value": shown})


def deployment_operation_statuses_get(call: Call) -> Reply:
    """Poll a deployment: its status alone, and the error once it failed."""
    kept = _kept(call)
    state = kept["document"]["properties"]["provisioningState"]
    if state == "Failed":
        return Reply(200, {"status": state, "error": kept["error"]})
    waited = (call.world.now - parse_time(kept["began"])).total_seconds()
    return Reply(200, {"status": "Running" if state == "Accepted" and waited >= ACCEPTED_SECONDS else state})
