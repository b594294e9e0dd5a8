"""A committed machine replicates back to the region that it left, once, whatever is lost on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from temporalio.exceptions import ApplicationError

from activities.failover import FailoverActivities
from activities.replication import ReplicationActivities
from activities.reprotection import ReprotectionActivities
from activities.vault import VaultActivities
from activities.waits import WaitActivities
from migration import ids
from migration.models import VmTask
from migration.requests import ReadItem, Reprotect, StartFailover
from migration.sharing import CacheAccountWanted
from migration.waiting import ProtectedWait
from tests.activities.estate import SOURCE_GROUP, SUBSCRIPTION, TARGET_REGION, VAULT_GROUP

if TYPE_CHECKING:
    from tests.activities.stage import Case, Stage

CACHE_THERE = ids.storage_account_id(SUBSCRIPTION, VAULT_GROUP, "cachethere")


async def _failed_over(stage: Stage) -> tuple[Case, VmTask]:
    wanted = CacheAccountWanted(account_id=CACHE_THERE, region=TARGET_REGION, plan="stage")
    await stage.run(VaultActivities.ensure_cache_account, wanted)
    await stage.provisioned(CACHE_THERE)
    case = stage.arrange()
    await stage.end(await stage.fail_over(case))
    shared = case.task.shared.model_copy(update={"return_cache_account_id": CACHE_THERE})
    return case, case.task.model_copy(update={"shared": shared})


async def test_replication_is_turned_round_once(stage: Stage) -> None:
    """Before the commit it is refused; after it the item lives in its new home, also when the answer is lost."""
    case, task = await _failed_over(stage)
    wanted = Reprotect(task=task, source=case.source)
    with pytest.raises(ApplicationError, match=r"replicating .* back: it is Unplanned"):
        await stage.run(ReprotectionActivities.reprotect, wanted)
    await stage.begin(FailoverActivities.commit_failover, StartFailover(task=task))
    before = stage.mark
    stage.sim.fault({"kind": "reset_after"}, method="POST", path="switchprotection$", times=1)

    await stage.begin(ReprotectionActivities.reprotect, wanted)
    again = await stage.begin(ReprotectionActivities.reprotect, wanted)
    await stage.run(WaitActivities.wait_until_protected, ProtectedWait(task=task.reversed))

    assert again.existed
    assert 1 == len(stage.writes("switchprotection", before))
    turned = await stage.run(ReplicationActivities.read_item, ReadItem(task=task.reversed))
    gone = await stage.run(ReplicationActivities.read_item, ReadItem(task=task))
    assert (True, False) == (turned.protected, gone.exists)
    there = {one["id"].lower() for one in stage.sim.resources()}
    replica = ids.disk_id(SUBSCRIPTION, SOURCE_GROUP, f"{task.vm.name}-os-ASRReplica")
    assert replica.lower() in there
