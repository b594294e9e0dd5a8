"""Hooks for real: calls to listeners on loopback, and scripts in the guests of the simulator."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from activities import webhooks
from activities.hooks import HookActivities, shown
from activities.registry import methods_of
from activities.webhooks import Channel, Channels
from migration.hooks import HookAction, HookCommand, HookRan, HookWebhook, RunHook
from tests.activities.stage import SETTLE_SECONDS, Case, Stage

SECRET = "a-shared-secret"


@dataclass
class Listener:
    """A user's address, on loopback."""

    answers: list[web.Response | Callable[[], Any]] = field(default_factory=list)
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Keep what came, and answer as told."""
        self.heard.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        answer = self.answers.pop(0) if self.answers else web.Response(text="done")
        return await answer() if callable(answer) and not isinstance(answer, web.Response) else answer


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    """Listen on a free port of loopback."""
    listener = Listener()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", listener.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook/token-in-the-path"
    try:
        yield listener
    finally:
        await runner.cleanup()


def _hook(action: HookAction, vm_id: str = "/vm", **more: Any) -> RunHook:
    fields: dict[str, Any] = {
        "plan": "shop",
        "vm": "web-01",
        "vm_id": vm_id,
        "source_id": "/source",
        "target_id": "/target",
        "name": "dns",
        "moment": "after_cutover",
        "action": action,
        "key": "run-1/after_cutover/dns/run/1",
        "deadline_seconds": 60,
    }
    return RunHook.model_validate(fields | more)


def _call(**body: str) -> HookAction:
    return HookAction(webhook=HookWebhook(channel="dns", body=body))


async def _run(listener: Listener, secret: str | None = None, **more: Any) -> HookRan:
    channels = Channels({"dns": Channel(listener.url, secret)})
    hooks = HookActivities(None, channels)  # type: ignore[arg-type] # a call of a channel asks no Azure
    ran: HookRan = await ActivityEnvironment().run(hooks.run_hook, _hook(_call(zone="contoso.example"), **more))
    return ran


async def test_a_channel_is_called_with_a_key_and_a_signature_that_proves_it() -> None:
    """The body says what is wanted of whom; the signature covers the time and the body."""
    async with listening() as listener:
        ran = await _run(listener, SECRET, undo=True)
    [(headers, body)] = listener.heard
    content = json.loads(body)
    assert ("done", 1) == (ran.output, ran.attempts)
    assert ("undo", "web-01", {"zone": "contoso.example"}) == (content["action"], content["vm"], content["parameters"])
    assert "run-1/after_cutover/dns/run/1" == headers["idempotency-key"] == content["id"]
    signed = f"{headers['x-migration-timestamp']}.".encode() + body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert f"sha256={expected}" == headers["x-migration-signature"]


@pytest.mark.parametrize(
    ("answer", "message", "is_final"),
    [
        (web.Response(status=500, text="secret detail"), "HTTP 500", False),
        (web.Response(status=429, headers={"Retry-After": "7"}), "HTTP 429", False),
        (web.Response(status=404), "HTTP 404", True),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), "redirects are not followed", True),
        (lambda: asyncio.sleep(5), "no answer in time", False),
    ],
    ids=["500", "429", "404", "redirect", "silence"],
)
async def test_what_a_channel_answers_decides_whether_it_is_called_again(
    answer: Any, message: str, is_final: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Only what time can mend; no error or log holds the address, which may be a secret itself."""
    monkeypatch.setattr(webhooks, "ATTEMPT_SECONDS", 0.3)
    caplog.set_level(logging.DEBUG)
    async with listening() as listener:
        listener.answers.append(answer)
        with pytest.raises(ApplicationError) as refused:
            await _run(listener)
    error = refused.value
    assert (message in error.message, is_final) == (True, error.non_retryable)
    assert 1 == len(listener.heard)
    assert "token-in-the-path" not in error.message + caplog.text
    if "429" in message:
        assert error.next_retry_delay is not None
        assert 7 == error.next_retry_delay.total_seconds()


async def test_a_channel_that_the_worker_does_not_know_is_named_with_its_variable() -> None:
    """Whoever runs the worker learns what to set."""
    hooks = HookActivities(None)  # type: ignore[arg-type] # it comes to no call
    with pytest.raises(ApplicationError) as refused:
        await ActivityEnvironment().run(hooks.run_hook, _hook(_call()))
    assert "the worker has no channel dns: set MIGRATION_WEBHOOK_DNS" in refused.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/metadata",
        "https://168.63.129.16/",
        "https://[::ffff:169.254.169.254]/",
        "https://0.0.0.0/",
    ],
)
async def test_addresses_that_only_a_machine_itself_may_ask_are_never_called(url: str) -> None:
    """A setting that leads to the metadata service is refused before anything is sent."""
    with pytest.raises(ApplicationError) as refused:
        await webhooks.post("dns", Channel(url), {}, "key", 2)
    assert "calling channel dns: it broke off" in refused.value.message


async def test_a_name_that_leads_to_this_machine_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not where a name resolves to loopback, unless loopback is what the setting says."""

    async def resolved(*_: Any, **__: Any) -> list[dict[str, Any]]:
        return [{"hostname": "x", "host": "127.0.0.1", "port": 443, "family": 2, "proto": 0, "flags": 0}]

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolved)
    with pytest.raises(ApplicationError) as refused:
        await webhooks.post("dns", Channel("https://inside.example/"), {}, "key", 2)
    assert "calling channel dns: no connection" in refused.value.message


def test_a_strangers_words_are_cut_and_plain() -> None:
    """No control character reaches a terminal or a report, and only the end of it, where errors stand."""
    assert "[31mred x" == shown("\x1b[31mred\n\n x")
    assert 400 == len(shown("y" * 10_000))


@asynccontextmanager
async def _hooking(stage: Stage, queue: str) -> AsyncIterator[None]:
    hooks = HookActivities(stage.azure, settle_seconds=SETTLE_SECONDS)
    async with Worker(stage.client, task_queue=queue, activities=methods_of(hooks)):
        yield


async def _in_guest(stage: Stage, case: Case, script: str, **more: Any) -> HookRan:
    action = HookAction(command=HookCommand(script=script, parameters=more.pop("parameters", {})))
    queue = f"{stage.queue}-hooks"
    async with _hooking(stage, queue):
        ran: HookRan = await stage.run(
            HookActivities.run_hook, _hook(action, case.task.vm.source_id, **more), queue=queue, retries=1
        )
        return ran


async def test_a_script_runs_in_the_guest_with_its_parameters_beside_it(stage: Stage) -> None:
    """It is one accepted write, what it prints is kept, and a parameter is never read as part of the script."""
    case, mark = stage.arrange(), stage.mark
    said = await _in_guest(stage, case, 'echo "stopping $unit"', parameters={"unit": "shop; echo injected"})
    assert "stopping shop; echo injected" == said.output
    assert 1 == len(stage.writes("runCommand", mark))


async def test_a_script_that_fails_is_the_hooks_failure_with_its_exit_status(stage: Stage) -> None:
    """The exit code counts on Linux; what was printed is in the message."""
    with pytest.raises(ApplicationError) as failed:
        await _in_guest(stage, stage.arrange(), "echo broken pipe\nexit 3")
    assert "HookFailure" == failed.value.type
    assert failed.value.message.endswith("exit status 3: broken pipe")


async def test_a_script_that_does_not_end_meets_its_deadline(stage: Stage) -> None:
    """A run command that never ends costs the hook's deadline and no more."""
    case = stage.arrange()
    stage.sim.fault({"kind": "operation_never_ends"}, method="POST", path=f"/{case.task.vm.name}/runCommand$", times=0)
    with pytest.raises(ApplicationError) as failed:
        await _in_guest(stage, case, "true", deadline_seconds=1)
    assert "virtualMachines" in failed.value.message
