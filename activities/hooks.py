"""Run a user's hook for a virtual machine: a call of a channel or a script in the guest, at least once, by one key."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import webhooks
from activities.heartbeats import beating
from activities.intents import Intents
from activities.webhooks import Channels
from activities.writing import INTENT_SETTLE_SECONDS
from arm import leases, run_command
from arm.errors import classify
from arm.run_command import Command, CommandError
from migration.hooks import HookRan, RunHook
from migration.ids import ResourceId, describe
from migration.proofs import quoted

if TYPE_CHECKING:
    from arm.clients import AzureClients

FAILURE = "HookFailure"
_BUSY_SECONDS = 5.0
_SHOWN = 400
_EXIT_STATUS = re.compile(r"exit status=(\d+)")
_DONE = "azure-vm-migration: the hook came to its end"
"""What a PowerShell script prints last; one that throws does not come so far, and run command tells no exit code."""
_RUN_COMMANDS = {"Linux": "RunShellScript", "Windows": "RunPowerShellScript"}


class HookActivities:
    """Hooks before and after the cutover, and their undo."""

    def __init__(
        self, azure: AzureClients, channels: Channels | None = None, settle_seconds: float = INTENT_SETTLE_SECONDS
    ) -> None:
        self._azure = azure
        self._channels = channels or Channels()
        self._settle_seconds = settle_seconds

    @activity.defn
    async def run_hook(self, request: RunHook) -> HookRan:
        """Run it once in this attempt; what an earlier attempt began in the guest is followed, not begun again.

        Raises:
            ApplicationError: it did not end well; `WebhookFailure` and `HookFailure` say how.
        """
        if request.action.webhook is not None:
            async with beating(list):
                channel = self._channels.named(request.action.webhook.channel)
                seconds = min(webhooks.ATTEMPT_SECONDS, request.deadline_seconds)
                name = request.action.webhook.channel
                said = await webhooks.post(name, channel, _content(request), request.key, seconds)
            return HookRan(attempts=activity.info().attempt, output=shown(said))
        said = await self._in_the_guest(request)
        return HookRan(attempts=activity.info().attempt, output=shown(said))

    async def _in_the_guest(self, request: RunHook) -> str:
        intents, until = Intents(), time.monotonic() + request.deadline_seconds
        about = f"running the hook {request.name} in {describe(request.vm_id)}"
        async with beating(intents.details):
            operation = intents.previous.operation if intents.previous else ""
            if intents.previous and not operation:
                # What the earlier attempt sent may still run; Azure takes one command at a time.
                await asyncio.sleep(intents.settle_seconds(self._settle_seconds))
            try:
                path = operation or await self._start(request, intents, until)
                said = await run_command.output_of(
                    self._azure, ResourceId.parse(request.vm_id).subscription, path, until
                )
            except CommandError as error:
                raise _failed(f"{about}: {error}") from None
        return _judged(request, about, said)

    async def _start(self, request: RunHook, intents: Intents, until: float) -> str:
        """Send the script once the machine runs no other, and return where its progress is read."""
        command = _command(request)
        while True:
            await self._azure.limiter.admit("writes", command.vm_id)
            lease = await intents.record(command.vm_id, "RunCommand")
            try:
                with leases.holding(lease):
                    path = await run_command.start(self._azure, command)
            except AzureError as error:
                failure = classify(error)
                if not failure.unknown_outcome:
                    await intents.withdraw()
                if failure.kind not in {"busy", "throttled"} or time.monotonic() + _BUSY_SECONDS > until:
                    raise
                await asyncio.sleep(failure.retry_after_seconds or _BUSY_SECONDS)
            else:
                await intents.keep_operation(path)
                return path


def shown(text: str) -> str:
    """Return the end of what a stranger said, fit for a report: without secrets and control characters, and short."""
    return quoted(text, _SHOWN)


def _content(request: RunHook) -> dict[str, Any]:
    assert request.action.webhook is not None  # noqa: S101 - the caller asked
    return {
        "version": 1,
        "id": request.key,
        "hook": request.name,
        "when": request.moment,
        "action": "undo" if request.undo else "run",
        "plan": request.plan,
        "vm": request.vm,
        "source_id": request.source_id,
        "target_id": request.target_id,
        "parameters": request.action.webhook.body,
    }


def _command(request: RunHook) -> Command:
    assert request.action.command is not None  # noqa: S101 - one of the two is there
    script = request.action.command.script.splitlines()
    if request.os_type == "Windows":
        script.append(f"Write-Output '{_DONE}'")
    return Command(request.vm_id, _RUN_COMMANDS[request.os_type], script, dict(request.action.command.parameters))


def _judged(request: RunHook, about: str, said: str) -> str:
    if request.os_type == "Windows":
        if _DONE not in said:
            raise _failed(f"{about}: it did not come to its end: {shown(said)}")
        return said.replace(_DONE, "")
    status = _EXIT_STATUS.search(said.partition("[stdout]")[0])
    printed = _printed(said)
    if status is not None:
        raise _failed(f"{about}: exit status {status[1]}: {shown(printed)}")
    return printed


def _printed(said: str) -> str:
    """Return what a script printed, without the headings under which run command tells it on Linux."""
    head, found, rest = said.partition("[stdout]")
    out, _, err = rest.rpartition("[stderr]") if "[stderr]" in rest else (rest, "", "")
    return " ".join(part.strip() for part in (out, err) if part.strip()) if found else head


def _failed(message: str) -> ApplicationError:
    return ApplicationError(message, activity.info().attempt, type=FAILURE, non_retryable=True)
