"""Send an update to a virtual machine's workflow and get its answer, or say plainly that none came."""

import asyncio
import difflib

from temporalio.client import RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from console.connection import Link
from console.errors import InputError, UnreachableError
from console.view import PlanView, VmView
from migration.base import Value
from migration.report import DecisionAnswer

UPDATE_TIMEOUT_SECONDS = 8.0
VERIFIED_TIMEOUT_SECONDS = 40.0
"""The same where a worker first verifies a token, for which it may have to read the tenant's keys."""


async def send_update(
    link: Link, workflow_id: str, name: str, message: Value, *, within_seconds: float = UPDATE_TIMEOUT_SECONDS
) -> DecisionAnswer:
    """Return what a workflow answers to an update: whether it counted, and why.

    Raises:
        UnreachableError: no answer came in time, so that it is not known whether it arrived.
    """
    handle = link.client.get_workflow_handle(workflow_id)
    try:
        async with asyncio.timeout(within_seconds):
            answer: DecisionAnswer = await handle.execute_update(name, message, result_type=DecisionAnswer)
            return answer
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        return _refused(cause.message if isinstance(cause, ApplicationError) else str(cause))
    except (RPCTimeoutOrCancelledError, TimeoutError):
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError from None  # A person's Ctrl-C, of which Temporal's client made an error.
        raise UnreachableError(
            f"sending {name} to {workflow_id} on the Temporal server at {link.address}: no worker answered within "
            f"{within_seconds:g} s, so that it is not known whether it will count; see `status`"
        ) from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return _refused("it has ended")
        raise


_NAMED = 20
"""How many virtual machines an error lists; of more, those whose names are close."""


def _refused(reason: str) -> DecisionAnswer:
    return DecisionAnswer(counted=False, reason=reason)


def find_vm(view: PlanView, name: str) -> VmView:
    """Return the virtual machine of a plan that *name* means, without regard to case.

    Raises:
        InputError: the plan has none of that name.
    """
    for vm in view.vms:
        if vm.is_named(name):
            return vm
    names = [vm.name for vm in view.vms]
    if len(names) > _NAMED:
        names = difflib.get_close_matches(name, names, n=5, cutoff=0.5) or [*names[:5], f"and {len(names) - 5} more"]
    raise InputError(f'finding VM "{name}" in plan "{view.plan}": its VMs are {", ".join(names)}')


def find_wave(view: PlanView, name: str) -> list[VmView]:
    """Return the virtual machines of the wave that *name* means, without regard to case.

    Raises:
        InputError: the plan has no wave of that name.
    """
    found = [vm for vm in view.vms if vm.is_in_wave(name)]
    if not found:
        waves = dict.fromkeys(vm.wave for vm in view.vms)
        raise InputError(f'finding wave "{name}" in plan "{view.plan}": its waves are {", ".join(waves)}')
    return found
