"""A namespace with a worker of stand-in workflows, one without any worker, and the command line to run against them."""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from migration import names
from runtime.temporal import ensure_search_attributes
from tests.console.standins import (
    APPROVER,
    StandInCheck,
    StandInClean,
    StandInPlan,
    StandInSurvey,
    StandInVm,
    wait_until_protected,
)
from tests.support.forked import popen

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The answer as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """Runs `starter.py` as a person would: a process, an environment, a folder."""

    environment: dict[str, str]
    folder: Path
    client: Client

    async def __call__(self, *arguments: str, **variables: str) -> Answer:
        """Run one command to its end."""
        process = popen(
            self._command(arguments),
            cwd=self.folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        out, err = await asyncio.to_thread(process.communicate, timeout=DEADLINE_SECONDS * 2)
        answer = Answer(process.returncode, out, err)
        assert "Traceback" not in answer.err
        return answer

    async def start(self, *arguments: str, **variables: str) -> asyncio.subprocess.Process:
        """Start one command."""
        return await asyncio.create_subprocess_exec(
            *self._command(arguments),
            cwd=self.folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, str(ROOT / "starter.py"), *arguments]

    def plan(self, *waves: Sequence[str], name: str | None = None, **changes: Any) -> tuple[str, str]:
        """Write a plan file with these waves of virtual machines; return its path and the plan's name."""
        content = yaml.safe_load((ROOT / "plans" / "contoso.yaml").read_text(encoding="utf-8"))
        content["name"] = name or f"plan-{uuid.uuid4().hex[:8]}"
        content["waves"] = [
            {"name": f"wave-{number}", "vms": [{"name": vm} for vm in wave]} for number, wave in enumerate(waves, 1)
        ]
        content |= changes
        path = self.folder / f"{content['name']}.yaml"
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return str(path), content["name"]


@pytest.fixture(scope="session")
async def standins(dev_server: WorkflowEnvironment) -> AsyncIterator[Client]:
    """Return a client of a namespace in which the stand-ins run."""
    client = await new_namespace(dev_server, "standins")
    async with standin_worker(client):
        yield client


@pytest.fixture(scope="session")
async def deserted(dev_server: WorkflowEnvironment) -> Client:
    """Return a client of a namespace that no worker serves."""
    return await new_namespace(dev_server, "deserted")


@pytest.fixture
def starter(standins: Client, tmp_path: Path) -> CommandLine:
    """Return the command line, connected to the stand-ins."""
    return command_line(standins, tmp_path)


@pytest.fixture
def lonely_starter(deserted: Client, tmp_path: Path) -> CommandLine:
    """Return the command line, connected to a server without a worker."""
    return command_line(deserted, tmp_path)


def standin_worker(client: Client, task_queue: str = names.WORKFLOW_TASK_QUEUE) -> Worker:
    """Return a worker that serves the stand-ins on a real task queue."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[StandInPlan, StandInVm, StandInCheck, StandInSurvey, StandInClean],
        activities=[wait_until_protected],
        workflow_runner=UnsandboxedWorkflowRunner(),
        graceful_shutdown_timeout=timedelta(0),
    )


def command_line(client: Client, folder: Path) -> CommandLine:
    """Return the command line with an environment of its own."""
    environment = {
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": client.namespace,
        "AZURE_RESOURCE_MANAGER_ENDPOINT": "https://localhost:8443",
        "MIGRATION_APPROVER": APPROVER,
        "MIGRATION_REQUESTER": "requester@contoso.example",
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TZ": "Europe/Berlin",
    }
    return CommandLine(environment, folder, client)


async def eventually(look: Callable[[], Awaitable[bool]]) -> None:
    """Wait until *look* finds what it looks for."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await look():
            await asyncio.sleep(0.1)


async def new_namespace(server: WorkflowEnvironment, purpose: str) -> Client:
    """Return a client of a namespace of its own, with our search attributes."""
    name = f"{purpose}-{uuid.uuid4().hex[:8]}"
    service = server.client.workflow_service
    retention = Duration(seconds=86_400)
    await service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
    )
    client = await Client.connect(
        server.client.service_client.config.target_host, namespace=name, data_converter=pydantic_data_converter
    )

    async def is_known() -> bool:
        try:
            await service.describe_namespace(DescribeNamespaceRequest(namespace=name))
        except RPCError:
            return False
        return True

    await eventually(is_known)
    await ensure_search_attributes(client)
    return client
