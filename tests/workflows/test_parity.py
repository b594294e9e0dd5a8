"""Parity between source and target: restored, answered for, or the commit waits."""

from migration import names
from migration.models import VmTask
from migration.parity.values import ParityCounts, Side, Trait
from migration.phases import Outcome, Phase
from migration.report import DecisionAnswer
from tests.workflows.scenes import APPROVER, make_task
from tests.workflows.script import Script
from tests.workflows.stage import Stage, VmHandle
from tests.workflows.world import World

TAG = Trait(aspect="tags", key="owner", subject='tag "Owner"', value="shop")
BACKUP = Trait(aspect="backup", key="backup", subject="web-01", value='vaults "old"')
SETTING = Trait(
    aspect="diagnostics", key="workspace/all", subject="all", value="to logs", ref="/source/diagnosticSettings/all"
)
LATER = Trait(aspect="auto-shutdown", key="schedule", subject="web-01", value="19:30 UTC, enabled")


def _side(*traits: Trait) -> Side:
    return Side(traits=list(traits))


async def _decide(handle: VmHandle, decision: str) -> DecisionAnswer:
    message = {"approver": APPROVER, "decision": decision}
    answer: DecisionAnswer = await handle.execute_update(
        names.UPDATE_DECIDE_COMMIT, message, result_type=DecisionAnswer
    )
    return answer


async def _waiting(stage: Stage, about: str, task: VmTask | None = None) -> tuple[VmHandle, ParityCounts]:
    handle = await stage.start_vm(task)
    status = await stage.until(handle, lambda now: now.phase is Phase.AWAITING_APPROVAL and about in now.waiting_for)
    assert status.parity is not None
    return handle, status.parity


async def test_the_commit_waits_while_a_row_is_open(stage: Stage, world: World, script: Script) -> None:
    """An approval is refused with the rows; retry reads them again, skip accepts the rest by name and reason."""
    world.source_side = _side(TAG, BACKUP, LATER)
    handle, parity = await _waiting(stage, "1 row of parity is open")

    assert (0, 2, 0, 1) == (parity.carried, parity.restored, parity.waived, parity.open)
    assert ["backup"] == [row.aspect for row in parity.open_rows]
    refused = await _decide(handle, "approve")
    assert not refused.counted
    assert "refused: 1 row of parity is open: backup of web-01" in refused.reason
    assert [refused] * 3 == [await _decide(handle, "approve") for _ in range(3)]
    assert 1 == len((await stage.report(handle)).decisions)
    assert (await stage.resolve(handle, "retry")).counted
    await stage.until(
        handle, lambda now: now.choices == ["retry", "skip"] and len(script.requests("compare_parity")) == 2
    )
    assert 1 == len(script.requests("restore_parity"))
    assert (await stage.resolve(handle, "skip", "backup follows on Monday")).counted
    await stage.until(handle, lambda now: "a decision by" in now.waiting_for and now.needs_action)

    ending = await stage.approve(handle)

    assert Outcome.MIGRATED == ending.outcome
    rows = {row.aspect: row for row in (await stage.report(handle)).parity}
    assert ("waived", "olga@contoso.example", "backup follows on Monday") == (
        rows["backup"].state,
        rows["backup"].by,
        rows["backup"].reason,
    )
    assert ("restored", "restored") == (rows["tags"].state, rows["auto-shutdown"].state)
    labels = script.labels()
    assert labels.index("commit_failover") < len(labels) - labels[::-1].index("restore_parity") - 1
    made = [one for one in (await stage.report(handle)).resources if "schedules" in one.type]
    assert [("created", "plan")] == [(one.state, one.created_by) for one in made]


async def test_what_is_lost_after_the_approval_voids_it(stage: Stage, world: World) -> None:
    """The rows are compared once more before the commit; one that is open then is asked for again."""
    world.source_side = world.target_side = _side(BACKUP)
    handle = await stage.start_vm()
    await stage.until(handle, lambda now: now.phase is Phase.AWAITING_APPROVAL and now.needs_action)
    world.target_side = _side()

    assert (await _decide(handle, "approve")).counted
    await stage.until(handle, lambda now: "1 row of parity is open" in now.waiting_for)

    (decision,) = (await stage.report(handle)).decisions
    assert (False, True) == (decision.counted, decision.reason.startswith("void: the evidence changed"))
    world.target_side = _side(BACKUP)
    assert (await stage.resolve(handle, "retry")).counted
    await stage.until(handle, lambda now: "a decision by" in now.waiting_for)
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_what_somebody_mends_is_carried(stage: Stage, world: World) -> None:
    """Mended in Azure and read again, a row is open no more, and the approval counts."""
    world.source_side = _side(BACKUP)
    handle, _ = await _waiting(stage, "1 row of parity is open")
    world.target_side = _side(BACKUP.model_copy(update={"value": 'vaults "new"'}))
    assert (await stage.resolve(handle, "retry")).counted
    status = await stage.until(handle, lambda now: "a decision by" in now.waiting_for)
    assert status.parity is not None
    assert (1, 0) == (status.parity.carried, status.parity.open)
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_a_rejection_takes_back_what_was_restored_first(stage: Stage, world: World, script: Script) -> None:
    """Also while rows are open a rejection leads back; what was made beside the target goes before the source runs."""
    world.source_side = _side(BACKUP, SETTING, LATER)
    handle, _ = await _waiting(stage, "open")
    assert (await _decide(handle, "reject")).counted

    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    labels = [call.name for call in script.calls]
    assert labels.index("take_back_restored") < labels.index("start_vm")
    resources = (await stage.report(handle)).resources
    assert ["deleted"] == [one.state for one in resources if "diagnosticSettings" in one.type]
    assert not [one for one in resources if "schedules" in one.type]


async def test_a_plan_that_waives_or_has_nothing_to_compare_does_not_wait(
    stage: Stage, world: World, script: Script
) -> None:
    """A waiver of the plan answers for its rows; where the source has nothing, nothing is compared."""
    world.source_side = _side(BACKUP)
    waiver = {"rule": "parity/backup", "by": "anna@contoso.example", "reason": "done by the other team"}
    handle = await stage.start_vm(make_task(waivers=[waiver]))
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    rows = (await stage.report(handle)).parity
    assert [("waived", "anna@contoso.example")] == [(row.state, row.by) for row in rows]
    assert 2 == len(script.requests("compare_parity"))  # at the verification, and right before the commit

    world.source_side = _side()
    assert Outcome.MIGRATED == (await stage.approve(await stage.start_vm())).outcome
    assert 2 == len(script.requests("compare_parity"))
