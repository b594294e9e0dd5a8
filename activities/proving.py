"""Ask the user's own probes of a machine until they hold, or their time is over.

Inside the guest they run by run command, with fixed scripts and parameters beside them; a command is the user's own. A
machine that is still booting, or whose service is, answers with a no for a while: each is tried again.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError
from temporalio import activity

from activities import commanding
from activities.guest import PROBES, script_for
from activities.heartbeats import beating
from activities.intents import Intents
from activities.writing import INTENT_SETTLE_SECONDS
from arm import machines, reach
from arm.errors import classify
from arm.run_command import Command, CommandError
from migration.ids import describe
from migration.probing import Tried, judged, parameters, try_seconds
from migration.proofs import ProbeResult, RunProbe, quoted
from migration.times import utc_text

if TYPE_CHECKING:
    from arm.clients import AzureClients

_COMMAND_SECONDS = 120
"""What a run command takes besides its script: until the agent has fetched it, and told of it."""
_OUR_OWN_TROUBLE = {"environment", "denied", "throttled", "superseded"}


class ProbeActivities:
    """Questions of the user's own."""

    def __init__(self, azure: AzureClients, settle_seconds: float = INTENT_SETTLE_SECONDS) -> None:
        self._azure = azure
        self._settle_seconds = settle_seconds

    @activity.defn
    async def run_probe(self, request: RunProbe) -> ProbeResult:
        """Ask one probe of one machine, and tell how it ended. A no is an answer, not an error.

        A worker that dies on the way gives the machine its time again; a run command that it sent is not sent twice.
        """
        intents = Intents()
        async with beating(intents.details):
            return await _Asking(self._azure, request, intents).until_it_holds(self._settle_seconds)


@dataclass
class _Asking:
    """One probe while it is asked."""

    azure: AzureClients
    request: RunProbe
    intents: Intents
    began: float = field(default_factory=time.monotonic)
    attempts: int = 0

    async def until_it_holds(self, settle_seconds: float) -> ProbeResult:
        """Try until it holds or its time is over; at least once."""
        deadline = self.began + self.request.timeout_seconds
        operation = self.intents.previous.operation if self.intents.previous else ""
        if self.intents.previous and not operation:
            # What an earlier attempt sent may still run; Azure takes one command at a time.
            await asyncio.sleep(self.intents.settle_seconds(settle_seconds))
        while True:
            tried = await self._try(deadline, operation)
            operation = ""
            if tried.ok or time.monotonic() + self.request.interval_seconds >= deadline:
                return self._result(tried)
            await asyncio.sleep(self.request.interval_seconds)

    async def _try(self, deadline: float, operation: str) -> Tried:
        self.attempts += 1
        try:
            if self.request.probe.where == "worker":
                return await self._from_here()
            return await self._inside(deadline, operation)
        except CommandError as error:
            return Tried(ok=False, evidence=str(error))
        except AzureError as error:
            failure = classify(error)
            if failure.kind in _OUR_OWN_TROUBLE:
                raise
            return Tried(ok=False, evidence=quoted(f"{failure.code}: {failure.message}"))

    async def _inside(self, deadline: float, operation: str) -> Tried:
        request, probe = self.request, self.request.probe
        name, script = script_for(request.os_type, PROBES)
        command = Command(request.vm_id, name, script, parameters(probe))
        # A command that was sent runs to its end, whoever waits: its own time bounds it, not the probe's.
        until = max(deadline, time.monotonic() + try_seconds(probe) + _COMMAND_SECONDS)
        output = await commanding.output_of(self.azure, command, self.intents, until, operation)
        return judged(probe, output) or Tried(ok=False, evidence="the machine's answer was not understood")

    async def _from_here(self) -> Tried:
        machine = await machines.read_machine(self.azure, self.request.vm_id)
        if machine is None or not machine.nic_ids:
            return Tried(ok=False, evidence=f"{describe(self.request.vm_id)} has no network interface")
        nic = await machines.read_interface(self.azure, machine.nic_ids[0])
        if nic is None or not nic.address:
            return Tried(ok=False, evidence=f"{describe(machine.nic_ids[0])} has no private address")
        return await reach.ask(self.request.probe, nic.address)

    def _result(self, tried: Tried) -> ProbeResult:
        probe, took = self.request.probe, time.monotonic() - self.began
        started = activity.info().started_time
        return ProbeResult(
            name=probe.name,
            kind=probe.kind,
            where=probe.where,
            ok=tried.ok,
            attempts=self.attempts,
            evidence=tried.evidence,
            started=utc_text(started),
            ended=utc_text(started + timedelta(seconds=took)),
            seconds=round(took),
        )
