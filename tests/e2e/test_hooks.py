"""Hooks in the guests of a whole move that is rejected: each runs, and each is taken back, on real parts."""

import pytest
from temporalio.client import Client

from migration import names
from migration.calls.move import move_of
from migration.calls.table import writes
from migration.models import vm_specs
from tests.e2e import judge
from tests.e2e.estates import Case, seed_of
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

HOOKS = {
    "before_cutover": [
        {
            "name": "quiesce",
            "command": {"script": 'echo "stop $unit"', "parameters": {"unit": "shop"}},
            "undo": {"command": {"script": "systemctl is-system-running\necho back"}},
        }
    ],
    "after_cutover": [
        {"name": "warm", "command": {"script": "hostname"}, "undo": {"command": {"script": "echo cold"}}},
    ],
}
ALWAYS = {"time_zone": "Europe/Amsterdam", "windows": [{"from": "00:00", "to": "24:00"}]}


async def test_a_rejected_move_takes_its_hooks_back(client: Client) -> None:
    """In its window the machine moves; the rejection runs both undos, and the source serves with nothing left over."""
    case = Case("hooked", extra=(("hooks", HOOKS), ("cutover", ALWAYS)))
    async with Stack.run(client, seed_of([case])) as stack:
        plan = await stack.start(case)
        await stack.reach(case, "awaiting_approval")
        await stack.decide(case, names.SIGNAL_REJECT_COMMIT)
        await plan.result()
        report = await stack.report(case)
        log = stack.simulator.requests()

        assert report.outcome == "rolled_back"
        told = [(one.name, one.when, one.ok, one.undone) for one in report.hooks]
        assert told == [("quiesce", "before_cutover", True, True), ("warm", "after_cutover", True, True)]
        assert "stop shop" in report.hooks[0].detail
        commands = [line["path"] for line in log if line["accepted"] and line["path"].endswith("/runCommand")]
        source, target = case.vm_id("vm"), case.vm_id("vm", "target")
        hooked = [path.removesuffix("/runCommand") for path in commands][-4:]
        assert hooked == [source, target, target, source]
        assert judge.power_states(case, stack.simulator) == {"vm": "PowerState/running"}
        listed = {call.path.lower() for call in writes(move_of(case.plan, tuple(vm_specs(case.plan))))}
        assert {path.lower() for path in commands} <= listed
