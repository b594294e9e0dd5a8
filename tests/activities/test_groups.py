"""A consistency group's recovery plan: each write once whatever becomes of its answer, and what it refuses to split."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.failover import FailoverActivities
from activities.group_leftovers import GroupLooker
from activities.groups import GroupActivities
from activities.replication import ReplicationActivities
from arm import items
from migration.cleaning import CleanSurvey
from migration.consistency import ConsistencyGroup, GroupMember
from migration.earlier import Books, EarlierAnswer, joined
from migration.ids import type_of
from migration.ledger import LedgerEntry, State
from migration.models import VmSpec
from migration.requests import JudgeFence, OfGroup, ReadItem, RemoveRecoveryPlan, StartFailover
from tests.activities.estate import VAULT
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
    states = [await stage.run(ReplicationActivities.read_item, ReadItem(task=case.task)) for case in (first, second)]

    assert [(1, False, True)] * 4 == seen
    assert [(True, 0, ["succeeded", "succeeded"])] * 2 == [
        (fence.held, fence.data_loss_seconds, [task.verdict for task in fence.tasks]) for fence in fences
    ], fences
    assert (None, [True, True]) == (gone.job, [state.committed for state in states])


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


async def test_a_recovery_plan_that_a_lost_run_left_goes_with_what_it_was_for(stage: Stage) -> None:
    """Proved by a ledger, or where all are lost by its items; not while a member stays, nor with a stranger in it."""
    cases = await _group(stage, "lost", stage.arrange(), stage.arrange())
    await stage.begin(GroupActivities.ensure_recovery_plan, OfGroup(task=cases[0].task))
    specs, items_of = [case.task.vm for case in cases], [case.task.item_id for case in cases]
    assert cases[0].task.group
    plan_id = cases[0].task.group.recovery_plan_id(VAULT)
    protected = await items.list_items(stage.azure, VAULT)

    async def look(leader: EarlierAnswer, gone: list[str], listed: list[VmSpec]) -> CleanSurvey:
        earlier = dict.fromkeys((spec.name for spec in listed), EarlierAnswer()) | {specs[0].name: leader}
        return await GroupLooker(stage.azure, "stage", earlier, listed, gone).look([VAULT], protected)

    def named(state: State) -> EarlierAnswer:
        entry = LedgerEntry(id=plan_id, type=type_of(plan_id), created_by="plan", state=state, why="fails it over")
        return joined([Books(entries=[entry])])

    lost, ours = EarlierAnswer(), named("created")
    stays = {
        "which stays: start the plan again": await look(ours, items_of[:1], specs),
        "it was there before the run": await look(named("existed"), items_of, specs),
        "cannot be proved ours": await look(joined([Books()]), items_of, specs),
        "somebody has put": await look(ours, items_of, specs[:1]),
    }
    for why, survey in stays.items():
        assert ([], []) == (survey.leftovers, survey.groups)
        assert [True] == [why in one.why for one in survey.untouched], survey.untouched
    proved = {"in the run's ledger": await look(ours, items_of, specs), "our name": await look(lost, items_of, specs)}
    for why, survey in proved.items():
        assert [(plan_id.lower(), True)] == [(one.id.lower(), why in one.why) for one in survey.leftovers]
        assert [spec.name for spec in specs] == survey.groups[0].members == [one.name for one in survey.machines]
    with pytest.raises(ApplicationError, match="is in it now"):
        await stage.run(
            GroupActivities.remove_recovery_plan_left, RemoveRecoveryPlan(id=plan_id, item_ids=items_of[:1])
        )
    request = RemoveRecoveryPlan(id=plan_id, item_ids=survey.groups[0].item_ids)
    before = stage.mark
    await stage.begin(GroupActivities.remove_recovery_plan_left, request)
    again = await stage.run(GroupActivities.remove_recovery_plan_left, request)
    assert (["DELETE"], None) == ([line["method"] for line in stage.writes("move-stage-lost", before)], again.job)
