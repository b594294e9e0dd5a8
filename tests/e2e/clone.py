"""A clone of the project with its embedded stack, used by the commands that a person types."""

import asyncio
import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from requests import Session
from temporalio.client import Client

from tests.e2e.estates import Case, seed_of
from tests.e2e.stack import ROOT, until
from tests.support.sim import Simulator

SPEED = "600"
COMMAND_SECONDS = 600
PARTS = ("activities", "arm", "console", "migration", "plans", "runtime", "simulator", "workflows")
FILES = ("worker.py", "starter.py", "pyproject.toml")
_QUICK = {"POLL_FLOOR_SECONDS": "0.15", "INTENT_SETTLE_SECONDS": "3"}


class RunningSimulator(Simulator):
    """The control calls of a simulator that somebody else has started, whose ready line is *ready*."""

    def __init__(self, ready: Mapping[str, str]) -> None:
        self.endpoint, self.ca_file = ready["endpoint"], ready["ca_file"]
        self.tenant_id, self.subscription_id = ready["tenant_id"], ready["subscription_id"]
        self.client_id, self.client_secret = ready["client_id"], ready["client_secret"]
        self._tokens: dict[str, str] = {}
        self.http = Session()
        self.http.verify = self.ca_file
        self.http.trust_env = False


@dataclass(frozen=True)
class Answer:
    """What a command printed, its exit code, and how long it took."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> Any:
        """The answer as JSON."""
        return json.loads(self.out)


class Clone:
    """A folder with the project's own files, and a stack that runs in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.simulator: Simulator
        self.client: Client
        for part in PARTS:
            shutil.copytree(ROOT / part, path / part)
        for file in FILES:
            shutil.copy2(ROOT / file, path / file)
        (path / ".venv").symlink_to(sys.prefix)

    @classmethod
    @contextlib.asynccontextmanager
    async def up(cls, path: Path) -> AsyncIterator[Self]:
        """Run `make up`'s command on free ports until the block ends."""
        clone = cls(path)
        command = [".venv/bin/python", "-m", "runtime.embedded", "up", "--speed", SPEED]
        with (path / "up.out").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(*command, "--temporal-port", "0", "--ui-port", "0"),
                cwd=path,
                env=os.environ | _QUICK,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
        try:
            while not (clone.state / "env").exists():
                assert process.returncode is None, (path / "up.out").read_text()
                await asyncio.sleep(0.05)
            clone.simulator = RunningSimulator(json.loads((clone.state / "simulator.json").read_text()))
            clone.client = await Client.connect(await clone.variable("TEMPORAL_ADDRESS"))
            yield clone
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), 60)

    @property
    def state(self) -> Path:
        """The folder of the stack."""
        return self.path / ".state"

    def pid(self, name: str) -> int:
        """Return the id of a process of the stack, 0 where it has none."""
        with contextlib.suppress(OSError, ValueError):
            return int((self.state / f"{name}.pid").read_text())
        return 0

    async def shell(self, command: str, **variables: str) -> Answer:
        """Run a line as a person types it in the clone, after `. .state/env`."""
        begun = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", f". .state/env\n{_assignments(variables)}{command}"),
            cwd=self.path,
            env=os.environ | {"PATH": f"{self.path / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        answer = Answer(process.returncode or 0, out.decode(), err.decode(), time.monotonic() - begun)
        assert "Traceback" not in answer.err
        return answer

    async def variable(self, name: str) -> str:
        """Return a variable that `.state/env` sets."""
        return (await self.shell(f'printf %s "${name}"')).out

    async def starter(self, arguments: str, **variables: str) -> Answer:
        """Run a command of starter.py."""
        return await self.shell(f"exec .venv/bin/python starter.py {arguments}", **variables)

    async def status(self, plan: str) -> dict[str, Any]:
        """Return what `status --json` answers."""
        answer = await self.starter(f"status {plan} --json")
        assert answer.code == 0, answer.err
        return dict(answer.json)

    async def phases(self, plan: str) -> dict[str, str]:
        """Return the phase of each virtual machine that has begun, from the search attributes of its workflow."""
        query = f"MigrationPlan = '{plan}' AND WorkflowType = 'MigrateVm'"
        found = {}
        async for execution in self.client.list_workflows(query):
            attributes = {pair.key.name: str(pair.value) for pair in execution.typed_search_attributes}
            found[attributes["MigrationVm"]] = attributes.get("MigrationPhase", "")
        return found

    async def reach(self, plan: str, phase: str, *vms: str, seconds: float = 240) -> dict[str, Any]:
        """Wait until the machines *vms* of a plan are in *phase*, and return the status that each of them answered."""
        status: dict[str, Any] = {}

        async def reached() -> bool:
            phases = await self.phases(plan)
            return {phases.get(vm) for vm in vms} == {phase}

        async def answered() -> bool:
            status.clear()
            status.update(await self.status(plan))
            return all(told.get("answered", True) for told in (status, *status["vms"]))

        await until(reached, f"{', '.join(vms)} of {plan}: {phase}", seconds=seconds, pause=0.25)
        await until(answered, f"each machine of {plan} answers", seconds=seconds)
        return status

    async def approve_all(self, plan: str, approver: str) -> Answer:
        """Watch a plan, approve whatever waits for it, and return the answer of `watch` once it has ended."""
        watching = asyncio.create_task(self.starter(f"watch {plan}"))
        while not watching.done():
            if "awaiting_approval" in (await self.phases(plan)).values():
                await self.starter(f"approve {plan} --approver {approver}")
            await asyncio.wait({watching}, timeout=0.5)
        return watching.result()

    def report(self, plan: str) -> dict[str, Any]:
        """Return what stands in the plan's report.json."""
        return dict(json.loads((self.path / "out" / plan / "report.json").read_text()))

    async def history_length(self, plan: str, vm: str) -> int:
        """Return how many events the history of a virtual machine's workflow has, by the Temporal CLI."""
        answer = await self.shell(f"temporal workflow describe --workflow-id 'migrate-vm/{plan}/{vm}' --output json")
        assert answer.code == 0, answer.err
        return int(json.loads(answer.out)["workflowExecutionInfo"]["historyLength"])

    def write_plan(self, name: str, plan: Mapping[str, Any]) -> str:
        """Write a plan file and return its name in the clone."""
        file = f"plans/{name}.yaml"
        (self.path / file).write_text(yaml.safe_dump(dict(plan), allow_unicode=True, sort_keys=False))
        return file

    def add(self, case: Case) -> str:
        """Add the estate of *case* to the cloud, write its plan file, and return the file's name."""
        self.simulator.seed(seed_of([case]))
        return self.write_plan(case.name, case.plan.model_dump(mode="json", exclude_defaults=True))


def _assignments(variables: Mapping[str, str]) -> str:
    return "".join(f"export {name}='{value}'\n" for name, value in variables.items())
