"""The key `consistency_group`: every mistake with its line, what reaches a virtual machine, and the calls."""

from __future__ import annotations

import pytest

from migration.calls.move import moves_of
from migration.calls.roles import custom_roles
from migration.calls.table import writes
from migration.grouping import group_of
from migration.plan import Plan
from migration.plan_file import parse_plan
from migration.specs import vm_specs
from tests.migration.plan_text import GOOD, problems_of

GROUPED = GOOD.replace("- name: web-02\n", "- name: web-02\n        consistency_group: shop\n").replace(
    "- name: web-01\n", "- name: web-01\n        consistency_group: Shop\n"
)
SECOND = "  - name: second\n    vms:\n      - name: db-01\n        consistency_group: shop\n"
MANY = "".join(f"      - name: app-{n:02}\n        consistency_group: many\n" for n in range(17))
WINDOW = """\
        cutover:
          time_zone: Europe/Amsterdam
          windows:
            - {from: "22:00", to: "23:00"}
"""
NAMESAKE = "consistency_group: shop\n        source_name: Web-01\n        resource_group: other\n"
ELSEWHERE = NAMESAKE + "        target:\n          name: web-02\n"
MISTAKES = [
    (GROUPED.replace("consistency_group: shop", "consistency_group: other"), 23, "has 1 virtual machine", "2 to 16"),
    (GROUPED + SECOND, 31, "is in the waves first and second", "list db-01 in the wave first"),
    (GOOD + MANY, 59, "has 17 virtual machines", "2 to 16"),
    (
        GROUPED.replace("consistency_group: shop\n", ELSEWHERE),
        27,
        "has two virtual machines that are called Web-01 in Azure",
        "outside the group",
    ),
    (GROUPED + WINDOW, 27, "have different cutover windows", "give both the same cutover:"),
    (
        GROUPED + "failover:\n  test_first: true\n  test_network: test\n",
        23,
        "cannot be tested first",
        "leave failover.test_first out",
    ),
    (
        GROUPED + "after_commit:\n  reprotect:\n    enabled: true\n",
        23,
        "cannot be replicated back",
        "leave after_commit.reprotect out",
    ),
]


def read(text: str = GROUPED) -> Plan:
    """Read a plan with a group."""
    return parse_plan(text, "plan.yaml")


@pytest.mark.parametrize(("text", "line", "problem", "fix"), MISTAKES)
def test_what_could_not_move_together_is_told_with_its_line(text: str, line: int, problem: str, fix: str) -> None:
    """One alone, too many, two waves, two of one name, a test of one: the line, the field, and what would be right."""
    [found] = problems_of(text)
    assert found.field.endswith(".consistency_group")
    assert (line, True, True) == (found.line, problem in found.message, fix in found.fix), found


def test_members_know_their_group_and_who_leads() -> None:
    """Names are compared without regard to case; who moved before is no member any more; others have none."""
    plan = read(GROUPED + "      - name: alone\n")
    specs = {spec.name: spec.consistency_group for spec in vm_specs(plan)}
    first, second = (group_of(plan, name, "run-1") for name in ("web-01", "web-02"))
    left, again = group_of(plan, "web-02", "run-1", gone=["web-01"]), group_of(plan, "web-02", "run-2")
    other = vm_specs(read(GROUPED.replace("name: shop\n", "name: shop-2\n", 1)))[0].consistency_group

    assert None not in {specs["web-01"], specs["web-02"]}
    assert specs["web-01"] == specs["web-02"] != other
    assert (None, None) == (specs["alone"], group_of(plan, "alone", "run-1"))
    assert first is not None
    assert first == second
    assert ("web-01", ["web-01", "web-02"], "Shop") == (first.leader, first.names, first.name)
    assert left is not None
    assert again is not None
    assert ("web-02", first.id) == (left.leader, left.id)
    assert first.id != again.id


def test_one_recovery_plan_is_made_called_and_removed_for_all() -> None:
    """The table has its calls once for the group, no failover of a member alone, and the rights that they take."""
    plan = read(GROUPED + "      - name: alone\n")
    [move] = moves_of(plan, tuple(vm_specs(plan)))
    calls = [(call.method, call.path.rpartition("/vaults/shop-vault/")[2], call.vm) for call in writes(move)]
    of_plan = [(method, path.rsplit("/", 1)[-1], vm) for method, path, vm in calls if "RecoveryPlans" in path]
    name = of_plan[0][1]
    failed_over = [vm for _, path, vm in calls if path.endswith("/unplannedFailover") and "RecoveryPlans" not in path]
    roles = [action for role in custom_roles(plan) for action in role["Actions"]]

    assert [
        ("PUT", name),
        ("POST", "unplannedFailover"),
        ("POST", "failoverCommit"),
        ("DELETE", name),
        ("DELETE", name),
    ] == [(method, last) for method, last, _ in of_plan]
    assert {"web-01"} == {vm for _, _, vm in of_plan}
    assert ["alone"] == failed_over
    assert {"read", "write", "delete", "unplannedFailover/action", "failoverCommit/action"} == {
        action.partition("replicationRecoveryPlans/")[2] for action in roles if "replicationRecoveryPlans/" in action
    }
