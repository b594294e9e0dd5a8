"""Every public region of Azure, as ``GET /subscriptions/{id}/locations`` lists them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

_TABLE = Path(__file__).with_name("locations.csv")
# Regions that have availability zones have three of them.
_ZONE_COUNT = 3


def _rows() -> list[dict[str, str]]:
    with _TABLE.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


LOCATIONS = _rows()
_BY_NAME = {row["name"]: row for row in LOCATIONS}


def table() -> dict[str, dict[str, str]]:
    """The regions by name."""
    return _BY_NAME


def location_name(text: str) -> str | None:
    """The name of a region written in any way (``West Europe``, ``WestEurope``), or None where there is none."""
    name = text.replace(" ", "").lower()
    return name if name in _BY_NAME or name == "global" else None


def display_name(name: str) -> str:
    """The name as people read it (``West Europe``)."""
    row = _BY_NAME.get(name)
    return row["displayName"] if row else name


def display_names() -> list[str]:
    """The display names of all regions."""
    return [row["displayName"] for row in LOCATIONS]


def pair_of(name: str) -> str:
    """The paired region, or an empty string."""
    row = _BY_NAME.get(name)
    return row["pair"] if row else ""


def listing(subscription: str) -> list[dict[str, Any]]:
    """The regions as a subscription sees them."""
    return [_entry(subscription, row) for row in LOCATIONS]


def _entry(subscription: str, row: dict[str, str]) -> dict[str, Any]:
    prefix = f"/subscriptions/{subscription}/locations/"
    entry: dict[str, Any] = {
        "id": prefix + row["name"],
        "name": row["name"],
        "type": "Region",
        "displayName": row["displayName"],
        "regionalDisplayName": f"({row['geographyGroup']}) {row['displayName']}",
        "metadata": {
            "regionType": "Physical",
            "regionCategory": row["category"],
            "geography": row["geography"],
            "geographyGroup": row["geographyGroup"],
            "longitude": row["longitude"],
            "latitude": row["latitude"],
            "physicalLocation": row["physicalLocation"],
            "pairedRegion": [{"name": row["pair"], "id": prefix + row["pair"]}] if row["pair"] else [],
        },
    }
    if row["category"] == "Recommended":
        entry["availabilityZoneMappings"] = [
            {"logicalZone": str(number), "physicalZone": f"{row['name']}-az{number}"}
            for number in range(1, _ZONE_COUNT + 1)
        ]
    return entry
