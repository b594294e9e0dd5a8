"""`make demo`: one plan on a stack that has just started, with a person's approval, to its report."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from temporalio.client import Client
from temporalio.service import RPCError

from migration.names import ATTRIBUTE_PHASE, ATTRIBUTE_PLAN, ATTRIBUTE_VM, MIGRATE_VM
from runtime.embedded_stack import DEFAULT_PLAN, Stack
from runtime.embedded_state import StackError
from runtime.temporal import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_LOOK_SECONDS = 1.0
_DECISION_SECONDS = 30
_COMMAND_STOP_SECONDS = 3
_AWAITING = "awaiting_approval"
_STANDS_STILL = {_AWAITING, "needs_action"}


@dataclass(frozen=True)
class Demo:
    """One run of a plan by the commands that a person would type."""

    stack: Stack
    approves_itself: bool
    say: Callable[[str], None]
    plan_file: Path = DEFAULT_PLAN

    async def run(self) -> int:
        """Migrate the plan's VMs and return 0 if all of them were migrated, else 1.

        Raises:
            StackError: the plan could not be started.
        """
        self.say(f"\n$ python starter.py start {self.plan_file}")
        if await self._starter("start", str(self.plan_file), "--yes"):
            logs = self.stack.state.logs
            message = f"starting {self.plan_file}: the command above did not succeed; the worker's log is in {logs}"
            raise StackError(message)
        plan = self._plan_name()
        client = await connect(self.stack.environment)
        while await self._watch_until_it_stands_still(client, plan):
            await self._decide(client, plan)
        return await self._conclude(plan)

    async def _watch_until_it_stands_still(self, client: Client, plan: str) -> bool:
        """Show progress; return True when all that runs waits for approval, False when the plan has ended."""
        self.say(f"\n$ python starter.py watch {plan}")
        async with self._spawned("watch", plan) as watch:
            ended = asyncio.ensure_future(watch.wait())
            while not ended.done():
                await asyncio.wait({ended}, timeout=_LOOK_SECONDS)
                if not ended.done() and await _waits_for_approval(client, plan):
                    return True
        return False

    async def _decide(self, client: Client, plan: str) -> None:
        waiting = await _waiting(client, plan)
        self.say(f"\nWaiting for approval: {', '.join(sorted(waiting))}")
        approved = self.approves_itself or await self._asks()
        command = "approve" if approved else "reject"
        self.say(f"$ python starter.py {command} {plan}")
        await self._starter(command, plan, "--comment", "make demo")
        deadline = asyncio.get_running_loop().time() + _DECISION_SECONDS
        while await _waiting(client, plan) & waiting and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_LOOK_SECONDS / 4)

    async def _asks(self) -> bool:
        self.say(f"They run in the target region now; {self.stack.ports.ui_address} shows how they got there.")
        self.say("Commit the migration? [Y/n] (n rolls back to the source)")
        return (await read_line()).strip().lower() not in {"n", "no"}

    async def _conclude(self, plan: str) -> int:
        self.say(f"\n$ python starter.py report {plan}")
        await self._starter("report", plan)
        folder = self.stack.state.root / "out" / plan
        outcome = _outcome(folder / "report.json")
        self.say(f"\nOutcome      {outcome}")
        self.say(f"Report       {folder / 'report.json'}\n             {folder / 'report.html'}")
        self.say(f"Temporal UI  {self.stack.ports.ui_address}/namespaces/default/workflows")
        return 0 if outcome == "migrated" else 1

    def _plan_name(self) -> str:
        text = (self.stack.state.root / self.plan_file).read_text(encoding="utf-8")
        return str(yaml.safe_load(text)["name"])

    async def _starter(self, *arguments: str) -> int:
        async with self._spawned(*arguments) as process:
            return await process.wait()

    @contextlib.asynccontextmanager
    async def _spawned(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run a command of `starter.py`, interrupted as by Ctrl-C where the block ends before it does."""
        root = self.stack.state.root
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(root / "starter.py"), *arguments),
            cwd=root,
            env=self.stack.child_environment(),
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGINT)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _COMMAND_STOP_SECONDS)
            if process.returncode is None:
                process.kill()


async def read_line() -> str:
    """Return the next line of standard input; unlike a thread that reads, the wait can be cancelled."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sys.stdin, readable.set)
    try:
        await readable.wait()
        return sys.stdin.readline()
    finally:
        loop.remove_reader(sys.stdin)


async def _waits_for_approval(client: Client, plan: str) -> bool:
    phases = await _phases(client, plan)
    return _AWAITING in phases.values() and set(phases.values()) <= _STANDS_STILL


async def _waiting(client: Client, plan: str) -> set[str]:
    return {vm for vm, phase in (await _phases(client, plan)).items() if phase == _AWAITING}


async def _phases(client: Client, plan: str) -> dict[str, str]:
    """Return the phase of each VM that runs, from visibility: it asks no worker."""
    query = f"{ATTRIBUTE_PLAN} = '{plan}' AND WorkflowType = '{MIGRATE_VM}' AND ExecutionStatus = 'Running'"
    found: dict[str, str] = {}
    with contextlib.suppress(RPCError):
        async for execution in client.list_workflows(query):
            attributes = {pair.key.name: str(pair.value) for pair in execution.typed_search_attributes}
            found[attributes.get(ATTRIBUTE_VM, execution.id)] = attributes.get(ATTRIBUTE_PHASE, "")
    return found


def _outcome(report: Path) -> str:
    try:
        content: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "unknown (there is no report)"
    return str(content.get("outcome"))
