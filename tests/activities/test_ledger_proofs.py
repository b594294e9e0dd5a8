"""Proving a ledger by what Azure lists."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.earlier import latest_ledger
from activities.ledger import LedgerActivities
from activities.ledger_proofs import ProofActivities
from arm.turnstile import Turnstile
from migration import ids
from migration.earlier import Books
from migration.ledger import LedgerEntry
from migration.ledger_proof import ListPlan, ProvePlan, around, digest
from migration.requests import ObserveResources
from tests.activities.estate import SUBSCRIPTION, TARGET_GROUP, TARGET_REGION, VAULT, VAULT_GROUP

if TYPE_CHECKING:
    from tests.activities.stage import Stage

GROUPS = [ids.resource_group_id(SUBSCRIPTION, group) for group in (TARGET_GROUP, VAULT_GROUP)]


def disk(stage: Stage, name: str) -> str:
    """Make a disk in the target group, as somebody else would."""
    made = ids.disk_id(SUBSCRIPTION, TARGET_GROUP, name)
    body = {"diskSizeGB": 4, "creationData": {"createOption": "Empty"}}
    stage.sim.follow(stage.sim.arm("PUT", made, {"location": TARGET_REGION, "properties": body}))
    return made


async def test_what_no_ledger_names_is_found_by_listing(stage: Stage) -> None:
    """What came up meanwhile and is in no ledger is told; what was there before, or is known, is not."""
    what = ListPlan(plan="stage", group_ids=GROUPS, vault_id=VAULT)
    disk(stage, "there-before")
    before = await stage.run(ProofActivities.list_plan, what)
    stray, known = disk(stage, "stray"), disk(stage, "known")
    entry = LedgerEntry(id=known.upper(), type="t", created_by="plan", state="created")
    asked = ProvePlan(what=what, before=before, entries=[entry], workflow_ids=[])

    found = await stage.run(ProofActivities.prove_plan, asked)
    stage.sim.follow(stage.sim.arm("DELETE", stray))
    after = await stage.run(ProofActivities.prove_plan, asked)

    assert (False, [ids.id_key(stray)]) == (found.proved, [ids.id_key(one) for one in found.unlisted])
    assert (True, [], "") == (after.proved, after.unlisted, after.why)


@pytest.mark.parametrize(
    ("memo", "answer", "known"),
    [
        ({"ledger": ["abc"]}, AssertionError("nobody replays what has ended"), ["abc"]),
        ({}, Books(entries=[LedgerEntry(id="/a/b", type="t", created_by="plan", state="created")]), [digest("/A/B")]),
        ({}, RPCError("no history", RPCStatusCode.NOT_FOUND, b""), None),
    ],
)
async def test_a_machine_that_has_ended_is_not_asked(
    memo: dict[str, Any], answer: Books | Exception, known: list[str] | None
) -> None:
    """Its memo tells its ledger; one that runs yet, or ended in an earlier build, is asked; some do not say."""
    run = SimpleNamespace(memo=AsyncMock(return_value=memo), status=WorkflowExecutionStatus.COMPLETED)
    handle = SimpleNamespace(describe=AsyncMock(return_value=run), query=AsyncMock(side_effect=[answer]))
    client: Any = SimpleNamespace(get_workflow_handle=lambda *_, **__: handle)

    assert known == await latest_ledger(client, "migrate-vm/p/v")


async def test_a_machine_that_is_about_to_close_is_waited_for() -> None:
    """It tells its plan of its end a moment before; what runs on is asked once that is over."""
    runs = [SimpleNamespace(memo=AsyncMock(return_value={}), status=WorkflowExecutionStatus.RUNNING)] * 2
    closed = SimpleNamespace(memo=AsyncMock(return_value={"ledger": ["abc"]}), status=WorkflowExecutionStatus.COMPLETED)
    handle = SimpleNamespace(describe=AsyncMock(side_effect=[*runs, closed, *runs]), query=AsyncMock())
    handle.query.return_value = Books()
    client: Any = SimpleNamespace(get_workflow_handle=lambda *_, **__: handle)

    assert ["abc"] == await latest_ledger(client, "migrate-vm/p/v", time.monotonic() + 60)
    assert 0 == handle.query.await_count
    assert [] == await latest_ledger(client, "migrate-vm/p/v")
    assert 1 == handle.query.await_count


async def test_a_machine_sees_what_is_named_like_its_own(stage: Stage) -> None:
    """Its item, its replicas, the agent, and strays under its names; not what belongs to others."""
    case = stage.arrange()
    await stage.protect(case)
    name = case.source.disks[0].name
    stray, foreign = disk(stage, f"{name}-ASRReplica-2"), disk(stage, f"{name}2")

    request = ObserveResources(ids=[], around=around(case.task, case.source))
    seen = await stage.run(LedgerActivities.observe_resources, request)

    listed = {ids.id_key(one) for one in seen.around.ids}
    replicas = {ids.id_key(ids.disk_id(SUBSCRIPTION, TARGET_GROUP, f"{d.name}-ASRReplica")) for d in case.source.disks}
    agent = ids.id_key(f"{case.task.vm.source_id}/extensions/SiteRecovery-Linux")
    assert {ids.id_key(case.task.item_id), agent, ids.id_key(stray), *replicas} == listed
    assert ids.id_key(foreign) not in listed


async def test_readings_are_shared_and_never_older_than_their_question() -> None:
    """Who asks while a reading is under way shares the next one with all who do."""
    turnstile, gate = Turnstile(), asyncio.Event()
    begun: list[int] = []

    async def read() -> int:
        begun.append(len(begun))
        number = len(begun)
        await gate.wait()
        return number

    first = asyncio.create_task(turnstile.read("group", read))
    while not begun:
        await asyncio.sleep(0)
    later = [asyncio.create_task(turnstile.read("group", read)) for _ in range(5)]
    await asyncio.sleep(0)
    gate.set()
    assert 1 == await first
    assert [2] * 5 == await asyncio.gather(*later)
    assert 3 == await turnstile.read("group", read)
