"""`finalise` as it is typed: who serves it, which cloud is meant, what is wrong with what was typed."""

from collections.abc import AsyncIterator

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from console.finalising import Action, Order, finalise
from console.session import Session
from migration import names
from migration.finalise import Finalised, FinalisePlanInput
from migration.report import MemoKeys, as_json
from tests.console.conftest import CommandLine, eventually

pytestmark = pytest.mark.timeout(180)


@workflow.defn(name=names.FINALISE_VM)
class StandInFinaliseVm:
    """Deletes nothing: it ends at once, or waits for a person."""

    @workflow.run
    async def run(self, name: str) -> None:
        """Leave in the memo how it ended."""
        if name.startswith("web"):
            await workflow.wait_condition(lambda: False)
        workflow.upsert_memo({MemoKeys.FINALISED: as_json(Finalised(name=name, outcome="finalised"))})

    @workflow.query(name=names.QUERY_STATUS)
    def status(self) -> Finalised:
        """Tell where it stands."""
        return Finalised(name="web-1", phase="awaiting_approval", waiting_for="a decision", needs_action=True)


@workflow.defn(name=names.FINALISE_PLAN)
class StandInFinalisePlan:
    """Deletes nothing, and tells whose source it was asked for."""

    @workflow.run
    async def run(self, request: FinalisePlanInput) -> list[str]:
        """Return what was asked; where somebody is to decide, wait."""
        ends = names.finalise_vm_id(request.plan.name, "")
        for name in request.vms if any(vm.startswith("web") for vm in request.vms) else []:
            await workflow.start_child_workflow(StandInFinaliseVm.run, name, id=f"{ends}{name}")
        await workflow.wait_condition(lambda: "web-1" not in request.vms)
        return [request.plan.name, *request.vms, request.requester]


@pytest.fixture
async def served(standins: Client) -> AsyncIterator[None]:
    """Serve the finaliser's queue."""
    async with Worker(
        standins,
        task_queue=names.FINALISE_TASK_QUEUE,
        workflows=[StandInFinalisePlan, StandInFinaliseVm],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


@pytest.mark.usefixtures("served")
async def test_it_asks_before_a_cloud_and_for_those_that_are_meant(starter: CommandLine, standins: Client) -> None:
    """A real cloud wants --yes where nobody can be asked; a plan's name means the plan as it was started."""
    path, name = starter.plan(["fast-1"], ["fast-2", "fast-3"])
    await starter("start", path, "--wait")
    cloud = {"AZURE_RESOURCE_MANAGER_ENDPOINT": "https://management.azure.com", "AZURE_TENANT_ID": "the-tenant"}
    refused = await starter("finalise", name, "--wave", "WAVE-2", **cloud)
    asked = await starter("finalise", name, "--wave", "WAVE-2", "--yes", "--json", **cloud)

    assert (2, "") == (refused.code, refused.out)
    assert "--yes" in refused.err
    assert "https://management.azure.com" in refused.err
    assert (0, ["fast-2", "fast-3"]) == (asked.code, asked.json["vms"])
    handle = standins.get_workflow_handle(names.finalise_plan_id(name))
    assert [name, "fast-2", "fast-3", "requester@contoso.example"] == await handle.result()
    assert asked.json["run_id"] == (await handle.describe()).run_id


@pytest.mark.usefixtures("served")
async def test_many_are_counted_and_a_cancel_reaches_also_those_that_have_not_begun(
    starter: CommandLine, standins: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who waits for a person is shown, the rest is counted; the plan's workflow ends, so that it begins no other."""
    monkeypatch.setattr("console.finalising.LARGE", 2)
    path, name = starter.plan(["fast-1", "fast-2", "web-1"])
    session, order = Session(starter.environment, as_json=False), Order(None, None, None, "", yes=True)
    assert 0 == await finalise(session, path, "start", order)

    async def answer(action: Action) -> tuple[int, str]:
        capsys.readouterr()
        code = await finalise(session, path, action, order)
        return code, capsys.readouterr().out

    async def all_have_begun() -> bool:
        return f"finalise {name}: 3 sources: 2 finalised, 1 awaiting approval" in (await answer("status"))[1]

    async def nothing_runs() -> bool:
        return (1, f"finalise {name}: nothing runs\n") == await answer("cancel")

    await eventually(all_have_begun)
    shown, cancelled = await answer("status"), await answer("cancel")
    await eventually(nothing_runs)

    assert ("web-1" in shown[1], "fast-1" in shown[1]) == (True, False)
    assert (0, f"finalise {name}: cancelled: web-1; what was deleted stays deleted\n") == cancelled
    status = (await standins.get_workflow_handle(names.finalise_plan_id(name)).describe()).status
    assert WorkflowExecutionStatus.CANCELED == status


async def test_without_its_worker_nothing_begins(lonely_starter: CommandLine) -> None:
    """The ordinary worker is not enough; the message says what to start."""
    path, _ = lonely_starter.plan(["fast-1"])
    answer = await lonely_starter("finalise", path)

    assert (3, "") == (answer.code, answer.out)
    assert "python worker.py --finalise" in answer.err


async def test_what_is_typed_wrong_is_told(starter: CommandLine) -> None:
    """An action, a machine, a wave or a plan that there is not; a decision by nobody; a resolution of no machine."""
    path, name = starter.plan(["fast-1"])
    wrong = {
        ("finalise", path, "destroy"): "destroy",
        ("finalise", path, "--vm", "nobody"): "it has fast-1",
        ("finalise", path, "--wave", "nowhere"): "it has wave-1",
        ("finalise", f"no-{name}"): "give its file",
        ("finalise", path, "retry"): "give --vm NAME",
    }
    for arguments, told in wrong.items():
        answer = await starter(*arguments)
        assert (2, "") == (answer.code, answer.out), answer
        assert told in answer.err

    nobody = await starter("finalise", path, "approve")
    assert 1 == nobody.code
    assert "is being finalised now" in nobody.out


async def test_roles_of_the_finaliser_are_printed_apart(starter: CommandLine) -> None:
    """Nobody gets them by mistake: they are printed when they are asked for, and say whose they are."""
    path, _ = starter.plan(["fast-1"])
    mine, plain = await starter("roles", path, "--finaliser"), await starter("roles", path)

    assert ["finaliser", "finaliser reads"] == [role["Name"].rsplit(": ")[-1] for role in mine.json]
    assert "to no other" in mine.err
    assert "finaliser" not in plain.out
