"""Writes the JSON schema of the plan file, by which editors complete and check it: `python -m migration.schema`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from migration.checks import duration_text
from migration.parity.aspects import ASPECTS, PREFIX
from migration.plan import Plan
from migration.rules.catalogue import BY_ID

FILE = Path(__file__).parents[1] / "docs" / "plan.schema.json"

_DURATION = {"type": "string", "pattern": "^[1-9][0-9]{0,8}[smhd]$", "examples": ["90s", "15m", "12h", "7d"]}
_GUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_REGION = {"pattern": "^[a-z][a-z0-9]{2,49}$", "examples": ["westeurope", "northeurope"]}
_KEYS: dict[str, dict[str, Any]] = {
    "subscription": {"pattern": _GUID},
    "tenant": {"pattern": _GUID},
    "region": _REGION,
    "size": {"examples": ["Standard_D2s_v5"]},
    "address": {"format": "ipv4"},
    "zone": {"enum": ["1", "2", "3", 1, 2, 3], "type": ["string", "integer", "null"]},
    "rule": {
        "enum": [
            *(rule.id for rule in BY_ID.values() if rule.waivable),
            *(f"{PREFIX}{aspect}" for aspect in ASPECTS),
        ]
    },
}
"""What the model's validators know and its types do not say, by key; the same key means the same wherever it stands."""
_DESCRIPTIONS = {
    "version": "The version of this format.",
    "name": "Its name.",
    "subscription": "Id of an Azure subscription.",
    "region": "Azure's name of a region, such as westeurope.",
    "resource_group": "Name of a resource group.",
    "approvers": "User names such as anna@contoso.example, object ids, or with entra group: and a group's object id.",
    "deadline": "How long to wait for a decision: a whole number and s, m, h or d.",
    "at_deadline": "keep_waiting: remind and wait on. roll_back: back to the source. commit: as if approved.",
    "reminder": "How often to remind of a decision that is awaited.",
    "if_shutdown_fails": "roll_back: back to the source. ask: a person decides. accept: go on and tell the loss.",
    "replication": "Virtual machines whose replication is begun and awaited at once.",
    "cutover": "Virtual machines that fail over at once.",
    "subnet": "Name of a subnet of the network.",
    "waves": "Groups of virtual machines; each fails over after those that it depends on.",
    "vms": "The virtual machines of the wave.",
    "by": "Who answers for it: a user name such as anna@contoso.example, or an object id.",
    "reason": "Why the move may go on.",
    "target": "Where it goes; in a virtual machine, what differs for it.",
    "size": "Another size than at the source.",
    "zone": "Availability zone of the target.",
    "disk_encryption_set": "Name in the target resource group, or id, of a disk encryption set of the target region.",
    "port": "The port.",
    "scheme": "http, or https; https where the port is 443.",
    "path": "The path, with its query if it has one.",
    "status": "The status that has to be answered.",
    "tcp": "Whether a port accepts connections.",
    "http": "Whether a website answers as wanted.",
    "command": "Whether a script of yours says yes, inside the machine.",
    "boot_timeout": "Another time than the plan's.",
    "timeout": "Another time than the plan's.",
    "verification": "How the moved virtual machine is verified, besides its shape; the user's own probes.",
    "network": "Another virtual network than the plan's: its name in the target resource group, or its id.",
}


def plan_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a plan file."""
    schema = _friendly(Plan.model_json_schema(mode="validation"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Plan of a move of Azure virtual machines between regions",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def schema_text() -> str:
    """Return the schema as it stands in `docs/plan.schema.json`."""
    return json.dumps(plan_schema(), indent=2, ensure_ascii=False) + "\n"


def _friendly(node: Any) -> Any:
    if isinstance(node, list):
        return [_friendly(item) for item in node]
    if not isinstance(node, dict):
        return node
    shown = {key: _friendly(value) for key, value in node.items() if key != "title" or not isinstance(value, str)}
    if isinstance(shown.get("properties"), dict):
        shown["properties"] = {key: _property(key, value) for key, value in shown["properties"].items()}
    return shown


def _property(key: str, node: dict[str, Any]) -> dict[str, Any]:
    shown = dict(node)
    if shown.get("examples") == _DURATION["examples"]:
        shown |= _DURATION
        if isinstance(shown.get("default"), int):
            shown["default"] = duration_text(shown["default"])
    if key in _KEYS:
        shown = _with(shown, _KEYS[key])
    if key in _DESCRIPTIONS and "$ref" not in shown:
        shown.setdefault("description", _DESCRIPTIONS[key])
    return shown


def _with(node: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    if "enum" in more and "anyOf" not in node:
        return node | more
    if "enum" in more:
        return {**{key: value for key, value in node.items() if key != "anyOf"}, **more, "enum": [*more["enum"], None]}
    if "anyOf" in node:
        return {**node, "anyOf": [part | more if part.get("type") == "string" else part for part in node["anyOf"]]}
    return node | more


def main() -> None:
    """Write the schema file."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(schema_text(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
