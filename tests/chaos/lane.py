"""A lane: one cloud on which many plans run at once, each in a subscription of its own, and then their judgement.

Faults of Azure strike plans that share a worker, which lives on. A plan whose worker dies or is cut off has a namespace
and a worker to itself, so that nobody else's suffers. All namespaces are on one Temporal server.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil
from temporalio.client import Client

from tests.chaos.actors import Actor
from tests.chaos.checker import Evidence, Look, judge
from tests.chaos.doomed import Doomed
from tests.chaos.stage import TemporalServer, look_at
from tests.chaos.wire import Proxy
from tests.e2e.estates import REQUESTER, seed_of
from tests.support.sim import Simulator

SPEED = 300.0
LOOK_SECONDS = 1.0
APART_SECONDS = 0.5
"""Between the starts of two plans: the check of a plan is its busiest moment, and many at once are slower than one
after the other."""


@dataclass
class Team:
    """A worker with its namespace, and the wire between it and Temporal where that may be cut."""

    client: Client
    worker: Doomed
    wire: Proxy | None = None


@dataclass
class Lane:
    """What a batch of plans runs on."""

    name: str
    server: TemporalServer
    folder: Path
    shared: int
    """How many plans run at once on the shared worker."""
    alone: int
    """How many plans run at once each with a worker of its own."""
    wired: bool = False
    """Whether workers of their own have a wire that can be cut."""
    looks: list[Look] = field(default_factory=list)
    door: asyncio.Lock = field(default_factory=asyncio.Lock)
    cpu_seconds: float = 0.0
    """What its simulators have used."""

    @classmethod
    @contextlib.asynccontextmanager
    async def several(cls, count: int, shared: int, alone: int, *, wired: bool = False) -> AsyncIterator[list[Self]]:
        """Open lanes that share a Temporal server."""
        names = [f"lane-{number}" for number in range(count)]
        with tempfile.TemporaryDirectory(prefix="chaos-") as scratch:
            folder = Path(scratch)
            server = TemporalServer(folder, [one for name in names for one in _namespaces(name, alone)])
            await server.start()
            try:
                yield [cls(name, server, folder, shared, alone, wired) for name in names]
            finally:
                server.kill()

    async def run(self, actors: Sequence[Actor]) -> None:
        """Run plans, and let the checker judge each."""
        seed = seed_of([actor.case for actor in actors])
        with await asyncio.to_thread(lambda: Simulator(seed=seed, speed=SPEED)) as simulator:
            there = await asyncio.to_thread(simulator.resources)
            for actor in actors:
                actor.before = _of(actor, there, "id")
                for fault in actor.faults:
                    await asyncio.to_thread(simulator.fault, fault["effect"], **fault["match"])
            self.looks = []
            looking = asyncio.create_task(self._look(simulator))
            try:
                async with self._teams(simulator, actors) as (shared, alone):
                    await asyncio.gather(*(self._play(actor, shared, alone) for actor in actors))
                    told = "".join(file.read_text(errors="replace") for file in self.folder.glob("*/worker.log"))
            finally:
                looking.cancel()
            log, after = await asyncio.to_thread(lambda: (simulator.requests(), simulator.resources()))
            for actor in actors:
                actor.log = _of(actor, log, "path")
                self._judge(actor, _of(actor, after, "id"), simulator.client_secret)
                if simulator.client_secret in told:
                    actor.broken.setdefault("I10", []).append("a worker's log holds a planted secret")
            self.cpu_seconds += cpu_seconds_of(simulator.process.pid)

    @contextlib.asynccontextmanager
    async def _teams(
        self, simulator: Simulator, actors: Sequence[Actor]
    ) -> AsyncIterator[tuple[asyncio.Queue[Team], asyncio.Queue[Team]]]:
        """Start the workers that the plans need; a team stands in a queue as often as it may be asked at once."""
        apart = sum(_is_apart(actor) for actor in actors)
        together, *own = _namespaces(self.name, self.alone)
        shared: asyncio.Queue[Team] = asyncio.Queue()
        alone: asyncio.Queue[Team] = asyncio.Queue()
        teams: list[Team] = []
        async with contextlib.AsyncExitStack() as ends:
            if apart < len(actors):
                teams.append(await self._team(simulator, together))
                for _ in range(self.shared):
                    shared.put_nowait(teams[0])
            for name in own[:apart]:
                wire = await ends.enter_async_context(Proxy.to(self.server.port)) if self.wired else None
                teams.append(await self._team(simulator, name, wire))
                alone.put_nowait(teams[-1])
            try:
                await asyncio.gather(*(team.worker.start() for team in teams))
                yield shared, alone
            finally:
                await asyncio.gather(*(team.worker.end() for team in teams if team.worker.process))
                for team in teams:
                    team.worker.forget()

    async def _team(self, simulator: Simulator, namespace: str, wire: Proxy | None = None) -> Team:
        address = wire.address if wire else self.server.address
        worker = Doomed(simulator, address, namespace, self.folder / namespace)
        return Team(await self.server.connect(namespace), worker, wire)

    async def _play(self, actor: Actor, shared: asyncio.Queue[Team], alone: asyncio.Queue[Team]) -> None:
        queue = alone if _is_apart(actor) else shared
        team = await queue.get()
        async with self.door:
            await asyncio.sleep(APART_SECONDS)
        try:
            if queue is shared:
                await actor.play(team.client, team)
                return
            deaths = asyncio.create_task(_die_and_go_on(team.worker, actor))
            try:
                await actor.play(team.client, team)
            finally:
                team.worker.take_back()
                if not team.worker.is_dying:
                    deaths.cancel()
                # Who has died is replaced wholly: the next plan of the team needs a worker.
                await asyncio.gather(deaths, return_exceptions=True)
                team.worker.thaw()
                if team.wire is not None:
                    team.wire.mend()
        finally:
            queue.put_nowait(team)

    def _judge(self, actor: Actor, after: list[dict[str, Any]], canary: str) -> None:
        if actor.error:
            return
        machines = {actor.case.vm_id(vm, kind).lower() for vm in actor.case.vms for kind in ("source", "target")}
        evidence = Evidence(
            plan=actor.case.plan.model_dump(mode="json"),
            requester=REQUESTER,
            log=actor.log,
            before=actor.before,
            after=after,
            looks=[look.of(machines) for look in self.looks],
            histories=actor.histories,
            report=actor.report,
            faults=actor.faults,
            canaries=(canary,),
            outputs=(str(actor.report),),
            seconds=actor.seconds,
            seconds_allowed=actor.seconds_allowed,
        )
        actor.broken = judge(evidence)

    async def _look(self, simulator: Simulator) -> None:
        """Note every machine's power state again and again."""
        while True:
            self.looks.append(await asyncio.to_thread(look_at, simulator))
            await asyncio.sleep(LOOK_SECONDS)


async def _die_and_go_on(worker: Doomed, actor: Actor) -> None:
    """Let a worker die where that is wanted, and start it anew each time."""
    for nth, moment in actor.deaths:
        worker.order(actor.case.subscription, nth, moment)
        await worker.died()
        if (struck := worker.struck) is not None:
            actor.struck.append(struck)
        worker.take_back()
        await worker.start()


def _namespaces(lane: str, alone: int) -> list[str]:
    """Return the namespaces that a lane needs: the shared worker's, and those of the others."""
    return [f"{lane}-{index}" for index in range(alone + 1)]


def _is_apart(actor: Actor) -> bool:
    return bool(actor.deaths or actor.deeds)


def _of(actor: Actor, rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    scope = f"/subscriptions/{actor.case.subscription}/"
    return [row for row in rows if f"{row[key].lower()}/".startswith(scope)]


def cpu_seconds_of(pid: int) -> float:
    """Return the processor seconds that a process has used, without its children; 0 where that is not told."""
    with contextlib.suppress(psutil.Error):
        used = psutil.Process(pid).cpu_times()
        return used.user + used.system
    return 0.0
