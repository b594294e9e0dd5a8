"""What the tests of other people's clients share: whether a client is here, and an Azure CLI that is signed in."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.clients.install import AZ

if TYPE_CHECKING:
    from tests.support.sim import Simulator

SESSION = Path(__file__).with_name("az_session.py")


def needs(program: Path) -> pytest.MarkDecorator:
    """The mark of tests that need a client; REQUIRE_CLIENTS=1 makes its absence a failure."""
    absent = not program.exists() and os.environ.get("REQUIRE_CLIENTS") != "1"
    return pytest.mark.skipif(absent, reason="the clients are not installed: run `make clients`")


class AzError(Exception):
    """What the CLI said when a command failed."""


def az_variables(sim: Simulator, home: Path) -> dict[str, str]:
    """The environment of an Azure CLI with a configuration of its own, that trusts the simulator."""
    return {
        "PATH": f"{AZ.parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "AZURE_CONFIG_DIR": str(home),
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_LOGIN_EXPERIENCE_V2": "off",
        "AZURE_CORE_ONLY_SHOW_ERRORS": "true",
        "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
        "REQUESTS_CA_BUNDLE": sim.ca_file,
    }


class AzSession:
    """The Azure CLI's own Python with the CLI loaded once: each call is one command, as a shell would give it."""

    def __init__(self, sim: Simulator, home: Path) -> None:
        """Start it with a configuration of its own below *home*."""
        self._sim = sim
        python = str(AZ.with_name("python"))
        self.variables = az_variables(sim, home)
        self._process = subprocess.Popen(
            [python, str(SESSION)], env=self.variables, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        """The session."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.communicate(timeout=30)

    def sign_in(self) -> None:
        """Make the simulator its cloud and sign in as the ready line's principal."""
        sim = self._sim
        self(f"cloud register -n sim --endpoint-resource-manager {sim.endpoint}")
        self("cloud set -n sim")
        self(
            f"login --service-principal -u {sim.client_id} -p {shlex.quote(sim.client_secret)} --tenant {sim.tenant_id}"
        )

    def __call__(self, command: str) -> Any:
        """Run a command; its JSON, or None where it says nothing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(shlex.split(command)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"az {command}: the session ended"
        answer = json.loads(line)
        if answer["code"] != 0:
            raise AzError(f"az {command}: exit {answer['code']}: {answer['stderr']}")
        return json.loads(answer["stdout"]) if answer["stdout"].strip() else None
