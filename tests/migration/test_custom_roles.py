"""The roles that a plan needs: as narrow as the plan lets them be, and as Azure takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migration.calls.roles import PLACES, custom_roles
from migration.plan import Plan
from migration.plan_file import load_plan
from migration.rules.built_in_roles import granting

PLANS = Path(__file__).parents[2] / "plans"
CONTOSO, FABRIKAM = load_plan(PLANS / "contoso.yaml"), load_plan(PLANS / "fabrikam.yaml")


def by_place(plan: Plan, **options: Any) -> dict[str, dict[str, Any]]:
    """Return the roles of a plan by their place."""
    return dict(zip(PLACES, custom_roles(plan, **options), strict=True))


@pytest.mark.parametrize("plan", [CONTOSO, FABRIKAM], ids=lambda plan: plan.name)
def test_roles_have_the_shape_that_az_takes(plan: Plan) -> None:
    """The keys of `az role definition create`, names that differ, and no action but such as the move does."""
    roles = custom_roles(plan)

    keys = {"Name", "IsCustom", "Description", "Actions", "NotActions", "DataActions", "NotDataActions"}
    assert [keys | {"AssignableScopes"}] * len(PLACES) == [set(role) for role in roles]
    assert len(roles) == len({role["Name"] for role in roles})
    wide = [action for role in roles for action in role["Actions"] if "*" in action]
    assert ["Microsoft.Resources/deployments/*"] == wide


def test_a_role_lies_where_its_work_is() -> None:
    """On the groups that are there; on the subscription only for what the move may have to make."""
    home = f"/subscriptions/{CONTOSO.subscription}"
    narrow, wide = by_place(CONTOSO, groups_exist=True), by_place(CONTOSO)

    assert [f"{home}/resourceGroups/contoso-recovery"] == narrow["vault"]["AssignableScopes"]
    assert [home] == wide["vault"]["AssignableScopes"]
    assert [f"{home}/resourceGroups/contoso-prod-ne"] == wide["target"]["AssignableScopes"]
    makes_groups = "Microsoft.Resources/subscriptions/resourceGroups/write"
    assert (True, False) == (makes_groups in wide["vault"]["Actions"], makes_groups in narrow["vault"]["Actions"])


def test_snapshots_are_asked_for_where_a_plan_keeps_what_was_written() -> None:
    """Only there, and only on the target: to take them of its disks, and to delete them when their time is over."""
    kept = CONTOSO.failover.model_copy(update={"keep_target_writes": 7 * 86_400})
    plain, keeping = by_place(CONTOSO), by_place(CONTOSO.model_copy(update={"failover": kept}))

    more = {place: set(keeping[place]["Actions"]) - set(plain[place]["Actions"]) for place in PLACES}
    snapshots = {f"Microsoft.Compute/snapshots/{verb}" for verb in ("read", "write", "delete")}
    expected = snapshots | {"Microsoft.Compute/disks/beginGetAccess/action"}
    assert {place: expected if place == "target" else set() for place in PLACES} == more
    assert ["Disk Snapshot Contributor"] == granting(expected)


def test_nothing_at_home_may_be_deleted() -> None:
    """The role on the sources cannot delete, and that on the target cannot touch a vault."""
    roles = by_place(FABRIKAM)

    assert [] == [action for action in roles["source"]["Actions"] if action.endswith("/delete")]
    assert [] == [action for action in roles["target"]["Actions"] if "RecoveryServices" in action]


def test_the_plan_decides_what_is_in_a_role() -> None:
    """Only a plan that tests first may test, and only one that asks inside the machines may run a command there."""
    quiet = CONTOSO.model_copy(update={"guest_probes": CONTOSO.guest_probes.model_copy(update={"enabled": False})})

    def actions(plan: Plan) -> str:
        return " ".join(action for role in custom_roles(plan) for action in role["Actions"])

    assert (True, False) == ("/testFailover/" in actions(FABRIKAM), "/testFailover/" in actions(CONTOSO))
    assert (True, False) == ("/runCommand/" in actions(CONTOSO), "/runCommand/" in actions(quiet))
