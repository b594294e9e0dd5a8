"""Reading recordings of real traffic: cassettes as VCR writes them, and lines of JSON made of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ARM = "https://management.azure.com"


def entries(file: Path) -> list[dict[str, Any]]:
    """The interactions of a recording with Resource Manager; those with others are left out.

    Each has ``index``, ``command``, ``method``, ``url``, ``requestBody``, ``status``, ``responseHeaders`` (by
    lower-cased name) and ``responseBody``.
    """
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".jsonl":
        found = [json.loads(line) for line in text.splitlines()]
    else:
        interactions = yaml.load(text, Loader=LOADER)["interactions"]  # noqa: S506 - the safe loader, in C where it is
        found = [_entry(index, interaction) for index, interaction in enumerate(interactions)]
    return [{**entry, "url": entry["url"].removeprefix(ARM)} for entry in found if _of_arm(entry["url"])]


def _of_arm(url: str) -> bool:
    return url.startswith(("/", f"{ARM}/"))


def _entry(index: int, interaction: dict[str, Any]) -> dict[str, Any]:
    request, response = interaction["request"], interaction["response"]
    headers = {name.lower(): values[0] for name, values in response["headers"].items()}
    return {
        "index": index,
        "command": request["headers"].get("CommandName", [""])[0],
        "method": request["method"],
        "url": request["uri"],
        "requestBody": _json(request["body"]),
        "status": response["status"]["code"],
        "responseHeaders": headers,
        "responseBody": _json(response["body"]["string"]),
    }


def _json(text: str | bytes | None) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None
