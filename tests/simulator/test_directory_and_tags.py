"""What clients look up beside a move: the directory by Microsoft Graph, tags by themselves, usages, attached disks."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.compute_estate import COMPUTE, SCOPE, SUBSCRIPTION, VM, machine, network, seed
from tests.support.cloud import Cloud

OWNER = {"role": "Owner", "scope": f"/subscriptions/{SUBSCRIPTION}"}
ROBOT: dict[str, Any] = {
    "kind": "service_principal",
    "client_id": "bbbbbbbb-1111-4222-8333-444444444444",
    "secret": "it",
    "object_id": "cccccccc-1111-4222-8333-444444444444",
    "roles": [OWNER],
}
ADA: dict[str, Any] = {
    "kind": "user",
    "user_name": "ada@contoso.example",
    "password": "x",
    "object_id": "aaaaaaaa-1111-4222-8333-444444444444",
}
TAGS = f"{VM}/web/providers/Microsoft.Resources/tags/default"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A machine, an application and a person."""
    with Cloud({**seed(network(), machine("web")), "identities": [ROBOT, ADA]}) as made:
        yield made


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{ROBOT['client_id']}')", [ROBOT]),
        (f"servicePrincipals?$filter=appId eq '{ROBOT['client_id'].upper()}'", [ROBOT]),
        ("users?$filter=userPrincipalName eq 'Ada@contoso.example'", [ADA]),
        ("users?$filter=displayName eq 'nobody' or mail eq 'ada@contoso.example'", [ADA]),
        ("users?$filter=userPrincipalName eq 'nobody'", []),
        ("users", [ADA]),
        (f"users/{ADA['user_name']}", ADA),
        (f"servicePrincipals/{ROBOT['object_id']}", ROBOT),
    ],
)
def test_the_directory_is_asked_by_name_and_id(cloud: Cloud, path: str, expected: Any) -> None:
    """Without an api-version, as Microsoft Graph is."""
    found = cloud.arm("GET", f"{cloud.endpoint}/v1.0/{path}", api_version="").json()

    ids = [one["id"] for one in found["value"]] if "value" in found else found["id"]
    assert ids == ([one["object_id"] for one in expected] if isinstance(expected, list) else expected["object_id"])


def test_principals_by_id(cloud: Cloud) -> None:
    """Those that exist come with their type; those that do not are left out."""
    body = {"ids": [ADA["object_id"], ROBOT["object_id"], "nobody"]}
    found = cloud.arm("POST", f"{cloud.endpoint}/v1.0/directoryObjects/getByIds", body).json()["value"]
    users = cloud.arm("POST", f"{cloud.endpoint}/v1.0/directoryObjects/getByIds", {**body, "types": ["user"]}).json()

    assert {"#microsoft.graph.user", "#microsoft.graph.servicePrincipal"} == {one["@odata.type"] for one in found}
    assert [ADA["user_name"]] == [one["userPrincipalName"] for one in users["value"]]
    assert not any(key in str(found).lower() for key in ("secret", "password"))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("users/nobody", 404, "Request_ResourceNotFound"),
        ("users?$filter=startswith(displayName,'a')", 400, "Request_UnsupportedQuery"),
        ("me", 400, "BadRequest"),
        ("groups", 404, "NotFound"),
    ],
)
def test_what_the_directory_refuses(cloud: Cloud, path: str, status: int, code: str) -> None:
    """An absent principal, a question that it does not understand, an application that asks for itself."""
    answer = cloud.arm("GET", f"{cloud.endpoint}/v1.0/{path}")

    assert (status, code) == (answer.status_code, answer.json()["error"]["code"])


def test_tags_by_themselves(cloud: Cloud) -> None:
    """They are merged, taken away, replaced and deleted, and the resource shows it."""

    def tags() -> Any:
        return cloud.arm("GET", f"{VM}/web").json()["tags"]

    def change(operation: str, **given: str) -> Any:
        body = {"operation": operation, "properties": {"tags": given}}
        return cloud.arm("PATCH", TAGS, body).json()["properties"]["tags"]

    assert {"App": "shop2", "owner": "ada"} == change("Merge", App="shop2", owner="ada") == tags()
    assert {"App": "shop2"} == change("Delete", owner="ada") == tags()
    assert {"App": "shop2"} == change("Delete", App="another value")
    assert {"aPP": "shop3"} == change("Merge", aPP="shop3") == tags()
    assert {"x": "y"} == change("Replace", x="y") == tags()
    assert {"z": "1"} == cloud.arm("PUT", TAGS, {"properties": {"tags": {"z": "1"}}}).json()["properties"]["tags"]
    assert 200 == cloud.arm("DELETE", TAGS).status_code
    assert {} == cloud.arm("GET", TAGS).json()["properties"]["tags"] == tags()
    assert 400 == cloud.arm("PATCH", TAGS, {"operation": "Guess"}).status_code
    assert 404 == cloud.arm("GET", TAGS.replace("/web/", "/absent/")).status_code


def test_the_tags_of_a_subscription(cloud: Cloud) -> None:
    """Each name with its values and how often they are used."""
    cloud.arm("PUT", TAGS, {"properties": {"tags": {"app": "other"}}})
    names = cloud.arm("GET", f"/subscriptions/{SUBSCRIPTION}/tagNames").json()["value"]

    assert [("app", {"other": 1, "shop": 2})] == [
        (one["tagName"], {value["tagValue"]: value["count"]["value"] for value in one["values"]}) for one in names
    ]


def test_a_change_of_a_machine_attaches_and_makes_disks(cloud: Cloud) -> None:
    """Azure adds name and size of a disk that is attached, makes one that is new, refuses one that is taken or gone."""
    spare = {
        "location": "westeurope",
        "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 16},
    }
    cloud.arm("PUT", f"{COMPUTE}/disks/spare", spare)
    shown = cloud.arm("GET", f"{VM}/web").json()
    disks = shown["properties"]["storageProfile"]["dataDisks"]
    attach = {"lun": 1, "createOption": "Attach", "managedDisk": {"id": f"{COMPUTE}/disks/spare"}}
    new = {"lun": 2, "createOption": "Empty", "name": "fresh", "diskSizeGB": 8}
    cloud.arm("PUT", f"{VM}/web", {**shown, "properties": _with(shown, [*disks, attach, new])})
    cloud.advance(60)
    after = cloud.arm("GET", f"{VM}/web").json()["properties"]["storageProfile"]["dataDisks"]
    missing = {**attach, "lun": 3, "managedDisk": {"id": f"{COMPUTE}/disks/missing"}}
    refused = cloud.arm("PUT", f"{VM}/web", {**shown, "properties": _with(shown, [*after, missing])})

    assert [("web_data", 256), ("spare", 16), ("fresh", 8)] == [(disk["name"], disk["diskSizeGB"]) for disk in after]
    for name in ("spare", "fresh"):
        assert f"{VM}/web" == cloud.arm("GET", f"{COMPUTE}/disks/{name}").json()["managedBy"]
    assert 404 == refused.status_code


def _with(shown: dict[str, Any], disks: list[dict[str, Any]]) -> dict[str, Any]:
    profile = {**shown["properties"]["storageProfile"], "dataDisks": disks}
    return {**shown["properties"], "storageProfile": profile}


def test_usages_are_whole_numbers(cloud: Cloud) -> None:
    """The Azure CLI reads them as such."""
    place = f"/subscriptions/{SUBSCRIPTION}/providers/{{}}/locations/westeurope/usages"
    network_rows = cloud.arm("GET", place.format("Microsoft.Network")).json()["value"]
    storage_rows = cloud.arm("GET", place.format("Microsoft.Storage")).json()["value"]

    assert {int} == {type(row[key]) for row in (*network_rows, *storage_rows) for key in ("currentValue", "limit")}
    assert [(0, 250)] == [(row["currentValue"], row["limit"]) for row in storage_rows]


def test_redeploying_is_a_boot_of_a_running_machine(cloud: Cloud) -> None:
    """202 and a new start; refused where it does not run. Reapplying changes nothing."""
    assert 202 == cloud.arm("POST", f"{VM}/web/redeploy").status_code
    assert 409 == cloud.arm("POST", f"{VM}/web/reapply").status_code
    cloud.advance(600)
    assert 202 == cloud.arm("POST", f"{VM}/web/reapply").status_code
    cloud.advance(60)
    cloud.arm("POST", f"{VM}/web/deallocate")
    cloud.advance(600)

    assert 409 == cloud.arm("POST", f"{VM}/web/redeploy").status_code


def test_a_run_command_is_shown(cloud: Cloud) -> None:
    """By its name, in any case."""
    place = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/runCommands"

    assert "Linux" == cloud.arm("GET", f"{place}/runshellscript").json()["osType"]
    assert 404 == cloud.arm("GET", f"{place}/RunAway").status_code


def test_a_deleted_assignment_is_given_back(cloud: Cloud) -> None:
    """200 with it, then 204: so the Azure CLI tells the two apart."""
    path = f"{SCOPE}/providers/Microsoft.Authorization/roleAssignments/dddddddd-1111-4222-8333-444444444444"
    definition = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
    properties = {"roleDefinitionId": definition, "principalId": ADA["object_id"]}
    cloud.arm("PUT", path, {"properties": properties})
    first, second = cloud.arm("DELETE", path), cloud.arm("DELETE", path)

    assert (200, ADA["object_id"]) == (first.status_code, first.json()["properties"]["principalId"])
    assert 204 == second.status_code
