"""What many tests of the command line do first."""

import time

from temporalio.client import Client, WorkflowHandle

from console.connection import Link
from console.reading import read_plan
from migration import names
from tests.console.conftest import Answer, CommandLine, eventually


async def started(starter: CommandLine, *waves: list[str]) -> str:
    """Start a plan of these waves and return its name."""
    path, name = starter.plan(*waves)
    answer = await starter("start", path)
    assert answer.code == 0, answer.err
    return name


async def until_phase(starter: CommandLine, plan: str, phase: str, vm: str | None = None) -> Answer:
    """Wait until a virtual machine, or each, is in *phase*; return the status then."""
    link = Link(starter.client, "", time.monotonic())

    async def is_there() -> bool:
        view = await read_plan(link, plan)
        return {one.phase.value for one in view.vms if vm is None or one.name == vm} == {phase}

    await eventually(is_there)
    return await starter("status", plan, "--json")


def handle_of(client: Client, plan: str, vm: str | None = None) -> WorkflowHandle[object, object]:
    """Return the workflow of a plan or of its virtual machine."""
    return client.get_workflow_handle(names.migrate_vm_id(plan, vm) if vm else names.migrate_plan_id(plan))
