"""Where a fault strikes, and what it does: how the rows of the matrix arm the simulator."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Callable
from typing import Any

from tests.chaos.trials import Arm, Line, Trial, where

ITEM = r"/replicationProtectedItems/[^/]+"
JOB = "/replicationJobs/"
_FOLLOWS = re.compile(
    r"/(operations|operationresults|asyncoperations|replicationoperationstatus|replicationjobs)/", re.IGNORECASE
)
_OFTEN = 6
"""What is read more often is waited for."""
_MADE_UP = re.compile(r"[0-9a-f]{8,}(?:(?:\\-|-)[0-9a-f]{4,})*")
"""What another run calls otherwise: the ids of jobs and operations, and names that follow from a plan's name."""


def at_an_index(effect: dict[str, Any], times: int = 1) -> Arm:
    """Strike a request of the clean run, drawn by the dice."""
    return _at_one_of(lambda _: True, effect, times)


def at_a_write(effect: dict[str, Any], times: int = 1) -> Arm:
    """Strike one of the writes of the clean run, drawn by the dice."""
    return _at_one_of(lambda line: bool(line["write"] and line["accepted"]), effect, times)


def at_a_poll(effect: dict[str, Any], times: int = 1) -> Arm:
    """Strike one of the requests by which the clean run follows an operation, drawn by the dice."""
    return _at_one_of(lambda line: line["method"] == "GET" and bool(_FOLLOWS.search(line["path"])), effect, times)


def at(effect: dict[str, Any], method: str, path: str, *, nth: int = 1, times: int = 1, phase: str = "") -> Arm:
    """Strike a certain call of the case."""

    def arm(trial: Trial, _: random.Random, __: list[Line]) -> list[dict[str, Any]]:
        trial.phase = phase
        return [_fault(effect, method=method, path=where(trial.case, path), nth=nth, times=times)]

    return arm


def at_a_foreign_host(method: str, path: str, *, phase: str) -> Arm:
    """Name a host of ours as the place of an operation: whoever follows it there walks into a trap."""

    def arm(trial: Trial, dice: random.Random, clean: list[Line]) -> list[dict[str, Any]]:
        trap = socket.create_server(("127.0.0.1", 0))
        trap.setblocking(False)
        trial.traps.append(trap)
        url = f"https://127.0.0.1:{trap.getsockname()[1]}/operations/1"
        return at({"kind": "foreign_operation_url", "url": url}, method, path, phase=phase)(trial, dice, clean)

    return arm


def status(code: int, error: str, **headers: str) -> dict[str, Any]:
    """Return an answer in the place of Azure's; nothing happens in the cloud."""
    body = {"error": {"code": error, "message": "A fault for the matrix."}}
    return {"kind": "status", "status": code, "body": body, "headers": headers}


def after(code: int) -> dict[str, Any]:
    """Return an answer that hides that the call took effect."""
    return {**status(code, "InternalServerError"), "kind": "status_after"}


def failing(code: str) -> dict[str, Any]:
    """Return an operation that fails; without a *code* it does not tell why."""
    return {"kind": "operation_fails", "code": code, "message": "A fault for the matrix."}


def ending_as(word: str) -> dict[str, Any]:
    """Return an operation that does its work and ends with a word of its own."""
    return {"kind": "operation_ends_as", "word": word}


def _at_one_of(fits: Callable[[Line], bool], effect: dict[str, Any], times: int) -> Arm:
    def arm(trial: Trial, dice: random.Random, clean: list[Line]) -> list[dict[str, Any]]:
        fitting = [index for index, line in enumerate(clean) if fits(line)]
        return [_strike(trial, clean, dice.choice(fitting), effect, times)]

    return arm


def _strike(trial: Trial, clean: list[Line], index: int, effect: dict[str, Any], times: int) -> dict[str, Any]:
    """Return the fault that meets, in the run of *trial*, the request that the clean run sent as its *index*th."""
    line = clean[index]
    own = _own(line["path"], trial)
    wanted = (line["method"], own)
    alike = [at for at, other in enumerate(clean) if (other["method"], _own(other["path"], trial)) == wanted]
    nth = alike.index(index) + 1
    if not line["write"]:
        # How often something is looked at is a matter of time, and of what was read a moment ago: the last looks of one
        # run another one may not need.
        waited_for = bool(_FOLLOWS.search(line["path"])) or len(alike) > _OFTEN
        nth = min(nth, max(1, len(alike) // 3 if waited_for else len(alike) - len(alike) // 3))
    trial.nth = alike[nth - 1] + 1
    return _fault(effect, method=line["method"], path=f"^{own}$", nth=nth, times=times)


def _own(path: str, trial: Trial) -> str:
    """Return the expression of a path of the clean run, as it is in the run of *trial*."""
    pattern = re.escape(path.lower()).replace(r"/clean\-", rf"/{re.escape(trial.case.name)}\-")
    return _MADE_UP.sub("[0-9a-f-]+", pattern)


def _fault(effect: dict[str, Any], **match: Any) -> dict[str, Any]:
    return {"effect": effect, "match": match}
