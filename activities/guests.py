"""Ask machines from inside, by run command: their way out, their certificates, their kernel.

The scripts stand in `activities.guest` and only look. They run on a task queue of their own, with few slots; a machine
that is slow or broken costs its own slot for its own time, and no other machine's check.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError
from temporalio import activity

from activities import commanding
from activities.commanding import Permit
from activities.guest import script_for
from activities.heartbeats import beating
from activities.intents import Intents
from activities.writing import INTENT_SETTLE_SECONDS
from arm import leases
from arm.errors import classify
from arm.run_command import Command, CommandError
from migration.facts import Fact
from migration.findings import CheckGuest, PlanCheck, VmFindings
from migration.guests import Endpoint, GuestAnswer, answer_of, endpoints
from migration.ids import describe, id_key
from migration.rules.guest_case import judged, silent

if TYPE_CHECKING:
    from arm.clients import AzureClients
    from migration.plan import Plan

ENDPOINT_SECONDS = 10
"""How long the script tries each endpoint."""


class GuestActivities:
    """Questions inside machines."""

    def __init__(self, azure: AzureClients, settle_seconds: float = INTENT_SETTLE_SECONDS) -> None:
        self._azure = azure
        self._settle_seconds = settle_seconds
        self._sound: dict[str, float] = {}

    @activity.defn
    async def check_guest(self, request: CheckGuest) -> VmFindings:
        """Ask one machine, and judge what it says. A machine that gives no answer is a finding, not an error.

        A run that follows a check need not run the same command again where that found nothing.
        """
        if time.monotonic() - self._sound.get(_question(request), float("-inf")) < request.max_age_seconds:
            return VmFindings(name=request.vm.name)
        intents = Intents()
        async with beating(intents.details):
            operation = intents.previous.operation if intents.previous else ""
            if intents.previous and not operation:
                # What the earlier attempt sent may still run; Azure takes one command at a time.
                await asyncio.sleep(intents.settle_seconds(self._settle_seconds))
            found = judged(request, await _ask(self._azure, request, intents, operation))
        self.remember(request, found)
        return found

    def remember(self, request: CheckGuest, found: VmFindings) -> None:
        """Keep that a machine was sound just now, or forget that it ever was."""
        self._sound.pop(_question(request), None)
        if not found.findings:
            self._sound[_question(request)] = time.monotonic()


async def check_guests(azure: AzureClients, plan: Plan, answer: PlanCheck, requests: list[CheckGuest]) -> PlanCheck:
    """Ask machines without Temporal, a few at once, and return the answer with what they said."""
    together = asyncio.Semaphore(plan.guest_probes.concurrency)

    async def one(request: CheckGuest) -> VmFindings:
        async with together:
            try:
                return judged(request, await _ask(azure, request, _Unrecorded(), ""))
            except AzureError as error:
                failure = classify(error)
                return silent(request, f"{failure.code}: {failure.message}")

    return answer.joined(list(await asyncio.gather(*(one(request) for request in requests))))


class _Unrecorded:
    """Lets a check without Temporal send its commands; nobody would take over what it leaves."""

    async def record(self, _target: str, _scenario: str) -> leases.WriteLease:
        return leases.WriteLease(str(uuid.uuid4()), expires=time.monotonic() + leases.UNRECORDED_SECONDS)

    async def keep_operation(self, _path: str) -> None:
        return None


async def _ask(azure: AzureClients, request: CheckGuest, permit: Permit, operation: str) -> Fact[GuestAnswer]:
    until = time.monotonic() + request.timeout_seconds
    asked, about = _endpoints(request), f"asking {describe(request.vm.source_id)}"
    try:
        output = await commanding.output_of(azure, _command(request, asked), permit, until, operation)
    except CommandError as error:
        return Fact(unasked=f"{about}: {error}")
    except AzureError as error:
        failure = classify(error)
        if failure.kind in {"environment", "throttled", "superseded"} and time.monotonic() < until:
            raise
        return Fact(unasked=f"{about}: {failure.code}: {failure.message}"[:400], denied=failure.kind == "denied")
    answer = answer_of(output, asked, request.os_type)
    return Fact(answer) if answer else Fact(unasked=f"{about}: its answer was not understood")


def _command(request: CheckGuest, asked: list[Endpoint]) -> Command:
    name, script = script_for(request.os_type)
    hosts = ",".join(f"{endpoint.host}:443" for endpoint in asked)
    parameters = {"endpoints": hosts, "timeout_seconds": str(ENDPOINT_SECONDS)}
    return Command(request.vm.source_id, name, script, parameters)


def _question(request: CheckGuest) -> str:
    hosts = [endpoint.host for endpoint in _endpoints(request)]
    return " ".join([id_key(request.vm.source_id), request.os_type, *hosts])


def _endpoints(request: CheckGuest) -> list[Endpoint]:
    vm = request.vm
    there = request.cache_is_there
    return endpoints(vm.source_region, vm.target_region, request.cache_account, cache_is_there=there)
