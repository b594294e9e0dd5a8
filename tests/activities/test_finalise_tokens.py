"""Deleting a source in plans that believe no names: tokens decide, about exactly what would be deleted."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from migration import names
from migration.approvals import ApprovalState, Statement
from migration.report import DecisionAnswer
from migration.sealing import seal
from tests.activities.estate import machine_of
from tests.activities.finalise_yard import Yard, served_yard, yard_simulator
from tests.console.conftest import CommandLine, command_line
from tests.support.sim import Simulator
from tests.support.tenant import ANNA, AUDIENCE, BERT, MALLORY, NAMES, Tenant, rsa_key

if TYPE_CHECKING:
    from pathlib import Path

    from temporalio.testing import WorkflowEnvironment

    from migration.plan import Plan

pytestmark = pytest.mark.timeout(180)
TENANT = Tenant()
ENTRA = {"identity": "entra", "tenant": TENANT.id, "approvers": [ANNA, BERT]}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """Return a simulator with the finaliser's identity."""
    with yard_simulator() as running:
        yield running


@pytest.fixture(scope="module")
async def yard(sim: Simulator, dev_server: WorkflowEnvironment) -> AsyncIterator[Yard]:
    """Return moved virtual machines, and the finaliser's worker, which verifies tokens itself; no other worker runs."""
    async with served_yard(sim, dev_server.client, TENANT) as served:
        yield served


@pytest.fixture
def starter(dev_server: WorkflowEnvironment, tmp_path: Path) -> CommandLine:
    """Return the command line."""
    return command_line(dev_server.client, tmp_path)


async def waiting(yard: Yard, handle: Any, *, other_than: str = "") -> ApprovalState:
    """Return what an approver has to know, once the worker has told its key."""
    while True:
        told = await yard.until(handle, phase="awaiting_approval", needs_action=True)
        if told.approval and told.approval.desk and told.approval.evidence != other_than:
            return told.approval


async def send(handle: Any, decision: str = "approve", **message: Any) -> DecisionAnswer:
    """Decide by an update."""
    answer: DecisionAnswer = await handle.execute_update(
        names.UPDATE_DECIDE_FINALISE, {"decision": decision, **message}, result_type=DecisionAnswer
    )
    return answer


def sealed(of: Plan, state: ApprovalState, token: str, decision: str = "approve", **differing: Any) -> str:
    """Return what the command line sends: the token, sealed with what it is about."""
    assert state.desk is not None
    said = {
        "id": uuid.uuid4().hex,
        "plan": of.name,
        "decision": decision,
        "evidence": {of.vms[0].name: state.evidence},
        "token": token,
    }
    return seal(Statement.model_validate(said | differing), state.desk.public_key)


async def test_tokens_of_as_many_people_as_the_plan_wants(yard: Yard) -> None:
    """Names, foreign keys, strangers and words about something else count for nothing; two people's tokens do."""
    plan = yard.plan(approval=ENTRA, required=2)
    await yard.moved(plan)
    handle = await yard.begin(plan)
    state = await waiting(yard, handle)
    vm = plan.vms[0].name
    assert ("entra", 2, 64) == (state.identity, state.required, len(state.evidence or ""))

    thief, anna = Tenant(key=rsa_key("thief")), TENANT.token(ANNA)
    commit = sealed(plan, state, TENANT.token(ANNA), evidence={vm: "0" * 64})
    wrong: dict[str, dict[str, Any]] = {
        "this plan believes no names": {"approver": NAMES[ANNA]},
        "signature is not the tenant's": {"token": thief.token(ANNA)},
        "is not an approver of this plan": {"sealed": sealed(plan, state, TENANT.token(MALLORY))},
        "the evidence changed since the decision was sealed": {"sealed": commit},
        "the sealed decision is to reject": {"sealed": sealed(plan, state, TENANT.token(ANNA), "reject")},
        "the sealed decision is about other": {"sealed": sealed(plan, state, TENANT.token(ANNA), plan="other")},
    }
    for reason, message in wrong.items():
        answer = await send(handle, **message)
        assert (False, True) == (answer.counted, reason in answer.reason), answer
    assert [] == yard.deletions(plan)

    first = await send(handle, sealed=sealed(plan, state, anna), evidence=state.evidence)
    again = await send(handle, sealed=sealed(plan, state, TENANT.token(ANNA)))
    spent = await send(handle, sealed=sealed(plan, state, anna))
    assert ([True, False, False], True) == ([one.counted for one in (first, again, spent)], "1 of 2" in first.reason)
    assert "duplicate" in again.reason
    assert "replayed" in spent.reason
    assert [] == yard.deletions(plan)

    assert (await send(handle, token=TENANT.token(BERT))).counted
    ended = await yard.result(handle)
    assert ("finalised", set()) == (ended.outcome, yard.left(plan))
    counted = [(one.object_id, one.identity, one.evidence) for one in ended.decisions if one.counted]
    assert [(ANNA, "entra", state.evidence), (BERT, "entra", state.evidence)] == counted
    assert ended.approval is not None
    assert (state.evidence, [NAMES[ANNA], NAMES[BERT]], None) == (
        ended.approval.evidence,
        ended.approval.approved_by,
        ended.approval.desk,
    )
    told = (await handle.fetch_history()).to_json() + ended.model_dump_json()
    assert [] == [part for part in anna.split(".")[1:] if part in told]


async def test_a_token_is_about_what_would_have_been_deleted(yard: Yard) -> None:
    """A disk is attached between two approvals: both are void, and a word about the state before counts no more."""
    plan = yard.plan(approval=ENTRA, required=2)
    await yard.moved(plan, data_disk=False)
    handle = await yard.begin(plan)
    before = await waiting(yard, handle)
    kept = sealed(plan, before, TENANT.token(ANNA))
    assert (await send(handle, sealed=sealed(plan, before, TENANT.token(ANNA)))).counted
    name = plan.vms[0].name
    yard.sim.seed({"resources": machine_of(name, int(name[-2:]))})
    assert (await send(handle, sealed=sealed(plan, before, TENANT.token(BERT)))).counted

    now = await waiting(yard, handle, other_than=before.evidence or "")
    assert [] == now.approved_by
    late = await send(handle, sealed=kept)
    shown = await send(handle, sealed=kept, evidence=before.evidence)
    assert [False, False] == [late.counted, shown.counted]
    assert "the evidence changed since the decision was sealed" in late.reason
    assert "the evidence is" in shown.reason
    assert [] == yard.deletions(plan)

    await handle.signal("reject_finalise", {"sealed": sealed(plan, now, TENANT.token(ANNA), "reject")})
    assert ("rejected", 4) == ((await yard.result(handle)).outcome, len(yard.left(plan)))


async def test_one_token_from_the_command_line_decides_about_each_machine(
    yard: Yard, starter: CommandLine, tmp_path: Path
) -> None:
    """Who asked is known by token and may not approve; a stranger may not; an approver's one token lets both go."""
    plan = yard.plan(machines=2, approval=ENTRA)
    for at in range(2):
        await yard.moved(plan, at=at)
    file = tmp_path / "plan.yaml"
    file.write_text(plan.model_dump_json(exclude_none=True))
    yard.started.append(names.finalise_plan_id(plan.name))

    async def typed(what: str, oid: str) -> Any:
        (tmp_path / oid).write_text(TENANT.token(oid))
        arguments = ("finalise", str(file), what, "--token-file", str(tmp_path / oid), "--json")
        return await starter(*arguments, MIGRATION_APPROVAL_AUDIENCE=AUDIENCE)

    begun = await typed("start", BERT)
    assert 0 == begun.code, begun.err
    handles = [yard.client.get_workflow_handle(names.finalise_vm_id(plan.name, vm.name)) for vm in plan.vms]
    asked = [await waiting(yard, handle) for handle in handles]
    own, stranger = await typed("approve", BERT), await typed("approve", MALLORY)
    for answer, reason in ((own, "may not approve it"), (stranger, "is not an approver")):
        assert (1, [True, True]) == (answer.code, [reason in one["reason"] for one in answer.json["decisions"]])
    by_name = await starter("finalise", str(file), "approve", MIGRATION_APPROVAL_AUDIENCE=AUDIENCE)
    assert (2, True) == (by_name.code, "give --token-file FILE" in by_name.err)
    assert [] == yard.deletions(plan)

    approved = await typed("approve", ANNA)
    assert (0, [True, True]) == (approved.code, [one["counted"] for one in approved.json["decisions"]]), approved
    assert [one.evidence for one in asked] == [one["evidence"] for one in approved.json["decisions"]]
    assert all(f"evidence  {one.evidence}" in approved.err for one in asked)
    ended = await yard.client.get_workflow_handle(names.finalise_plan_id(plan.name)).result()
    assert {"finalised": 2} == ended["counts"]
