"""The HTTPS server: what the network sees of the world, and the faults that live on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING

from aiohttp import web

from simulator import context, page
from simulator.compute.diagnostics import BLOBS, blob
from simulator.control import Control
from simulator.exchange import Exchange, Incoming, plain_path
from simulator.jsontext import encode_bytes
from simulator.requestlog import RequestLog
from simulator.router import Router

if TYPE_CHECKING:
    import ssl

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.streams import StreamReader

    from simulator.faults import Effects
    from simulator.provider import Reply, Route
    from simulator.world import World

LARGEST_BODY_BYTES = 256 * 1024 * 1024
NO_BODY_STATUSES = frozenset({204, 304})
CLOCK_RECORD_SECONDS = 1.0


class Server:
    """One world behind one port."""

    def __init__(self, world: World, routes: list[Route]) -> None:
        """Serve *world* by *routes*."""
        self._world = world
        request_log = RequestLog(world.database)
        self._exchange = Exchange(world, Router(routes), request_log)
        self._control = Control(world, request_log)
        self._runner: web.ServerRunner | None = None
        self._clock_task: asyncio.Task[None] | None = None

    async def start(self, sockets: list[socket.socket], tls: ssl.SSLContext) -> None:
        """Listen on *sockets*."""
        server = web.Server(self._handle, request_factory=_request, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.5, handle_signals=False)
        await self._runner.setup()
        for listening in sockets:
            await web.SockSite(self._runner, listening, ssl_context=tls).start()
        self._clock_task = asyncio.create_task(self._record_clock())

    async def stop(self) -> None:
        """Close every connection and the database."""
        if self._clock_task is not None:
            self._clock_task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
        self._world.save_clock()
        self._world.commit()
        self._world.database.close()

    async def _record_clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_RECORD_SECONDS)
            self._world.save_clock()
            self._world.commit()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = plain_path(request.path)
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        content = await request.read()
        if path.startswith("/_simulator/"):
            return self._control.answer(request, path, content)
        if path == "/" and request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            return self._page(request)
        if path.startswith(BLOBS):
            return self._blob(request, path)
        incoming = Incoming(
            method=request.method,
            path=path,
            raw_query=request.rel_url.raw_query_string,
            headers=request.headers,
            content=content,
            target=request.path_qs,
        )
        effects = self._exchange.effects(incoming)
        reply = self._exchange.answer(incoming, effects)
        return await _send(request, reply, effects)

    def _blob(self, request: web.BaseRequest, path: str) -> web.Response:
        with context.at_time(self._world.run_due()):
            status, text = blob(self._world, path, request.query)
        return web.Response(status=status, text=text)

    def _page(self, request: web.BaseRequest) -> web.Response:
        with context.at_time(self._world.run_due()):
            text = page.page(self._world, request.query.get("refresh", ""))
        self._world.commit()
        return web.Response(text=text, content_type="text/html", headers=page.HEADERS)


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """A request whose body may be as large as an estate."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=LARGEST_BODY_BYTES)


async def _send(request: web.BaseRequest, reply: Reply, effects: Effects) -> web.StreamResponse:
    if hang := effects.get("hang"):
        await asyncio.sleep(hang["seconds"])
    if "reset_before" in effects or "reset_after" in effects:
        return _reset(request)
    response = _response(request.method, reply)
    if "truncate" in effects:
        return await _truncated(request, response)
    return response


def _response(method: str, reply: Reply) -> web.Response:
    if method == "HEAD" and reply.status == 200:
        return web.Response(status=204, headers=reply.headers)
    if reply.body is None or reply.status in NO_BODY_STATUSES:
        return web.Response(status=reply.status, headers=reply.headers)
    body = reply.body.encode() if isinstance(reply.body, str) else encode_bytes(reply.body)
    type_ = next((value for name, value in reply.headers.items() if name.lower() == "content-type"), None)
    headers = {name: value for name, value in reply.headers.items() if name.lower() != "content-type"}
    headers["Content-Type"] = type_ or "application/json; charset=utf-8"
    return web.Response(status=reply.status, body=body, headers=headers)


def _reset(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


async def _truncated(request: web.BaseRequest, response: web.Response) -> web.StreamResponse:
    body = response.body if isinstance(response.body, bytes) else b""
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = max(len(body), 2)
    with contextlib.suppress(ConnectionError):
        await stream.prepare(request)
        await stream.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return stream


def listen(port: int) -> list[socket.socket]:
    """Sockets on 127.0.0.1 and, where the machine has it, ::1, at the same *port* (0: a free one)."""
    first = _bind(socket.AF_INET, "127.0.0.1", port)
    sockets = [first]
    with contextlib.suppress(OSError):
        sockets.append(_bind(socket.AF_INET6, "::1", first.getsockname()[1]))
    return sockets


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.settimeout(0)
    return listening


def is_taken(problem: OSError) -> bool:
    """Tell whether a port could not be had because another process has it."""
    return problem.errno == errno.EADDRINUSE
