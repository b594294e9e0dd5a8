"""One virtual machine, end to end, on real parts: the first thing that has to work."""

from temporalio.client import Client

from migration.report import PlanEnding
from tests.e2e import judge
from tests.e2e.estates import Case, seed_of
from tests.e2e.stack import Stack


async def test_one_vm_moves(client: Client) -> None:
    """A plan of one virtual machine ends migrated, with one accepted write per step and all that it made reported."""
    case = Case("one")
    async with Stack.run(client, seed_of([case])) as stack:
        plan = await stack.start(case)
        await stack.decide(case)
        ending = PlanEnding.model_validate(await plan.result())
        report, shared = await stack.report(case), await stack.plan_report(case)

        assert ending.outcome == "migrated"
        assert report.outcome == "migrated"
        assert report.data_loss_seconds == 0
        assert judge.power_states(case, stack.simulator) == {"vm": "PowerState/deallocated"}
        assert judge.power_states(case, stack.simulator, "target") == {"vm": "PowerState/running"}
        assert judge.repeated_writes(case, stack.simulator.requests()) == {}
        assert judge.unreported(case, stack.simulator, shared, [report]) == []
