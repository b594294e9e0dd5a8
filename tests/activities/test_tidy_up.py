"""Removing what virtual machines shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.vault import VaultActivities
from activities.waits import WaitActivities
from arm.clients import AzureClients
from arm.watcher import Watchers
from migration import ids
from migration.sharing import RemoveShared, VaultUse
from migration.waiting import ResourcesWait
from tests.activities.estate import CACHE, SUBSCRIPTION, VAULT, VAULT_GROUP, seed
from tests.activities.stage import SPEED, Stage, access_to
from tests.support.sim import Simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from temporalio.testing import WorkflowEnvironment


@pytest.fixture
async def own_stage(dev_server: WorkflowEnvironment) -> AsyncIterator[Stage]:
    """Return a stage of this test alone, with all that virtual machines share."""
    with Simulator(seed=seed(), speed=SPEED) as sim:
        async with AzureClients(access_to(sim)) as azure, Watchers(azure, floor_seconds=0.05) as watchers:
            stage = Stage(sim, azure, dev_server.client)
            async with stage.worker(watchers):
                await stage.share()
                yield stage


async def remove(stage: Stage, resource_id: str) -> Any:
    """Remove a shared resource, and see it gone."""
    request = RemoveShared(id=resource_id, type=ids.ResourceId.parse(resource_id).type)
    started = await stage.begin(VaultActivities.remove_shared, request)
    await stage.run(WaitActivities.wait_for_resources, ResourcesWait(ids=[resource_id], until="gone"))
    return started


async def test_everything_shared_goes_once_nothing_uses_it(own_stage: Stage) -> None:
    """In the order of what depends on what all of it goes; what is in use stays, and says by whom it is used."""
    use = await own_stage.run(VaultActivities.read_vault_use, VaultUse(vault_id=VAULT))
    case = own_stage.arrange()
    await own_stage.protect(case)

    for used in (*use.mapping_ids[:1], *use.policy_ids, *use.fabric_ids[:1], VAULT, CACHE):
        with pytest.raises(ApplicationError, match="still use it") as caught:
            await remove(own_stage, used)
        assert "StillInUse" == caught.value.type

    own_stage.sim.arm("DELETE", case.task.item_id)
    await own_stage.run(WaitActivities.wait_for_resources, ResourcesWait(ids=[case.task.item_id], until="gone"))
    shared = [*use.network_mapping_ids, *use.mapping_ids, *use.container_ids, *use.policy_ids, *use.fabric_ids]
    group = ids.resource_group_id(SUBSCRIPTION, VAULT_GROUP)
    for resource_id in shared:
        await remove(own_stage, resource_id)
    foreign = f"{VAULT}/replicationPolicies/somebody-elses"
    body = {"properties": {"providerSpecificInput": {"instanceType": "A2A", "multiVmSyncStatus": "Enable"}}}
    own_stage.sim.follow(own_stage.sim.arm("PUT", foreign, body))
    with pytest.raises(ApplicationError, match="somebody-elses"):
        await remove(own_stage, VAULT)
    for resource_id in (foreign, VAULT, CACHE, group):
        await remove(own_stage, resource_id)

    left = own_stage.sim.resource_ids()
    assert [] == [one for one in (*shared, VAULT, CACHE, group) if one.lower() in left]
    assert not (await own_stage.run(VaultActivities.read_vault_use, VaultUse(vault_id=VAULT))).exists


async def test_removing_what_is_gone_is_fine(own_stage: Stage) -> None:
    """Nothing there is an answer, not an error."""
    gone = ids.vault_id(SUBSCRIPTION, VAULT_GROUP, "never-was")

    started = await remove(own_stage, gone)

    assert (False, None) == (started.existed, started.job)
