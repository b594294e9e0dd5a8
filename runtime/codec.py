"""`python -m runtime.codec`: lets the Temporal UI and the Temporal CLI read payloads that are encrypted or compressed.

A server on loopback with `POST /encode` and `POST /decode`, as both call a remote codec. The keys are those of the
worker (`MIGRATION_PAYLOAD_KEYS`), and stay here: a browser sends what it wants to show, and gets it in clear.
Only pages of the origins given may ask; a program without an origin is one of this machine, and may as well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from temporalio.api.common.v1 import Payloads

from runtime.encryption import PackedAndEncrypted
from runtime.errors import SettingsError
from runtime.leaving import leave
from runtime.payload_keys import KEYS_VARIABLE, Keyring
from runtime.urls import LOOPBACK, is_loopback

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware
    from temporalio.api.common.v1 import Payload

USUAL_UI = ("http://127.0.0.1:8233", "http://localhost:8233")
_LARGEST_BODY = 64 * 1024 * 1024
_ALLOWED_HEADERS = "Content-Type, X-Namespace, Authorization"
_PREFLIGHT_SECONDS = "600"


def codec_app(keyring: Keyring, origins: Sequence[str]) -> web.Application:
    """Return the server's application, which refuses pages of other *origins* and names that are not this host."""
    codec = PackedAndEncrypted(keyring)
    app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_gate(frozenset(origins))])
    app.router.add_post("/encode", _converting(codec.encode))
    app.router.add_post("/decode", _converting(codec.decode))
    return app


def _gate(origins: frozenset[str]) -> Middleware:
    """Return what lets only those in who may ask, and says to a browser that they may."""

    @web.middleware
    async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        # A page elsewhere may have given its own name our address.
        if not is_loopback(f"http://{request.host}") or (origin is not None and origin not in origins):
            allowed = ", ".join(sorted(origins))
            return _refusal(403, f"answering only this machine and pages of {allowed}; give others by --origin")
        answer = web.Response(status=204) if request.method == "OPTIONS" else await _answered(request, handler)
        if origin is not None:
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers["Access-Control-Allow-Credentials"] = "true"
            answer.headers["Vary"] = "Origin"
        if request.method == "OPTIONS":
            answer.headers["Access-Control-Allow-Methods"] = "POST, OPTIONS"
            answer.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
            answer.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
        return answer

    return gate


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _refusal(error.status, error.reason)


def _converting(convert: Callable[[Sequence[Payload]], Awaitable[list[Payload]]]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            payloads = ParseDict(json.loads(await request.read()), Payloads())
        except (ParseError, ValueError, TypeError, RecursionError):
            return _refusal(400, 'reading the payloads: send {"payloads": [{"metadata": {...}, "data": "<base64>"}]}')
        try:
            return web.json_response(MessageToDict(Payloads(payloads=await convert(payloads.payloads))))
        except SettingsError as error:
            return _refusal(400, str(error))

    return handle


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status)


async def serve(keyring: Keyring, origins: Sequence[str], port: int, ready_file: Path | None = None) -> None:
    """Serve on loopback until SIGTERM or SIGINT; print the address, and write *ready_file*, once it listens."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(codec_app(keyring, origins), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
        host, bound = runner.addresses[0][:2]
        _announce(f"http://{host}:{bound}", ready_file)
        await stop.wait()
    finally:
        await runner.cleanup()


def _announce(address: str, ready_file: Path | None) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
    if ready_file:
        ready_file.write_text(f"{os.getpid()}\n", encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Run the server; say in one sentence what keeps it from starting."""
    parser = argparse.ArgumentParser(prog="python -m runtime.codec", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0, metavar="N", help="0 (the default): a free one")
    parser.add_argument(
        "--origin",
        action="append",
        type=_origin,
        metavar="URL",
        help=f"whose pages may ask: the UI's address, scheme and port included; {' and '.join(USUAL_UI)} if not given",
    )
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="written once it listens")
    parser.add_argument("--no-keys", action="store_true", help="only unpack: large payloads where nothing is encrypted")
    options = parser.parse_args(arguments)
    try:
        keyring = _configured(os.environ, without=options.no_keys)
        asyncio.run(serve(keyring, options.origin or USUAL_UI, options.port, options.ready_file))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (OSError, OverflowError) as error:
        sys.stderr.write(f"starting the codec server on port {options.port}: {error}; give another one by --port\n")
        return 3
    return 0


def _configured(environment: Mapping[str, str], *, without: bool) -> Keyring:
    keyring = Keyring.from_mapping(environment)
    if not keyring and not without:
        raise SettingsError(f"starting the codec server: no key is configured; set {KEYS_VARIABLE}")
    return keyring


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme in {"http", "https"} and parts.netloc and not parts.path.strip("/"):
        return f"{parts.scheme}://{parts.netloc}"
    raise argparse.ArgumentTypeError(f"{text!r} is no origin such as {USUAL_UI[0]}")


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
