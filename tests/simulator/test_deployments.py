"""Deployments of templates: what the Azure CLI sends to create a machine with its network, and what goes wrong."""

from collections.abc import Iterator
from typing import Any

import pytest

from simulator.errors import ArmError
from simulator.resources.template_expressions import Scope, evaluate
from tests.simulator.compute_estate import SUBSCRIPTION
from tests.support.cloud import Cloud

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/deployed"
DEPLOYMENTS = f"{GROUP}/providers/Microsoft.Resources/deployments"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net"
NIC = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/nic"
SCOPE = Scope({"name": "web", "sizes": {"small": ["S1", "S2"]}}, {"host": "[concat(parameters('name'), '-host')]"},
              {"name": "deployed", "location": "westeurope", "id": GROUP}, SUBSCRIPTION)  # fmt: skip


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A cloud with an empty group; the reader may read only."""
    reader = {"kind": "service_principal", "client_id": "reader", "secret": "r"}
    seed = {
        "subscriptions": [{"subscriptionId": SUBSCRIPTION, "displayName": "One"}],
        "resources": [{"id": GROUP, "location": "westeurope"}],
        "identities": [
            {**reader, "client_id": "owner", "roles": [{"role": "Owner", "scope": f"/subscriptions/{SUBSCRIPTION}"}]},
            {**reader, "roles": [{"role": "Network Contributor", "scope": GROUP}]},
        ],
    }
    with Cloud(seed) as cloud:
        yield cloud


def _resource(type_: str, name: str, properties: dict[str, Any], *after: str) -> dict[str, Any]:
    place = "[resourceGroup().location]"
    body = {"type": type_, "name": name, "apiVersion": "2023-01-01", "location": place, "properties": properties}
    return {**body, "dependsOn": list(after)}


def _template(**changes: Any) -> dict[str, Any]:
    subnet = {"name": "front", "properties": {"addressPrefix": "10.0.0.0/24"}}
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]}
    where = {"id": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'net', 'front')]"}
    inner = {"subnet": where, "privateIPAllocationMethod": "Dynamic", "publicIPAddress": None}
    machine = {
        "hardwareProfile": {"vmSize": "Standard_DS2_v2"},
        "osProfile": {"computerName": "[parameters('name')]", "adminPassword": "[parameters('password')]"},
        "storageProfile": {
            "imageReference": {
                "publisher": "Canonical",
                "offer": "UbuntuServer",
                "sku": "18.04-LTS",
                "version": "latest",
            },
            "osDisk": {"createOption": "fromImage", "name": None},
        },
        "networkProfile": {"networkInterfaces": [{"id": NIC, "properties": {"deleteOption": None}}]},
    }
    return {
        "parameters": {"name": {"type": "string", "defaultValue": "web"}, "password": {"type": "secureString"}},
        "variables": {},
        "resources": [
            _resource("Microsoft.Compute/virtualMachines", "[parameters('name')]", machine, NIC),
            _resource(
                "Microsoft.Network/networkInterfaces",
                "nic",
                {"ipConfigurations": [{"name": "ipconfig1", "properties": inner}]},
                "Microsoft.Network/virtualNetworks/net",
            ),
            _resource("Microsoft.Network/virtualNetworks", "net", space),
        ],
        "outputs": {"id": {"type": "string", "value": "[resourceId('Microsoft.Compute/virtualMachines', 'web')]"}},
        **changes,
    }


def _body(**changes: Any) -> dict[str, Any]:
    given = {"password": {"value": "secret"}}
    return {"properties": {"mode": "incremental", "template": _template(**changes), "parameters": given}}


def test_a_template_makes_a_machine_with_its_network(cloud: Cloud) -> None:
    """What a template names is made in the order of its dependencies, and the deployment ends when all of it stands."""
    started = cloud.arm("PUT", f"{DEPLOYMENTS}/one", _body())
    url = started.headers["Azure-AsyncOperation"]
    first = cloud.arm("GET", url).json()
    cloud.advance(10)
    second = cloud.arm("GET", url).json()
    last = cloud.follow(started).json()
    shown = cloud.arm("GET", f"{DEPLOYMENTS}/one").json()["properties"]
    machine = cloud.arm("GET", f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web?$expand=instanceView").json()
    operations = cloud.arm("GET", f"{DEPLOYMENTS}/one/operations").json()["value"]

    assert (201, "Accepted", None) == (
        started.status_code,
        started.json()["properties"]["provisioningState"],
        started.headers.get("Location"),
    )
    assert [{"status": "Accepted"}, {"status": "Running"}, {"status": "Succeeded"}] == [first, second, last]
    assert {"type": "SecureString"} == shown["parameters"]["password"]
    assert "secret" not in str(cloud.world.store.area("deployments").values())
    assert f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web" == shown["outputs"]["id"]["value"]
    assert 3 == len(shown["outputResources"]) == len(operations)
    assert [NIC] == [one["id"] for one in shown["dependencies"][1]["dependsOn"]]
    disk = machine["properties"]["storageProfile"]["osDisk"]
    assert ("Linux", "Premium_LRS", 30) == (
        disk["osType"],
        disk["managedDisk"]["storageAccountType"],
        disk["diskSizeGB"],
    )
    assert "Ready" == machine["properties"]["instanceView"]["vmAgent"]["statuses"][0]["displayStatus"]
    assert [shown["provisioningState"]] == [
        one["properties"]["provisioningState"] for one in cloud.arm("GET", DEPLOYMENTS).json()["value"]
    ]
    assert 204 == cloud.arm("DELETE", f"{DEPLOYMENTS}/one").status_code
    assert 404 == cloud.arm("GET", f"{DEPLOYMENTS}/one").status_code


def test_what_is_refused_fails_the_deployment(cloud: Cloud) -> None:
    """The first refusal ends it, with the provider's own error inside; what was made before stays."""
    template = _template()
    template["resources"][0]["properties"]["hardwareProfile"]["vmSize"] = "Standard_None"
    body = {"properties": {"template": template, "parameters": {"password": {"value": "s"}}}}
    started = cloud.arm("PUT", f"{DEPLOYMENTS}/bad", body)
    last = cloud.follow(started).json()
    operations = cloud.arm("GET", f"{DEPLOYMENTS}/bad/operations").json()["value"]

    assert ("Failed", "DeploymentFailed") == (last["status"], last["error"]["code"])
    assert last["error"]["target"].endswith("/virtualMachines/web")
    assert last["error"]["details"][0]["code"] == operations[-1]["properties"]["statusMessage"]["error"]["code"]
    assert ["Succeeded", "Succeeded", "Failed"] == [one["properties"]["provisioningState"] for one in operations]
    assert 200 == cloud.arm("GET", NIC).status_code


def test_a_template_gives_no_rights(cloud: Cloud) -> None:
    """Who may not create a machine cannot deploy one either."""
    deploying = cloud.arm("PUT", f"{DEPLOYMENTS}/mine", _body(), token=cloud.token("reader", "r"))
    last = cloud.follow(deploying).json()

    assert ("Failed", "AuthorizationFailed") == (last["status"], last["error"]["details"][0]["code"])


UNSOUND: dict[str, tuple[dict[str, Any], str]] = {
    "circle": ({"resources": [_resource("A.B/c", "one", {}, "two"), _resource("A.B/c", "two", {}, "one")]}, "Circular"),
    "function": ({"resources": [_resource("A.B/c", "[uniqueString('x')]", {})]}, "'uniqueString' is not supported"),
    "parameter": ({"parameters": {"other": {"type": "string"}}, "resources": []}, "'other' is not provided"),
    "name": ({"resources": [_resource("A.B/c", "one/two", {})]}, "is not complete"),
    "text": ({"resources": [_resource("A.B/c", "[concat('a']", {})]}, "could not be read"),
}


@pytest.mark.parametrize("case", UNSOUND)
def test_an_unsound_template_is_refused(cloud: Cloud, case: str) -> None:
    """A template that cannot be worked out is a 400 that says why, validated or deployed; nothing is made."""
    changes, words = UNSOUND[case]
    answers = [
        cloud.arm("PUT", f"{DEPLOYMENTS}/x", _body(**changes)),
        cloud.arm("POST", f"{DEPLOYMENTS}/x/validate", _body(**changes)),
    ]

    assert [(400, "InvalidTemplate")] * 2 == [(one.status_code, one.json()["error"]["code"]) for one in answers]
    assert all(words in one.json()["error"]["message"] for one in answers)
    assert 200 == cloud.arm("POST", f"{DEPLOYMENTS}/x/validate", _body()).status_code
    assert [] == cloud.arm("GET", DEPLOYMENTS).json()["value"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("[[kept]", "[kept]"),
        ("[variables('host')]", "web-host"),
        ("[toUpper(concat('it''s ', parameters('name')))]", "IT'S WEB"),
        ("[parameters('sizes').small[1]]", "S2"),
        ("[parameters('sizes')['small']]", ["S1", "S2"]),
        ("[subscription().subscriptionId]", SUBSCRIPTION),
        ("[resourceId('other', 'A.B/c/d', 'x', 'y')]", f"{GROUP.replace('deployed', 'other')}/providers/A.B/c/x/d/y"),
        ({"a": None, "b": ["[toLower('X')]"]}, {"b": ["x"]}),
    ],
)
def test_expressions(text: Any, value: Any) -> None:
    """The functions of the Azure CLI's templates, literals and what lies inside values."""
    assert value == evaluate(text, SCOPE)


@pytest.mark.parametrize("text", ["[parameters('none')]", "[concat('a') 'b']", "[name]", "[parameters('sizes').big]"])
def test_odd_expressions_are_refused(text: str) -> None:
    """What cannot be worked out is refused, not guessed."""
    with pytest.raises(ArmError, match="InvalidTemplate"):
        evaluate(text, SCOPE)
