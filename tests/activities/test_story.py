"""The whole story, activity by activity, through the real SDKs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from activities.failover import FailoverActivities
from activities.ledger import LedgerActivities
from activities.power import PowerActivities
from activities.replication import ReplicationActivities
from activities.verification import VerificationActivities
from arm import items, protection
from migration.ids import id_key
from migration.requests import (
    ConfigureTarget,
    DisableReplication,
    EnableReplication,
    JudgeFence,
    ObserveResources,
    ReadItem,
    ReadPower,
    StartFailover,
    VerifyTarget,
)
from tests.activities.estate import SUBSCRIPTION

if TYPE_CHECKING:
    from tests.activities.stage import Stage


async def test_a_virtual_machine_moves(stage: Stage) -> None:
    """From enabling to disabling: the target runs alone in the end, as planned, and no write is lost."""
    case = stage.arrange(address="10.2.0.77", size="Standard_D4s_v5", disk_types={"*": "Premium_LRS"})
    task = case.task
    job = await stage.fail_over(case)

    fence = await stage.run(FailoverActivities.judge_fence, JudgeFence(task=task, job=job))
    seen = await stage.run(VerificationActivities.verify_target, VerifyTarget(task=task, source=case.source))
    started = await stage.run(FailoverActivities.commit_failover, StartFailover(task=task))
    committed = (await stage.end(started.job, task.item_id)).item
    started = await stage.run(ReplicationActivities.disable_replication, DisableReplication(task=task))
    disabled = (await stage.end(started.job, task.item_id)).item
    before = stage.mark
    gone = await stage.run(ReplicationActivities.disable_replication, DisableReplication(task=task, removed=True))
    listed = [line["path"] for line in stage.sim.requests(before) if line["path"].endswith("/replicationJobs")]

    assert (True, True, False) == (committed.exists, committed.committed, disabled.exists)
    assert (None, False, []) == (gone.job, gone.existed, listed)
    assert (True, 0, False) == (fence.held, fence.data_loss_seconds, fence.both_running_seen), fence
    assert [] == seen.mismatches
    assert seen.running_since
    item = await stage.run(ReplicationActivities.read_item, ReadItem(task=task))
    assert not item.exists
    both = ReadPower(source_id=task.vm.source_id, target_id=task.vm.target_id)
    power = await stage.run(PowerActivities.read_power, both)
    assert ("PowerState/deallocated", "PowerState/running") == (power.source, power.target)
    asked = ObserveResources(ids=[task.item_id, task.vm.target_id], power_of=both)
    last = await stage.run(LedgerActivities.observe_resources, asked)
    assert (power, [False, True]) == (last.power, [one.exists for one in last.seen])


async def test_a_listing_that_lags_behind_fails_no_configuration(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says to be other than wanted is read of the item itself, which is as it was told to be."""
    case = stage.arrange(size="Standard_D4s_v5")
    await stage.protect(case)
    before: dict[str, Any] = {"properties": {"providerSpecificDetails": {}}}

    async def lagging(_azure: object, _item_id: str) -> dict[str, Any]:
        return before

    wanted = ConfigureTarget(task=case.task, source=case.source)
    assert protection.differences(case.task, case.source, before)
    monkeypatch.setattr(items, "read_back", lagging)
    assert [] == (await stage.run(ReplicationActivities.read_target_configuration, wanted)).mismatches


async def test_the_recovery_point_is_told_by_the_job_or_by_the_item(stage: Stage) -> None:
    """The job spares two reads; where it is not kept, the item and its point tell the same time."""
    case = stage.arrange()
    job = await stage.fail_over(case)

    def points(since: int) -> int:
        return sum("/recoveryPoints/" in line["path"] for line in stage.sim.requests(since))

    start = stage.mark
    told = await stage.run(FailoverActivities.judge_fence, JudgeFence(task=case.task, job=job))
    assert 0 == points(start)
    lost = job.model_copy(update={"id": f"{job.id}-not-kept"})
    found = await stage.run(FailoverActivities.judge_fence, JudgeFence(task=case.task, job=lost))
    assert 1 == points(start)
    assert told.recovery_point_time is not None
    assert told.recovery_point_time == found.recovery_point_time


async def test_the_last_look_reads_by_which_set_disks_are_encrypted(stage: Stage) -> None:
    """A machine's own document tells size and type of its disks, but not that."""
    keys = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/keys/providers/Microsoft.Compute/diskEncryptionSets/keys"
    case = stage.arrange(disk_encryption_set_id=keys)
    await stage.fail_over(case)
    wanted = VerifyTarget(task=case.task, source=case.source, again=True)

    seen = await stage.run(VerificationActivities.verify_target, wanted)

    assert [keys.lower()] * len(case.source.disks) == [
        row.actual.lower() for row in seen.compared if "encryption" in row.field
    ]
    assert [] == [row for row in seen.mismatches if "encryption" in row.field]


async def test_a_failover_is_found_by_its_item(stage: Stage) -> None:
    """The job is found after its end; a failover of an earlier item of the same machine is not this one's."""
    case = stage.arrange()
    asked = StartFailover(task=case.task)
    job = await stage.fail_over(case)

    found = await stage.run(FailoverActivities.find_failover, asked)
    await stage.begin(ReplicationActivities.disable_replication, DisableReplication(task=case.task))
    again = EnableReplication(task=case.task, source=case.source)
    await stage.run(ReplicationActivities.enable_replication, again)
    none = await stage.run(FailoverActivities.find_failover, asked)

    assert found.job is not None
    assert (id_key(job.id), None) == (id_key(found.job.id), none.job)


async def test_the_target_configuration_is_read_back(stage: Stage) -> None:
    """What Azure did not keep is told field by field."""
    case = stage.arrange(target_name="renamed", size="Standard_D4s_v5")
    await stage.protect(case)
    wanted = ConfigureTarget(task=case.task, source=case.source)

    kept = await stage.run(ReplicationActivities.read_target_configuration, wanted)
    other = case.task.model_copy(update={"vm": case.task.vm.model_copy(update={"subnet": "elsewhere"})})
    lost = await stage.run(ReplicationActivities.read_target_configuration, wanted.model_copy(update={"task": other}))

    assert [] == kept.mismatches
    assert [f"subnet of {case.source.nics[0].name}"] == [mismatch.field for mismatch in lost.mismatches]
