"""Every activity goes out with its priority, and with its subscription as the key of fairness."""

import dataclasses
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from temporalio.client import WorkflowHistory
from temporalio.common import Priority
from temporalio.testing import ActivityEnvironment

from activities import registry
from activities.calling import caller_of
from activities.failures import subject_of
from migration import names
from migration.ids import ResourceId
from migration.phases import Phase
from migration.urgency import OF_ACTIVITIES, OF_PHASES, Urgency, urgency_of
from tests.workflows.fakes import activities_of
from tests.workflows.scenes import APPROVER, make_task
from tests.workflows.stage import Stage
from tests.workflows.world import World

NAMED = {name for queue in activities_of(World()).values() for each in queue if (name := each.__name__)}


def scheduled(history: WorkflowHistory) -> list[tuple[str, int, str]]:
    """Return type, priority and key of fairness of each activity, in the order in which they were scheduled."""
    events = [event.activity_task_scheduled_event_attributes for event in history.events]
    return [
        (each.activity_type.name, each.priority.priority_key, each.priority.fairness_key)
        for each in events
        if each.activity_type.name
    ]


async def test_every_activity_of_a_move_has_its_priority(stage: Stage) -> None:
    """The first check comes last; the last one, cutover and rollback go before all else."""
    task = make_task()
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, "reject_commit", APPROVER)
    await handle.result()

    activities = scheduled(await handle.fetch_history())
    urgencies = [(name, Urgency(key)) for name, key, _ in activities]
    checks = [urgency for name, urgency in urgencies if name == "check_vm"]
    undone = [urgency for name, urgency in urgencies[-1:0:-1] if name != "observe_resources"]
    assert [Urgency.CHECKING, Urgency.PROVING] == checks[:2]
    assert ("enable_replication", Urgency.MOVING) in urgencies
    assert ("start_failover", Urgency.CUTOVER) in urgencies
    assert ("verify_target", Urgency.PROVING) in urgencies
    assert ("disable_replication", Urgency.CUTOVER) in urgencies
    assert Urgency.CUTOVER == undone[0]
    assert {ResourceId.parse(task.vm.source_id).subscription.lower()} == {key for *_, key in activities}


def test_whatever_an_activity_is_asked_has_a_subject_or_none() -> None:
    """Neither a priority nor the translation of an error may fail over the shape of an input."""
    inputs = [
        kind
        for holder in vars(registry).values()
        if isinstance(holder, type)
        for method in vars(holder).values()
        if hasattr(method, "__temporal_activity_definition")
        for name, kind in get_type_hints(method).items()
        if name != "return" and isinstance(kind, type) and issubclass(kind, BaseModel)
    ]

    subjects = {kind.__name__: subject_of(_made(kind)) for kind in inputs}

    assert len(subjects) > 40
    assert {"", _TEXT} == set(subjects.values())
    assert _TEXT == subjects["RunHook"]


_TEXT = "some text"


def _made(kind: type[BaseModel]) -> BaseModel:
    """Return an object of this kind, whose texts are all the same, whose lists are empty and whose rest is None."""
    made: dict[str, Any] = {}
    for name, each in kind.model_fields.items():
        annotation: Any = each.annotation
        parts = get_args(annotation) if get_origin(annotation) is UnionType else (annotation,)
        one = next((part for part in parts if isinstance(part, type)), None)
        if one is not None and issubclass(one, BaseModel):
            made[name] = _made(one)
        else:
            made[name] = _TEXT if one is str else [] if get_origin(annotation) is list else None
    return kind.model_construct(**made)


def test_a_last_check_holds_a_permit() -> None:
    """A machine that has its turn is checked before others are; what it does by name is as urgent as ever."""
    assert Urgency.CHECKING == urgency_of("check_vm", names.MIGRATE_VM, Phase.CHECKING)
    assert Urgency.PROVING == urgency_of("check_vm", names.MIGRATE_VM, Phase.CHECKING, has_turn=True)
    assert Urgency.CUTOVER == urgency_of("deallocate_vm", names.MIGRATE_VM, Phase.AWAITING_APPROVAL)
    assert Urgency.CUTOVER == urgency_of("wait_for_job", names.MIGRATE_VM, Phase.ROLLING_BACK)
    assert Urgency.PROVING == urgency_of("verify_target", names.MIGRATE_VM, Phase.VERIFYING)
    assert Urgency.DECIDED == urgency_of("verify_target", names.MIGRATE_VM, Phase.AWAITING_APPROVAL)
    assert Urgency.DECIDED == urgency_of("commit_failover", names.MIGRATE_VM, Phase.COMMITTING)
    assert Urgency.PROVING == urgency_of("watch_copies", names.MIGRATE_VM, Phase.AWAITING_APPROVAL)
    assert Urgency.CHECKING == urgency_of("check_plan", names.CHECK_PLAN)
    assert Urgency.MOVING == urgency_of("ensure_vault", names.MIGRATE_PLAN)
    assert Urgency.CUTOVER == urgency_of("wait_for_job", names.MOVE_GROUP)


def test_the_limiter_goes_by_what_temporal_was_told() -> None:
    """Temporal has five keys for six urgencies; who shares the last one is told apart by the workflow."""
    info = ActivityEnvironment.default_info()

    def told(activity: str, workflow: str, priority: Priority) -> Urgency:
        asked = dataclasses.replace(info, activity_type=activity, workflow_type=workflow, priority=priority)
        return caller_of(asked).urgency

    assert Urgency.CUTOVER == told("wait_for_job", names.MIGRATE_VM, Priority(priority_key=1))
    assert Urgency.CHECKING == told("check_vm", names.MIGRATE_VM, Priority(priority_key=5))
    assert Urgency.BACKGROUND == told("observe_resources", names.KEPT_WRITES, Priority(priority_key=5))
    assert Urgency.CUTOVER == told("start_vm", names.MIGRATE_VM, Priority.default)


def test_every_phase_is_ranked_and_every_name_is_an_activitys() -> None:
    """A phase that nobody ranked would fail a workflow task; a name that nobody has would rank nothing."""
    assert set(Phase) == set(OF_PHASES)
    assert set(OF_ACTIVITIES) <= NAMED
