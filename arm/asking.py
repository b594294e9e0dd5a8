"""Asks Azure one question and keeps the answer as a fact, also where the answer is that it may not be told."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
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


@dataclass(frozen=True)
class Sharing:
    """How far one check may rely on what others have asked about things that virtual machines share."""

    age_seconds: float = 0
    """How old an answer may be; 0: it must have begun after the question."""
    kept_seconds: float = 0
    """How long answers are kept for others who take older ones."""
    realm: str = ""
    """Answers serve only checks of the same realm."""
    lists: bool = False
    """Whether also what is a machine's own may come from a young listing of its group."""


class Memory:
    """What checks have just asked about things that many virtual machines share: each is asked once for all of them.

    An answer serves for as long as each question allows; a question under way serves those that come meanwhile. Where
    none may be older than its question, those that come while it is under way share the next. Nothing is kept for
    longer than somebody may want it.
    """

    def __init__(self) -> None:
        self._answers: dict[str, tuple[float, asyncio.Future[Fact[Any]]]] = {}
        self._turnstile = Turnstile()
        self._askers: dict[str, deque[float]] = {}

    async def recall(
        self, question: str, max_age_seconds: float, ask: Callable[[], Awaitable[Fact[T]]], kept_seconds: float = 0
    ) -> Fact[T]:
        """Return an answer that is young enough, or ask."""
        if max_age_seconds <= 0:
            return await self._turnstile.read(question, lambda: self._kept(question, ask, kept_seconds))
        if (known := self._young(question, max_age_seconds)) is None:
            known = asyncio.ensure_future(ask())
            self._keep(question, time.monotonic(), known, max(max_age_seconds, kept_seconds))
        # Who asked first may be cancelled while others wait for the answer.
        fact: Fact[T] = await asyncio.shield(known)
        return fact

    def is_crowded(self, question: str, max_age_seconds: float) -> bool:
        """Tell whether there is a young answer, or more ask within that time than is worth single reads."""
        now = time.monotonic()
        askers = self._askers.setdefault(question, deque(maxlen=SINGLE_READS + 1))
        askers.append(now)
        many = len(askers) > SINGLE_READS and now - askers[0] < max_age_seconds
        return many or self._young(question, max_age_seconds) is not None

    def _young(self, question: str, max_age_seconds: float) -> asyncio.Future[Fact[Any]] | None:
        asked, answer = self._answers.get(question, (0.0, None))
        return answer if answer is not None and time.monotonic() - asked < max_age_seconds else None

    async def _kept(self, question: str, ask: Callable[[], Awaitable[Fact[T]]], kept_seconds: float) -> Fact[T]:
        began, fact = time.monotonic(), await ask()
        if kept_seconds > 0:
            answer = asyncio.get_running_loop().create_future()
            answer.set_result(fact)
            self._keep(question, began, answer, kept_seconds)
        return fact

    def _keep(self, question: str, asked: float, answer: asyncio.Future[Fact[Any]], seconds: float) -> None:
        self._answers[question] = (asked, answer)
        answer.add_done_callback(lambda done: self._forget_failure(question, done))
        asyncio.get_running_loop().call_later(seconds, self._forget, question, answer)

    def _forget_failure(self, question: str, answer: asyncio.Future[Fact[Any]]) -> None:
        if answer.cancelled() or answer.exception() is not None or answer.result().unasked:
            self._forget(question, answer)

    def _forget(self, question: str, answer: asyncio.Future[Fact[Any]]) -> None:
        if self._answers.get(question, (0.0, None))[1] is answer:
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

    *sharing*: how far it relies on what others have asked. *seen* keeps the documents of single resources that were
    read, None for those that are not there.
    """

    def __init__(
        self,
        azure: AzureClients,
        memory: Memory,
        sharing: Sharing,
        count: Count | None = None,
        seen: dict[str, Json | None] | None = None,
    ) -> None:
        self.azure = azure
        self.sharing = sharing
        self._memory = memory
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

        async def reading() -> Json | None:
            return await (read(self.azure, resource_id, **query) if query else self.azure.together.read(resource_id))

        return await self._one(resource_id, make, what, reading)

    async def namesake(self, resource_id: str, make: Callable[[Json], T]) -> Fact[T]:
        """Return what is known of one resource that should not be there; a listing that lacks it says so."""
        return await self._one(resource_id, make, "", lambda: self.azure.together.read(resource_id, may_be_new=False))

    async def _one(
        self, resource_id: str, make: Callable[[Json], T], what: str, reading: Callable[[], Awaitable[Json | None]]
    ) -> Fact[T]:
        async def ask() -> T | None:
            document = await reading()
            if self._seen is not None:
                self._seen[id_key(resource_id)] = document
            return None if document is None else make(document)

        return await self.fact(what or describe(resource_id), ask)

    async def note(self, table: Facts[T], resource_id: str, make: Callable[[Json], T], **query: str) -> None:
        """Keep in *table* what is known of one resource."""
        table.note(resource_id, await self.one(resource_id, make, **query))

    async def shared(self, resource_id: str, make: Callable[[Json], T], what: str = "", **query: str) -> Fact[T]:
        """Return what is known of one resource that others share."""
        return await self._recall(id_key(resource_id), lambda: self.one(resource_id, make, what, **query))

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
            return tuple(map(make, await self._list(collection, version)))

        question = id_key(collection) if make is not as_it_is else f"documents of {id_key(collection)}"
        return await self._recall(question, lambda: self.fact(what, ask), max_age_seconds)

    async def by_id(self, collection: str, version: str, what: str) -> Fact[Mapping[str, Json]]:
        """Return the documents of a listing by the keys of their ids: thousands of machines look up one each."""

        async def ask() -> Mapping[str, Json]:
            return {id_key(str(document["id"])): document for document in await self._list(collection, version)}

        return await self._recall(_by_id(collection), lambda: self.fact(what, ask))

    async def _list(self, collection: str, version: str) -> list[Json]:
        return await read_list(self.azure, collection, collection.split("/", 3)[2], version)

    async def recall(self, question: str, what: str, ask: Callable[[], Awaitable[T | None]]) -> Fact[T]:
        """Return what *ask* answers about something that others share, or why it could not."""
        return await self._recall(question, lambda: self.fact(what, ask))

    async def _recall(
        self, question: str, ask: Callable[[], Awaitable[Fact[T]]], max_age_seconds: float | None = None
    ) -> Fact[T]:
        if max_age_seconds is not None:
            return await self._memory.recall(question, max_age_seconds, ask)
        sharing = self.sharing
        named = f"{sharing.realm} {question}"
        return await self._memory.recall(named, sharing.age_seconds, ask, sharing.kept_seconds)

    def is_listed(self, collection: str, count: int) -> bool:
        """Tell whether so many resources of a group are rather asked for by its listing."""
        if count > SINGLE_READS or not self.sharing.lists:
            return count > SINGLE_READS
        question = f"{self.sharing.realm} {_by_id(collection)}"
        return self._memory.is_crowded(question, self.sharing.age_seconds)

    def note_each(
        self, table: Facts[T], wanted: Iterable[str], make: Callable[[Json], T], version: str
    ) -> Iterable[Coroutine[Any, Any, None]]:
        """Keep in *table* what is known of resources: one by one where they are few in a group, else by its listing."""
        collections: dict[str, list[str]] = {}
        for resource_id in distinct(wanted):
            collections.setdefault(id_key(resource_id.rpartition("/")[0]), []).append(resource_id)
        for members in collections.values():
            if self.is_listed(members[0].rpartition("/")[0], len(members)):
                yield self._note_listed(table, members, make, version)
            else:
                yield from (self.note(table, resource_id, make) for resource_id in members)

    async def _note_listed(
        self, table: Facts[Any], wanted: list[str], make: Callable[[Json], Any], version: str
    ) -> None:
        home = ResourceId.parse(wanted[0])
        what = f'what lies in resource group "{home.resource_group}"'
        listed = await self.by_id(wanted[0].rpartition("/")[0], version, what)
        there = listed.value or {}
        for resource_id in wanted:
            document = there.get(id_key(resource_id))
            if document is not None:
                self.see(resource_id, document)
                table.note(resource_id, understood(describe(resource_id), document, make))
            elif self.sharing.lists:  # the listing is of others, who may see less than this one resource
                await self.note(table, resource_id, make)
            else:
                table.note(resource_id, with_value(listed, None))

    def see(self, resource_id: str, document: Json) -> None:
        """Keep the document of a resource, for those who ask for it again in this check."""
        if self._seen is not None:
            self._seen[id_key(resource_id)] = document


def as_it_is(document: Json) -> Json:
    """Return a document of a listing as Azure wrote it."""
    return document


def _by_id(collection: str) -> str:
    """Return the question for a listing's documents by their ids, beside that for what is made of them."""
    return f"by id, {id_key(collection)}"


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
