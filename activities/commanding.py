"""Runs one fixed script inside a machine, with the intent recorded first and the operation remembered."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from azure.core.exceptions import AzureError

from arm import leases, run_command
from arm.errors import classify
from arm.run_command import Command
from migration.ids import ResourceId

if TYPE_CHECKING:
    from arm.clients import AzureClients

_BUSY_SECONDS = 5.0
_NOT_NOW = {"operationnotallowed", "vmagentstatuscommunicationerror"}


class Permit(Protocol):
    """What lets a run command be sent, and remembers what was."""

    async def record(self, target: str, scenario: str) -> leases.WriteLease:
        """Return the lease of one command."""

    async def keep_operation(self, path: str) -> None:
        """Remember where its progress is read."""


async def output_of(azure: AzureClients, command: Command, permit: Permit, until: float, operation: str = "") -> str:
    """Return what a command printed; *operation* is that of one which was sent before.

    Raises:
        CommandError: It gave no output, or not in time.
        AzureError: Azure refused it, or cannot be asked.
    """
    path = operation or await _start(azure, command, permit, until)
    return await run_command.output_of(azure, ResourceId.parse(command.vm_id).subscription, path, until)


async def _start(azure: AzureClients, command: Command, permit: Permit, until: float) -> str:
    """Send the script, once the machine runs no other, and return where its progress is read."""
    while True:
        await azure.limiter.admit("writes", command.vm_id)
        lease = await permit.record(command.vm_id, "RunCommand")
        try:
            with leases.holding(lease):
                path = await run_command.start(azure, command)
        except AzureError as error:
            failure = classify(error)
            waits = failure.kind in {"busy", "throttled"} and failure.code.lower() not in _NOT_NOW
            if not waits or time.monotonic() + _BUSY_SECONDS > until:
                raise
            await asyncio.sleep(failure.retry_after_seconds or _BUSY_SECONDS)
        else:
            await permit.keep_operation(path)
            return path
