"""The faults, once each: what is armed, what people do meanwhile, and which ends are allowed."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from migration import names
from tests.chaos.stage import Stage
from tests.chaos.trials import (
    MIGRATED,
    ROLLED_BACK,
    Act,
    Arm,
    Line,
    Trial,
    approve,
    reject,
    see_through,
    where,
)
from tests.e2e.estates import APPROVER, Case

ITEM = r"/replicationProtectedItems/[^/]+"
FOLLOWING = r"/(operations|operationResults|operationresults|asyncOperations|replicationJobs)/"
EITHER = MIGRATED | ROLLED_BACK


def at_an_index(effect: dict[str, Any], times: int = 1) -> Arm:
    """Strike the kth request about the case, k drawn by the dice."""

    def arm(trial: Trial, dice: random.Random, clean: list[Line]) -> list[dict[str, Any]]:
        trial.nth = dice.randint(1, len(clean))
        return [_fault(effect, path=where(trial.case), nth=trial.nth, times=times)]

    return arm


def at_a_write(effect: dict[str, Any], times: int = 1) -> Arm:
    """Strike one of the writes of the clean run, drawn by the dice."""

    def arm(trial: Trial, dice: random.Random, clean: list[Line]) -> list[dict[str, Any]]:
        writes = [index for index, line in enumerate(clean) if line["write"] and line["accepted"]]
        trial.nth = dice.choice(writes) + 1
        line = clean[trial.nth - 1]
        same = [each for each in clean[: trial.nth] if each["method"] == line["method"]]
        return [_fault(effect, method=line["method"], path=where(trial.case), nth=len(same), times=times)]

    return arm


def at(effect: dict[str, Any], method: str, path: str, *, nth: int = 1, times: int = 1, phase: str = "") -> Arm:
    """Strike a certain call of the case."""

    def arm(trial: Trial, _: random.Random, __: list[Line]) -> list[dict[str, Any]]:
        trial.phase = phase
        return [_fault(effect, method=method, path=where(trial.case, path), nth=nth, times=times)]

    return arm


def status(code: int, error: str, **headers: str) -> dict[str, Any]:
    """Return an answer in the place of Azure's; nothing happens in the cloud."""
    body = {"error": {"code": error, "message": "A fault for the matrix."}}
    return {"kind": "status", "status": code, "body": body, "headers": headers}


def after(code: int) -> dict[str, Any]:
    """Return an answer that hides that the call took effect."""
    return {**status(code, "InternalServerError"), "kind": "status_after"}


def failing(code: str) -> dict[str, Any]:
    """Return a failing operation."""
    return {"kind": "operation_fails", "code": code, "message": "A fault for the matrix."}


def _fault(effect: dict[str, Any], **match: Any) -> dict[str, Any]:
    return {"effect": effect, "match": match}


async def approve_and_reject(stage: Stage, trial: Trial) -> None:
    """Say yes and no at the same moment: one of them counts."""
    await stage.reach(trial.case, "awaiting_approval")
    handle = stage.vm(trial.case)
    verdicts = (names.SIGNAL_APPROVE_COMMIT, names.SIGNAL_REJECT_COMMIT)
    await asyncio.gather(*(handle.signal(verdict, {"approver": APPROVER}) for verdict in verdicts))


async def start_source(stage: Stage, trial: Trial) -> None:
    """Let somebody start the source while the target waits for its approval."""
    await stage.reach(trial.case, "awaiting_approval")
    answer = stage.simulator.arm("POST", f"{trial.case.vm_id('vm')}/start")
    assert answer.status_code in {200, 202}, answer.text
    await asyncio.sleep(3)
    await reject(stage, trial)


async def delete_target(stage: Stage, trial: Trial) -> None:
    """Let somebody delete the target while it waits for its approval."""
    await stage.reach(trial.case, "awaiting_approval")
    answer = stage.simulator.arm("DELETE", trial.case.vm_id("vm", "target"))
    assert answer.status_code in {200, 202}, answer.text
    await asyncio.sleep(2)
    await reject(stage, trial)


async def lock_source(stage: Stage, trial: Trial) -> None:
    """Lock the vault's group while the first copy is made, and take the lock away once the machine is held."""
    await stage.reach(trial.case, "replicating")
    lock = f"{trial.case.group_id('vault')}/providers/Microsoft.Authorization/locks/held"
    answer = stage.simulator.arm("PUT", lock, {"properties": {"level": "ReadOnly"}})
    assert answer.status_code in {200, 201}, answer.text
    await asyncio.sleep(8)
    assert stage.simulator.arm("DELETE", lock).status_code in {200, 204}
    await approve(stage, trial)


async def terminate_and_start_again(stage: Stage, trial: Trial) -> None:
    """End both workflows as an administrator may, and start the plan again."""
    await stage.reach(trial.case, "replicating")
    await stage.plan(trial.case).terminate("chaos")
    await stage.vm(trial.case).terminate("chaos")
    await stage.start(trial.case)
    await approve(stage, trial)


async def cancel(stage: Stage, trial: Trial) -> None:
    """Cancel the machine while it replicates."""
    await stage.reach(trial.case, "replicating")
    await stage.vm(trial.case).cancel()
    await see_through(stage, trial, names.SIGNAL_REJECT_COMMIT)


AZURE: list[tuple[str, frozenset[str], Arm, Act | None]] = [
    ("500 before it took effect", MIGRATED, at_an_index(status(500, "InternalServerError")), None),
    ("500 after it took effect", MIGRATED, at_a_write(after(500)), None),
    ("connection reset before", MIGRATED, at_an_index({"kind": "reset_before"}), None),
    ("connection reset after", MIGRATED, at_a_write({"kind": "reset_after"}), None),
    ("body cut short", MIGRATED, at_an_index({"kind": "truncate"}), None),
    ("answer that hangs", MIGRATED, at_an_index({"kind": "hang", "seconds": 40}), None),
    ("429 with Retry-After", MIGRATED, at_an_index(status(429, "TooManyRequests", **{"Retry-After": "2"}), 3), None),
    ("429 without Retry-After", MIGRATED, at_an_index(status(429, "TooManyRequests"), 2), None),
    ("429 with an absurd one", MIGRATED, at_an_index(status(429, "X", **{"Retry-After": "-86400"}), 2), None),
    ("storm of 503", MIGRATED, at_an_index(status(503, "ServiceUnavailable"), 12), None),
    ("409 while another runs", MIGRATED, at_a_write(status(409, "OperationInProgress"), 2), None),
    ("401, the token expired", MIGRATED, at_an_index(status(401, "ExpiredAuthenticationToken")), None),
    ("403, a role is gone for a while", MIGRATED, at_a_write(status(403, "AuthorizationFailed"), 2), None),
    ("poll answers 404", MIGRATED, at(status(404, "NotFound"), "GET", FOLLOWING, nth=2), None),
    ("poll answers 409", MIGRATED, at(status(409, "Conflict"), "GET", FOLLOWING, nth=3), None),
    ("poll answers 410", MIGRATED, at(status(410, "Gone"), "GET", FOLLOWING, nth=4), None),
    (
        "poll answers an unknown word",
        MIGRATED,
        at({"kind": "status", "status": 200, "body": {"status": "Bananas"}}, "GET", FOLLOWING, nth=2, times=2),
        None,
    ),
    ("stale reads after writes", MIGRATED, at_an_index({"kind": "stale_reads", "seconds": 60}, 20), None),
    (
        "operation at a foreign host",
        EITHER,
        at(
            {"kind": "foreign_operation_url", "url": "https://evil.example.net/op"}, "PUT", ITEM + "$", phase="enabling"
        ),
        None,
    ),
    ("enabling fails", ROLLED_BACK, at(failing("150097"), "PUT", ITEM + "$", phase="enabling"), None),
    (
        "failover fails",
        ROLLED_BACK,
        at(failing("150000"), "POST", ITEM + "/unplannedFailover$", phase="failing_over"),
        None,
    ),
    ("commit fails once", MIGRATED, at(failing("150000"), "POST", ITEM + "/failoverCommit$", phase="committing"), None),
    ("disabling fails once", MIGRATED, at(failing("150000"), "DELETE", ITEM + "$", phase="disabling"), None),
    (
        "500 after it took effect, on the way back",
        ROLLED_BACK,
        at(after(500), "POST", ITEM + "/remove$", phase="rolling_back"),
        reject,
    ),
    (
        "connection reset after, on the way back",
        ROLLED_BACK,
        at({"kind": "reset_after"}, "POST", "/virtualMachines/vm/start$", phase="rolling_back"),
        reject,
    ),
]

PEOPLE: list[tuple[str, frozenset[str], Act, str]] = [
    ("approve and reject at once", EITHER, approve_and_reject, "awaiting_approval"),
    ("cancel", ROLLED_BACK, cancel, "replicating"),
    ("source started by somebody", ROLLED_BACK, start_source, "awaiting_approval"),
    ("target deleted by somebody", ROLLED_BACK, delete_target, "awaiting_approval"),
    ("lock for a while", MIGRATED, lock_source, "replicating"),
    ("terminated and started again", MIGRATED, terminate_and_start_again, "replicating"),
]
_MEDDLED = {"source started by somebody", "target deleted by somebody", "terminated and started again"}


def once_each() -> list[Trial]:
    """Return a trial for every fault of Azure and of people."""
    rows = [Trial(fault, _case(fault), expected, arm, act) for fault, expected, arm, act in AZURE]
    for fault, expected, act, phase in PEOPLE:
        rows.append(Trial(fault, _case(fault), expected, None, act, meddled=fault in _MEDDLED, phase=phase))
    return rows


def _case(fault: str) -> Case:
    words = "".join(letter if letter.isalnum() else " " for letter in fault.lower()).split()
    return Case("x-" + "-".join(words)[:32].strip("-"))
