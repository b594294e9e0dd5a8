"""A simulator process for tests: started on a free port, controlled by its control calls, stopped by its pid."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from requests import Response, Session

from tests.support.forked import Start, popen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from azure.identity import ClientSecretCredential
    from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
STOP_SECONDS = 10
API_VERSION = "2024-03-01"


class Simulator:
    """A running simulator; a context manager that stops it.

    ``endpoint``, ``ca_file``, ``tenant_id``, ``client_id``, ``client_secret`` and ``subscription_id`` are those of its
    ready line. :meth:`credential` and :meth:`client_options` are what an Azure SDK client needs.
    """

    def __init__(
        self,
        *,
        seed: Mapping[str, Any] | Path | str | None = None,
        speed: float = 1.0,
        state_dir: Path | None = None,
        port: int = 0,
        options: Sequence[str] = (),
        start: Start = popen,
    ) -> None:
        """Start a simulator with *seed* (an object, or a file); without *state_dir* its state ends with the object."""
        self._scratch = tempfile.TemporaryDirectory(prefix="simulator-test-")
        self.state_dir = state_dir or Path(self._scratch.name) / "state"
        self._seed = self._seed_file(seed)
        self._speed = speed
        self._port = port
        self._options = options
        self._begin = start
        self._tokens: dict[str, str] = {}
        try:
            self.process = self._start()
        except BaseException:
            self._scratch.cleanup()
            raise

    def _seed_file(self, seed: Mapping[str, Any] | Path | str | None) -> Path | None:
        if seed is None or isinstance(seed, Path):
            return seed
        if isinstance(seed, str):
            return Path(seed)
        file = Path(self._scratch.name) / "seed.json"
        file.write_text(json.dumps(seed), encoding="utf-8")
        return file

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "simulator", "--state-dir", str(self.state_dir)]
        command += ["--port", str(self._port), "--speed", str(self._speed), *self._options]
        if self._seed is not None:
            command += ["--seed", str(self._seed)]
        self.log_file = Path(self._scratch.name) / "simulator.log"
        with self.log_file.open("a", encoding="utf-8") as log:
            files = {"stdout": subprocess.PIPE, "stderr": log}
            process = self._begin(command, cwd=ROOT, env=dict(os.environ), text=True, **files)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            process.wait(START_SECONDS)
            process.stdout.close()
            message = f"starting the simulator: exit {process.returncode}: {self.log_file.read_text()}"
            raise RuntimeError(message)
        ready = json.loads(line)
        self.endpoint: str = ready["endpoint"]
        self.ca_file: str = ready["ca_file"]
        self.tenant_id: str = ready["tenant_id"]
        self.client_id: str = ready["client_id"]
        self.client_secret: str = ready["client_secret"]
        self.subscription_id: str = ready["subscription_id"]
        self.ready = ready
        self.http = Session()
        self.http.verify = self.ca_file
        self.http.trust_env = False
        return process

    def __enter__(self) -> Self:
        """The running simulator."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it and remove what it kept."""
        self.stop()
        self._scratch.cleanup()

    def stop(self) -> int:
        """Stop it by SIGTERM and wait; its exit code."""
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would."""
        self.http.close()
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def restart(self) -> None:
        """Start it again with the state that it kept."""
        self.process = self._start()

    def credential(self, client_id: str | None = None, secret: str | None = None) -> ClientSecretCredential:
        """A credential of azure-identity for the ready line's principal, or another one."""
        from azure.identity import ClientSecretCredential

        return ClientSecretCredential(
            self.tenant_id,
            client_id or self.client_id,
            secret or self.client_secret,
            authority=self.endpoint,
            disable_instance_discovery=True,
            connection_verify=self.ca_file,
        )

    def async_credential(self, client_id: str | None = None, secret: str | None = None) -> AsyncClientSecretCredential:
        """The same for asynchronous clients."""
        from azure.identity.aio import ClientSecretCredential

        return ClientSecretCredential(
            self.tenant_id,
            client_id or self.client_id,
            secret or self.client_secret,
            authority=self.endpoint,
            disable_instance_discovery=True,
            connection_verify=self.ca_file,
        )

    @property
    def client_options(self) -> dict[str, Any]:
        """Keywords that point a management client of the Azure SDK here."""
        return {
            "base_url": self.endpoint,
            "credential_scopes": [f"{self.endpoint}/.default"],
            "connection_verify": self.ca_file,
        }

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which Azure's own tools find this cloud."""
        return {
            "AZURE_TENANT_ID": self.tenant_id,
            "AZURE_CLIENT_ID": self.client_id,
            "AZURE_CLIENT_SECRET": self.client_secret,
            "AZURE_AUTHORITY_HOST": self.endpoint,
            "AZURE_RESOURCE_MANAGER_ENDPOINT": self.endpoint,
            "AZURE_SUBSCRIPTION_ID": self.subscription_id,
            "REQUESTS_CA_BUNDLE": self.ca_file,
        }

    def forget_tokens(self) -> None:
        """Forget the tokens, so that the next call signs in anew."""
        self._tokens.clear()

    def token(self, client_id: str | None = None, secret: str | None = None) -> str:
        """An access token of a service principal (default: the ready line's)."""
        who = client_id or self.client_id
        if who not in self._tokens:
            form = {
                "grant_type": "client_credentials",
                "client_id": who,
                "client_secret": secret or self.client_secret,
                "scope": f"{self.endpoint}/.default",
            }
            answer = self.http.post(f"{self.endpoint}/{self.tenant_id}/oauth2/v2.0/token", data=form, timeout=30)
            answer.raise_for_status()
            self._tokens[who] = answer.json()["access_token"]
        return self._tokens[who]

    def arm(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        api_version: str = API_VERSION,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        timeout: float = 30,
    ) -> Response:
        """Send one request to ARM: *path* is a path (``/subscriptions/...``) or a whole URL."""
        url = path if path.startswith("https://") else self.endpoint + path
        if "api-version=" not in url:
            url += ("&" if "?" in url else "?") + f"api-version={api_version}"
        return self.http.request(
            method,
            url,
            json=body,
            headers={"Authorization": f"Bearer {token or self.token()}", **(headers or {})},
            timeout=timeout,
        )

    def control(self, method: str, name: str, body: Any = None) -> Response:
        """Send one control call (``requests``, ``resources``, ``faults``, ``seed``, ``reset``, ``clock``)."""
        return self.http.request(method, f"{self.endpoint}/_simulator/{name}", json=body, timeout=60)

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """The request log after line *since*."""
        text = self.control("GET", f"requests?since={since}").text
        return [json.loads(line) for line in text.splitlines()]

    def resources(self) -> list[dict[str, Any]]:
        """Everything that somebody could delete."""
        return list(self.control("GET", "resources").json())

    def resource_ids(self) -> set[str]:
        """The ids of :meth:`resources` in lower case."""
        return {resource["id"].lower() for resource in self.resources()}

    def fault(self, effect: Mapping[str, Any], **match: Any) -> str:
        """Ask for a fault: ``fault({"kind": "status", "status": 503}, method="GET", path="vaults", times=0)``."""
        answer = self.control("POST", "faults", {"match": match, "effect": dict(effect)})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def clear_faults(self) -> None:
        """Forget every fault."""
        self.control("DELETE", "faults")

    def seed(self, seed: Mapping[str, Any]) -> None:
        """Add to the estate."""
        answer = self.control("POST", "seed", seed)
        assert answer.status_code == 200, answer.text

    def reset(self) -> None:
        """Go back to the seed."""
        self.control("POST", "reset")

    def clock(self, **changes: Any) -> dict[str, Any]:
        """Read the clock, or change it (``speed``, ``throttle_clock``, ``throttling``)."""
        answer = self.control("POST", "clock", changes) if changes else self.control("GET", "clock")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def advance(self, seconds: float) -> None:
        """Let *seconds* of virtual time pass at once."""
        self.clock(advance_seconds=seconds)

    def follow(self, answer: Response, *, step_seconds: float = 30, limit: int = 500) -> Response:
        """Follow a long-running operation by its own URLs, letting virtual time pass; the last answer."""
        url = answer.headers.get("Azure-AsyncOperation") or answer.headers.get("Location")
        for _ in range(limit):
            if url is None:
                return answer
            answer = self.arm("GET", url)
            running = answer.status_code == 202 or (
                answer.content and answer.json().get("status") in {"InProgress", "Running", "Accepted"}
            )
            if not running:
                return answer
            self.advance(step_seconds)
        message = f"following {url}: still running"
        raise TimeoutError(message)


def wait_until(condition: Any, *, seconds: float = 30, what: str = "the condition") -> None:
    """Wait until ``condition()`` is true; AssertionError when it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
