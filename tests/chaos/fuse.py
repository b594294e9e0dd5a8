"""``python -m tests.chaos.fuse``: the worker, which may be ordered to die at one of its requests.

An order is ``order.json`` beside its ready file, ``{"subscription": id, "nth": k, "moment": "before" | "after",
"began": any}``. At the kth request to Azure about that subscription since the order was read first, it kills itself by
SIGKILL: before the request leaves, or as its answer arrives and nobody has seen it. What it met stands in
``struck.json``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from azure.core.pipeline.transport import AioHttpTransport

import worker
from runtime.leaving import leave

ORDER, STRUCK = "order.json", "struck.json"


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


if __name__ == "__main__":
    Fuse(Path(os.environ["WORKER_READY_FILE"]).parent).install()
    sys.argv = ["worker.py"]
    leave(worker.main())
