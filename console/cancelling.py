"""`cancel`: stop a plan and undo what has not been committed. Returns once Temporal has recorded the request."""

import asyncio
import contextlib

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from console.connection import RPC_TIMEOUT, Link, open_link
from console.errors import UnreachableError
from console.losses import RUNS_IN_TARGET, what_is_lost
from console.plans import plan_name
from console.reading import read_plan
from console.recorded import Recorded, read_recorded, together
from console.session import Session
from console.texts import clean, counted
from console.view import VmView
from migration.phases import Phase

_RECORDED_WITHIN_SECONDS = 8.0
_WARNING_SECONDS = 5.0
_POLL_SECONDS = 0.2


async def cancel_plan(session: Session, plan: str) -> int:
    """Ask for the end of *plan* and return 0 once that is recorded, 1 if nothing runs."""
    name = plan_name(plan)
    link = await open_link(session)
    recorded = await read_recorded(link.client, name)
    targets = _targets(recorded)
    await _warn(session, link, name)
    asked = [
        target
        for target, done in zip(targets, await _cancel_all(link.client, targets, f"by {session.person}"), strict=True)
        if done
    ]
    await _wait_until_recorded(link, asked)
    if session.as_json:
        session.answer_json({"plan": name, "recorded": bool(asked), "cancelled": asked})
    elif asked:
        whom = "the plan, which cancels its VMs one by one" if recorded.is_running else counted(len(asked), "VM")
        session.answer(clean(f"cancel of {name} recorded for {whom}; what is committed stays; `watch` shows the undo"))
    else:
        session.answer(clean(f"nothing of {name} runs: there is nothing to cancel"))
    return 0 if asked else 1


def _targets(recorded: Recorded) -> list[str]:
    """Return the plan's workflow; those of its virtual machines where the plan's is gone."""
    if recorded.is_running and recorded.description:
        return [recorded.description.id]
    return [run.id for run in recorded.vms.values() if run.status is WorkflowExecutionStatus.RUNNING]


async def _cancel_all(client: Client, targets: list[str], reason: str) -> list[bool]:
    return await together(_cancel(client, target, reason) for target in targets)


async def _cancel(client: Client, target: str, reason: str) -> bool:
    try:
        await client.get_workflow_handle(target).cancel(reason=reason, rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def _wait_until_recorded(link: Link, targets: list[str]) -> None:
    try:
        async with asyncio.timeout(_RECORDED_WITHIN_SECONDS):
            for target in targets:
                while not await _is_recorded(link.client, target):
                    await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise UnreachableError(
            f"cancelling {', '.join(targets)}: the Temporal server at {link.address} took the request and does not "
            "show it; see `status`"
        ) from None


async def _is_recorded(client: Client, target: str) -> bool:
    description = await client.get_workflow_handle(target).describe(rpc_timeout=RPC_TIMEOUT)
    return (
        description.status is not WorkflowExecutionStatus.RUNNING
        or description.raw_description.workflow_extended_info.cancel_requested
    )


async def _warn(session: Session, link: Link, plan: str) -> None:
    """Say what the undo discards, where a worker can tell in time; a cancel itself needs none."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_WARNING_SECONDS):
            view = await read_plan(link, plan, details_of_ended=False, choice=_may_lose)
            running = [vm for vm in view.vms if vm.is_running and (vm.phase in RUNS_IN_TARGET or _is_held(vm))]
            for line in await together(what_is_lost(link, vm) for vm in running):
                session.note(line)


def _may_lose(vm: VmView) -> bool:
    """Tell whether a virtual machine of a large plan may have a target with writes."""
    return vm.is_running and (vm.phase in RUNS_IN_TARGET or vm.phase is Phase.NEEDS_ACTION)


def _is_held(vm: VmView) -> bool:
    """Tell whether a person is asked about a virtual machine whose target had taken writes."""
    return vm.phase is Phase.NEEDS_ACTION and vm.writes_since is not None
