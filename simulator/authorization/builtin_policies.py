"""The built-in policies of Azure that deny: those that landing zones assign most, by their names in Azure."""

from __future__ import annotations

from typing import Any

_DENY = {"effect": "deny"}


def _definition(name: str, condition: dict[str, Any], parameters: dict[str, Any], mode: str = "Indexed") -> Any:
    return {
        "displayName": name,
        "mode": mode,
        "parameters": parameters,
        "policyRule": {"if": condition, "then": _DENY},
    }


def _list(key: str) -> dict[str, Any]:
    return {key: {"type": "Array"}}


BUILT_IN: dict[str, dict[str, Any]] = {
    "e56962a6-4747-49cd-b67b-bf8b01975c4c": _definition(
        "Allowed locations",
        {
            "allOf": [
                {"field": "location", "notIn": "[parameters('listOfAllowedLocations')]"},
                {"field": "location", "notEquals": "global"},
            ]
        },
        _list("listOfAllowedLocations"),
    ),
    "e765b5de-1225-4ba3-bd56-1ac6695af988": _definition(
        "Allowed locations for resource groups",
        {
            "allOf": [
                {"field": "type", "equals": "Microsoft.Resources/subscriptions/resourceGroups"},
                {"field": "location", "notIn": "[parameters('listOfAllowedLocations')]"},
            ]
        },
        _list("listOfAllowedLocations"),
        "All",
    ),
    "cccc23c7-8427-4f53-ad12-b6a63eb452b3": _definition(
        "Allowed virtual machine size SKUs",
        {
            "allOf": [
                {"field": "type", "equals": "Microsoft.Compute/virtualMachines"},
                {
                    "not": {
                        "field": "Microsoft.Compute/virtualMachines/sku.name",
                        "in": "[parameters('listOfAllowedSKUs')]",
                    }
                },
            ]
        },
        _list("listOfAllowedSKUs"),
    ),
    "6c112d4e-5bc7-47ae-a041-ea2d9dccd749": _definition(
        "Not allowed resource types",
        {"field": "type", "in": "[parameters('listOfResourceTypesNotAllowed')]"},
        _list("listOfResourceTypesNotAllowed"),
        "All",
    ),
    "a08ec900-254a-4555-9bf5-e42af04b5c5c": _definition(
        "Allowed resource types",
        {"not": {"field": "type", "in": "[parameters('listOfResourceTypesAllowed')]"}},
        _list("listOfResourceTypesAllowed"),
    ),
    "871b6d14-10aa-478d-b590-94f262ecfa99": _definition(
        "Require a tag on resources",
        {"field": "[concat('tags[', parameters('tagName'), ']')]", "exists": "false"},
        {"tagName": {"type": "String"}},
    ),
    "1e30110a-5ceb-460c-a204-c1c3969c6d62": _definition(
        "Require a tag and its value on resources",
        {
            "not": {
                "field": "[concat('tags[', parameters('tagName'), ']')]",
                "equals": "[parameters('tagValue')]",
            }
        },
        {"tagName": {"type": "String"}, "tagValue": {"type": "String"}},
    ),
    "83a86a26-fd1f-447c-b59d-e51f44264114": _definition(
        "Network interfaces should not have public IPs",
        {
            "allOf": [
                {"field": "type", "equals": "Microsoft.Network/networkInterfaces"},
                {
                    "field": "Microsoft.Network/networkInterfaces/ipConfigurations[*].publicIpAddress.id",
                    "exists": "true",
                },
            ]
        },
        {},
    ),
}
