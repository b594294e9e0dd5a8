"""What people do to a move: they decide at odds, and change under it what it works on."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from requests import Response

from migration import names
from tests.chaos.stage import Stage
from tests.chaos.trials import BY_HAND, EITHER, MIGRATED, ROLLED_BACK, Act, Trial, approve, reject, see_through
from tests.e2e.estates import APPROVER


async def approve_and_reject(stage: Stage, trial: Trial) -> None:
    """Say yes and no at the same moment: one of them counts."""
    await stage.at(trial.case, "awaiting_approval")
    handle = stage.vm(trial.case)
    verdicts = (names.SIGNAL_APPROVE_COMMIT, names.SIGNAL_REJECT_COMMIT)
    await asyncio.gather(*(handle.signal(verdict, {"approver": APPROVER}) for verdict in verdicts))


async def cancel(stage: Stage, trial: Trial) -> None:
    """Cancel the machine while it replicates."""
    await stage.at_the_copy(trial.case)
    await stage.vm(trial.case).cancel()
    await see_through(stage, trial, names.SIGNAL_REJECT_COMMIT)


async def terminate_and_start_again(stage: Stage, trial: Trial) -> None:
    """End both workflows as an administrator may, and start the plan again."""
    await stage.at_the_copy(trial.case)
    await end_and_start_again(stage, trial)
    await approve(stage, trial)


async def terminate_after_failover(stage: Stage, trial: Trial) -> None:
    """End both workflows at the approval, and start the plan again."""
    await stage.at(trial.case, "awaiting_approval")
    await end_and_start_again(stage, trial)
    await reject(stage, trial)


async def start_source(stage: Stage, trial: Trial) -> None:
    """Let somebody start the source while the target waits for its approval."""
    await stage.at(trial.case, "awaiting_approval")
    ask(stage, "POST", f"{trial.case.vm_id('vm')}/start")
    await asyncio.sleep(3)
    await reject(stage, trial)


async def delete_target(stage: Stage, trial: Trial) -> None:
    """Let somebody delete the target while it waits for its approval."""
    await stage.at(trial.case, "awaiting_approval")
    ask(stage, "DELETE", trial.case.vm_id("vm", "target"))
    await asyncio.sleep(2)
    await reject(stage, trial)


async def resize_source(stage: Stage, trial: Trial) -> None:
    """Resize the source under the move, and take that back once the machine is held."""
    await stage.at_the_copy(trial.case)
    resize(stage, trial, "Standard_D8s_v3")
    await held(stage, trial)
    resize(stage, trial, "Standard_D2s_v3")
    await approve(stage, trial)


async def lock_vault(stage: Stage, trial: Trial) -> None:
    """Lock the vault's group while the first copy is made, and take the lock away once the machine is held."""
    await stage.at_the_copy(trial.case)
    lock = f"{trial.case.group_id('vault')}/providers/Microsoft.Authorization/locks/held"
    ask(stage, "PUT", lock, {"properties": {"level": "ReadOnly"}})
    await held(stage, trial)
    ask(stage, "DELETE", lock)
    await approve(stage, trial)


async def fail_over_by_hand(stage: Stage, trial: Trial) -> None:
    """Let somebody fail the machine over in the portal, as soon as it is protected."""
    await stage.at_the_copy(trial.case)
    item = await item_of(stage, trial)
    body = {
        "properties": {
            "failoverDirection": "PrimaryToRecovery",
            "sourceSiteOperations": "Required",
            "providerSpecificDetails": {"instanceType": "A2A"},
        }
    }
    async with asyncio.timeout(120):
        while by_hand(stage, "POST", f"{item}/unplannedFailover", body).status_code != 202:
            await asyncio.sleep(0.1)
    await approve(stage, trial)


async def remove_protection(stage: Stage, trial: Trial) -> None:
    """Let somebody disable the replication in the portal."""
    await stage.at_the_copy(trial.case)
    item = await item_of(stage, trial)
    body = {"properties": {"disableProtectionReason": "NotSpecified", "replicationProviderInput": {}}}
    async with asyncio.timeout(120):
        while by_hand(stage, "POST", f"{item}/remove", body).status_code != 202:
            await asyncio.sleep(0.5)
    await approve(stage, trial)


async def end_and_start_again(stage: Stage, trial: Trial) -> None:
    """Terminate the workflows of a plan, and start it again."""
    await stage.plan(trial.case).terminate("chaos")
    await stage.vm(trial.case).terminate("chaos")
    plan_id = names.migrate_plan_id(trial.case.name)
    await stage.watch.ended(plan_id)
    await stage.start(trial.case)
    await stage.watch.begun_again(plan_id)


def by_hand(stage: Stage, method: str, path: str, body: Any = None) -> Response:
    """Send a request that the log tells from ours."""
    return stage.simulator.arm(method, path, body, headers={"x-ms-client-request-id": f"{BY_HAND}{uuid.uuid4()}"})


def ask(stage: Stage, method: str, path: str, body: Any = None) -> None:
    """Send what a person sends, which is taken."""
    answer = by_hand(stage, method, path, body)
    assert answer.status_code in {200, 201, 202, 204}, answer.text


def resize(stage: Stage, trial: Trial, size: str) -> None:
    """Give the source another size."""
    ask(stage, "PATCH", trial.case.vm_id("vm"), {"properties": {"hardwareProfile": {"vmSize": size}}})


async def held(stage: Stage, trial: Trial) -> None:
    """Wait until the machine asks for a person, for something else than its approval."""
    workflow_id = names.migrate_vm_id(trial.case.name, "vm")
    async with asyncio.timeout(120):
        while (standing := stage.watch.of(workflow_id)) is None or not standing.needs_action:
            await stage.watch.round()
    assert standing.phase != "awaiting_approval", "it went on to its approval"


async def item_of(stage: Stage, trial: Trial) -> str:
    """Return the id of the machine's protected item."""
    found: list[str] = []
    async with asyncio.timeout(60):
        while not found:
            await asyncio.sleep(0.3)
            here = f"{trial.case.group_id('vault')}/".lower()
            ids = [each["id"].lower() for each in stage.simulator.resources()]
            found = [one for one in ids if one.startswith(here) and "/replicationprotecteditems/" in one]
    return found[0]


ALL: list[tuple[str, frozenset[str], Act, str, bool]] = [
    ("approve and reject at once", EITHER, approve_and_reject, "awaiting_approval", False),
    ("cancel", ROLLED_BACK, cancel, "replicating", False),
    ("source started by somebody", ROLLED_BACK, start_source, "awaiting_approval", True),
    ("source resized by somebody", MIGRATED, resize_source, "replicating", True),
    ("target deleted by somebody", ROLLED_BACK, delete_target, "awaiting_approval", True),
    ("replication disabled by somebody", ROLLED_BACK, remove_protection, "replicating", True),
    ("failed over by somebody", frozenset({"needs_operator"}), fail_over_by_hand, "replicating", True),
    ("lock for a while", MIGRATED, lock_vault, "replicating", True),
    ("terminated and started again", MIGRATED, terminate_and_start_again, "replicating", True),
    ("terminated after the failover, started again", ROLLED_BACK, terminate_after_failover, "awaiting_approval", True),
]
"""Fault, allowed outcomes, deed, phase, and whether the checker is told that somebody changed things by hand."""
