"""What a request is about, for faults that name an operation or a virtual machine."""

from __future__ import annotations

import difflib
import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from simulator import paths, rbac
from simulator.compute.names import VM
from simulator.operations import AREA
from simulator.siterecovery import jobs, names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.provider import Route
    from simulator.world import World

VERBS = {"PUT": ("createorupdate", "create"), "PATCH": ("update",), "DELETE": ("delete",)}
_MACHINE = re.compile(
    rf"/subscriptions/[^\"/]+/resourcegroups/[^\"/]+/providers/{re.escape(VM)}/[^\"/?]+", re.IGNORECASE
)
_JOB = re.compile(r"/(?:replicationjobs|replicationoperationstatus|operationresults)/([^/]+)$", re.IGNORECASE)
_OPERATION = re.compile(r"/locations/[^/]+/operations/([^/]+)$", re.IGNORECASE)
_ITEM = re.compile(r"^.*/replicationprotecteditems/[^/]+", re.IGNORECASE)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def operation_names(route: Route) -> set[str]:
    """How an operation may be called, in lower case and without underscores.

    By its id in Azure's specifications (``VirtualMachines_Deallocate``), by what a POST does (``unplannedFailover``).
    """
    segments = paths.split(route.template)
    action = route.method == "POST"
    type_ = paths.parse(route.template.rpartition("/")[0] if action else route.template).type.rpartition("/")[2]
    if action:
        verbs: tuple[str, ...] = (segments[-1],)
    elif route.method in {"GET", "HEAD"}:
        verbs = ("get",) if segments[-1].startswith("{") else ("list",)
    else:
        verbs = VERBS.get(route.method, ())
    named = {_plain(route.handler.__name__)}
    if not next(iter(named)).startswith(_plain(type_)):
        # The handler is shared by several types, or called by what it answers.
        named |= {_plain(f"{type_}_{verb}") for verb in verbs}
    return named | {segments[-1].lower()} if action else named


def all_names(routes: Iterable[Route]) -> frozenset[str]:
    """Every name of every operation."""
    return frozenset(name for route in routes for name in operation_names(route))


def suggestion(operation: str, known: frozenset[str]) -> str | None:
    """What is wrong with the name of an operation, or None; an RBAC action (it has a slash) may have wildcards."""
    if "/" in operation or _plain(operation) in known:
        return None
    close = difflib.get_close_matches(_plain(operation), known, n=1)
    return f"; did you mean '{close[0]}'?" if close else "; give the id of the specification, as VirtualMachines_Start"


def is_operation(wanted: str, method: str, path: str, route: Route | None) -> bool:
    """Tell whether the request is the operation called *wanted*: by name, or by its RBAC action."""
    if "/" in wanted:
        return fnmatch(rbac.action_of(method, path).lower(), wanted.lower())
    return route is not None and _plain(wanted) in operation_names(route)


def is_about(world: World, wanted: str, path: str, content: bytes) -> bool:
    """Tell whether the request is about the machine *wanted*, an id or a name.

    About it are: its own path and what lies under it, the item that replicates it (also as the machine that a failover
    made), jobs and operations that work on it, and bodies that name it.
    """
    ids = {found.lower() for found in machines_of(world, path)}
    ids |= {found.lower() for found in _MACHINE.findall(content.decode("utf-8", "replace"))}
    wanted = wanted.lower().rstrip("/")
    return wanted in ids or any(found.rpartition("/")[2] == wanted for found in ids)


def machines_of(world: World, path: str) -> set[str]:
    """The ids of the machines that a path is about (of one that is gone, its name alone)."""
    found = set(_MACHINE.findall(path))
    if item_path := _ITEM.match(path):
        item = world.store.glance(item_path[0])
        found |= {str(item.meta[key]) for key in ("vm", "target_vm") if item.meta.get(key)} if item else set()
    if (job_path := _JOB.search(path)) and "/vaults/" in path.lower():
        job = jobs.find(world, names.vault_id(path), job_path[1])
        if job is not None:
            found |= {job.target[1], *machines_of(world, job.subject)}
    if operation_path := _OPERATION.search(path):
        operation = world.store.area(AREA).get(operation_path[1]) or {}
        found.add(str((operation.get("payload") or {}).get("vm") or ""))
    return found - {""}
