"""From what Azure's tools print to a seed.

Taken are the JSON of ``az vm list -d``, ``az disk list``, ``az network ... list``, ``az resource list`` and the like,
of ``az rest`` (``{"value": [...]}``) and of Resource Graph (``az graph query``, the portal's download). What several
files say of one resource is put together. What cannot be used is left out and said.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute import machines
from simulator.compute.crud import merge
from simulator.compute.flattened import unflatten
from simulator.compute.sizes import find_size
from simulator.registry import canonical_type, has_type
from simulator.resources.locations import location_name

if TYPE_CHECKING:
    from collections.abc import Iterator

GRAPH_COLUMNS = frozenset({"resourceGroup", "subscriptionId", "tenantId", "apiVersion", "resourceId"})
MACHINE = "microsoft.compute/virtualmachines"
WRITTEN_AGAIN = {"powerState": "powerState", "privateIps": "privateIps"}
"""What ``az vm list -d`` prints beside a machine, and a seed takes from it."""


@dataclass
class Imported:
    """A seed's resources, and what was not understood, a line each."""

    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    """What another export would tell."""

    @property
    def seed(self) -> dict[str, Any]:
        """The seed."""
        return {"resources": list(self.resources.values())}


def read(files: dict[str, str]) -> Imported:
    """Read exports by the names of their files."""
    imported = Imported()
    for name, text in files.items():
        try:
            entries = list(_entries(json.loads(text)))
        except (ValueError, TypeError, KeyError) as problem:
            imported.notes.append(f"{name}: not the JSON of a list: {problem}; left out")
            continue
        for number, entry in enumerate(entries, 1):
            _take(imported, f"{name}: entry {number}", entry)
    _look_over(imported)
    return imported


def _entries(data: Any) -> Iterator[Any]:
    """The entries of a list, whatever is around it."""
    if isinstance(data, dict) and isinstance(data.get("data"), dict):
        table = data["data"]
        names = [column["name"] for column in table["columns"]]
        yield from (dict(zip(names, row, strict=True)) for row in table["rows"])
    elif isinstance(data, dict):
        listed = next((data[key] for key in ("value", "data", "resources") if isinstance(data.get(key), list)), [data])
        yield from listed
    elif isinstance(data, list):
        yield from data
    else:
        message = f"a {type(data).__name__} is no list"
        raise TypeError(message)


def _take(imported: Imported, where: str, entry: Any) -> None:
    if not isinstance(entry, dict) or not str(entry.get("id", "")).lower().startswith("/subscriptions/"):
        imported.notes.append(f"{where}: has no resource id; left out")
        return
    id_ = str(entry["id"]).rstrip("/")
    location = entry.get("location")
    if location is not None and location_name(str(location)) is None:
        imported.notes.append(f"{where}: {id_}: '{location}' is no region; left out")
        return
    if location is None and _needs_location(id_):
        imported.notes.append(f"{where}: {id_}: has no location; left out")
        return
    document = unflatten({key: value for key, value in entry.items() if key not in GRAPH_COLUMNS})
    document |= {"id": id_, "type": canonical_type(paths.parse(id_).type)}
    document |= {key: entry[key] for key in WRITTEN_AGAIN if entry.get(key)}
    known = imported.resources.get(id_.lower())
    imported.resources[id_.lower()] = document if known is None else _together(known, document)


def _together(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two descriptions of one resource: the one with more properties counts where both say something."""
    less, more = sorted((one, other), key=lambda document: len(json.dumps(document)))
    return {**merge(less, more), "id": one["id"]}


def _needs_location(id_: str) -> bool:
    parsed = paths.parse(id_)
    return parsed.type.count("/") == 1 and parsed.namespace.lower() != "microsoft.authorization"


def _look_over(imported: Imported) -> None:
    """Note what is taken but will not be as in Azure."""
    kinds = Counter(document["type"] for document in imported.resources.values())
    for kind, count in sorted(kinds.items()):
        if not has_type(kind):
            imported.notes.append(f"{kind}: {count} kept; they are listed, but have no operations of their own here")
    missing: Counter[str] = Counter()
    for document in list(imported.resources.values()):
        if document["type"].lower() == MACHINE:
            imported.notes += (f"{document['id']}: {note}" for note in _notes_on(document))
            missing.update(_absent(imported, document))
    for command, count in sorted(missing.items()):
        hint = f"made up from the machines that name them, for want of `{command}`: {count} resources"
        imported.hints.append(hint)


def _notes_on(machine: dict[str, Any]) -> Iterator[str]:
    """What is not understood of a machine."""
    properties = machine["properties"]
    if not properties.get("storageProfile"):
        yield "only its envelope is known; size, disks and NIC are made up"
        return
    size = str((properties.get("hardwareProfile") or {}).get("vmSize") or "")
    if size and find_size(size) is None:
        yield f"the size '{size}' is not known here; cores, memory and what it supports are not told"
    if any(disk.get("vhd") for disk in machines.disk_references(machine)):
        yield "it has unmanaged disks (a blob); they are taken as managed ones of the same name"
    if properties.get("virtualMachineScaleSet"):
        yield "it belongs to a scale set, which is not simulated"


def _absent(imported: Imported, machine: dict[str, Any]) -> Iterator[str]:
    """The command whose export would have had each resource that the machine names and no file has."""
    named = [
        *((id_, "az disk list") for id_ in machines.disk_ids(machine)),
        *((reference["id"], "az network nic list") for reference in machines.nic_references(machine)),
    ]
    yield from (command for id_, command in named if id_.lower() not in imported.resources)
