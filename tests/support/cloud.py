"""A simulated cloud inside the test's own process: the same answers as the server's, without process and network."""

from __future__ import annotations

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.structures import CaseInsensitiveDict

from simulator import inventory, seeds
from simulator.exchange import Exchange, Incoming, plain_path
from simulator.jsontext import encode
from simulator.registry import ROUTES
from simulator.requestlog import RequestLog
from simulator.router import Router
from simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from simulator.provider import Reply, Route

API_VERSION = "2024-03-01"
ENDPOINT = "https://localhost:1"


class Answer:
    """An answer, with the names that ``requests`` gives its parts."""

    def __init__(self, reply: Reply) -> None:
        """Write the reply's body as the server does."""
        self.status_code = reply.status
        self.headers = CaseInsensitiveDict(reply.headers)
        empty = reply.body is None or reply.status in {204, 304}
        text = reply.body if isinstance(reply.body, str) else encode(reply.body)
        self.text = "" if empty else text

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        return self.text.encode()

    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.text)


class Cloud:
    """A simulated cloud with a seed; a context manager that removes it. Its parts are named as those of ``Simulator``.

    A *state_dir* outlives it, for what a restart finds; *routes* stand in for the providers'.
    """

    def __init__(
        self,
        seed: Mapping[str, Any] | None = None,
        *,
        state_dir: Path | None = None,
        routes: Iterable[Route] = ROUTES,
        speed: float | None = None,
        start: datetime | None = None,
        seed_number: int | None = None,
    ) -> None:
        """Found the cloud (speed 1; advance its clock)."""
        self._scratch = Path(tempfile.mkdtemp(prefix="cloud-"))
        state_dir = state_dir or self._scratch
        state_dir.mkdir(parents=True, exist_ok=True)
        if not (state_dir / "signing.pem").exists():
            (state_dir / "signing.pem").write_bytes(_signing_key())
        self.world = World(state_dir, speed=speed, start=start, seed_number=seed_number)
        self.world.endpoint = self.endpoint = ENDPOINT
        if self.world.settings.get("ready") is None:
            seeds.found(self.world, None if seed is None else json.dumps(seed), "seed.json")
        self.world.commit()
        self._log = RequestLog(self.world.database)
        self._exchange = Exchange(self.world, Router(routes), self._log)
        ready = self.world.settings.get("ready") or {}
        self.client_id: str = ready["client_id"]
        self.subscription_id: str = ready["subscription_id"]
        self._tokens: dict[str, str] = {}

    def __enter__(self) -> Self:
        """The cloud."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        self.close()

    def close(self) -> None:
        """Close its database and remove what was its own."""
        self.world.database.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def send(self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request as it is, without token or api-version of its own."""
        target = path.removeprefix(ENDPOINT)
        incoming = Incoming(
            method=method,
            path=plain_path(unquote(target.partition("?")[0])),
            raw_query=target.partition("?")[2],
            headers=CaseInsensitiveDict(headers or {}),
            content=content,
            target=target,
        )
        return Answer(self._exchange.answer(incoming, self._exchange.effects(incoming)))

    def token(self, client_id: str | None = None, secret: str | None = None) -> str:
        """An access token of a service principal (default: the ready line's)."""
        who = client_id or self.client_id
        if who not in self._tokens:
            kept = self.world.identities.find_client(who) or {}
            form = f"grant_type=client_credentials&client_id={who}&client_secret={secret or kept['secret']}"
            path = f"/{self.world.tenant_id}/oauth2/v2.0/token"
            answer = self.send("POST", path, f"{form}&scope={ENDPOINT}/.default".encode())
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
    ) -> Answer:
        """Send one request to ARM, as ``Simulator.arm`` does."""
        if "api-version=" not in path:
            path += ("&" if "?" in path else "?") + f"api-version={api_version}"
        sent = {"Authorization": f"Bearer {token or self.token()}", **(headers or {})}
        return self.send(method, path, b"" if body is None else json.dumps(body).encode(), sent)

    def advance(self, seconds: float) -> None:
        """Let *seconds* of virtual time pass at once."""
        self.world.advance(seconds)
        self.world.commit()

    def seed(self, seed: Mapping[str, Any]) -> None:
        """Add to the estate."""
        seeds.load(self.world, json.dumps(seed), "seed.json")

    def reset(self) -> None:
        """Go back to the seed."""
        seeds.reset(self.world)

    def resources(self) -> list[dict[str, Any]]:
        """Everything that somebody could delete."""
        return inventory.deletable(self.world)

    def resource_ids(self) -> set[str]:
        """The ids of :meth:`resources` in lower case."""
        return {resource["id"].lower() for resource in self.resources()}

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """The request log after line *since*."""
        return [json.loads(line) for line in self._log.since(since)]

    def fault(self, effect: Mapping[str, Any], **match: Any) -> str:
        """Ask for a fault, as ``Simulator.fault`` does."""
        return self.world.faults.add({"match": match, "effect": dict(effect)})

    def follow(self, answer: Answer, *, step_seconds: float = 30, limit: int = 500) -> Answer:
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


@cache
def _signing_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
