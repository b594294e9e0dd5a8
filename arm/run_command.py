"""Runs a fixed script in a machine by run command, and reads what it printed.

`Action run commands <https://learn.microsoft.com/azure/virtual-machines/linux/run-command>`_: one at a time in a
machine, as its administrator, at most 4,096 bytes of output; it cannot be cancelled.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest
from azure.mgmt.core.exceptions import ARMErrorFormat

from arm.errors import redacted
from arm.pauses import pause_asked
from arm.reads import API_VERSIONS
from arm.writes import begin
from migration.ids import ResourceId

if TYPE_CHECKING:
    from arm.clients import AzureClients

_RUNNING = {"inprogress", "running", "accepted", "updating"}
_WITHOUT_HEADER_SECONDS = 5


class CommandError(Exception):
    """The command gave no output; the message says why."""


@dataclass(frozen=True)
class Command:
    """A script as it stands, and what it is asked: never formatted into it, always beside it."""

    vm_id: str
    name: str
    """The run command that takes the script: `RunShellScript` or `RunPowerShellScript`."""
    script: list[str]
    parameters: dict[str, str]

    @property
    def body(self) -> dict[str, Any]:
        """What Azure is sent."""
        parameters = [{"name": name, "value": value} for name, value in self.parameters.items()]
        return {"commandId": self.name, "script": self.script, "parameters": parameters}


async def start(azure: AzureClients, command: Command) -> str:
    """Start a command, and return where its progress is read: the path of the operation without its signature.

    Raises:
        AzureError: Azure refused, or the outcome is unknown.
    """
    vm = ResourceId.parse(command.vm_id)
    machines = azure.compute(vm.subscription).virtual_machines
    accepted = await begin(machines.begin_run_command, vm.resource_group, vm.name, command.body)
    return urlsplit(accepted.operation_url or "").path


async def output_of(azure: AzureClients, subscription: str, operation: str, until: float) -> str:
    """Return what a command printed, once it has ended; *until* is on the monotonic clock.

    Raises:
        CommandError: It failed, gave nothing, or did not end in time.
        AzureError: Its progress could not be read.
    """
    request = HttpRequest("GET", operation, params={"api-version": API_VERSIONS["microsoft.compute"]})
    while time.monotonic() < until:
        response = await azure.resources(subscription).send_request(request)
        if response.status_code not in {200, 202}:
            raise HttpResponseError(response=response, error_format=ARMErrorFormat)
        document = response.json() if response.status_code == 200 else {"status": "InProgress"}
        status = str(document.get("status") or "Succeeded").lower()
        if status not in _RUNNING:
            return _printed(document, status)
        await asyncio.sleep(pause_asked(response.headers, _WITHOUT_HEADER_SECONDS))
    raise CommandError("its run command did not end in time")


def _printed(document: dict[str, Any], status: str) -> str:
    if status != "succeeded":
        error = document.get("error") or {}
        raise CommandError(f"its run command ended as {status}: {redacted(str(error.get('message') or ''))}"[:400])
    output = (document.get("properties") or {}).get("output") or document
    messages = [str(part.get("message") or "") for part in output.get("value") or [] if isinstance(part, dict)]
    if not messages:
        raise CommandError("its run command ended without an output")
    return "\n".join(messages)
