"""Users and service principals of the seed, as Microsoft Graph shows them: to be looked up by id or by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulator.errors import ArmError
from simulator.provider import Reply

if TYPE_CHECKING:
    from simulator.provider import Call

_NAME = re.compile(r"(?:(\w+)/any\(c:\s*c eq '([^']*)'\)|(\w+) eq '([^']*)')", re.IGNORECASE)
_NAMES = {
    "serviceprincipalnames": ("client_id",),
    "appid": ("client_id",),
    "displayname": ("client_id", "user_name"),
    "userprincipalname": ("user_name",),
    "mail": ("user_name",),
    "id": ("object_id",),
}


def users_list(call: Call) -> Reply:
    """List the users (`$filter` by `userPrincipalName`, `mail`, `displayName` or `id`)."""
    return _list(call, "user")


def service_principals_list(call: Call) -> Reply:
    """List the service principals (`$filter` by `servicePrincipalNames`, `appId`, `displayName` or `id`)."""
    return _list(call, "service_principal")


def _list(call: Call, kind: str) -> Reply:
    wanted = _conditions(call.query.get("$filter", ""))
    found = [one for one in call.world.identities.raw() if one["kind"] == kind and _fits(one, wanted)]
    return Reply(200, {"value": [_shown(one) for one in found]})


def _conditions(text: str) -> list[tuple[tuple[str, ...], str]]:
    found = [(one[1] or one[3], one[2] if one[1] else one[4]) for one in _NAME.finditer(text)]
    rest = re.sub(r"\s+or\s+|[()\s]", "", _NAME.sub("", text), flags=re.IGNORECASE)
    if rest or any(name.lower() not in _NAMES for name, _ in found):
        raise ArmError(400, "Request_UnsupportedQuery", f"Unsupported or invalid query filter clause: {text}")
    return [(_NAMES[name.lower()], value.lower()) for name, value in found]


def _fits(principal: dict[str, Any], wanted: list[tuple[tuple[str, ...], str]]) -> bool:
    """Whether one of the conditions holds, or there is none."""
    return not wanted or any(str(principal.get(key, "")).lower() == value for keys, value in wanted for key in keys)


def users_get(call: Call) -> Reply:
    """Answer with the user of that id or name."""
    return _get(call, "user", ("object_id", "user_name"))


def service_principals_get(call: Call) -> Reply:
    """Answer with the service principal of that id."""
    return _get(call, "service_principal", ("object_id",))


def _get(call: Call, kind: str, keys: tuple[str, ...]) -> Reply:
    wanted = call.params["principal"].lower()
    for one in call.world.identities.raw():
        if one["kind"] == kind and wanted in {str(one.get(key, "")).lower() for key in keys}:
            return Reply(200, _shown(one))
    raise _absent(call.params["principal"])


def me_get(call: Call) -> Reply:
    """Answer with the user who asks; an application is told that it is none."""
    if call.identity.kind != "user":
        raise ArmError(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
    found = next(one for one in call.world.identities.raw() if one["object_id"] == call.identity.object_id)
    return Reply(200, _shown(found))


def directory_objects_get_by_ids(call: Call) -> Reply:
    """Answer with those of the given ids that exist, in the types that are asked for."""
    body = call.body_object()
    wanted = {str(id_).lower() for id_ in body.get("ids") or ()}
    types = {str(name).lower() for name in body.get("types") or ("user", "servicePrincipal")}
    found = [
        one
        for one in call.world.identities.raw()
        if str(one["object_id"]).lower() in wanted and one["kind"].replace("_", "") in types
    ]
    return Reply(200, {"value": [{"@odata.type": _odata_type(one), **_shown(one)} for one in found]})


def _odata_type(principal: dict[str, Any]) -> str:
    return "#microsoft.graph.user" if principal["kind"] == "user" else "#microsoft.graph.servicePrincipal"


def _shown(principal: dict[str, Any]) -> dict[str, Any]:
    if principal["kind"] == "user":
        name = principal["user_name"]
        return {"id": principal["object_id"], "displayName": name, "userPrincipalName": name, "mail": None}
    name = principal["client_id"]
    return {
        "id": principal["object_id"],
        "appId": name,
        "displayName": name,
        "servicePrincipalNames": [name],
        "servicePrincipalType": "Application",
    }


def _absent(name: str) -> ArmError:
    return ArmError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{name}' does not exist or one of its queried reference-property objects are not present.",
    )
