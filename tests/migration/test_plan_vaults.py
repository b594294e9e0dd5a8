"""Several vaults, source subscriptions and cache accounts in a plan: what it says, its mistakes, and its calls."""

from __future__ import annotations

import re

import pytest

from migration.calls.move import moves_of
from migration.calls.roles import custom_roles
from migration.calls.table import writes
from migration.placement import Place
from migration.plan import Plan
from migration.plan_file import parse_plan
from migration.rules.certain import certain
from migration.specs import vm_specs
from migration.vaults import planned_vaults
from tests.migration.plan_text import GOOD, problems_of

OTHER, THIRD = "e7a1c5d3-6f2b-4b8e-9c0d-8a7b6c5d4e3f", "0a1b2c3d-6f2b-4b8e-9c0d-8a7b6c5d4e3f"
VAULTS = f"""\
vaults:
  - name: shop-vault
    resource_group: shop-vault
    region: northeurope
    cache_account: [shopcache1, shopcache2]
  - name: Shop-Vault
    resource_group: other-vault
    region: northeurope
    subscription: {OTHER}
  - name: third
    resource_group: other-vault
    region: francecentral
"""
SEVERAL = re.sub(r"vault:\n(  .*\n)+", VAULTS, GOOD).replace(
    "  - name: first\n", f"  - name: first\n    subscription: {OTHER}\n    vault: Third\n"
)
SEVERAL = SEVERAL.replace("- name: web-02\n", f"- name: web-02\n        subscription: {THIRD}\n        vault: ID\n")
ID = f"/subscriptions/{OTHER.upper()}/resourcegroups/Other-Vault/providers/Microsoft.RecoveryServices/vaults/shop-vault"
SEVERAL = SEVERAL.replace("vault: ID", f"vault: {ID}")


def read(text: str = SEVERAL) -> Plan:
    """Read a plan."""
    return parse_plan(text, "plan.yaml")


def test_who_names_a_vault_goes_there() -> None:
    """A machine says it before its wave, by name or id, whatever the case; sources lie where the narrowest key says."""
    plan = read()
    assert {"web-01": 2, "web-02": 1} == plan.named_vaults == plan.first_vaults
    assert [OTHER, THIRD] == [spec.source_id.split("/")[2] for spec in vm_specs(plan)]
    assert {plan.subscription} == {spec.target_subscription for spec in vm_specs(plan)}
    assert OTHER == plan.vault_ids[1].split("/")[2]
    assert ["shopcache1", "shopcache2"] == [one.rsplit("/", 1)[1] for one in planned_vaults(plan)[0].account_ids]
    assert read(plan.model_dump_json(exclude_none=True)) == plan


def test_one_vault_says_what_it_always_said() -> None:
    """A plan with one vault dumps its single cache account as it stands, and everyone goes by that vault."""
    plan = read(GOOD.replace("region: northeurope\napproval", "region: northeurope\n  cache_account: one\napproval"))
    assert "one" == plan.model_dump(mode="json")["vault"]["cache_account"]
    assert {0} == set(plan.first_vaults.values())


def test_a_plan_that_says_nothing_new_has_the_hash_it_had() -> None:
    """So a build that knows these keys takes the file of a plan that runs for the same one."""
    assert "85158fa9a784faa2" == read(GOOD).content_hash
    assert (
        read(GOOD).content_hash
        != read(GOOD.replace("web-02\n", f"web-02\n        subscription: {THIRD}\n")).content_hash
    )


def test_a_machine_may_name_its_own_test_network() -> None:
    """A network of its own target group, or any by id; the plan's serves the others."""
    text = GOOD.replace("waves:\n", "failover: {test_first: true, test_network: rehearsal}\nwaves:\n")
    text = text.replace("web-02\n", f"web-02\n        target: {{subscription: {OTHER}, test_network: drill}}\n")
    plain, own = (spec.test_network_id or "" for spec in vm_specs(read(text)))
    assert ("rehearsal", "drill") == (plain.rsplit("/", 1)[1], own.rsplit("/", 1)[1])
    assert OTHER == own.split("/")[2] != plain.split("/")[2]


MISTAKES = [
    (
        "vault: Third",
        "vault: shop-vault",
        "waves[0].vault",
        '2 vaults of the plan are called "shop-vault"',
        "give its id",
    ),
    ("vault: Third", "vault: thrid", "waves[0].vault", 'the plan has no vault "thrid"', "did you mean third?"),
    (ID, ID[:-1], "waves[0].vms[1].vault", "the plan has no vault", "it has shop-vault, Shop-Vault, third"),
    (ID, "/subscriptions/x/y", "waves[0].vms[1].vault", "is no resource id", "it should look like"),
    ("name: third", "name: THIRD\n    vms: 2", "vaults[2].vms", "there is no such key", "belongs under waves"),
    (f"    subscription: {OTHER}\n  - name: third", "  - name: Shop-vault", "vaults[2].name", "stands twice", "remove"),
    ("francecentral", "westeurope", "vaults[2].region", "would lie in the source region", "such as the target's"),
    (
        "francecentral",
        "francecentral\n    cache_account: shopcache2",
        "vaults[2].cache_account",
        "stands at two vaults, first in line 16",
        "accounts of its own",
    ),
    ("[shopcache1, shopcache2]", "[a1b, a1b]", "vaults[0].cache_account", '"a1b" stands twice', "remove one"),
    ("[shopcache1, shopcache2]", "[]", "vaults[0].cache_account", "the list has 0 names", "1 to 50"),
    ("[shopcache1, shopcache2]", "[1]", "vaults[0].cache_account", "a list of names", "write text"),
    (
        "approval:\n",
        "vault: {name: one, resource_group: g, region: northeurope}\napproval:\n",
        "vaults",
        "beside",
        "one",
    ),
    ("vaults:\n", "vautls:\n", "vautls", "there is no such key", "did you mean vaults?"),
]


@pytest.mark.parametrize(("old", "new", "where", "what", "fix"), MISTAKES)
def test_a_mistake_is_told_where_it_stands(old: str, new: str, where: str, what: str, fix: str) -> None:
    """File, line, field, what is wrong and what would be right; what differs by subscription is no mistake."""
    assert old in SEVERAL
    text = SEVERAL.replace(old, new)
    told = next(problem for problem in problems_of(text) if problem.field == where)
    assert (True, True) == (what in told.message, fix in told.fix), told
    assert told.line > 1


def test_no_vault_at_all_is_told() -> None:
    """The key is missing, whatever else is wrong."""
    told = problems_of(re.sub(r"vault:\n(  .*\n)+", "", GOOD))
    assert [("vault", "the plan has no vault")] == [(one.field, one.message) for one in told]


def test_each_vault_has_its_calls_and_shared_things_have_one() -> None:
    """What lies in vaults is made in each that is used, all groups first and each once; it goes kind by kind."""
    plan = read()
    specs = tuple(vm_specs(plan))
    moves = moves_of(plan, specs, {"web-01": Place(vault=2, account=1), "web-02": Place(vault=1)})
    assert plan.vault_ids[1:] == [move.vault_id for move in moves]
    calls = [call for call in writes(*moves) if call.step == "prepare what all share"]
    made = [call.path.lower() for call in calls]
    assert len(set(made)) == len(made)
    groups = [path for path in made if "/providers/" not in path]
    assert made[: len(groups)] == groups
    assert [OTHER, plan.subscription, plan.subscription] == [path.split("/")[2] for path in groups]
    assert 2 == sum("/replicationpolicies/" in path for path in made)
    assert 2 == sum("/storageaccounts/asrcache" in path for path in made)
    removed = [call.path for call in writes(*moves) if call.step == "tidy up"]
    kinds = [re.sub(r"^.*/(\w+)/[^/]+$", r"\1", path.removesuffix("/remove")) for path in removed]
    assert kinds == sorted(kinds, key=list(dict.fromkeys(kinds)).index)
    assert "resourceGroups" == kinds[-1]


def test_roles_reach_every_vault_and_subscription() -> None:
    """The worker's roles may be assigned where any vault, source or target of the plan lies."""
    roles = {role["Name"].rpartition(" ")[2]: role for role in custom_roles(read(), groups_exist=True)}
    home = read().subscription
    expected = {
        "vault": {
            f"/subscriptions/{home}/resourceGroups/shop-vault",
            f"/subscriptions/{OTHER}/resourceGroups/other-vault",
            f"/subscriptions/{home}/resourceGroups/other-vault",
        },
        "source": {f"/subscriptions/{one}/resourceGroups/shop" for one in (OTHER, THIRD)},
        "subscription": {f"/subscriptions/{one}" for one in (home, OTHER, THIRD)},
    }
    assert expected == {place: set(roles[place]["AssignableScopes"]) for place in expected}


def fleet(vms: int, vault: str = "", **subscriptions: str) -> Plan:
    """Return a plan of that many machines; *subscriptions*: of the wave, or of the target."""
    text = GOOD.partition("waves:\n")[0] + "waves:\n  - name: all\n"
    text += f"    subscription: {subscriptions['source']}\n" if "source" in subscriptions else ""
    text += "    vms:\n" + "".join(f"      - name: vm-{n}\n" for n in range(vms))
    target = f"  subnet: servers\n  subscription: {subscriptions.get('target', OTHER)}\n"
    return read(
        text.replace("  subnet: servers\n", target).replace("  region: northeurope\napproval", f"{vault}approval")
    )


def test_what_cannot_fit_is_told_of_the_file_alone() -> None:
    """More machines than a subscription has protected disks, there or here, and more than named accounts take."""
    region = "  region: northeurope\n"
    assert [] == certain(fleet(750, f"{region}  cache_account: one\n"))
    (told,) = certain(fleet(751, f"{region}  cache_account: one\n"))
    assert ("plan-fits", True) == (told.rule, told.blocks)
    assert told.evidence.startswith("at least 751 disks of 751 machines")
    assert "1 cache account more" in told.remedy
    assert [] == certain(fleet(751, f"{region}  cache_account: [one, two]\n"))


def test_a_subscription_with_too_many_disks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the source's and of the target's, once each; the numbers stand in it."""
    monkeypatch.setattr("migration.rules.certain.DISKS_OF_SUBSCRIPTION", 20)
    assert [] == certain(fleet(20, "  region: northeurope\n"))
    told = certain(fleet(21, "  region: northeurope\n", source=THIRD))
    assert [f"subscription {THIRD}", f"subscription {OTHER}"] == [one.subject for one in told]
    assert {"protected-disks"} == {one.rule for one in told}
    assert told[0].evidence.startswith("21 machines of the plan leave it")
    assert told[1].evidence.startswith("21 machines of the plan go to it")
    assert 1 == len(certain(fleet(21, "  region: northeurope\n", source=OTHER)))


def test_a_copy_of_a_plan_is_reckoned_anew() -> None:
    """What the original has reckoned does not stick to a plan with other machines."""
    plan = read()
    assert {"web-01", "web-02"} == set(plan.first_vaults)
    fewer = plan.waves[0].model_copy(update={"vms": plan.waves[0].vms[:1]})
    assert {"web-01"} == set(plan.model_copy(update={"waves": [fewer]}).first_vaults)
