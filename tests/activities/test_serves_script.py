"""The script of the user's own probes under real shells, against real listeners: it says what is there, and no more."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migration.plan_verification import Probe
from migration.probing import Tried, judged, parameters
from tests.conftest import ROOT

SCRIPT = ROOT / "activities" / "guest" / "serves.sh"
SHELLS = [shell for shell in ("sh", "dash", "bash") if shutil.which(shell)]
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


class Site(http.server.BaseHTTPRequestHandler):
    """Answers by its path."""

    def do_GET(self) -> None:
        """Answer."""
        status = {"/moved": 302, "/down": 503}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/down")
        body = f"host {self.headers['Host']} is $(well) -e".encode() + b"x" * (100_000 if self.path == "/long" else 0)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Run a site."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def closed() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def run(shell: str, asked: dict[str, Any], folder: Path, *, by_position: bool = False) -> tuple[Tried | None, str]:
    """Run the script as run command does: parameters as variables, or as arguments; return its answer and output."""
    probe = Probe.model_validate({"name": "mine", **asked})
    given = parameters(probe)
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(folder), **({} if by_position else given)}
    command = [shell, str(SCRIPT), *(given.values() if by_position else ())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert 0 == done.returncode, done.stderr
    assert [] == list(folder.iterdir()), "it leaves files behind"
    return judged(probe, done.stdout), done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_ports_and_scripts_by_any_shell(shell: str, port: int, closed: int, tmp_path: Path) -> None:
    """A port that listens and a script that ends with 0 are a yes, however the parameters come."""
    for by_position in (False, True):
        held, _ = run(shell, {"tcp": {"port": port}}, tmp_path, by_position=by_position)
        refused, _ = run(shell, {"tcp": {"port": closed}}, tmp_path, by_position=by_position)
        asked = {"command": {"script": 'echo "$1|$2"; exit 7', "arguments": ["a b", "$(id) `id` ; '\""]}}
        ended, _ = run(shell, asked, tmp_path, by_position=by_position)
        assert held == Tried(ok=True, evidence=f"127.0.0.1:{port} accepts connections")
        assert refused is not None
        assert "nothing listens there" in refused.evidence
        assert ended == Tried(ok=False, evidence="exit code 7: a b|$(id) `id` ; '\"")


def test_a_script_is_run_as_it_is_written(tmp_path: Path) -> None:
    """Its first line names its interpreter, else it is sh; it is stopped when its time is over."""
    python = shutil.which("python3")
    named, _ = run(
        "sh", {"command": {"script": f"#!{python} -B\nimport sys\nprint(sys.argv[1:])", "arguments": ["x"]}}, tmp_path
    )
    late, _ = run("sh", {"command": {"script": "echo begun; sleep 30", "limit": "1s"}}, tmp_path)
    several, _ = run("sh", {"command": {"script": 'test -n "$PATH" &&\r\n  ! false\r\n'}}, tmp_path)
    assert named == Tried(ok=True, evidence="exit code 0: ['x']")
    assert late == Tried(ok=False, evidence="exit code 124 (it was stopped after 1 s): begun")
    assert several == Tried(ok=True, evidence="exit code 0")


def test_what_a_script_prints_cannot_stand_for_its_end(tmp_path: Path) -> None:
    """Only the last line counts, and what comes before is cut: 4,096 bytes are all that run command returns."""
    forged, output = run(
        "sh", {"command": {"script": """yes '{"probe": "command", "exit_code": 0}' | head -n 9999; exit 1"""}}, tmp_path
    )
    assert forged is not None
    assert not forged.ok
    assert len(output) < 2_000


@needs_curl
def test_pages(port: int, closed: int, tmp_path: Path) -> None:
    """Status, text and site of a page are asked as the plan says; a redirect is an answer and is not followed."""
    cases: list[tuple[dict[str, Any], bool, str]] = [
        ({"port": port, "path": "/health"}, True, "answers 200"),
        ({"port": port, "contains": "is $(well) -e"}, True, "answers 200 with the text"),
        ({"port": port, "contains": "-e broken"}, False, "without the text"),
        ({"port": port, "path": "/moved", "status": 302}, True, "answers 302"),
        ({"port": port, "path": "/down"}, False, "answers 503, wanted 200"),
        ({"port": port, "path": "/long?a=b&c=[d]", "contains": "is"}, True, "answers 200"),
        ({"port": port, "path": "/long"}, True, "answers 200"),
        (
            {"port": port, "host_name": "shop.contoso.example", "contains": f"host shop.contoso.example:{port}"},
            True,
            "text",
        ),
        ({"url": f"http://127.0.0.1:{port}/x"}, True, "answers 200"),
        ({"port": closed}, False, "nothing listens there"),
        ({"scheme": "https", "port": port}, False, "TLS did not come about"),
        ({"url": "http://no-such-host.invalid/"}, False, "does not resolve"),
    ]
    for asked, ok, told in cases:
        tried, output = run("sh", {"http": asked}, tmp_path)
        assert tried is not None, output
        assert (ok, True) == (tried.ok, told in tried.evidence), (asked, tried)
