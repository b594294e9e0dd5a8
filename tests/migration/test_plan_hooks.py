"""The key `hooks`: every mistake with its line, what reaches a virtual machine, and the calls and rights it takes."""

from __future__ import annotations

import pytest

from migration.calls.move import moves_of
from migration.calls.roles import custom_roles
from migration.calls.table import writes
from migration.errors import PlanFileError
from migration.plan import Plan
from migration.plan_file import parse_plan
from migration.specs import hooks_by_vm, vm_specs
from tests.migration.plan_text import GOOD

HOOKS = """\
hooks:
  before_cutover:
    - name: quiesce
      command:
        script: |
          systemctl stop "$unit"
        parameters:
          unit: shop
      undo:
        command:
          script: systemctl start shop
      deadline: 2m
      on_failure: roll_back
  after_cutover:
    - name: dns
      webhook:
        channel: dns
        body:
          zone: contoso.example
"""
LINES = len(GOOD.splitlines())


def read(hooks: str = HOOKS, plan: str = GOOD) -> Plan:
    """Read a plan with hooks."""
    return parse_plan(plan + hooks, "plan.yaml")


MISTAKES = [
    ("name: quiesce\n", "named: quiesce\n", 3, "hooks.before_cutover[0].named", "no such key", "did you mean name?"),
    ("deadline: 2m", "deadline: 2h", 3, "hooks.before_cutover[0]", "an hour at most", "1h or less"),
    ("deadline: 2m", "deadline: 2", 12, "hooks.before_cutover[0].deadline", "2 has no unit", "write 2s"),
    ("roll_back", "rollback", 13, "hooks.before_cutover[0].on_failure", "not one of the choices", "roll_back"),
    (
        "channel: dns",
        "channel: https://x/y",
        17,
        "hooks.after_cutover[0].webhook.channel",
        "an address",
        "MIGRATION_WEBHOOK",
    ),
    (
        "channel: dns",
        "channel: dns-secret",
        17,
        "hooks.after_cutover[0].webhook.channel",
        "no name of a channel",
        "a-z",
    ),
    (
        "          unit: shop",
        '          "un it": shop',
        8,
        "hooks.before_cutover[0].command.parameters",
        "no name",
        "'_'",
    ),
    ("systemctl start shop", '" "', 11, "hooks.before_cutover[0].undo.command.script", "it is empty", "after a |"),
    (
        "      webhook:\n",
        "      command: {script: x}\n      webhook:\n",
        15,
        "hooks.after_cutover[0]",
        "one of the two",
        "one",
    ),
    ("before_cutover", "before", 2, "hooks.before", "no such key", "did you mean before_cutover?"),
]


@pytest.mark.parametrize(("old", "new", "line", "field", "message", "fix"), MISTAKES)
def test_mistakes_in_hooks_are_told(old: str, new: str, line: int, field: str, message: str, fix: str) -> None:
    """Line, field, what is wrong, and what would be right."""
    assert old in HOOKS
    with pytest.raises(PlanFileError) as refused:
        read(HOOKS.replace(old, new))
    problem = next(one for one in refused.value.problems if one.field == field)
    assert LINES + line == problem.line
    assert message in problem.message
    assert fix in problem.fix


def test_hooks_of_plan_wave_and_machine_run_in_this_order() -> None:
    """Each machine runs the plan's, then its wave's, then its own; a name stands once."""
    wave = "    hooks: {before_cutover: [{name: drain, webhook: {channel: lb}}]}\n"
    own = "web-02\n        hooks: {before_cutover: [{name: last, webhook: {channel: lb}}]}\n"
    plan = GOOD.replace("  - name: first\n", f"  - name: first\n{wave}").replace("web-02\n", own)
    whole = read(plan=plan)
    orders = [[one.name for one in hooks_by_vm(whole)[vm.name].before] for vm in whole.vms]
    assert [["quiesce", "drain"], ["quiesce", "drain", "last"]] == orders
    assert whole == Plan.model_validate_json(whole.model_dump_json())
    with pytest.raises(PlanFileError) as refused:
        read(plan=plan.replace("name: last", "name: Quiesce"))
    [problem] = refused.value.problems
    assert "waves[0].vms[1].hooks.before_cutover[0].name" == problem.field
    assert 'the hook "Quiesce" stands twice' in problem.message


def test_scripts_in_the_guest_are_calls_that_change_and_need_a_right() -> None:
    """They stand in the table with their undo; a call of a channel is none of Azure's."""
    after = "    - {name: warm, command: {script: x}, undo: {command: {script: y}}}\n"
    plan = read(HOOKS + after)
    vms = tuple(vm_specs(plan))[:1]
    calls = [call for call in writes(*moves_of(plan, vms)) if call.path.endswith("/runCommand") and "hook" in call.when]
    told = [(call.step, call.resource_id, call.effect, call.when) for call in calls]
    expected = [
        ("fail over", vms[0].source_id, "changes", "the hook quiesce"),
        ("fail over", vms[0].target_id, "changes", "the hook warm"),
        ("return to the source", vms[0].target_id, "changes", "on the way back, if the hook warm had begun"),
        ("return to the source", vms[0].source_id, "changes", "on the way back, if the hook quiesce had begun"),
    ]
    assert expected == told
    action = "Microsoft.Compute/virtualMachines/runCommand/action"
    places = [role["Name"].rsplit(": ", 1)[-1] for role in custom_roles(plan) if action in role["Actions"]]
    assert ["source", "target"] == places
    assert ["source"] == [
        role["Name"].rsplit(": ", 1)[-1] for role in custom_roles(read("")) if action in role["Actions"]
    ]
