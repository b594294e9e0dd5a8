"""A whole move with hooks that is rejected, on real parts, with secrets and megabytes wherever it looks.

What it leaves is searched: no history, log, report or screen holds a secret or anything oversized.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from temporalio.client import Client

from migration import names
from migration.calls.move import moves_of
from migration.calls.table import writes
from migration.specs import vm_specs
from tests.e2e import judge
from tests.e2e.estates import Case, seed_of
from tests.e2e.stack import ROOT, Stack
from tests.support.remains import all_told

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CANARY = "Zq8XKc0canary371Aa"
TOKEN = f"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.{CANARY}"
SAID = (
    f"Authorization: Bearer {CANARY}xxxxxxxx; token {TOKEN}; see https://a.blob.core.windows.net/c?sv=1&sig={CANARY}; "
    f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={CANARY}==; client_secret={CANARY} "
)
MEGABYTES = "The answer goes on. " * 200_000
HOOKS = {
    "before_cutover": [
        {
            "name": "quiesce",
            "command": {"script": f'echo "stop $unit"\necho "SHOP_PASSWORD={CANARY}"', "parameters": {"unit": "shop"}},
            "undo": {"command": {"script": "systemctl is-system-running\necho back"}},
        }
    ],
    "after_cutover": [
        {"name": "warm", "command": {"script": "hostname"}, "undo": {"command": {"script": "echo cold"}}},
        {"name": "tell", "webhook": {"channel": "ops"}, "on_failure": "continue"},
    ],
}
ALWAYS = {"time_zone": "Europe/Amsterdam", "windows": [{"from": "00:00", "to": "24:00"}]}
ITEM = r"/replicationProtectedItems/[^/]*"
LARGEST_HISTORY = 1_500_000
ROOM = 300


@asynccontextmanager
async def channel() -> AsyncIterator[str]:
    """Listen for a hook, and answer with secrets and megabytes; the address is a secret itself."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=SAID + MEGABYTES + SAID)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook/{CANARY}"
    finally:
        await runner.cleanup()


def poison(stack: Stack, case: Case) -> None:
    """Let Azure refuse, fail and list with secrets and megabytes, each where the move bears it."""
    error = {"error": {"code": "InternalServerError", "message": SAID + MEGABYTES}}
    denied = {"error": {"code": "AuthorizationFailed", "message": SAID, "details": [{"code": "x", "message": SAID}]}}
    noise = [
        {
            "id": f"{case.group_id('target')}/providers/X.Y/noise/n{n}",
            "name": f"n{n}",
            "type": "X.Y/noise",
            "tags": {"a": "b" * ROOM},
        }
        for n in range(10_000)
    ]
    vault = f"/{case.group('vault')}/.*"
    for effect, method, path in (
        ({"kind": "status", "status": 500, "body": error}, "PUT", f"{vault}{ITEM}$"),
        ({"kind": "status", "status": 403, "body": denied}, "POST", f"{vault}{ITEM}/unplannedFailover$"),
        ({"kind": "status", "status": 500, "body": SAID + MEGABYTES}, "GET", f"{vault}{ITEM}$"),
        ({"kind": "operation_fails", "code": "150000", "message": SAID + MEGABYTES}, "POST", f"{vault}{ITEM}/remove$"),
    ):
        stack.simulator.fault(effect, method=method, path=path, nth=1, times=1)
    listing: dict[str, Any] = {"kind": "status", "status": 200, "body": {"value": noise}}
    stack.simulator.fault(listing, method="GET", path=f"/{case.group('target')}/resources$", nth=2, times=0)


async def screens(case: Case, client: Client, folder: Path) -> dict[str, str]:
    """Return what a person sees, and the files that are left."""
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith(("AZURE_", "TEMPORAL_"))},
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
    }
    seen = {}
    for command in ("status", "report"):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(ROOT / "starter.py"), command, case.name),
            cwd=folder,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        seen[command] = (await process.communicate())[0].decode()
        assert 0 == process.returncode, seen[command]
    return seen | files(folder)


def files(folder: Path) -> dict[str, str]:
    """Return what stands in the files of a folder."""
    return {file.name: file.read_text() for file in folder.rglob("*") if file.is_file()}


async def test_a_rejected_move_leaves_nothing_but_its_record(client: Client, tmp_path: Path) -> None:
    """Hooks run and are taken back, the source serves; what is left of secrets and megabytes is that they were cut."""
    case = Case("remains", extra=(("hooks", HOOKS), ("cutover", ALWAYS)))
    async with channel() as address:
        planted = {"MIGRATION_WEBHOOK_OPS": address, "MIGRATION_WEBHOOK_OPS_SECRET": CANARY, "SHOP_TOKEN": CANARY}
        async with Stack.run(client, seed_of([case]), environment=planted) as stack:
            poison(stack, case)
            plan = await stack.start(case)
            await stack.decide(case, names.SIGNAL_REJECT_COMMIT)
            await stack.reach(case, "needs_action")
            await stack.resolve(case, "retry")
            await plan.result()
            report = await stack.report(case)
            log = stack.simulator.requests()
            seen = await screens(case, client, tmp_path)
            seen["worker.log"] = stack.worker.log.read_text()
            secret = stack.simulator.client_secret
            power = judge.power_states(case, stack.simulator)
        ids = (names.migrate_plan_id(case.name), names.migrate_vm_id(case.name, "vm"))
        histories = await all_told(client, " OR ".join(f"WorkflowId = '{one}'" for one in ids))

    assert "rolled_back" == report.outcome
    told = [(one.name, one.when, one.ok, one.undone) for one in report.hooks]
    assert [
        ("quiesce", "before_cutover", True, True),
        ("warm", "after_cutover", True, True),
        ("tell", "after_cutover", True, None),
    ] == told
    assert "stop shop" in report.hooks[0].detail
    commands = [line["path"] for line in log if line["accepted"] and line["path"].endswith("/runCommand")]
    source, target = case.vm_id("vm"), case.vm_id("vm", "target")
    assert [source, target, target, source] == [path.removesuffix("/runCommand") for path in commands][-4:]
    assert {"vm": "PowerState/running"} == power
    listed = {call.path.lower() for call in writes(*moves_of(case.plan, tuple(vm_specs(case.plan))))}
    assert {path.lower() for path in commands} <= listed

    assert set(ids) == {name.split()[0] for name in histories}
    everything = {**seen, **histories}
    # The script of a hook stands in the plan, which this one passed to Temporal by hand: a plan file is refused.
    script = HOOKS["before_cutover"][0]["command"]["script"].splitlines()[1]  # type: ignore[index]
    for name, text in everything.items():
        searched = text.replace(script, "").replace(script.replace('"', '\\"'), "")
        assert CANARY not in searched, (name, around(searched, CANARY))
        assert secret not in searched, name
        tokens = re.search(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}", searched)
        assert tokens is None, (name, tokens)
    assert "Traceback" not in seen["status"] + seen["report"]
    assert [] == [(name, len(text)) for name, text in everything.items() if len(text) > LARGEST_HISTORY]
    assert "characters, cut)" in "".join(histories.values())


def around(text: str, what: str) -> str:
    """Return where something stands."""
    place = text.index(what)
    return text[max(0, place - ROOM) : place + ROOM]
