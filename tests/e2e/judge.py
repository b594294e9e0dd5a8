"""What must hold at the end of any run, judged from the simulator's own log and list."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from migration.access import Permission
from migration.calls.call import action_of
from migration.calls.roles import custom_roles
from migration.plan_file import load_plan
from migration.report import PlanReport, VmReport
from migration.rules.access import allows
from tests.e2e.estates import Case
from tests.support.sim import Simulator


def of_case(case: Case, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the resources that lie in the groups of *case*."""
    groups = tuple(f"/resourcegroups/{case.group(kind)}".lower() for kind in ("source", "target", "vault"))
    return [r for r in resources if any(f"{g}/" in f"{r['id'].lower()}/" for g in groups)]


def unreported(case: Case, simulator: Simulator, plan: PlanReport, vms: list[VmReport]) -> list[str]:
    """Return what is there, was not before, and no report lists as created, left or deleted."""
    told = {r.id.lower() for r in plan.resources} | {r.id.lower() for vm in vms for r in vm.resources}
    there = [r for r in of_case(case, simulator.resources()) if r["created_by"] != "seed"]
    return [r["id"] for r in there if r["id"].lower() not in told]


def leftovers(case: Case, simulator: Simulator) -> list[str]:
    """Return what is there and was not in the seed."""
    return [r["id"] for r in of_case(case, simulator.resources()) if r["created_by"] != "seed"]


def missing(case: Case, simulator: Simulator, before: set[str]) -> set[str]:
    """Return what was there before and is gone."""
    return before - {r["id"].lower() for r in of_case(case, simulator.resources())}


def power_states(case: Case, simulator: Simulator, kind: str = "source") -> dict[str, str]:
    """Return the power state of each virtual machine in a group of the case."""
    group = f"{case.group_id(kind)}/".lower()
    machines = [r for r in simulator.resources() if r["type"].lower() == "microsoft.compute/virtualmachines"]
    return {r["id"].rsplit("/", 1)[-1]: r["power_state"] for r in machines if r["id"].lower().startswith(group)}


def repeated_writes(case: Case, log: list[dict[str, Any]], allowed: int = 1) -> dict[tuple[str, str], int]:
    """Return the accepted writes of the case that were accepted more than *allowed* times."""
    return repeated(about(case, log), allowed)


def about(case: Case, log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requests about what lies in the groups of *case*."""
    groups = tuple(f"/resourcegroups/{case.group(kind)}".lower() for kind in ("source", "target", "vault"))
    return [line for line in log if any(f"{g}/" in f"{line['path'].lower()}/" for g in groups)]


def repeated(log: list[dict[str, Any]], allowed: int = 1) -> dict[tuple[str, str], int]:
    """Return the accepted writes in *log* that were accepted more than *allowed* times; each check may ask a guest."""
    accepted = Counter((line["method"], line["path"].lower()) for line in log if line["accepted"] and changes(line))
    return {key: count for key, count in accepted.items() if count > allowed}


def changes(line: dict[str, Any]) -> bool:
    """Tell whether a request would change the cloud: a run command counts as a write, and our scripts only look."""
    return bool(line["write"]) and not line["path"].lower().endswith("/runcommand")


def made_in(subscriptions: set[str], simulator: Simulator) -> list[dict[str, Any]]:
    """Return what is there in *subscriptions* and was not in the seed."""
    scopes = tuple(f"/subscriptions/{one.lower()}/" for one in subscriptions)
    there = [r for r in simulator.resources() if r["created_by"] != "seed"]
    return [r for r in there if r["id"].lower().startswith(scopes)]


def untold(report: dict[str, Any], made: list[dict[str, Any]]) -> list[str]:
    """Return the ids in *made* that a report.json does not list as being there."""
    told = [*report["resources"], *(one for vm in report["vms"] for one in vm["resources"])]
    known = {one["id"].lower() for one in told if one["state"] != "deleted"}
    return [r["id"] for r in made if r["id"].lower() not in known]


def reads_of_each(log: list[dict[str, Any]], machines: int) -> dict[str, float]:
    """Return how many reads a machine has cost by what they are about; what lies in vaults is watched, and left out."""
    kinds = {"microsoft.authorization": "permissions", "microsoft.compute/virtualmachines": "machines"}
    kinds |= {"microsoft.compute/disks": "disks", "microsoft.network": "networks"}
    reads = [line["path"].lower() for line in log if line["method"] == "GET"]
    found = Counter(
        next((kind for word, kind in kinds.items() if word in path), "other")
        for path in reads
        if "/vaults/" not in path
    )
    return {kind: count / machines for kind, count in found.items()}


def within(subscriptions: set[str], log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requests to *subscriptions*, but for those that follow an operation."""
    scopes = tuple(f"/subscriptions/{one.lower()}" for one in subscriptions)
    follows = re.compile(r"/(operations|operationresults|operationstatus|asyncoperations)/", re.IGNORECASE)
    return [line for line in log if line["path"].lower().startswith(scopes) and not follows.search(line["path"])]


def unlisted(listed: dict[str, Any], log: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the requests in *log*, reads among them, that the answer of `plan` does not list."""
    known = {(call["method"], _pattern(call["path"])) for call in listed["calls"] if call["by"] == "us"}
    asked = dict.fromkeys((line["method"], line["path"].lower()) for line in log if line["status"] != 404)
    return [one for one in asked if not any(one[0] == method and path.fullmatch(one[1]) for method, path in known)]


def ungranted(plan_file: Path, log: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return action and path of the requests in *log* that the custom roles of a plan would not have let through."""
    roles = custom_roles(load_plan(plan_file))
    grants = [
        (scope.lower(), Permission(tuple(role["Actions"]))) for role in roles for scope in role["AssignableScopes"]
    ]
    refused = []
    for method, path in dict.fromkeys((line["method"], line["path"].lower()) for line in log):
        here = [permission for scope, permission in grants if f"{path}/".startswith(f"{scope}/")]
        if not allows(here, action_of(method, path)):
            refused.append((action_of(method, path), path))
    return refused


def _pattern(path: str) -> re.Pattern[str]:
    """Return what a listed path means: a name in braces stands for one that only the run knows."""
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path.lower())))


def power_by_id(simulator: Simulator) -> dict[str, str]:
    """Return the power state of every virtual machine there is, by its id in lower case."""
    machines = [r for r in simulator.resources() if r["type"].lower() == "microsoft.compute/virtualmachines"]
    return {r["id"].lower(): r["power_state"] for r in machines}
