"""A consistency group's recovery plan: each write once whatever becomes of its answer, and what it refuses to split."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.failover import FailoverActivities
from activities.groups import GroupActivities
from activities.replication import ReplicationActivities
from migration.consistency import ConsistencyGroup, GroupMember
from migration.requests import JudgeFence, OfGroup, ReadItem, StartFailover
from tests.activities.stage import Case, Stage

STEPS: list[tuple[Any, str, str, dict[str, Any]]] = [
    (GroupActivities.ensure_recovery_plan, "PUT", "", {"kind": "reset_after"}),
    (GroupActivities.start_group_failover, "POST", "/unplannedFailover", {"kind": "reset_after"}),
    (GroupActivities.commit_group, "POST", "/failoverCommit", {"kind": "truncate"}),
    (GroupActivities.remove_recovery_plan, "DELETE", "", {"kind": "status_after", "status": 503}),
]


async def _group(stage: Stage, name: str, *cases: Case) -> list[Case]:
    """Put machines into a group, and bring it under protection."""
    members = [GroupMember(name=case.task.vm.name, source_id=case.source.id) for case in cases]
    group = ConsistencyGroup(id=f"move-group/stage/{name}", name=name, azure_name=f"stage-{name}", members=members)
    grouped = []
    for case in cases:
        vm = case.task.vm.model_copy(update={"consistency_group": group.azure_name})
        grouped.append(Case(case.task.model_copy(update={"vm": vm, "group": group}), case.source))
    await asyncio.gather(*(stage.protect(case) for case in grouped))
    return grouped


async def test_a_groups_life_writes_each_step_once_for_all(stage: Stage) -> None:
    """Each answer is lost once: one accepted write, its job adopted; asked again, nothing more; each has its fence."""
    first, second = await _group(stage, "once", stage.arrange(), stage.arrange())
    request, seen = OfGroup(task=first.task), []
    for act, method, suffix, fault in STEPS:
        stage.sim.fault(fault, method=method, path=f"replicationRecoveryPlans/move-stage-once{suffix}$")
        before = stage.mark
        started = await stage.run(act, request)
        started = getattr(started, "started", started)
        again = await stage.run(act, request)
        again = getattr(again, "started", again)
        await stage.end(started.job)
        seen.append((len(stage.writes("move-stage-once", before)), started.job is None, again.existed or not again.job))
        if suffix == "/unplannedFailover":
            fences = [
                await stage.run(FailoverActivities.judge_fence, JudgeFence(task=case.task, job=started.job))
                for case in (first, second)
            ]
    gone = await stage.run(GroupActivities.remove_recovery_plan, request)
    items = [await stage.run(ReplicationActivities.read_item, ReadItem(task=case.task)) for case in (first, second)]

    assert [(1, False, True)] * 4 == seen
    assert [(True, 0, ["succeeded", "succeeded"])] * 2 == [
        (fence.held, fence.data_loss_seconds, [task.verdict for task in fence.tasks]) for fence in fences
    ], fences
    assert (None, [True, True]) == (gone.job, [item.committed for item in items])


async def test_a_group_is_not_split(stage: Stage) -> None:
    """A recovery plan of others is left alone; who is committed bars a failover; the rest is committed one by one."""
    first, second, stranger = (
        *await _group(stage, "whole", stage.arrange(), stage.arrange()),
        *await _group(stage, "whole-b", stage.arrange()),
    )
    await stage.begin(GroupActivities.ensure_recovery_plan, OfGroup(task=first.task))
    group = first.task.group
    assert group is not None
    other = group.model_copy(
        update={"members": [group.members[0], GroupMember(name="x", source_id=stranger.source.id)]}
    )
    odd = OfGroup(task=first.task.model_copy(update={"group": other}))
    with pytest.raises(ApplicationError, match="is there and differs by x, "):
        await stage.run(GroupActivities.ensure_recovery_plan, odd)
    await stage.begin(GroupActivities.start_group_failover, OfGroup(task=first.task))
    await stage.begin(FailoverActivities.commit_failover, StartFailover(task=second.task))
    before = stage.mark
    with pytest.raises(ApplicationError, match=f"{second.task.vm.name} is committed already"):
        await stage.run(GroupActivities.start_group_failover, OfGroup(task=first.task))
    partly = await stage.run(GroupActivities.commit_group, OfGroup(task=first.task))

    assert (True, None) == (partly.existed, partly.job)
    assert [] == stage.writes("replicationRecoveryPlans", before)


async def test_site_recovery_fails_no_member_over_alone(stage: Stage) -> None:
    """What this software enabled under one group's name is a group to Azure: it refuses the one, and says why."""
    first, second = await _group(stage, "alone", stage.arrange(), stage.arrange())
    with pytest.raises(ApplicationError, match="can't be failed over without"):
        await stage.run(FailoverActivities.start_failover, StartFailover(task=first.task))
    assert second.task.group == first.task.group
