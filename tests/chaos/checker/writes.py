"""I4 and I7: no write twice, and none outside the plan's own places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.chaos.checker.evidence import Evidence

_OPPOSITE = {"start": ("deallocate", "poweroff"), "deallocate": ("start",), "testfailover": ("testfailovercleanup",)}
_ENDS = ("remove",)
"""Actions that end what a path stands for, as DELETE does."""


def no_write_twice(evidence: Evidence) -> Iterator[str]:
    """I4: a step writes once. It may write again once what it made is gone, undone, or its operation failed."""
    last: dict[tuple[str, str], int] = {}
    for line in evidence.accepted:
        path, method = line["path"].lower(), line["method"]
        before = last.get((method, path))
        if before is not None and not _made_anew(evidence, line, before):
            yield f"request {line['n']} repeats {before}: {method} {path}"
        last[(method, path)] = line["n"]


def only_where_the_plan_says(evidence: Evidence) -> Iterator[str]:
    """I7: every write concerns the source machines, the target groups or the vault's group of the plan."""
    allowed = [
        *(vm.source for vm in evidence.vms),
        *(vm.target.split("/providers/")[0] for vm in evidence.vms),
        _group(evidence.plan, evidence.plan["vault"]["resource_group"]),
    ]
    for line in evidence.accepted:
        path = line["path"].lower()
        if not any(f"{path}/".startswith(f"{scope}/") for scope in allowed):
            yield f"request {line['n']} writes outside the plan: {line['method']} {path}"


def _made_anew(evidence: Evidence, line: dict[str, Any], before: int) -> bool:
    """Tell whether something between two equal writes makes the second a new one."""
    path, method = line["path"].lower(), line["method"]
    subject, _, verb = path.rpartition("/")
    if any(_concerns(fault, path, method) for fault in evidence.faults if _fails(fault)):
        return True
    for between in evidence.accepted:
        if not before < between["n"] < line["n"]:
            continue
        other = between["path"].lower()
        gone = between["method"] == "DELETE" and (other in {path, subject} or path.startswith(f"{other}/"))
        ended = any(other in {f"{path}/{end}", f"{subject}/{end}"} for end in _ENDS)
        undone = other in {f"{subject}/{opposite}" for opposite in _OPPOSITE.get(verb, ())}
        if gone or ended or undone or _made(method, path, between):
            return True
    return False


def _made(method: str, path: str, between: dict[str, Any]) -> bool:
    """Tell whether a write makes what an ending call then ends: what was put there, or came by a failover."""
    subject, _, verb = path.rpartition("/")
    ends = path if method == "DELETE" else subject if verb in _ENDS else None
    other = between["path"].lower()
    put = between["method"] == "PUT" and other == ends
    return ends is not None and (put or other.endswith(("/unplannedfailover", "/testfailover")))


def _fails(fault: dict[str, Any]) -> bool:
    return fault["effect"]["kind"] in {"operation_fails", "operation_never_ends"}


def _concerns(fault: dict[str, Any], path: str, method: str) -> bool:
    match = fault["match"]
    return match.get("method", method) == method and re.search(match.get("path", ""), path, re.IGNORECASE) is not None


def _group(plan: dict[str, Any], name: str) -> str:
    return f"/subscriptions/{plan['subscription']}/resourcegroups/{name}".lower()
