"""Deleting a source: only when the move is final and the target serves, only by approval, part by part, once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import WorkflowFailureError

from activities.finalised import finalised_sources, snapshots_of_source
from arm.clients import AzureClients
from migration.calls.roles import custom_roles
from migration.chain import evidence
from migration.finalise import Finalised
from migration.ids import same_id, vm_id
from migration.names import TAG_KEEP_UNTIL, TAG_PLAN, UPDATE_DECIDE_FINALISE, finalise_plan_id
from migration.plan import Plan
from migration.report import DecisionAnswer, MemoKeys, as_json
from migration.specs import vm_specs
from tests.activities.estate import SOURCE_GROUP, SUBSCRIPTION, TARGET_GROUP, machine_of
from tests.activities.finalise_yard import ANNA, BERT, FINALISER, REQUESTER, WORKER, Yard, served_yard, yard_simulator
from tests.activities.stage import access_to
from tests.activities.test_roles import grant
from tests.support.sim import Simulator
from tests.support.tenant import Tenant

if TYPE_CHECKING:
    from temporalio.testing import WorkflowEnvironment

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """Return a simulator in which the finaliser has what `roles --finaliser` prints, and nothing else."""
    with yard_simulator() as running:
        yield running


@pytest.fixture(scope="module")
async def yard(sim: Simulator, dev_server: WorkflowEnvironment) -> AsyncIterator[Yard]:
    """Return moved virtual machines, and the finaliser's worker, which runs as its own identity."""
    async with served_yard(sim, dev_server.client, Tenant()) as served:
        yield served


async def test_a_moved_source_is_deleted_part_by_part(yard: Yard) -> None:
    """Machine, interface, disks, each read as gone; the target, the network and its neighbours stay; all is told."""
    plan = yard.plan()
    await yard.moved(plan)
    handle = await yard.begin(plan)
    asked = await yard.until(handle, phase="awaiting_approval")
    assert [] == yard.deletions(plan)

    assert (await yard.decide(handle, ANNA)).counted
    ended = await yard.result(handle)

    name = plan.vms[0].name
    assert ("finalised", "") == (ended.outcome, ended.reason)
    assert [name, f"{name}-nic", f"{name}-data", f"{name}-os"] == yard.deletions(plan)
    assert set() == yard.left(plan)
    assert [one.id for one in ended.deleted] == asked.to_delete
    assert [] == ended.to_delete
    target = vm_id(SUBSCRIPTION, TARGET_GROUP, name)
    assert "PowerState/running" == power(yard, target)
    memo = await (await handle.describe()).memo()
    assert as_json(ended) == memo[MemoKeys.FINALISED]
    assert evidence(as_json(ended)) == memo[MemoKeys.EVIDENCE]
    specs = vm_specs(plan)
    assert {name: f"at {ended.deleted[0].at}"} == await finalised_sources(yard.client, plan.name, specs)
    assert {} == await finalised_sources(yard.client, "another", specs)


async def test_snapshots_come_first_and_stay(yard: Yard) -> None:
    """Each disk has a snapshot before the machine goes; the report says until when they are wanted."""
    plan = yard.plan(snapshot=True, keep_snapshots="10d")
    await yard.moved(plan)
    ended = await yard.finalised(plan, ANNA)

    assert ("finalised", 2) == (ended.outcome, len(ended.snapshots))
    assert all("Azure bills" in one.note and one.wanted_until for one in ended.snapshots)
    there = {one["id"].lower(): one for one in yard.sim.arm("GET", snapshots()).json()["value"]}
    for one in ended.snapshots:
        taken = there[one.id.lower()]
        assert {TAG_PLAN: plan.name, TAG_KEEP_UNTIL: one.wanted_until} == taken["tags"]
        assert same_id(one.disk_id, taken["properties"]["creationData"]["sourceResourceId"])
        assert taken["properties"]["incremental"]
    async with AzureClients(access_to(yard.sim)) as azure:
        told = await snapshots_of_source(azure, yard.client, plan.name, plan.vms[0].name)
    assert [one.id for one in ended.snapshots] == [one.id for one in told]
    assert all(one.on_purpose and one.size_gib and "wanted until" in one.why for one in told)
    log = [line for line in yard.sim.requests() if line["accepted"] and plan.vms[0].name in line["path"]]
    writes = [line["method"] for line in log if line["write"]]
    assert ["PUT", "PUT", "DELETE", "DELETE", "DELETE", "DELETE"] == writes


async def test_disks_stay_where_the_plan_keeps_them(yard: Yard) -> None:
    """What stays is listed with the reason; no snapshot is taken of it."""
    plan = yard.plan(disks="keep", snapshot=True)
    await yard.moved(plan)
    ended = await yard.finalised(plan, ANNA)

    name = plan.vms[0].name
    assert {f"{name}-os", f"{name}-data"} == yard.left(plan)
    assert ["disk", "disk"] == [part.kind for part in ended.kept]
    assert [] == ended.snapshots


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"source": "running"}, "is not deallocated: it is PowerState/running"),
        ({"source": "stopped"}, "is not deallocated: it is PowerState/stopped"),
        ({"target": "deallocated"}, "does not run: it is PowerState/deallocated"),
        ({"outcome": "rolled_back"}, "is not known to have ended well: it is rolled_back"),
        ({"outcome": "running"}, "is not known to have ended well: it is still running"),
        ({"vm_unique_id": str(uuid.uuid4())}, "it was made anew under its name"),
        ({"vm_unique_id": ""}, "cannot be told: its vmId was not written down"),
        ({"target_id": vm_id(SUBSCRIPTION, "other", "vm")}, "was of "),
    ],
)
async def test_what_must_not_be_deleted_is_refused(yard: Yard, how: dict[str, Any], told: str) -> None:
    """Nobody is asked, and nothing is deleted, while the move is not final, the source not off, the target not up."""
    plan = yard.plan()
    await yard.moved(plan, **how)
    handle = await yard.begin(plan)
    ended = await yard.result(handle)

    assert "refused" == ended.outcome
    assert told in ended.reason
    assert [] == yard.deletions(plan)


async def test_what_hangs_elsewhere_or_is_to_stay_is_kept(yard: Yard) -> None:
    """A public address stays unless the plan says otherwise, a security group always; both are told with the reason."""
    kept, gone = yard.plan(), yard.plan(public_ips="delete")
    for plan in (kept, gone):
        yard.count = int(plan.vms[0].name[-2:])
        await yard.moved(plan)
        attach(yard, plan)
    yard.count = int(gone.vms[0].name[-2:])
    one, other = await yard.finalised(kept, ANNA), await yard.finalised(gone, ANNA)

    assert [("public address", "its address may be known elsewhere; Azure bills it")] == [
        (part.kind, part.why) for part in one.kept if part.kind == "public address"
    ]
    assert ["security group"] == [part.kind for part in other.kept]
    assert {f"{kept.vms[0].name}-ip", f"{kept.vms[0].name}-nsg"} == yard.left(kept)
    assert {f"{gone.vms[0].name}-nsg"} == yard.left(gone)


async def test_what_would_go_along_though_it_is_to_stay_refuses_it(yard: Yard) -> None:
    """A disk that the plan keeps, with deleteOption Delete, would be deleted by Azure with its machine."""
    plan = yard.plan(disks="keep")
    await yard.moved(plan, delete_option="Delete")
    ended = await yard.result(await yard.begin(plan))

    assert "refused" == ended.outcome
    assert "set its deleteOption to Detach" in ended.reason
    assert [] == yard.deletions(plan)


async def test_approvals_are_void_when_something_else_would_be_deleted(yard: Yard) -> None:
    """A disk is attached while approval is waited for: who approved before it did not approve that."""
    plan = yard.plan()
    await yard.moved(plan, data_disk=False)
    handle = await yard.begin(plan)
    asked = await yard.until(handle, phase="awaiting_approval")
    name = plan.vms[0].name
    yard.sim.seed({"resources": machine_of(name, int(name[-2:]))})
    await yard.decide(handle, ANNA)
    again = await yard.until(handle, needs_action=True, incidents=(await void(yard, handle)).incidents)

    assert len(asked.to_delete) + 1 == len(again.to_delete)
    assert [] == yard.deletions(plan)
    assert (await yard.decide(handle, ANNA)).counted
    assert "finalised" == (await yard.result(handle)).outcome


async def test_a_deletion_that_azure_refuses_waits_for_a_person(yard: Yard) -> None:
    """Nothing after it is deleted meanwhile; skip leaves the part, and the outcome says that something is left."""
    plan = yard.plan()
    await yard.moved(plan)
    name = plan.vms[0].name
    body = {"error": {"code": "NicInUse", "message": "it is in use"}}
    yard.sim.fault({"kind": "status", "status": 400, "body": body}, method="DELETE", path=f"{name}-nic$", times=0)
    handle = await yard.begin(plan)
    await yard.decide(handle, ANNA)
    await yard.until(handle, phase="deleting", needs_action=True)
    assert [name] == yard.deletions(plan)
    word = {"approver": BERT, "decision": "reject"}
    late = await handle.execute_update(UPDATE_DECIDE_FINALISE, word, result_type=DecisionAnswer)
    assert f"late: {ANNA} decided already (approve)" == late.reason
    await handle.execute_update("resolve", {"action": "skip", "by": BERT, "reason": "seen to it"})
    ended = await yard.result(handle)

    assert "needs_operator" == ended.outcome
    assert f'networkInterfaces "{name}-nic"' in ended.reason
    assert {f"{name}-nic"} == yard.left(plan)
    assert any(f"was skipped by {BERT}: seen to it: " in text for text in ended.incidents)


async def test_a_move_that_nobody_knows_is_refused(yard: Yard) -> None:
    """Without the record of a run there is no proof that the target is the source's copy."""
    plan = yard.plan()
    ended = await yard.result(await yard.begin(plan))

    assert "refused" == ended.outcome
    assert "Temporal does not keep its run" in ended.reason


async def test_a_lock_refuses_it(yard: Yard) -> None:
    """A lock on a single disk is enough: half a source is not deleted."""
    plan = yard.plan()
    await yard.moved(plan)
    disk = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{SOURCE_GROUP}/providers/Microsoft.Compute/disks"
    lock = f"{disk}/{plan.vms[0].name}-os/providers/Microsoft.Authorization/locks/keep"
    assert yard.sim.arm("PUT", lock, {"properties": {"level": "CanNotDelete"}}).status_code in {200, 201}
    ended = await yard.result(await yard.begin(plan))

    assert "refused" == ended.outcome
    assert 'the lock "keep" (CanNotDelete)' in ended.reason
    assert [] == yard.deletions(plan)


async def test_only_approvers_count_and_the_requester_does_not(yard: Yard) -> None:
    """Strangers and the one who asked for it are refused, with the reason; a rejection keeps the source."""
    plan = yard.plan()
    await yard.moved(plan)
    handle = await yard.begin(plan)
    stranger, own = await yard.decide(handle, "eve@contoso.example"), await yard.decide(handle, REQUESTER)
    no = await yard.decide(handle, ANNA, "reject")
    ended = await yard.result(handle)

    assert [False, False, True] == [stranger.counted, own.counted, no.counted]
    assert "is not an approver" in stranger.reason
    assert "may not approve it" in own.reason
    assert ("rejected", 3) == (ended.outcome, len(ended.decisions))
    assert 4 == len(yard.left(plan))


async def test_two_different_people_where_the_plan_wants_two(yard: Yard) -> None:
    """One person's second approval does not count; nothing is deleted by one alone."""
    plan = yard.plan(required=2)
    await yard.moved(plan)
    handle = await yard.begin(plan)
    first, again = await yard.decide(handle, ANNA), await yard.decide(handle, ANNA.upper())
    assert (True, False) == (first.counted, again.counted)
    assert again.reason.startswith("duplicate: ")
    assert [] == yard.deletions(plan)

    assert (await yard.decide(handle, BERT)).counted
    assert "finalised" == (await yard.result(handle)).outcome


async def test_what_changed_since_the_start_of_the_wait_refuses_it(yard: Yard) -> None:
    """Somebody starts the source while approval is waited for: the look after the approval sees it."""
    plan = yard.plan()
    await yard.moved(plan)
    handle = await yard.begin(plan)
    await yard.until(handle, phase="awaiting_approval")
    source = plan.source_id(plan.vms[0])
    assert 202 == yard.sim.arm("POST", f"{source}/start").status_code
    await until_power(yard, source, "PowerState/running")
    await yard.decide(handle, ANNA)
    ended = await yard.result(handle)

    assert "refused" == ended.outcome
    assert "is not deallocated" in ended.reason
    assert [] == yard.deletions(plan)


async def test_a_cancel_stops_before_the_next_deletion(yard: Yard) -> None:
    """What was deleted is told; what was not stays; asked again, the rest goes, and nothing twice."""
    plan = yard.plan()
    await yard.moved(plan)
    name = plan.vms[0].name
    handle = await yard.begin(plan)
    yard.sim.fault({"kind": "hang", "seconds": 3}, method="DELETE", path=f"virtualMachines/{name}$", times=1)
    await yard.decide(handle, ANNA)
    await until(lambda: [line for line in yard.sim.requests() if line["method"] == "DELETE" and name in line["path"]])
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await yard.result(handle)

    told = (await (await handle.describe()).memo())[MemoKeys.FINALISED]
    assert "cancelled" == told["outcome"]
    assert [name] == yard.deletions(plan)
    assert {f"{name}-nic", f"{name}-os", f"{name}-data"} == yard.left(plan)

    whole = await yard.client.get_workflow_handle(finalise_plan_id(plan.name)).result()
    assert "cancelled" == whole["outcome"]
    ended = await yard.finalised(plan, ANNA)
    assert "finalised" == ended.outcome
    assert [name, f"{name}-nic", f"{name}-data", f"{name}-os"] == yard.deletions(plan)


async def test_a_lost_answer_deletes_nothing_twice(yard: Yard) -> None:
    """The connection breaks after Azure took a deletion: the next try sees what became of it."""
    plan = yard.plan()
    await yard.moved(plan)
    name = plan.vms[0].name
    yard.sim.fault({"kind": "reset_after"}, method="DELETE", path=f"virtualMachines/{name}$", times=1)
    yard.sim.fault({"kind": "reset_after"}, method="DELETE", path=f"disks/{name}-os$", times=1)
    ended = await yard.finalised(plan, ANNA)

    assert "finalised" == ended.outcome
    assert [name, f"{name}-nic", f"{name}-data", f"{name}-os"] == yard.deletions(plan)


async def test_the_ordinary_workers_roles_delete_no_source(yard: Yard) -> None:
    """What `roles` prints for a move lets nobody delete a source, its interface or its disks: 403."""
    plan = yard.plan()
    await yard.moved(plan)
    grant(yard.sim, custom_roles(plan, groups_exist=True), str(WORKER["object_id"]))
    token = yard.sim.token(str(WORKER["client_id"]), "secret")
    source = plan.source_id(plan.vms[0])
    home, name = source.rpartition("/providers/")[0], plan.vms[0].name
    parts = (
        source,
        f"{home}/providers/Microsoft.Network/networkInterfaces/{name}-nic",
        f"{home}/providers/Microsoft.Compute/disks/{name}-os",
    )

    assert [403, 403, 403] == [yard.sim.arm("DELETE", part, token=token).status_code for part in parts]
    assert 4 == len(yard.left(plan))


async def test_the_finalisers_roles_delete_no_target(yard: Yard) -> None:
    """What deletes is granted where the sources are; where the targets are the finaliser only reads."""
    plan = yard.plan()
    await yard.moved(plan)
    token = yard.sim.token(str(FINALISER["client_id"]), "secret")
    target = vm_id(SUBSCRIPTION, TARGET_GROUP, plan.vms[0].name)

    assert 403 == yard.sim.arm("DELETE", target, token=token).status_code
    assert 403 == yard.sim.arm("POST", f"{plan.source_id(plan.vms[0])}/start", token=token).status_code


async def void(yard: Yard, handle: Any) -> Finalised:
    """Wait until the approvals are void."""
    async with asyncio.timeout(90):
        while not (told := await yard.until(handle)).incidents:
            await asyncio.sleep(0.05)
    assert "the approvals are void" in told.incidents[0]
    return told


def attach(yard: Yard, plan: Plan) -> None:
    """Give the source's interface a public address and a security group."""
    name, home = plan.vms[0].name, f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{SOURCE_GROUP}"
    network = f"{home}/providers/Microsoft.Network"
    address, group = f"{network}/publicIPAddresses/{name}-ip", f"{network}/networkSecurityGroups/{name}-nsg"
    sku = {"location": "westeurope", "sku": {"name": "Standard"}}
    made = {**sku, "properties": {"publicIPAllocationMethod": "Static"}}
    assert yard.sim.arm("PUT", address, made).status_code in {200, 201}
    assert yard.sim.arm("PUT", group, {"location": "westeurope", "properties": {}}).status_code in {200, 201}
    nic = yard.sim.arm("GET", f"{network}/networkInterfaces/{name}-nic").json()
    nic["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"] = {"id": address}
    nic["properties"]["networkSecurityGroup"] = {"id": group}
    answer = yard.sim.arm("PUT", nic["id"], nic)
    assert answer.status_code in {200, 201}, answer.text


def snapshots() -> str:
    """Return where the snapshots of the sources' group are listed."""
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{SOURCE_GROUP}/providers/Microsoft.Compute/snapshots"


def power(yard: Yard, machine: str) -> str | None:
    """Return a machine's power state."""
    return next(str(one["power_state"]) for one in yard.sim.resources() if one["id"].lower() == machine.lower())


async def until_power(yard: Yard, machine: str, wanted: str) -> None:
    """Wait for a machine's power state."""
    await until(lambda: power(yard, machine) == wanted)


async def until(condition: Any) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(90):
        while not condition():
            await asyncio.sleep(0.05)
