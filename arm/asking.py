"""Asks Azure one question and keeps the answer as a fact, also where the answer is that it may not be told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import ClientConnectorError
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError

from arm.errors import classify
from arm.reads import Json, read, read_list
from arm.turnstile import Turnstile
from migration.facts import Fact, Facts
from migration.ids import ResourceId, describe, id_key

if TYPE_CHECKING:
    from arm.clients import AzureClients

T = TypeVar("T")

AT_ONCE = 16
"""Reads under way for one check; the process's limiter paces them."""
SINGLE_READS = 8
"""Up to so many resources of a group are read one by one; more by one listing of the group."""
_WHY_LIMIT = 400
_MISUNDERSTANDINGS = (LookupError, TypeError, ValueError, AttributeError)
"""What reading a document raises that is not as Azure documents it: no reason to stop asking about the others."""


class Memory:
    """What checks have just asked about things that many virtual machines share: each is asked once for all of them.

    An answer serves for as long as each question allows; a question under way serves those that come meanwhile. Where
    none may be older than its question, those that come while it is under way share the next.
    """

    def __init__(self) -> None:
        self._answers: dict[str, tuple[float, asyncio.Task[Fact[Any]]]] = {}
        self._turnstile = Turnstile()

    async def recall(self, question: str, max_age_seconds: float, ask: Callable[[], Awaitable[Fact[T]]]) -> Fact[T]:
        """Return an answer that is young enough, or ask."""
        if max_age_seconds <= 0:
            return await self._turnstile.read(question, ask)
        asked, task = self._answers.get(question, (0.0, None))
        if task is None or time.monotonic() - asked >= max_age_seconds:
            task = asyncio.ensure_future(ask())
            self._answers[question] = (time.monotonic(), task)
            task.add_done_callback(lambda done: self._forget_failure(question, done))
        # Who asked first may be cancelled while others wait for the answer.
        fact: Fact[T] = await asyncio.shield(task)
        return fact

    def _forget_failure(self, question: str, task: asyncio.Task[Fact[Any]]) -> None:
        failed = task.cancelled() or task.exception() is not None or task.result().unasked
        if failed and self._answers.get(question, (0.0, None))[1] is task:
            del self._answers[question]


@dataclass
class Count:
    """How far a check is: questions asked of Azure, and those that are answered."""

    asked: int = 0
    answered: int = 0

    def __str__(self) -> str:
        return f"{self.answered} of {self.asked} questions to Azure answered"


class Asker:
    """Asks on behalf of one check; an object because the checks' reads share its slots.

    *shared_age_seconds*: how old an answer about what others share may be. *seen* keeps the documents of single
    resources that were read.
    """

    def __init__(
        self,
        azure: AzureClients,
        memory: Memory,
        shared_age_seconds: float,
        count: Count | None = None,
        seen: dict[str, Json] | None = None,
    ) -> None:
        self.azure = azure
        self._memory = memory
        self._shared_age_seconds = shared_age_seconds
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._count = count or Count()
        self._seen = seen

    async def document(self, resource_id: str) -> Fact[Json]:
        """Return a resource's JSON, from what this check has read already where it has."""
        known = (self._seen or {}).get(id_key(resource_id))
        return Fact(known) if known is not None else await self.one(resource_id, lambda document: document)

    async def fact(self, what: str, ask: Callable[[], Awaitable[T | None]]) -> Fact[T]:
        """Return what *ask* answers, or why it could not; *what* is for the message.

        Raises:
            AzureError: Azure does not know the identity, or nobody answers at its address: no other question will
                fare better.
        """
        self._count.asked += 1
        try:
            async with self._slots:
                return Fact(await ask())
        except _MISUNDERSTANDINGS as error:
            return Fact(unasked=f"reading {what}: Azure's answer is not understood ({type(error).__name__}: {error})")
        except AzureError as error:
            if isinstance(error, ServiceRequestError) and isinstance(error.inner_exception, ClientConnectorError):
                raise
            failure = classify(error)
            if failure.status == 401 or isinstance(error, ClientAuthenticationError):
                raise
            why = f"reading {what}: {failure.code}: {failure.message}"[:_WHY_LIMIT]
            return Fact(unasked=why, denied=failure.kind == "denied", passing=failure.kind == "environment")
        finally:
            self._count.answered += 1

    async def one(self, resource_id: str, make: Callable[[Json], T], what: str = "", **query: str) -> Fact[T]:
        """Return what is known of one resource."""

        async def ask() -> T | None:
            document = await read(self.azure, resource_id, **query)
            if self._seen is not None and document is not None:
                self._seen[id_key(resource_id)] = document
            return None if document is None else make(document)

        return await self.fact(what or describe(resource_id), ask)

    async def note(self, table: Facts[T], resource_id: str, make: Callable[[Json], T], **query: str) -> None:
        """Keep in *table* what is known of one resource."""
        table.note(resource_id, await self.one(resource_id, make, **query))

    async def shared(self, resource_id: str, make: Callable[[Json], T], what: str = "", **query: str) -> Fact[T]:
        """Return what is known of one resource that others share."""
        return await self._memory.recall(
            id_key(resource_id), self._shared_age_seconds, lambda: self.one(resource_id, make, what, **query)
        )

    async def note_shared(self, table: Facts[T], resource_id: str, make: Callable[[Json], T]) -> None:
        """Keep in *table* what is known of one resource that others share."""
        table.note(resource_id, await self.shared(resource_id, make))

    async def many(
        self,
        collection: str,
        version: str,
        make: Callable[[Json], T],
        what: str,
        *,
        max_age_seconds: float | None = None,
    ) -> Fact[tuple[T, ...]]:
        """Return what a listing has; nothing where that in which it lies is absent."""

        async def ask() -> tuple[T, ...]:
            subscription = collection.split("/", 3)[2]
            found = await read_list(self.azure, collection, subscription, version)
            return tuple(make(document) for document in found)

        age = self._shared_age_seconds if max_age_seconds is None else max_age_seconds
        return await self._memory.recall(id_key(collection), age, lambda: self.fact(what, ask))

    async def recall(self, question: str, what: str, ask: Callable[[], Awaitable[T | None]]) -> Fact[T]:
        """Return what *ask* answers about something that others share, or why it could not."""
        return await self._memory.recall(question, self._shared_age_seconds, lambda: self.fact(what, ask))

    def note_each(
        self, table: Facts[T], wanted: Iterable[str], make: Callable[[Json], T], version: str
    ) -> Iterable[Coroutine[Any, Any, None]]:
        """Keep in *table* what is known of resources: one by one where they are few in a group, else by its listing."""
        collections: dict[str, list[str]] = {}
        for resource_id in distinct(wanted):
            collections.setdefault(id_key(resource_id.rpartition("/")[0]), []).append(resource_id)
        for members in collections.values():
            if len(members) > SINGLE_READS:
                yield self._note_listed(table, members, make, version)
            else:
                yield from (self.note(table, resource_id, make) for resource_id in members)

    async def _note_listed(
        self, table: Facts[Any], wanted: list[str], make: Callable[[Json], Any], version: str
    ) -> None:
        home = ResourceId.parse(wanted[0])
        what = f'what lies in resource group "{home.resource_group}"'
        listed = await self.many(wanted[0].rpartition("/")[0], version, make, what)
        there = {id_key(entry.id): entry for entry in listed.value or ()}
        for resource_id in wanted:
            table.note(resource_id, with_value(listed, there.get(id_key(resource_id))))


def understood(what: str, document: Json, make: Callable[[Json], T]) -> Fact[T]:
    """Return what a document tells, or that it is not understood."""
    try:
        return Fact(make(document))
    except _MISUNDERSTANDINGS as error:
        return Fact(unasked=f"reading {what}: Azure's answer is not understood ({type(error).__name__}: {error})")


def with_value(fact: Fact[Any], value: T | None) -> Fact[T]:
    """Return *value* as what was answered, or why *fact* was not."""
    return Fact(value) if not fact.unasked else Fact(None, fact.unasked, fact.denied, fact.passing)


def distinct(values: Iterable[str | None]) -> list[str]:
    """Return the ids without repetition, whatever their case."""
    return list({id_key(value): value for value in values if value}.values())


async def all_of(questions: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Ask all at once; the first question that ends the asking ends the others.

    Raises:
        AzureError: As `Asker.fact`.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for question in questions:
                group.create_task(question)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
