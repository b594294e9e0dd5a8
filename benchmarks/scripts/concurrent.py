"""The script of somebody who knows the SDK well: all virtual machines at once, with its asynchronous pollers.

``python -m benchmarks.scripts.concurrent MOVES.json`` with the environment that Azure's tools use. What the SDK's pages
and its code recommend is done:

- one client of each kind for all machines, over one pool of connections that is as large as it has to be (the default
  ends at a hundred);
- operations, and the first copies, are looked at every 5 seconds (the SDK's own interval is 30), and the more rarely
  the more machines there are, so that all together ask 20 times a second: Azure Resource Manager grants 25;
- a 429 is sent again after its Retry-After, as often as it takes: the default gives up after three;
- one machine's failure does not stop the others, and is told.

``--second`` is how long a second lasts where Azure is a simulation that runs faster: 0.1 at ten times the speed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import AsyncRetryPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import ClientSecretCredential
from azure.mgmt.compute.aio import ComputeManagementClient
from azure.mgmt.recoveryservicessiterecovery.aio import SiteRecoveryManagementClient

from benchmarks.scripts import bodies

POLL_SECONDS = 5.0
"""How often an operation is looked at, where few machines move."""
READS_PER_SECOND = 20.0
"""What all machines together may ask for, of the 25 that are granted."""
RETRIES = 100
"""How often a request is sent again that Azure throttles: it tells when, so that giving up would gain nothing."""


@dataclass
class Mover:
    """Moves machines of one subscription."""

    moves: dict[str, Any]
    second: float
    recovery: Any
    compute: Any
    moved: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    async def move(self, machine: dict[str, Any]) -> None:
        """Move one machine; note how long it took, or why it failed."""
        began = time.time()
        try:
            await self._move(machine)
        except (AzureError, bodies.NotRunningError) as error:
            self.failed[machine["name"]] = f"{type(error).__name__}: {str(error)[:200]}"
        else:
            self.moved[machine["name"]] = time.time() - began

    async def _move(self, machine: dict[str, Any]) -> None:
        items, item = self.recovery.replication_protected_items, bodies.item(self.moves, machine)
        interval = max(POLL_SECONDS, len(self.moves["machines"]) / READS_PER_SECOND) * self.second
        poll = {"polling_interval": interval}
        await self._done(items.begin_create(*item, bodies.enable(self.moves, machine), **poll))
        while (await items.get(*item)).properties.protection_state != "Protected":
            await asyncio.sleep(interval)
        await self._done(items.begin_update(*item, bodies.target(self.moves, machine), **poll))
        await self._done(items.begin_unplanned_failover(*item, bodies.failover(), **poll))
        target = self.moves["target_group"], machine["name"]
        while not bodies.has_booted(await self.compute.virtual_machines.instance_view(*target)):
            await asyncio.sleep(interval)
        await self._done(items.begin_failover_commit(*item, **poll))
        await self._done(items.begin_purge(*item, **poll))

    @staticmethod
    async def _done(begin: Any) -> None:
        poller = await begin
        await poller.result()


def transport(ca_file: str) -> AioHttpTransport:
    """Return a pool of as many connections as are needed at a time, each of which serves one request after the other.

    Given the file of a CA, Azure's transport would make a context of TLS for each request, and with each a connection.
    """
    connector = aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cafile=ca_file))
    return AioHttpTransport(session=aiohttp.ClientSession(connector=connector, auto_decompress=False))


async def run(moves: dict[str, Any], second: float) -> dict[str, Any]:
    """Move all; return when it began and ended, how long each machine took, and which failed."""
    options, access = bodies.access(os.environ)
    began = time.time()
    options["transport"] = transport(options.pop("connection_verify"))
    options["retry_policy"] = AsyncRetryPolicy(retry_total=RETRIES, retry_status=RETRIES)
    async with ClientSecretCredential(**access) as credential, options["transport"]:
        recovery = SiteRecoveryManagementClient(credential, moves["subscription"], **options)
        compute = ComputeManagementClient(credential, moves["subscription"], **options)
        mover = Mover(moves, second, recovery, compute)
        await asyncio.gather(*(mover.move(machine) for machine in moves["machines"]))
    return {"began": began, "ended": time.time(), "moved": mover.moved, "failed": mover.failed}


def main() -> int:
    """Move all, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scripts.concurrent", description=__doc__)
    parser.add_argument("moves", type=argparse.FileType(encoding="utf-8"))
    parser.add_argument("--second", type=float, default=1.0)
    given = parser.parse_args()
    told = asyncio.run(run(json.load(given.moves), given.second))
    sys.stdout.write(json.dumps(told) + "\n")
    return 1 if told["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
