"""How every writing activity goes: read, decide, record the intent, write at most once, say what was begun."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from azure.core.exceptions import AzureError
from temporalio.exceptions import ApplicationError

from activities.failures import UnsettledWriteError
from activities.heartbeats import beating
from activities.intents import Intents
from arm import jobs, leases
from arm.clients import AzureClients
from arm.errors import classify
from arm.operations import OperationFailedError
from arm.throttling import Kind
from arm.writes import Accepted
from migration.ids import vault_of
from migration.models import JobRef, Started

Answer = TypeVar("Answer")
INTENT_SETTLE_SECONDS = 30.0
_LEASES = 5
"""How many times a lease may run out unused (Temporal slow to answer, a token slow to come) before the attempt ends."""
_FRESH_SECONDS = 5.0
"""How old the reading may be on which a write stands; throttling can hold a write for minutes."""
_log = structlog.get_logger(__name__)


Find = Callable[[], Awaitable[Started | None]]


@dataclass(frozen=True)
class Write:
    """One write. *decide* reads Azure and returns what is there or under way already, or None where it has to be sent.

    A *scenario* (Site Recovery's name of the job) lets a later attempt find the job that a lost answer began; *named*
    is the job's target as Site Recovery shows it, where that is known. *creates*: what an earlier attempt found absent
    before it recorded its intent, and is there now, that attempt made. *afterwards* follows what was sent. *kind* is
    the budget that it draws from.
    """

    target_id: str
    decide: Find
    send: Callable[[], Coroutine[Any, Any, Accepted]]
    scenario: str = ""
    named: str | None = None
    creates: bool = False
    afterwards: Callable[[], Awaitable[None]] | None = None
    kind: Kind = "writes"


class Writer:
    """Carries out writes so that each happens at most once, wherever its process is killed."""

    def __init__(self, azure: AzureClients, settle_seconds: float = INTENT_SETTLE_SECONDS) -> None:
        self._azure = azure
        self._settle_seconds = settle_seconds

    async def write(self, write: Write) -> Started:
        """Carry out one write of this activity."""
        intents = Intents()
        async with beating(intents.details):
            try:
                started = await self._done_already(write, intents) or await self._send(write, intents)
            except AzureError as error:
                if intents.unsettled(self._settle_seconds):
                    raise UnsettledWriteError(error) from None
                raise
            if write.afterwards is not None:
                await write.afterwards()
            return started

    async def write_all(self, writes: list[Write]) -> list[Started]:
        """Carry out several writes that may all be repeated without harm.

        Raises:
            AzureError, ApplicationError: of the first that cannot be done; the others, which do not depend on it, are.
        """
        intents = Intents()
        failures: list[AzureError | ApplicationError] = []
        done: list[Started] = []
        async with beating(intents.details):
            for write in writes:
                try:
                    done.append(await write.decide() or await self._send(write, intents))
                except (AzureError, ApplicationError) as error:
                    failures.append(error)
        if failures:
            raise failures[0]
        return done

    async def try_each(self, writes: list[Write]) -> list[AzureError | None]:
        """Carry out several writes that may all be repeated without harm; return, for each, why Azure refused it.

        Raises:
            AzureError: Azure is out of order, or does not know the identity: the others would fare no better.
        """
        intents = Intents()
        async with beating(intents.details):
            return [await self._refusal_of(write, intents) for write in writes]

    async def _refusal_of(self, write: Write, intents: Intents) -> AzureError | None:
        try:
            if await write.decide() is None:
                await self._send(write, intents)
                if write.afterwards is not None:
                    await write.afterwards()
        except OperationFailedError as error:
            return error
        except AzureError as error:
            failure = classify(error)
            if failure.status == 401 or failure.kind not in {"denied", "business", "not_found"}:
                raise
            return error
        return None

    async def _done_already(self, write: Write, intents: Intents) -> Started | None:
        if intents.previous is None:
            return await write.decide()
        started = await self._of_earlier_attempt(write, intents)
        if started is None:
            # What the earlier attempt sent may have been taken and not show yet.
            await asyncio.sleep(intents.settle_seconds(self._settle_seconds))
            started = await self._of_earlier_attempt(write, intents)
        return started

    async def _of_earlier_attempt(self, write: Write, intents: Intents) -> Started | None:
        request_ids = intents.previous.request_ids if intents.previous else []
        if write.scenario and request_ids:
            vault = vault_of(write.target_id)
            job = await jobs.find_job(self._azure, vault, write.scenario, request_ids, write.named)
            if job is not None:
                _log.info("adopting the job of an earlier attempt", job=job.id, scenario=job.scenario)
                return _begun(write, job.id)
        started = await write.decide()
        return started.model_copy(update={"existed": False}) if started and write.creates else started

    async def _send(self, write: Write, intents: Intents) -> Started:
        left = _LEASES
        while True:
            read = time.monotonic()
            await self._azure.limiter.admit(write.kind, write.target_id)
            if time.monotonic() - read > _FRESH_SECONDS and (found := await write.decide()) is not None:
                return found
            lease = await intents.record(write.target_id, write.scenario)
            try:
                accepted = await _uninterrupted(write.send, lease)
            except AzureError as error:
                failure = classify(error)
                if not failure.unknown_outcome:
                    await intents.withdraw()
                if failure.kind == "superseded" and left > 0:
                    left -= 1
                elif failure.kind != "throttled":
                    raise
            else:
                return _begun(write, accepted.job_id)
            started = await write.decide()
            if started is not None:
                return started


def _begun(write: Write, job_id: str | None) -> Started:
    job = None
    if job_id is not None:
        job = JobRef(id=job_id, scenario=write.scenario, target_id=write.target_id)
    return Started(resource_id=write.target_id, job=job)


async def _uninterrupted(send: Callable[[], Coroutine[Any, Any, Answer]], lease: leases.WriteLease) -> Answer:
    """Send a write and read its answer whatever cancel arrives meanwhile; only then let the cancel through."""
    with leases.holding(lease):
        task = asyncio.create_task(send())
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
        except AzureError:
            break
    if cancelled:
        outcome = task.exception()
        _log.info("cancelled while a write was under way", outcome=str(outcome or "accepted"))
        raise asyncio.CancelledError
    return task.result()
