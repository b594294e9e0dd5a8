"""A small clone: the real stack around a stand-in simulator and worker, so that its tests need neither."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SIMULATOR = """
import argparse, json, pathlib, signal, sys, time
parser = argparse.ArgumentParser()
for name in ("--port", "--seed", "--speed", "--state-dir"):
    parser.add_argument(name)
options = parser.parse_args()
state = pathlib.Path(options.state_dir)
if options.seed and not state.exists():
    state.mkdir(parents=True)
    (state / "seed").write_text(options.seed)
port = int(options.port or 40001)
print(json.dumps({"endpoint": f"https://localhost:{port}", "ca_file": str(state / "ca.pem"), "tenant_id": "tenant",
    "client_id": "client", "client_secret": "it's secret", "subscription_id": "subscription"}), flush=True)
signal.pause()
"""

WORKER = """
import json, os, pathlib, signal
state = pathlib.Path(os.environ["WORKER_READY_FILE"]).parent
(state / "worker.environment.json").write_text(json.dumps(dict(os.environ)))
pathlib.Path(os.environ["WORKER_READY_FILE"]).write_text(str(os.getpid()))
signal.pause()
"""

STARTER = """
import json, pathlib, sys
print("starter", *sys.argv[1:], flush=True)
if sys.argv[1] == "report":
    folder = pathlib.Path("out/contoso")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps({"outcome": pathlib.Path("outcome").read_text()}))
"""

STARTER_WITH_A_VM_THAT_WAITS = """
import asyncio, json, os, pathlib, sys
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from runtime.leaving import leave

async def main(command):
    print("starter", *sys.argv[1:], flush=True)
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    handle = client.get_workflow_handle("migrate-vm/contoso/web-01")
    if command == "start":
        values = {"MigrationPlan": "contoso", "MigrationVm": "web-01", "MigrationPhase": "awaiting_approval"}
        pairs = [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in values.items()]
        await client.start_workflow(
            "MigrateVm", id=handle.id, task_queue="nobody", search_attributes=TypedSearchAttributes(pairs)
        )
    elif command == "watch":
        while (await handle.describe()).close_time is None:
            await asyncio.sleep(0.1)
    elif command in ("approve", "reject"):
        pathlib.Path("outcome").write_text("migrated" if command == "approve" else "rolled_back")
        await handle.terminate()
    elif command == "report":
        folder = pathlib.Path("out/contoso")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps({"outcome": pathlib.Path("outcome").read_text()}))

asyncio.run(main(sys.argv[1]))
leave(0)
"""

PLAN = "name: contoso\napproval: {approvers: [approver@contoso.example]}\n"


FREE_PORTS = ("--temporal-port", "0", "--ui-port", "0")


class SmallClone:
    """A folder with our `runtime` and `migration`, and the stack's commands run in it."""

    def __init__(self, path: Path, source: Path) -> None:
        self.path = path
        for package in ("runtime", "migration"):
            shutil.copytree(source / package, path / package)  # what is compiled as well, or each clone does it anew
        self.write("simulator/__main__.py", SIMULATOR)
        self.write("worker.py", WORKER)
        self.write("starter.py", STARTER)
        self.write("plans/contoso.yaml", PLAN)
        self.write("plans/contoso.estate.yaml", "resources: []\n")
        self.write("outcome", "migrated")

    @property
    def state(self) -> Path:
        """The folder of the stack."""
        return self.path / ".state"

    def write(self, name: str, text: str) -> None:
        """Write a file of the clone."""
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of the stack, on free ports: other tests' stacks take the usual ones."""
        ports = () if "stop" in arguments or "--temporal-port" in arguments else FREE_PORTS
        return [sys.executable, "-m", "runtime.embedded", *arguments, *ports]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the stack to its end."""
        return subprocess.run(
            self.command(*arguments), cwd=self.path, capture_output=True, text=True, timeout=90, check=False
        )

    @contextmanager
    def up(self, *arguments: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
        """Run `up` until the block ends; the stack is ready when it begins."""
        with (self.path / "up.out").open("w") as output:
            process = subprocess.Popen(
                self.command("up", *arguments),
                cwd=self.path,
                env=os.environ | (environment or {}),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        try:
            wait_until(lambda: (self.state / "env").exists() or process.poll() is not None, 120)
            assert process.poll() is None, self.output()
            yield process
        finally:
            process.terminate()
            process.wait(60)
            self.run("stop")

    def output(self) -> str:
        """Return what `up` has printed."""
        return (self.path / "up.out").read_text()

    def pid(self, name: str) -> int:
        """Return the id of a process of the stack, 0 where it has none."""
        file = self.state / f"{name}.pid"
        return int(file.read_text()) if file.exists() else 0

    def env(self) -> dict[str, str]:
        """Return what a shell has after reading `.state/env`."""
        show = "import json, os; print(json.dumps(dict(os.environ)))"
        script = f". '{self.state / 'env'}' && exec '{sys.executable}' -c '{show}'"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        return dict(json.loads(done.stdout))


def wait_until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait until *condition* holds and return after how many seconds it did."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"nothing happened in {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - started
