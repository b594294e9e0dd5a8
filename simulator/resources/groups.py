"""Resource groups: create, read, update, delete with all that lies in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulator import frontdoor, paths, rbac
from simulator.errors import ArmError, group_not_found
from simulator.operations import OperationStyle, on_done, on_failed
from simulator.paging import page
from simulator.paths import GROUP_TYPE
from simulator.provider import Reply
from simulator.resources.locations import location_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.provider import Call
    from simulator.store import Resource
    from simulator.world import World

    GroupHook = Callable[[World, str], dict[str, ArmError]]

# A group's deletion is followed by its Location alone.
DELETION = OperationStyle(
    result_path="/subscriptions/{subscription}/operationresults/{operation}", retry_after_seconds=15
)
HOOKS: list[GroupHook] = []
LISTED_TYPE = "Microsoft.Resources/subscriptions/resourceGroups"
_NAME = re.compile(r"[\w\-.()]{1,90}(?<!\.)")
_DELETE_SECONDS = 60


def resource_groups_create_or_update(call: Call) -> Reply:
    """Create a group (201) or change its tags (200); the location of a group never changes."""
    body = call.body_object()
    old = call.world.store.get(call.resource_id)
    location = location_name(str(body.get("location") or ""))
    if location is None:
        raise ArmError(
            400,
            "LocationNotAvailableForResourceGroup",
            f"The provided location '{body.get('location')}' is not available for resource group.",
        )
    if not _NAME.fullmatch(call.group):
        raise ArmError(400, "InvalidResourceGroup", f"The provided resource group name '{call.group}' is invalid.")
    if old is not None and old.location != location:
        raise ArmError(
            409,
            "InvalidResourceGroupLocation",
            f"Invalid resource group location '{location}'. The Resource group already exists in location "
            f"'{old.location}'.",
        )
    return Reply(201 if old is None else 200, _put(call, location, body).doc)


def _put(call: Call, location: str, body: dict[str, Any]) -> Resource:
    document: dict[str, Any] = {
        "id": f"/subscriptions/{call.subscription}/resourceGroups/{call.group}",
        "name": call.group,
        "type": GROUP_TYPE,
        "location": location,
    }
    for field in ("tags", "managedBy"):
        if body.get(field):
            document[field] = body[field]
    return call.world.store.put({**document, "properties": {"provisioningState": "Succeeded"}})


def resource_groups_update(call: Call) -> Reply:
    """Change a group's tags."""
    group = call.world.store.require(call.resource_id)
    body = call.body_object()
    if "tags" in body:
        group.doc["tags"] = body["tags"]
    return Reply(200, call.world.store.save(group).doc)


def resource_groups_get(call: Call) -> Reply:
    """Show a group."""
    return Reply(200, call.world.store.require(call.resource_id).doc)


def resource_groups_check_existence(call: Call) -> Reply:
    """Answer 204 where the group is there, 404 where not."""
    return Reply(204 if call.world.store.exists(call.resource_id) else 404)


def resource_groups_list(call: Call) -> Reply:
    """List the groups of a subscription that the caller may read."""
    store, scope = call.world.store, f"/subscriptions/{call.subscription}"
    entries = ((LISTED_TYPE, key) for key in store.keys(GROUP_TYPE, scope))
    keys = rbac.seen(call.world, call.identity, f"{LISTED_TYPE}/read", scope, entries)
    return page(call, keys, lambda key: store.require(key).doc, size=page_size(call))


def page_size(call: Call) -> int:
    """The caller's ``$top``, or the largest page."""
    largest, top = call.world.setting("resources_page_size"), call.query.get("$top", "")
    return min(largest, int(top)) if top.isdigit() and int(top) > 0 else largest


def resource_groups_delete(call: Call) -> Reply:
    """Delete a group and all that lies in it, which takes a while; a locked group is refused by the front door."""
    group = call.world.store.get(call.resource_id)
    if group is None:
        raise group_not_found(call.group)
    group.properties["provisioningState"] = "Deleting"
    call.world.store.save(group)
    return call.world.operations.start(
        call, DELETION, seconds=_DELETE_SECONDS, done="resources.group_deleted", payload={"id": group.id}
    )


def before_group_deletion(hook: GroupHook) -> GroupHook:
    """Register ``(world, group id) -> refusals by resource id``, run before a group's resources are deleted.

    What it refuses stays, with all that lies under it, and so does the group; the rest goes.
    """
    HOOKS.append(hook)
    return hook


@on_done("resources.group_deleted")
def _group_deleted(world: World, payload: dict[str, Any]) -> None:
    group_id = payload["id"]
    locked = frontdoor.locks_against(world, group_id, deletes=True)
    if locked:
        raise frontdoor.scope_locked(group_id, locked, "delete")
    refused = {id_: error for hook in HOOKS for id_, error in hook(world, group_id).items()}
    if not refused:
        world.store.delete_tree(group_id)
        return
    for resource in world.store.children(group_id):
        if not any(paths.within(resource.id, kept) for kept in refused):
            world.store.delete(resource.id)
    raise _deletion_blocked(world, group_id, refused)


def _deletion_blocked(world: World, group_id: str, refused: dict[str, ArmError]) -> ArmError:
    listed = ",".join(id_.partition("/providers/")[2] for id_ in refused)
    details = [{**error.error, "target": id_} for id_, error in refused.items()]
    message = (
        f"Deletion of resource group '{paths.parse(group_id).name}' failed as resources with identifiers '{listed}' "
        "could not be deleted. The provisioning state of the resource group will be rolled back. The tracking Id is "
        f"'{world.new_guid()}'. Please check audit logs for more details."
    )
    return ArmError(409, "ResourceGroupDeletionBlocked", message, details=details)


@on_failed("resources.group_deleted")
def _group_kept(world: World, payload: dict[str, Any], _: dict[str, Any]) -> None:
    group = world.store.get(payload["id"])
    if group is not None:
        group.properties["provisioningState"] = "Succeeded"
        world.store.save(group)


def operation_results_get(call: Call) -> Reply:
    """Follow the deletion of a group: 202 while it runs, then 204."""
    return call.world.operations.result_reply(call, call.params["operation"], DELETION)
