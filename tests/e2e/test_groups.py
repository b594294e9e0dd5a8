"""Consistency groups to their end: one approved, one rejected, beside a machine that moves alone; answers get lost."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e import judge
from tests.e2e.clone import Answer, Clone
from tests.e2e.estates import APPROVER, Case

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

VMS = ("db", "web", "mail")
WAVES = [{"name": "first", "vms": [{"name": vm} for vm in VMS]}]
for one in WAVES[0]["vms"][:2]:
    one["consistency_group"] = "shop"  # type: ignore[index] # a plan file
KEPT, BACK = (
    Case(name, vms=VMS, extra=(("waves", WAVES), ("concurrency", {"cutover": 1}))) for name in ("kept-one", "back-one")
)


@dataclass
class Story:
    """What the commands answered, and what was there before."""

    before: set[str]
    listed: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)


@pytest.fixture(scope="module")
async def story(clone: Clone) -> Story:
    """Move two plans: whoever approves or rejects does it to one machine of the group."""
    files = [clone.add(case) for case in (KEPT, BACK)]
    story = Story(clone.simulator.resource_ids())
    for path in ("unplannedFailover", "failoverCommit"):
        # Azure takes the write, and its answer is lost: the next attempt has to find the job.
        match = f"{KEPT.name}.*/replicationRecoveryPlans/[^/]+/{path}$"
        clone.simulator.fault({"kind": "reset_after"}, method="POST", path=match, times=1)
    story.listed = (await clone.starter(f"plan {files[0]} --json")).json
    for file in files:
        answer = await clone.starter(f"start {file}")
        assert 0 == answer.code, answer.err
    for case in (KEPT, BACK):
        await clone.reach(case.name, "awaiting_approval", *VMS)
    story.answers["approve"] = await clone.starter(f"approve {KEPT.name} --vm web --approver {APPROVER}")
    story.answers["reject"] = await clone.starter(f"reject {BACK.name} --vm web --approver {APPROVER}")
    ended = await asyncio.gather(*(clone.approve_all(case.name, APPROVER) for case in (KEPT, BACK)))
    story.answers |= {case.name: answer for case, answer in zip((KEPT, BACK), ended, strict=True)}
    clone.simulator.clear_faults()
    return story


def _vms(clone: Clone, case: Case) -> dict[str, dict[str, Any]]:
    return {vm["name"]: vm for vm in clone.report(case.name)["vms"]}


def test_one_approval_commits_the_whole_group(clone: Clone, story: Story) -> None:
    """One failover and one commit by one recovery plan, each once though its answer was lost, behind every fence."""
    assert (0, 0) == (story.answers["approve"].code, story.answers[KEPT.name].code), story.answers
    vms = _vms(clone, KEPT)
    assert ["migrated"] * 3 == [vm["outcome"] for vm in vms.values()]
    assert [0] * 3 == [vm["data_loss_seconds"] for vm in vms.values()]
    assert all(vm["downtime_seconds"] > 0 for vm in vms.values())
    assert ["group", "update"] == [vms[vm]["approval"]["by"] for vm in ("db", "web")]
    assert {"PowerState/deallocated"} == set(judge.power_states(KEPT, clone.simulator).values())
    log = judge.about(KEPT, clone.simulator.requests())
    assert {} == judge.repeated(log)
    failovers = [line["path"].split("/")[-3:-1] for line in log if line["path"].endswith("/unplannedFailover")]
    assert {"replicationRecoveryPlans", "replicationProtectedItems"} == {kind for kind, _ in failovers}
    assert 2 == len({name for _, name in failovers})
    assert [] == judge.unlisted(story.listed, [line for line in log if line["write"] and line["accepted"]])
    assert [] == judge.ungranted(clone.path / "plans" / f"{KEPT.name}.yaml", log)


def test_one_rejection_takes_the_group_back_and_nobody_else(clone: Clone, story: Story) -> None:
    """Both sources serve, nothing of either is left, the recovery plan is gone; the third machine has moved."""
    assert (0, 1) == (story.answers["reject"].code, story.answers[BACK.name].code), story.answers
    vms = _vms(clone, BACK)
    assert {"db": "rolled_back", "web": "rolled_back", "mail": "migrated"} == {
        name: vm["outcome"] for name, vm in vms.items()
    }
    assert "its consistency group shop goes back: web: " in vms["db"]["reason"]
    power = judge.power_states(BACK, clone.simulator)
    assert {"db": "PowerState/running", "web": "PowerState/running", "mail": "PowerState/deallocated"} == power
    assert {"mail"} == set(judge.power_states(BACK, clone.simulator, "target"))
    made = [one for one in judge.leftovers(BACK, clone.simulator) if "/db" in one.lower() or "/web" in one.lower()]
    assert [] == made
    assert not any("replicationRecoveryPlans" in one for one in clone.simulator.resource_ids())
    assert {} == judge.repeated(judge.about(BACK, clone.simulator.requests()))
    assert set() == story.before - clone.simulator.resource_ids()


async def test_the_meeting_of_the_members_ends_with_them(clone: Clone, story: Story) -> None:
    """Its workflow is closed once all have ended, and tells who decided what."""
    del story
    listed = clone.client.list_workflows("WorkflowType = 'MoveGroup'")
    found = {one.id.split("/")[1]: str(one.status) async for one in listed}
    assert {KEPT.name, BACK.name} == set(found)
    assert all("COMPLETED" in status or status == "2" for status in found.values()), found
