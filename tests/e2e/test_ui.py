"""The Temporal UI in a real browser: what a person sees of a migration that has ended."""

import asyncio
import html
import os
import re
import shutil
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from tests.e2e.clone import Clone
from tests.e2e.estates import APPROVER, Case

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.timeout(600),
]

SHOWN = Case("shown", ready=True)
VM = "migrate-vm/shown/vm"
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=8000",
    "--window-size=1400,6000",  # what lies below the window is not in the page
)
PAGE_SECONDS = 90


class Browser:
    """Headless chromium with a profile of its own, looking at the UI of a clone's stack."""

    def __init__(self, program: str, profile: Path, address: str) -> None:
        sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()  # chromium refuses its sandbox to root
        self._command = (program, *FLAGS, *sandbox, f"--user-data-dir={profile}", "--dump-dom")
        self._address = f"{address}/namespaces/default/workflows"

    async def text(self, path: str, *wanted: str) -> str:
        """Return what a page shows, with the Markdown that it renders in frames, once all of *wanted* is there."""
        shown = ""
        async with asyncio.timeout(PAGE_SECONDS):
            while not all(one in shown for one in wanted):
                shown = visible(await self._dump(f"{self._address}{path}"))
        return shown

    async def _dump(self, url: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(*self._command, url), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            out, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        return out.decode()


def visible(dom: str) -> str:
    """Return the text of a page, and of the frames in which the UI renders Markdown, on one line."""
    frames = [unquote(html.unescape(text)) for text in re.findall(r'src="/render\?content=([^"]*?)&amp;', dom)]
    body = re.sub(r"(?s)<(script|style).*?</\1>", " ", dom)
    texts = [html.unescape(re.sub(r"<[^>]+>", " ", body)), *frames]
    return " ".join(" ".join(texts).split())


@pytest.fixture(scope="module")
async def browser(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """Return a browser, once a plan of one machine has ended."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        reason = "chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("REQUIRE_CHROMIUM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    started = await clone.starter(f"start {clone.add(SHOWN)}")
    assert 0 == started.code, started.err
    assert 0 == (await clone.approve_all("shown", APPROVER)).code
    address = await clone.variable("TEMPORAL_UI_ADDRESS")
    return Browser(program, tmp_path_factory.mktemp("chromium"), address)


async def test_the_list_shows_the_plan_and_its_machine_completed(browser: Browser) -> None:
    """Both workflows are found by their names, with their state."""
    shown = await browser.text("?query=" + quote("MigrationPlan = 'shown'"), "migrate-plan/shown", VM)

    rows = re.findall(r"(Completed|Running|Failed|Canceled) (migrate-\S+)", shown)
    assert {("Completed", "migrate-plan/shown"), ("Completed", VM)} == set(rows)


async def test_a_machine_shows_what_it_was_and_how_it_ended(browser: Browser, clone: Clone) -> None:
    """Summary and current details say in words what moved from where to where, and the outcome."""
    run = (await clone.client.get_workflow_handle(VM).describe()).run_id
    shown = await browser.text(f"/{quote(VM, safe='')}/{run}/user-metadata", "Current Details", "Outcome")

    assert VM in shown
    assert "Completed" in shown
    assert "Move vm: westeurope to northeurope" in shown
    assert "Phase: **done**" in shown
    assert 'virtualMachines "vm" (resource group "shown-target")' in shown
    assert "Outcome: **migrated**" in shown


async def test_the_timeline_tells_the_steps_in_words(browser: Browser, clone: Clone) -> None:
    """Each activity stands there with its summary, and so does the person's signal."""
    run = (await clone.client.get_workflow_handle(VM).describe()).run_id
    shown = await browser.text(f"/{quote(VM, safe='')}/{run}/timeline", "Disable replication")

    for step in ("Enable replication of vm", "Until vm is protected", "Start the failover: latest point", "Commit"):
        assert step in shown
