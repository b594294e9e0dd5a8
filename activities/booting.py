"""Wait until a machine that was just made has booted, or shows that it will not."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError
from temporalio import activity

from activities.heartbeats import beating
from arm import boot, machines
from arm.handover import BOOT, PARITY
from arm.together import not_serving_yet
from arm.watcher import OUTAGE_SECONDS
from migration import power
from migration.proofs import Boot, BootWait

if TYPE_CHECKING:
    from arm.clients import AzureClients
    from arm.machines import Machine
    from arm.reads import Json
    from arm.watcher import Watchers

FLOORS = 2.5
"""How many floors apart two looks are: five seconds where the floor is two. A boot takes a minute and more."""
_LOG_PAUSE_SECONDS = 10.0
"""How often the serial log of a machine is read that is not ready yet."""


class BootActivities:
    """Watches machines while they boot."""

    def __init__(self, azure: AzureClients, watchers: Watchers) -> None:
        self._azure = azure
        self._watchers = watchers

    @activity.defn
    async def wait_for_boot(self, wait: BootWait) -> Boot:
        """Wait until the agent is ready or the serial log shows how it went; at the end of its time say what is known.

        The time counts from when it was first asked for: a machine boots whether a worker watches or not.
        """
        info = activity.info()
        waited = (info.started_time - info.scheduled_time).total_seconds()
        async with beating(list):
            watching = _Watching(self._azure, wait, max(wait.timeout_seconds - waited, 0.0))
            beat = FLOORS * self._watchers.floor_seconds
            with self._watchers.reading_alone():  # a listing may not tell of agents
                while (found := await watching.look()) is None:
                    # Machines that boot beside each other are looked at in the same moments, by one reading.
                    pause = self._watchers.pause_seconds(watching.seconds)
                    await self._azure.together.beat(beat * max(1, round(pause / beat)))
        return found.model_copy(update={"seconds": round(waited + watching.seconds)})


@dataclass
class _Watching:
    """One machine while it boots."""

    azure: AzureClients
    wait: BootWait
    left_seconds: float
    began: float = field(default_factory=time.monotonic)
    failing_since: float | None = None
    log: tuple[boot.Log, str] = ("", "")
    read: float = float("-inf")
    whole: Machine | None = None
    """As it was last read by itself: only then is it told where its serial log is kept."""

    @property
    def seconds(self) -> float:
        """How long it has been watched."""
        return time.monotonic() - self.began

    async def look(self) -> Boot | None:
        """Look once; None: it may still come."""
        late = self.seconds >= self.left_seconds
        try:
            machine = await self._machine(late=late)
        except AzureError:
            self.failing_since = self.failing_since or time.monotonic()
            if time.monotonic() - self.failing_since > OUTAGE_SECONDS:
                raise
            return None
        self.failing_since = None
        if machine is None:
            return Boot(ok=False, evidence="it does not exist any more") if late else None
        if machine.agent_ready:
            await self._read_log(machine, at_once=True)
            return self._boot(machine, ok=True, evidence="its agent reports Ready")
        await self._read_log(machine, at_once=late)
        return self._without_agent(machine, late=late)

    async def _machine(self, *, late: bool) -> Machine | None:
        """Return the machine, together with others that boot; what ends the wait only a read of itself may say."""
        if self.whole is None or late or not self.wait.expects_agent:
            return self._read(await machines.just_read(self.azure, BOOT, self.wait.vm_id))
        look = await self.azure.together.look(self.wait.vm_id, not_serving_yet)
        document = look.read.result()
        if look.is_whole or document is None:
            return self._read(document)
        return replace(machines.machine_of(document), keeps_serial_log=self.whole.keeps_serial_log)

    def _read(self, document: Json | None) -> Machine | None:
        """Take a reading of the machine itself; the comparison with the source comes next."""
        self.azure.handed.put(PARITY, {} if document is None else {self.wait.vm_id: document})
        self.whole = None if document is None else machines.machine_of(document)
        return self.whole

    def _without_agent(self, machine: Machine, *, late: bool) -> Boot | None:
        kind, line = self.log
        if kind == "failed":
            return self._boot(machine, ok=False, evidence=f'its boot failed, as its serial log shows: "{line}"')
        if not self.wait.expects_agent and power.is_running(machine.power_state):
            if kind == "login":
                return self._boot(machine, ok=True, evidence=f'its serial log shows "{line}"')
            if not machine.keeps_serial_log or late:
                told = "its agent was not ready at the source either, and nothing else tells"
                return self._boot(machine, ok=None, evidence=told)
        if not late:
            return None
        said = f"reports {machine.agent}" if machine.agent else "does not report"
        shown = f'; the last line of its serial log: "{line}"' if line else ""
        told = f"its agent {said} after {self.wait.timeout_seconds} s ({machine.power_state}){shown}"
        return self._boot(machine, ok=False, evidence=told)

    async def _read_log(self, machine: Machine, *, at_once: bool) -> None:
        if machine.keeps_serial_log and (at_once or self.seconds - self.read >= _LOG_PAUSE_SECONDS):
            self.read = self.seconds
            self.log = await boot.serial_log(self.azure, self.wait.vm_id)

    def _boot(self, machine: Machine, *, ok: bool | None, evidence: str) -> Boot:
        return Boot(ok=ok, evidence=evidence, agent=machine.agent, serial_log=self.log[0])
