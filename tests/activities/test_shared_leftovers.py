"""What lost runs left of several vaults: each with its own accounts, and kept by those who use it."""

from __future__ import annotations

from activities.shared_leftovers import SharedLooker
from arm.clients import AzureClients
from migration import ids, names
from migration.earlier import EarlierAnswer
from migration.plan import Plan
from migration.vaults import planned_vaults
from tests.activities.contoso import CONTOSO, resource
from tests.activities.stage import access_to
from tests.support.sim import Simulator

HOME, OTHER = CONTOSO.subscription, "e7a1c5d3-6f2b-4b8e-9c0d-8a7b6c5d4e3f"
VAULTS = [
    {"name": "one", "resource_group": "move", "region": "northeurope"},
    {"name": "two", "resource_group": "move", "region": "northeurope", "subscription": OTHER, "cache_account": ["a11"]},
    {"name": "three", "resource_group": "gone", "region": "northeurope"},
]
PLAN = Plan.model_validate(CONTOSO.model_dump(mode="json", exclude={"vault"}) | {"vaults": VAULTS})


async def test_each_vault_is_looked_at_with_its_accounts() -> None:
    """Accounts that we made are found by their numbers; a vault that another plan uses stays with its account."""
    one, two, _ = planned_vaults(PLAN)
    made = [one.account("westeurope", number) for number in (0, 1)]
    tagged = {"tags": {names.TAG_PLAN: PLAN.name}}
    standard = {"sku": {"name": "Standard"}}
    accounts = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    seed = [
        *(resource(vault.id, "northeurope") | tagged | standard for vault in (one, two)),
        *(resource(account, "westeurope") | tagged | accounts for account in (*made, two.account("westeurope"))),
        resource(one.account("westeurope", 3), "westeurope") | accounts,
    ]
    with Simulator(seed={"resources": seed}, speed=60) as sim:
        async with AzureClients(access_to(sim)) as azure:
            found = await SharedLooker(azure, PLAN, EarlierAnswer(), [], {two.id: ["fabrikam"]}).look()
    assert [*made, one.id] == [leftover.id for leftover in found.leftovers]
    stays = {one.id: one.why for one in found.untouched}
    expected = dict.fromkeys((two.account("westeurope"), two.id), "in use by the plans fabrikam")
    assert expected == {resource_id: why for resource_id, why in stays.items() if resource_id in expected}
    group = ids.resource_group_id(*one.group)
    assert group not in {leftover.id for leftover in found.leftovers}
