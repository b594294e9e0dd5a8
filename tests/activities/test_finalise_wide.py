"""Finalising a plan of several vaults and source subscriptions: each source where it lies, by what the roles grant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from migration import ids, names
from migration.calls.finalise import finaliser_roles
from migration.ids import ResourceId
from migration.plan import Plan
from migration.report import DecisionAnswer
from tests.activities.estate import SOURCE_GROUP, SUBSCRIPTION, TARGET_GROUP, TARGET_REGION
from tests.activities.finalise_yard import ANNA, BERT, FINALISER, Yard, served_yard, yard_seed
from tests.activities.test_roles import grant
from tests.support.sim import Simulator
from tests.support.tenant import Tenant

if TYPE_CHECKING:
    from temporalio.testing import WorkflowEnvironment

pytestmark = pytest.mark.timeout(180)

OTHER = "22222222-3333-4444-5555-666666666666"
PLAN = Plan.model_validate(
    {
        "version": 1,
        "name": "wide",
        "subscription": SUBSCRIPTION,
        "source": {"region": "westeurope", "resource_group": SOURCE_GROUP},
        "target": {"region": TARGET_REGION, "resource_group": TARGET_GROUP, "network": "vnet-ne", "subnet": "s"},
        "vaults": [
            {"name": "vault-ne", "resource_group": "recovery", "region": TARGET_REGION},
            {"name": "vault-web", "resource_group": "recovery", "region": TARGET_REGION, "subscription": OTHER},
        ],
        "approval": {"approvers": [ANNA, BERT]},
        "finalise": {"snapshot": True},
        "waves": [
            {"name": "one", "vms": [{"name": "vm-01"}]},
            {"name": "two", "subscription": OTHER, "vms": [{"name": "vm-02"}, {"name": "vm-03"}]},
        ],
    }
)


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """Return a simulator with two subscriptions, in which the finaliser has what its roles grant for this plan."""
    seed = yard_seed()
    seed["subscriptions"] = [*seed["subscriptions"], {"subscriptionId": OTHER, "displayName": "web"}]
    with Simulator(seed=seed, speed=1_000) as running:
        for subscription in (SUBSCRIPTION, OTHER):
            for group, region in (
                ("recovery", TARGET_REGION),
                (TARGET_GROUP, TARGET_REGION),
                (SOURCE_GROUP, "westeurope"),
            ):
                running.arm("PUT", ids.resource_group_id(subscription, group), {"location": region})
        grant(running, finaliser_roles(PLAN), str(FINALISER["object_id"]))
        yield running


@pytest.fixture(scope="module")
async def yard(sim: Simulator, dev_server: WorkflowEnvironment) -> AsyncIterator[Yard]:
    """Return the finaliser's worker, which runs as its own identity."""
    async with served_yard(sim, dev_server.client, Tenant()) as served:
        yield served


async def test_each_source_goes_where_it_lies_and_any_vault_may_hold_one(yard: Yard) -> None:
    """Two go, each from its own subscription with its snapshots; one that the second vault still protects stays."""
    for at, vm in enumerate(PLAN.vms):
        await yard.moved(PLAN, at=at, subscription=PLAN.source_subscription(vm))
    kept = PLAN.source_id(PLAN.vms[2])
    yard.sim.fault(
        {"kind": "status", "status": 200, "body": {"value": [item_of(PLAN.vault_ids[1], kept)]}},
        method="GET",
        path="vaults/vault-web/replicationProtectedItems$",
        times=0,
    )
    await yard.begin(PLAN)
    for name in ("vm-01", "vm-02"):
        handle = yard.client.get_workflow_handle(names.finalise_vm_id(PLAN.name, name), result_type=Any)
        answer: DecisionAnswer = await yard.decide(handle, ANNA)
        assert answer.counted, answer.reason
    whole = await asyncio.wait_for(yard.client.get_workflow_handle(names.finalise_plan_id(PLAN.name)).result(), 60)
    assert ("mixed", {"finalised": 2, "refused": 1}) == (whole["outcome"], whole["counts"]), whole

    deleted = [line["path"] for line in yard.sim.requests() if line["method"] == "DELETE" and line["accepted"]]
    gone = [(ResourceId.parse(path).subscription, ResourceId.parse(path).name) for path in deleted]
    wanted = {
        "vm-01": [(SUBSCRIPTION, f"vm-01{end}") for end in ("", "-nic", "-data", "-os")],
        "vm-02": [(OTHER, f"vm-02{end}") for end in ("", "-nic", "-data", "-os")],
    }
    assert wanted == {name: [one for one in gone if name in one[1]] for name in wanted}
    assert 8 == len(gone)
    snapshots = [one["id"] for one in yard.sim.resources() if "/snapshots/" in one["id"].lower()]
    assert [2, 2] == [sum(sub in one for one in snapshots) for sub in (SUBSCRIPTION, OTHER)]
    stays = yard.client.get_workflow_handle(names.finalise_vm_id(PLAN.name, "vm-03"))
    assert "still replicates from the source" in (await stays.result())["reason"]
    refused = [line["path"] for line in yard.sim.requests() if line["status"] in {401, 403}]
    assert [] == refused


def item_of(vault_id: str, source_id: str) -> dict[str, Any]:
    """Return what a listing tells of the protection of a source."""
    container = ids.container_id(ids.fabric_id(vault_id, "fabric"), "container")
    details = {"instanceType": "A2A", "fabricObjectId": source_id}
    return {"id": f"{container}/replicationProtectedItems/item", "properties": {"providerSpecificDetails": details}}
