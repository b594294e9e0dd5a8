"""Places from what a check read: what is protected stays, what others replicate counts, what is unread hinders none."""

from __future__ import annotations

from dataclasses import replace

import yaml

from migration import ids
from migration.facts import Fact
from migration.inventory import Inventory, Located, NetworkMapping, ProtectedItem
from migration.models import VmSpec
from migration.plan import Plan
from migration.rules.adoption import recognise
from migration.rules.case import Case
from migration.rules.engine import judge
from migration.rules.needs import moves_of
from migration.rules.placing import placed
from migration.specs import vm_specs
from migration.vaults import PlannedVault, planned_vaults
from tests.migration.plan_text import GOOD
from tests.migration.sound import (
    HOME_NETWORK,
    NETWORK,
    PLANNED,
    PROTECTED,
    SPEC,
    SUBSCRIPTION,
    VAULT,
    VAULT_GROUP,
    starting,
)

SECOND = f"{VAULT}-second"
CACHES = tuple(ids.storage_account_id(SUBSCRIPTION, VAULT_GROUP, name) for name in ("cacheone", "cachetwo"))


def two_vaults(*specs: VmSpec, named: dict[str, int] | None = None, accounts: tuple[str, ...] = ()) -> Case:
    """Return the case of machines for which there are two vaults, both made already."""
    second = PlannedVault(SECOND, "northeurope", accounts)
    case = starting(vms=specs or (SPEC,), vaults=(PLANNED, second), named=named or {})
    case.inventory.vaults.note(SECOND, Fact(Located(SECOND, "northeurope")))
    case.inventory.items.note(SECOND, Fact(()))
    case.inventory.mappings.note(SECOND, Fact(()))
    return case


def fellows(number: int) -> tuple[VmSpec, ...]:
    """Return machines beside each other; only the first can be read."""
    more = [SPEC.model_copy(update={"name": f"vm-{n}", "source_id": f"{SPEC.source_id}-{n}"}) for n in range(1, number)]
    return (SPEC, *more)


def test_what_is_protected_stays_where_it_is() -> None:
    """In its vault and at its cache account, which need not be the one that would be chosen."""
    for vault_id, number in ((VAULT, 0), (SECOND, 1)):
        case = two_vaults(accounts=CACHES)
        item = replace(PROTECTED, id=PROTECTED.id.replace(VAULT, vault_id), cache_ids=(CACHES[1].upper(),))
        case.inventory.items.note(vault_id, Fact((item,)))
        where = placed(case).place_of(SPEC)
        assert (number, number) == (where.vault, where.account)


def test_machines_that_cannot_be_read_are_placed_all_the_same() -> None:
    """Each counts with one disk; the vaults get as many each."""
    specs = fellows(8)
    case = placed(two_vaults(*specs))
    assert [4, 4] == [len(case.those_of(vault)) for vault in case.vaults]
    assert [vault.id for vault in case.vaults] == [move.vault_id for move in moves_of(case)]
    assert all(len(move.vms) == 4 == len(move.fellows) for move in moves_of(case))


def test_an_item_in_another_vault_than_the_plan_says_is_refused() -> None:
    """The plan binds the machine to one vault, the other protects it: nobody moves it over."""
    case = two_vaults(named={SPEC.name: 0})
    case.inventory.items.note(SECOND, Fact((replace(PROTECTED, id=PROTECTED.id.replace(VAULT, SECOND)),)))
    found = recognise(case, SPEC)
    assert ("refused", True) == (found.stage, "the plan says" in found.told)
    assert "item-usable" in {finding.rule for finding in judge(placed(case))[1][0].findings}
    assert "replicating" == recognise(replace(case, named={SPEC.name: 1}), SPEC).stage


def test_a_network_that_a_vault_maps_elsewhere_goes_by_the_other() -> None:
    """A vault maps a network to one other only; a mapping that is there already counts."""
    for mapped, other in ((VAULT, 1), (SECOND, 0)):
        case = two_vaults()
        mapping = NetworkMapping("m", HOME_NETWORK.upper(), f"{NETWORK}-else")
        case.inventory.mappings.note(mapped, Fact((mapping,)))
        assert other == placed(case).place_of(SPEC).vault
        assert "network-mapping" not in {one.rule for one in judge(placed(case))[1][0].findings}


def test_what_others_replicate_fills_an_account() -> None:
    """Items of whatever vault count at the account through which they go; where none has room it is told."""
    case = two_vaults(accounts=CACHES, named={SPEC.name: 1})
    others = [
        ProtectedItem(f"{SECOND}/i{n}", f"{SPEC.source_id}-other-{n}", "Protected", disks=749, cache_ids=(cache,) * 749)
        for n, cache in enumerate(CACHES)
    ]
    case.inventory.items.note(SECOND, Fact((others[0],)))
    assert 1 == placed(case).place_of(SPEC).account
    case.inventory.foreign_items.note(SUBSCRIPTION, Fact((others[1],)))
    full = placed(case)
    assert full.placement
    (told,) = full.placement.misfits
    assert f'"{SECOND.rsplit("/", 1)[1]}"' in told.subject
    assert "2 disks of 1 machine have to go by it" in told.evidence
    assert "not in one piece" in told.evidence
    assert "1498 are used already" in told.evidence
    assert {"plan-fits"} <= {finding.rule for finding in judge(full)[0] if finding.blocks}


def test_the_check_places_a_sound_plan_as_the_plan_alone_does() -> None:
    """Limits of a vault count machines where the plan alone has them: the check moves none without a reason."""
    names = "".join(f"      - name: vm-{n}\n" + "        consistency_group: shop\n" * (n < 4) for n in range(30))
    one = {"name": "one", "resource_group": "vaults", "region": "northeurope"}
    document = yaml.safe_load(GOOD.partition("vault:\n")[0])
    document |= {"approval": {"approvers": ["anna@contoso.example"]}, "vaults": [one, one | {"name": "two"}]}
    document |= {"waves": [{"name": "all", "vms": yaml.safe_load(names)}]}
    plan = Plan.model_validate(document)
    case = Case(tuple(vm_specs(plan)), planned_vaults(plan), plan.failover, Inventory(), named=plan.named_vaults)
    found = placed(case)
    assert plan.first_vaults == {vm.name: found.place_of(vm).vault for vm in case.vms}
    assert 1 == len({plan.first_vaults[f"vm-{n}"] for n in range(4)})
