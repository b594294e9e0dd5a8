"""Approvals that a token proves: who counts, how often, about what, and what becomes of everything else."""

import asyncio
import uuid
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from migration import ids, names
from migration.approvals import Statement, Verified
from migration.models import Mismatch, Verification, VmTask
from migration.phases import Outcome, Phase
from migration.power import DEALLOCATED, RUNNING
from migration.report import DecisionAnswer
from migration.sealing import seal
from tests.support.tenant import ANNA, BERT, GROUP, MALLORY, NAMES, Tenant, rsa_key
from tests.workflows.scenes import APPROVER, REQUESTER, make_task
from tests.workflows.script import Script, vm_failure
from tests.workflows.stage import Stage, VmHandle
from tests.workflows.world import World

TENANT = Tenant()
THIEF = Tenant(key=rsa_key("thief"))


def entra(requester: str = REQUESTER, **approval: Any) -> VmTask:
    """Return a task whose plan believes no names."""
    wanted = {"identity": "entra", "tenant": TENANT.id, "approvers": [ANNA, NAMES[BERT]]}
    return make_task(approval=wanted | approval).model_copy(update={"requester": requester})


async def waiting(stage: Stage, task: VmTask) -> VmHandle:
    """Start a migration, and wait until it can be decided on by token."""
    handle = await stage.start_vm(task)
    await stage.until(handle, lambda status: bool(status.approval and status.approval.desk))
    return handle


async def token(stage: Stage, oid: str = ANNA, tenant: Tenant = TENANT, **differing: Any) -> str:
    """Return a token that is fresh by the clock of the test's server."""
    now = (await stage.environment.get_current_time()).timestamp()
    return tenant.token(oid, now=now, **differing)


async def decide(handle: VmHandle, decision: str = "approve", **message: Any) -> DecisionAnswer:
    """Send an update."""
    answer: DecisionAnswer = await handle.execute_update(
        names.UPDATE_DECIDE_COMMIT, {"decision": decision, **message}, result_type=DecisionAnswer
    )
    return answer


async def sealed(stage: Stage, handle: VmHandle, decision: str = "approve", oid: str = ANNA, **differing: Any) -> str:
    """Return what the command line sends: the token, sealed with what it is about."""
    state = (await stage.status(handle)).approval
    assert state is not None
    assert state.desk is not None
    said = {
        "id": uuid.uuid4().hex,
        "plan": (await stage.status(handle)).plan,
        "decision": decision,
        "evidence": {"web-01": state.evidence},
        "token": await token(stage, oid),
    }
    return seal(Statement.model_validate(said | differing), state.desk.public_key)


async def refusals(stage: Stage, handle: VmHandle, count: int) -> list[str]:
    """Return the reasons of what did not count, once there are so many."""
    while True:
        found = [one.reason for one in (await stage.report(handle)).decisions if not one.counted]
        if len(found) >= count:
            return found
        await asyncio.sleep(0.02)


async def test_a_sealed_token_approves_and_is_nowhere(stage: Stage, script: Script) -> None:
    """The report tells who, when, on which evidence; the history holds no part of the token, nor does the report."""
    handle = await waiting(stage, entra())
    raw = await token(stage, name="Anna Berg")
    answer = await decide(handle, sealed=await sealed(stage, handle, token=raw), comment="tested")
    assert DecisionAnswer(counted=True, reason=f"approve by {NAMES[ANNA]} counts") == answer
    assert Outcome.MIGRATED == (await handle.result()).outcome
    report = await stage.report(handle)
    assert report.approval is not None
    assert (ANNA, NAMES[ANNA], "entra", report.evidence_hash) == (
        report.approval.object_id,
        report.approval.approver,
        report.approval.identity,
        report.approval.evidence,
    )
    assert report.evidence is not None
    assert report.evidence.digest == report.evidence_hash
    told = (await handle.fetch_history()).to_json() + report.model_dump_json() + str(script.calls)
    assert [] == [part for part in raw.split(".") if part in told]


async def test_a_plan_of_names_says_so(stage: Stage) -> None:
    """Where names are believed the report says that, with the evidence all the same."""
    handle = await stage.start_vm()
    await stage.approve(handle)
    report = await stage.report(handle)
    assert report.approval is not None
    assert ("trusted_network", None, report.evidence_hash) == (
        report.approval.identity,
        report.approval.object_id,
        report.approval.evidence,
    )


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "of another tenant": ({"tid": "6e0f1c5a-0000-4000-8000-00000000dead"}, "refused: the token is of another tenant"),
    "for another application": (
        {"aud": "https://graph.microsoft.com"},
        "the token is for another application",
    ),
    "expired": ({"iat": 1, "exp": 2}, "refused: the token has expired"),
    "an application's": ({"idtyp": "app", "scp": None}, "refused: the token is an application's"),
    "of a stranger": ({"oid": MALLORY}, "is not an approver of this plan"),
}


async def test_each_kind_of_wrong_approval_is_recorded_with_its_reason(stage: Stage, script: Script) -> None:
    """Nothing of it counts, by update or signal, and the right one still does."""
    handle = await waiting(stage, entra())
    for differing, reason in WRONG.values():
        assert reason in (await decide(handle, token=await token(stage, **differing))).reason
    assert [] == script.requests("verify_approval")  # what can be seen from outside costs no activity
    forged = await token(stage, tenant=THIEF)
    assert "refused: the token's signature is not the tenant's" == (await decide(handle, token=forged)).reason
    named = {"approver": NAMES[ANNA]}
    assert "refused: this plan believes no names" in (await decide(handle, **named)).reason
    assert "and the message says" in (await decide(handle, token=await token(stage), approver=NAMES[BERT])).reason
    other = (await decide(handle, token=await token(stage), evidence="0" * 64)).reason
    assert "refused: the evidence is" in other
    stranger = await sealed(stage, handle, oid=MALLORY)
    assert "is not an approver" in (await decide(handle, sealed=stranger)).reason
    before = len((await stage.report(handle)).decisions)
    await handle.signal(names.SIGNAL_APPROVE_COMMIT, named)
    await handle.signal(names.SIGNAL_APPROVE_COMMIT, {"token": forged})
    await handle.signal(names.SIGNAL_APPROVE_COMMIT, {"token": 7})
    reasons = (await refusals(stage, handle, before + 3))[before:]
    assert min(reasons).startswith("refused: the message is malformed")
    assert Phase.AWAITING_APPROVAL == (await stage.status(handle)).phase
    await handle.signal(
        names.SIGNAL_APPROVE_COMMIT, {"token": await token(stage, BERT), "approver": NAMES[BERT].upper()}
    )
    assert Outcome.MIGRATED == (await handle.result()).outcome
    report = await stage.report(handle)
    assert (BERT, "signal") == (report.approval and report.approval.object_id, report.approval and report.approval.by)
    assert [True] == [one.counted for one in report.decisions if one.counted]


async def test_early_late_and_replayed_tokens_have_one_answer_each(stage: Stage, script: Script) -> None:
    """A token that is early is not spent; one that has decided about this machine decides about no other."""
    gate = script.gate("wait_until_protected")
    committing = script.gate("commit_failover")
    handle = await stage.start_vm(entra())
    await gate.reached.wait()
    raw = await token(stage)
    assert (await decide(handle, token=raw)).reason.startswith("early: ")
    gate.open()
    other = await waiting(stage, entra())
    await stage.until(handle, lambda status: bool(status.approval and status.approval.desk))
    assert (await decide(handle, token=raw)).counted
    await committing.reached.wait()
    assert (await decide(handle, "reject", token=raw)).reason == f"late: {NAMES[ANNA]} decided already (approve)"
    assert "refused: replayed" in (await decide(other, token=raw)).reason
    committing.open()
    assert Outcome.MIGRATED == (await handle.result()).outcome


async def test_a_sealed_word_about_one_machine_is_none_about_another(stage: Stage) -> None:
    """A copy of what was sealed neither approves another machine nor turns into a rejection."""
    handle, other = await waiting(stage, entra()), await waiting(stage, entra())
    word = await sealed(stage, handle)
    assert "replayed: the sealed decision is about other virtual machines" in (await decide(other, sealed=word)).reason
    assert "replayed: the sealed decision is to approve" in (await decide(handle, "reject", sealed=word)).reason
    assert (await decide(handle, sealed=word)).counted


async def test_two_of_three_approve_and_each_counts_once(stage: Stage) -> None:
    """People are told apart by object id; a second word of one is a duplicate; the second person commits."""
    handle = await waiting(stage, entra(required=2, approvers=[ANNA, NAMES[ANNA], f"group:{GROUP}"]))
    assert (await decide(handle, sealed=await sealed(stage, handle))).reason.endswith("counts: 1 of 2")
    again = (await decide(handle, sealed=await sealed(stage, handle))).reason
    assert f"duplicate: {NAMES[ANNA]} has approved already; 1 of 2" == again
    status = await stage.until(handle, lambda status: "there is one by" in status.waiting_for)
    assert [NAMES[ANNA]] == (status.approval.approved_by if status.approval else [])
    assert Phase.AWAITING_APPROVAL == status.phase
    assert (await decide(handle, token=await token(stage, MALLORY, groups=[GROUP]))).counted
    assert Outcome.MIGRATED == (await handle.result()).outcome
    report = await stage.report(handle)
    assert [ANNA, MALLORY] == [one.object_id for one in report.approvals]


async def test_names_can_be_counted_as_well(stage: Stage) -> None:
    """Where names are believed two different ones are two people."""
    handle = await stage.start_vm(make_task(approval={"required": 2, "allow_self_approval": True}))
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    assert (await decide(handle, approver=APPROVER)).reason.endswith("1 of 2")
    assert (await decide(handle, approver=APPROVER.upper())).reason.startswith("duplicate: ")
    assert (await decide(handle, approver=REQUESTER)).counted
    assert Outcome.MIGRATED == (await handle.result()).outcome


async def test_one_rejection_leads_back_whoever_has_approved(stage: Stage) -> None:
    """Of those whose word is needed one no is enough, also of who said yes before."""
    handle = await waiting(stage, entra(required=2))
    assert (await decide(handle, sealed=await sealed(stage, handle))).counted
    assert (await decide(handle, "reject", sealed=await sealed(stage, handle, "reject"), comment="no")).counted
    ending = await handle.result()
    assert (Outcome.ROLLED_BACK, f"{NAMES[ANNA]} rejected the move: no") == (ending.outcome, ending.reason)


@pytest.mark.parametrize("requester", [ANNA.upper(), NAMES[ANNA].title()], ids=["object id", "name"])
async def test_who_started_the_plan_may_not_approve_it(stage: Stage, requester: str) -> None:
    """Four eyes, by object id or name, unless the plan says otherwise."""
    strict = await waiting(stage, entra(requester))
    assert "started this plan and may not approve it" in (await decide(strict, token=await token(stage))).reason
    assert (await decide(strict, token=await token(stage, BERT))).counted
    lax = await waiting(stage, entra(requester, allow_self_approval=True))
    assert (await decide(lax, token=await token(stage))).counted


async def test_of_two_decisions_at_once_the_first_counts(stage: Stage, script: Script) -> None:
    """While one token is verified others wait: the first to come is the first to count, the rest is late."""
    handle = await waiting(stage, entra())
    gate = script.gate("verify_approval")
    for signal, oid in ((names.SIGNAL_REJECT_COMMIT, ANNA), (names.SIGNAL_APPROVE_COMMIT, BERT)):
        await handle.signal(signal, {"token": await token(stage, oid)})
    await gate.reached.wait()
    gate.open()
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    decisions = (await stage.report(handle)).decisions
    assert [("reject", True), ("approve", False)] == [(one.decision, one.counted) for one in decisions]
    assert 1 == len(script.requests("verify_approval"))


async def test_what_changed_since_voids_the_approval(stage: Stage, script: Script, world: World) -> None:
    """Right before the commit the evidence is read again: approvals go, the difference is told, a new one counts."""
    task = entra()
    handle = await waiting(stage, task)
    first = await stage.status(handle)
    resized = Verification(
        mismatches=[Mismatch(field="size", expected="Standard_D2s_v5", actual="Standard_B1s")],
        target_power_state=RUNNING,
        source_power_state=DEALLOCATED,
    )
    script.on("verify_target", resized, times=0)
    word = await sealed(stage, handle)
    assert (await decide(handle, sealed=word)).counted
    status = await stage.until(handle, lambda status: (status.last_refusal or "").startswith("void: "))
    assert "mismatches[0].actual was nothing, is Standard_B1s" in (status.last_refusal or "")
    assert "commit_failover" not in script.labels()
    assert (Phase.AWAITING_APPROVAL, True) == (status.phase, status.needs_action)
    assert first.approval is not None
    assert status.approval is not None
    assert first.approval.evidence != status.approval.evidence
    assert "the evidence changed since the decision was sealed" in (await decide(handle, sealed=word)).reason
    old = await decide(handle, token=await token(stage), evidence=first.approval.evidence)
    assert "refused: the evidence is" in old.reason
    assert (await decide(handle, token=await token(stage), evidence=status.approval.evidence)).counted
    assert Outcome.MIGRATED == (await handle.result()).outcome
    report = await stage.report(handle)
    assert [False, False, False, True] == [one.counted for one in report.decisions]
    assert report.evidence is not None
    assert ["size"] == [one.field for one in report.evidence.mismatches]
    assert ids.id_key(task.vm.target_id) in world.power


async def test_a_token_that_is_verified_on_the_way_back_is_late(stage: Stage, script: Script) -> None:
    """What happens while a token is verified is looked at before it counts."""
    handle = await waiting(stage, entra(required=2))
    gate = script.gate("verify_approval")
    pending = asyncio.create_task(decide(handle, token=await token(stage)))
    await gate.reached.wait()
    await handle.cancel()
    await stage.until_phase(handle, Phase.ROLLING_BACK)
    gate.open()
    assert "late: the virtual machine is on its way back" in (await pending).reason


async def test_a_word_to_a_worker_that_is_gone_opens_the_desk_again(stage: Stage, script: Script) -> None:
    """The new worker's key is told, and the command line sends its word once more."""
    handle = await waiting(stage, entra())
    word = await sealed(stage, handle)
    script.on("verify_approval", Verified(refusal="refused: the key of a worker that is gone", wrong_key=True))
    await stage.environment.sleep(20)
    assert "the key of a worker that is gone" in (await decide(handle, sealed=word)).reason
    assert 2 == len(script.requests("open_desk"))
    assert (await decide(handle, sealed=await sealed(stage, handle))).counted


async def test_a_flood_of_signals_is_bounded_and_the_update_counts(stage: Stage, script: Script) -> None:
    """Of a flood of forged tokens a few are verified and a hundred recorded; an update counts in the middle of it."""
    handle = await waiting(stage, entra())
    forged = [await token(stage, tenant=THIEF) for _ in range(5)]
    sending = [
        handle.signal(names.SIGNAL_APPROVE_COMMIT, {"token": forged[number % 5], "comment": "x" * 500})
        for number in range(400)
    ]
    await asyncio.gather(*sending)
    assert 100 == len(await refusals(stage, handle, 100))
    assert 20 >= len(script.requests("verify_approval"))
    with pytest.raises(WorkflowUpdateFailedError):
        await decide(handle, approver=NAMES[ANNA])
    assert 100_000 > len((await stage.report(handle)).model_dump_json())
    assert (await decide(handle, sealed=await sealed(stage, handle))).counted
    assert Outcome.MIGRATED == (await handle.result()).outcome
    assert 100 + 1 == len((await stage.report(handle)).decisions)


async def test_no_worker_in_time_is_unknown(stage: Stage, script: Script) -> None:
    """A token that nobody verified is no approval and no refusal for ever: it may be sent again."""
    handle = await waiting(stage, entra())
    script.on("verify_approval", vm_failure("the worker is gone"))
    assert "unknown: no worker has verified" in (await decide(handle, token=await token(stage))).reason
    assert (await decide(handle, token=await token(stage))).counted
