"""``python -m tests.chaos.zygote``: a process that has imported the worker once, and forks workers from itself.

An import of the Azure SDKs and Temporal costs two seconds of a processor, a fork twenty milliseconds; where a worker
dies in every trial, that is most of the price. It starts no thread and opens no connection itself, so that a fork is
the same as a new process that has come to the same line.

It reads a line of JSON for each worker from its standard input: ``{"environment": {...}, "log": path}``, and writes
``{"born": pid}`` and, in whatever order they come, ``{"ended": pid, "code": n}``.

A forked worker may be ordered to die: ``order.json`` beside its log, ``{"subscription": id, "nth": k, "moment":
"before" | "after", "began": any}``. At the kth request to Azure about that subscription since the order was read first,
it kills itself by SIGKILL: before the request leaves, or as its answer arrives and nobody has seen it. What it met
stands in ``struck.json``.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from azure.core.pipeline.transport import AioHttpTransport

import worker
from arm.clients import PACKAGES
from runtime.leaving import leave

ROOT = Path(__file__).resolve().parents[2]
ORDER, STRUCK = "order.json", "struck.json"
_REAP_SECONDS = 0.05


class Fuse:
    """Counts what the process asks of Azure, and ends it at the request that its order names."""

    def __init__(self, folder: Path) -> None:
        self._order, self._struck = folder / ORDER, folder / STRUCK
        self._text, self._seen = "", 0

    def install(self) -> None:
        """Stand between Azure's clients and their transport."""
        send, fuse = AioHttpTransport.send, self

        async def send_and_count(self: Any, request: Any, **options: Any) -> Any:
            order = fuse.meets(str(request.url))
            if order and order["moment"] == "before":
                fuse.burn(request)
            response = await send(self, request, **options)
            if order:
                fuse.burn(request)
            return response

        AioHttpTransport.send = send_and_count

    def meets(self, url: str) -> dict[str, Any] | None:
        """Count a request; return the order where it is the one to die at."""
        try:
            text = self._order.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        if text != self._text:
            self._text, self._seen = text, 0
        order: dict[str, Any] = json.loads(text)
        if f"/subscriptions/{order['subscription']}" not in url.lower():
            return None
        self._seen += 1
        return order if self._seen == order["nth"] else None

    def burn(self, request: Any) -> None:
        """Die."""
        told = {"wall": time.time(), "method": request.method, "url": str(request.url).partition("?")[0]}
        self._struck.write_text(json.dumps(told), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Fork until the standard input ends; then end every worker."""
    for package in PACKAGES.values():
        import_module(package)
    waiting = selectors.DefaultSelector()
    waiting.register(sys.stdin.buffer, selectors.EVENT_READ)
    os.set_blocking(sys.stdin.fileno(), False)
    living: set[int] = set()
    pending = b""
    while True:
        _reap(living)
        if not waiting.select(_REAP_SECONDS):
            continue
        read = os.read(sys.stdin.fileno(), 65_536)
        if not read:
            break
        *lines, pending = (pending + read).split(b"\n")
        for line in lines:
            pid = _fork(json.loads(line))
            living.add(pid)
            _say({"born": pid})
    for pid in living:
        os.kill(pid, signal.SIGKILL)


def _reap(living: set[int]) -> None:
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        living.discard(pid)
        _say({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _fork(wanted: dict[str, Any]) -> int:
    pid = os.fork()
    if not pid:
        _be_worker(wanted)
    return pid


def _be_worker(wanted: dict[str, Any]) -> NoReturn:
    log = Path(wanted["log"])
    to = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, number in ((nothing, 0), (to, 1), (to, 2)):
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    Fuse(log.parent).install()
    sys.argv = ["worker.py"]
    leave(worker.main())


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
