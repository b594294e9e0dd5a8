"""The questions inside machines: few at once, each for a bounded time; none that is silent stops the others' check."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.guests import GuestActivities
    from migration import names
    from migration.findings import CheckGuest, GuestsAsked, GuestsToAsk, PlanCheck, VmFindings, guests_to_ask
    from migration.plan import Plan
    from migration.rules.guest_case import silent
from workflows import policies

RECENTLY_SECONDS = 600
"""A run takes a machine for sound that a check has asked so recently, and found sound."""


async def ask_guests(plan: Plan, check: PlanCheck, max_age_seconds: int = 0) -> PlanCheck:
    """Ask the machines that a plan's check found to be asked, and return the check with what they said."""
    requests = guests_to_ask(plan, check, max_age_seconds)
    concurrency = plan.guest_probes.concurrency
    if len(requests) > policies.GUESTS_TOGETHER and workflow.patched("asks-guests-apart"):
        return check.joined(await _ask_apart(requests, concurrency))
    together = asyncio.Semaphore(concurrency)
    answers = await asyncio.gather(*(ask(request, together) for request in requests))
    return check.joined(list(answers))


async def _ask_apart(requests: list[CheckGuest], concurrency: int) -> list[VmFindings]:
    """Ask some after others, each lot in a history of its own: five thousand would be too many for one."""
    found: list[VmFindings] = []
    own = workflow.info()
    for begin in range(0, len(requests), policies.GUESTS_TOGETHER):
        lot = requests[begin : begin + policies.GUESTS_TOGETHER]
        answer: GuestsAsked = await workflow.execute_child_workflow(
            names.ASK_GUESTS,
            GuestsToAsk(requests=lot, concurrency=concurrency),
            id=f"{own.workflow_id}/guests/{own.run_id[:8]}-{begin}",
            result_type=GuestsAsked,
            static_summary=f"Ask {len(lot)} machines from inside, {begin} of {len(requests)} are done",
        )
        found += answer.found
    return found


async def ask(request: CheckGuest, together: asyncio.Semaphore) -> VmFindings:
    """Ask one, once fewer than may be asked *together* are; one that does not answer is a finding."""
    async with together:
        try:
            return await workflow.execute_activity_method(
                GuestActivities.check_guest,
                request,
                summary=f"Ask {request.vm.name} from inside",
                **policies.asking_guest(timedelta(seconds=request.timeout_seconds)),
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return silent(request, str(error.cause or error))
