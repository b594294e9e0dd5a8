"""Role assignments at every scope: groups, management groups, denial, removal in mid-run, and what lists show."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.compute_estate import SCOPE, SUBSCRIPTION, VM, machine, network, seed
from tests.support.cloud import Answer, Cloud

TEAM = "cccccccc-0000-4000-8000-000000000001"
WORKER: dict[str, Any] = {
    "kind": "service_principal",
    "client_id": "aaaaaaaa-0000-4000-8000-000000000001",
    "object_id": "aaaaaaaa-0000-4000-8000-000000000002",
    "secret": "for-the-simulator-only",
    "groups": [TEAM],
}
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CONTRIBUTOR = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"
ROOT = f"/subscriptions/{SUBSCRIPTION}"
OTHER = {"id": f"{ROOT}/resourceGroups/other", "location": "westeurope"}


def assignment(scope: str, role: str, principal: str, name: str = "1") -> dict[str, Any]:
    """A role assignment as a seed has it."""
    id_ = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name:0>8}-0000-4000-8000-000000000000"
    definition = f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    return {"id": id_, "properties": {"roleDefinitionId": definition, "principalId": principal}}


def denial(**changes: Any) -> dict[str, Any]:
    """A deny assignment on the group against everybody's stopping of machines."""
    properties = {
        "denyAssignmentName": "Keep running",
        "permissions": [{"actions": ["Microsoft.Compute/virtualMachines/*"], "notActions": ["*/read", "*/start/*"]}],
        "principals": [{"id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined"}],
        "excludePrincipals": [],
        "isSystemProtected": True,
        **changes,
    }
    id_ = f"{SCOPE}/providers/Microsoft.Authorization/denyAssignments/dddddddd-0000-4000-8000-000000000000"
    return {"id": id_, "properties": properties}


def founded(*resources: dict[str, Any], roles: list[dict[str, Any]] | None = None, **more: Any) -> Cloud:
    """A cloud with a machine, an owner, and a worker with *roles*."""
    principals = [{"kind": "service_principal"}, {**WORKER, "roles": roles or []}]
    return Cloud({**seed(network(), machine("web"), OTHER, *resources, identities=principals), **more})


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A worker that starts and stops machines of the group, by the seed."""
    with founded(roles=[{"role": "Virtual Machine Contributor", "scope": SCOPE}]) as made:
        yield made


def ask(cloud: Cloud, method: str, path: str) -> int:
    """What the worker gets."""
    return cloud.arm(method, path, token=cloud.token(WORKER["client_id"])).status_code


def code(answer: Answer) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("scope", [ROOT, SCOPE, SCOPE.upper(), f"{VM}/web"])
def test_a_group_is_assigned_at_any_scope(scope: str) -> None:
    """What a group may its members may, at the scope and below it and nowhere else."""
    with founded(assignment(scope, READER, TEAM)) as cloud:
        above = ask(cloud, "GET", f"{ROOT}/providers/Microsoft.Compute/virtualMachines")
        found = (ask(cloud, "GET", f"{VM}/web"), ask(cloud, "POST", f"{VM}/web/start"), above)

    assert (200, 403, 200 if scope == ROOT else 403) == found


@pytest.mark.parametrize(
    ("group", "members", "status"),
    [("hq", [SUBSCRIPTION], 200), ("hq", ["33333333-3333-4333-8333-333333333333"], 403), ("hq", [], 200)],
)
def test_a_management_group_covers_its_subscriptions(group: str, members: list[str], status: int) -> None:
    """An assignment to a management group holds in the subscriptions that name it; where none does, in all."""
    subscriptions = [{"subscriptionId": SUBSCRIPTION, "displayName": "Shop"}]
    subscriptions += [{"subscriptionId": id_, "displayName": "Other"} for id_ in members if id_ != SUBSCRIPTION]
    for one in subscriptions:
        if one["subscriptionId"] in members:
            one["managementGroups"] = [group]  # type: ignore[assignment]
    roles = [{"role": "Reader", "scope": f"/providers/Microsoft.Management/managementGroups/{group}"}]
    with founded(roles=roles, subscriptions=subscriptions) as cloud:
        assert status == ask(cloud, "GET", f"{VM}/web")


def test_denial_goes_before_roles() -> None:
    """A deny assignment takes away what even the owner may, says its name, and spares whom it excludes."""
    spared = [{"id": WORKER["object_id"], "type": "ServicePrincipal"}]
    roles = [{"role": "Virtual Machine Contributor", "scope": SCOPE}]
    with founded(denial(excludePrincipals=spared), roles=roles) as cloud:
        denied = cloud.arm("POST", f"{VM}/web/deallocate")
        listed = cloud.arm("GET", f"{VM}/web/providers/Microsoft.Authorization/denyAssignments").json()["value"]
        found = [cloud.arm("GET", f"{VM}/web"), cloud.arm("POST", f"{VM}/web/start")]
        cloud.advance(300)

        assert 202 == ask(cloud, "POST", f"{VM}/web/deallocate")
    assert (403, "DenyAssignmentAuthorizationFailed") == code(denied)
    assert "has permission to perform action 'Microsoft.Compute/virtualMachines/deallocate/action'" in denied.text
    assert "because of the deny assignment with name 'Keep running' and Id 'dddddddd000040008000" in denied.text
    assert [200, 202] == [answer.status_code for answer in found]
    assert ["Keep running"] == [one["properties"]["denyAssignmentName"] for one in listed]
    with founded(denial(doNotApplyToChildScopes=True), roles=roles) as cloud:
        assert 202 == ask(cloud, "POST", f"{VM}/web/deallocate")


@pytest.mark.parametrize(
    ("principal", "asked", "listed"),
    [(TEAM, WORKER["object_id"], 1), (TEAM, TEAM, 1), ("everyone", WORKER["object_id"], 1), ("else", TEAM, 0)],
)
def test_lists_tell_what_is_assigned_to_a_principal(principal: str, asked: str, listed: int) -> None:
    """`assignedTo()` finds what names a principal, one of its groups or everybody; `principalId eq` itself alone."""
    ids = {"everyone": "00000000-0000-0000-0000-000000000000", "else": "eeeeeeee-0000-4000-8000-000000000001"}
    whom = ids.get(principal, principal)
    denied = denial(principals=[{"id": whom, "type": "Group"}])
    authorization = f"{SCOPE}/providers/Microsoft.Authorization"
    with founded(denied, assignment(SCOPE, READER, whom)) as cloud:
        found = cloud.arm("GET", f"{authorization}/denyAssignments?$filter=assignedTo('{asked}')").json()["value"]
        roles = cloud.arm("GET", f"{authorization}/roleAssignments?$filter=assignedTo('{asked}')").json()["value"]
        alone = cloud.arm("GET", f"{authorization}/roleAssignments?$filter=principalId eq '{asked}'").json()["value"]
    assert listed == len(found)
    assert (listed if principal == TEAM else 0, int(whom == asked)) == (len(roles), len(alone))


def test_a_role_of_the_seed_goes_by_a_call_of_arm(cloud: Cloud) -> None:
    """Deleting the assignment that the seed made closes the door at once; a reset opens it again."""
    wanted = f"$filter=principalId eq '{WORKER['object_id']}'"
    listed = cloud.arm("GET", f"{SCOPE}/providers/Microsoft.Authorization/roleAssignments?{wanted}").json()["value"]
    before = ask(cloud, "POST", f"{VM}/web/restart")
    gone = cloud.arm("DELETE", listed[0]["id"])
    after = ask(cloud, "POST", f"{VM}/web/restart")

    assert (202, 200, 403) == (before, gone.status_code, after)
    assert listed[0]["properties"]["principalId"] == gone.json()["properties"]["principalId"]
    assert cloud.requests()[-2]["accepted"]
    assert 204 == cloud.arm("DELETE", listed[0]["id"]).status_code
    permissions = f"{SCOPE}/providers/Microsoft.Authorization/permissions"
    answer = cloud.arm("GET", permissions, token=cloud.token(WORKER["client_id"]))
    assert [] == answer.json()["value"]
    cloud.reset()
    assert 202 == ask(cloud, "POST", f"{VM}/web/restart")


def test_roles_change_by_the_control_call(cloud: Cloud) -> None:
    """A seed that names a known principal changes what it says and nothing else: secret and token stay."""
    changed = {"kind": "service_principal", "client_id": WORKER["client_id"].upper()}
    before = ask(cloud, "POST", f"{VM}/web/restart")
    cloud.seed({"resources": [], "identities": [{**changed, "roles": [{"role": "Reader", "scope": SCOPE}]}]})
    reads, restarts = ask(cloud, "GET", f"{VM}/web"), ask(cloud, "POST", f"{VM}/web/restart")
    cloud.seed({"resources": [], "identities": [{**changed, "roles": []}]})

    assert (202, 200, 403, 403) == (before, reads, restarts, ask(cloud, "GET", f"{VM}/web"))
    assert 1 == sum(one.get("client_id", "").lower() == WORKER["client_id"] for one in cloud.world.identities.raw())


def test_lists_of_resource_manager_show_what_the_caller_may_read(cloud: Cloud) -> None:
    """Who has a role in one group sees that group and what is in it; who has none at all is refused."""
    worker = cloud.token(WORKER["client_id"])
    groups = cloud.arm("GET", f"{ROOT}/resourceGroups", token=worker).json()["value"]
    listed = cloud.arm("GET", f"{ROOT}/resources", token=worker).json()["value"]
    everything = cloud.arm("GET", f"{ROOT}/resources").json()["value"]
    cloud.seed({"resources": [], "identities": [{**WORKER, "roles": []}]})

    assert [SCOPE.lower()] == [group["id"].lower() for group in groups]
    assert {"Microsoft.Compute/virtualMachines"} < {one["type"] for one in listed}
    assert len(listed) <= len(everything)
    assert (403, "AuthorizationFailed") == code(cloud.arm("GET", f"{ROOT}/resourceGroups", token=worker))


def test_assignments_are_checked_as_by_azure(cloud: Cloud) -> None:
    """Unknown principals and roles, doubles, changes, and roles that may not be assigned there are refused."""
    custom = f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/eeeeeeee-0000-4000-8000-eeeeeeeeeeee"
    role = {"roleName": "Elsewhere", "permissions": [{"actions": ["*/read"]}], "assignableScopes": [OTHER["id"]]}
    assert 201 == cloud.arm("PUT", custom, {"properties": role}).status_code

    def put(*parts: str, **more: str) -> tuple[int, str]:
        given = assignment(*parts)
        answer = cloud.arm("PUT", given["id"], {"properties": {**given["properties"], **more}})
        return answer.status_code, (answer.json().get("error") or {}).get("code", "")

    nobody, me = "99999999-0000-4000-8000-000000000000", WORKER["object_id"]
    assert (400, "PrincipalNotFound") == put(SCOPE, READER, nobody)
    assert (201, "") == put(SCOPE, READER, nobody, "9", principalType="Group")
    assert (400, "RoleDefinitionDoesNotExist") == put(SCOPE, nobody, me)
    assert (201, "") == put(SCOPE, READER, me)
    assert (200, "") == put(SCOPE, READER, me)
    assert (400, "RoleAssignmentUpdateNotPermitted") == put(SCOPE, CONTRIBUTOR, me)
    assert (409, "RoleAssignmentExists") == put(SCOPE, READER, me, "2")
    assert (400, "RoleAssignmentScopeNotAssignableToRoleDefinition") == put(SCOPE, custom[-36:], me, "3")
    assert (201, "") == put(str(OTHER["id"]), custom[-36:], me, "4")
