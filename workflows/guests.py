"""The questions inside machines: few at once, each for a bounded time; none that is silent stops the others' check."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.guests import GuestActivities
    from migration.findings import CheckGuest, PlanCheck, VmFindings, guests_to_ask
    from migration.plan import Plan
    from migration.rules.guest_case import silent
from workflows import policies

RECENTLY_SECONDS = 600
"""A run takes a machine for sound that a check has asked so recently, and found sound."""


async def ask_guests(plan: Plan, check: PlanCheck, max_age_seconds: int = 0) -> PlanCheck:
    """Ask the machines that a plan's check found to be asked, and return the check with what they said."""
    requests = guests_to_ask(plan, check, max_age_seconds)
    together = asyncio.Semaphore(plan.guest_probes.concurrency)
    answers = await asyncio.gather(*(_ask(request, together) for request in requests))
    return check.joined(list(answers))


async def _ask(request: CheckGuest, together: asyncio.Semaphore) -> VmFindings:
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
