"""A worker in a process of its own, to be killed: `python -m tests.activities.doomed_worker ADDRESS QUEUE LINE`."""

from __future__ import annotations

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from arm.clients import AzureClients
from arm.watcher import Watchers
from tests.activities.stage import Stage, access_to


async def main(address: str, queue: str, ready_line: str) -> None:
    """Serve the queue until killed."""
    sim: Any = SimpleNamespace(**json.loads(ready_line))
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    async with (
        AzureClients(access_to(sim)) as azure,
        Watchers(azure) as watchers,
        Stage(sim, azure, client).worker(watchers, queue),
    ):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
