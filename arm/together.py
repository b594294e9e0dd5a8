"""What many look at in the same moment is read once for all.

Machines that boot are, by the listing of how a subscription's machines stand. While reads have to wait for their turn,
machines, disks and network interfaces are, by the listing of their group, and protected items by that of their vault.
Each look is answered by a request that began after it. Nothing is kept but how long the listing was.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from azure.core.exceptions import AzureError

from arm import callers, machines, reads
from arm.callers import Caller, calling
from arm.errors import classify
from arm.watched import Source, key_in_listing
from migration.ids import id_key, type_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from arm.clients import AzureClients
    from arm.reads import Json
    from migration.urgency import Urgency

OF_GROUPS = {
    "microsoft.compute/disks",
    "microsoft.compute/virtualmachines",
    "microsoft.network/networkinterfaces",
}
"""Of what a group's listing tells as much of each as a plain read of it alone."""
UNKNOWN_PAGES = 8
"""A group may hold thousands of others: until its length is known, its listing has to be worth so many reads."""
ENTRIES_FOR_A_READ, ENTRIES_FOR_A_TURN = 50, 200
"""So many entries of a listing cost the process what a read of one resource costs it; and are worth it where reads have
to wait for their turn."""
_log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Look:
    """One look at a resource: what was read of it, None where it is not there."""

    id: str
    suffices: Callable[[Json], bool]
    caller: Caller = field(default_factory=callers.current)
    read: asyncio.Future[Json | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    may_be_new: bool = True
    """Whether it may have been made a moment ago: what a listing lacks is then asked for by its name."""
    is_whole: bool = True
    """Whether it was read by itself: a listing leaves things out, such as where its serial log is kept."""

    def answer(self, document: Json | None, *, is_whole: bool) -> None:
        """Hand over what was read, unless nobody waits for it any more."""
        if not self.read.done():
            self.is_whole = is_whole
            self.read.set_result(document)

    def fail(self, error: BaseException) -> None:
        """Hand over that nothing could be read."""
        if not self.read.done():
            self.read.set_exception(error)


class Together:
    """The looks of one process, and the beat at which those who look again and again do so."""

    def __init__(self, azure: AzureClients) -> None:
        self._azure = azure
        self._looks: dict[tuple[str, Urgency], _Looks] = {}
        self._beats: dict[float, asyncio.Task[None]] = {}

    async def look(self, vm_id: str, suffices: Callable[[Json], bool]) -> Look:
        """Read a machine; an entry of a listing answers only where it *suffices*.

        Raises:
            AzureError: it cannot be read.
        """
        return await self._look(Source.of(vm_id), Look(vm_id, suffices))

    async def _look(self, source: Source, look: Look) -> Look:
        # Apart by urgency: who is in a hurry does not wait for a reading that lets others go first.
        key = (id_key(source.listing), look.caller.urgency)
        if key not in self._looks:
            self._looks[key] = _Looks(self._azure, source)
        self._looks[key].add(look)
        await look.read
        return look

    async def read(self, resource_id: str, *, may_be_new: bool = True) -> Json | None:
        """Return the JSON of a resource, None where there is none.

        Where reads of its subscription have to wait, those machines, disks and network interfaces of its group that are
        asked for meanwhile are read by one listing. *may_be_new*: it may have been made a moment ago, so that one that
        the listing lacks is read by itself.

        Raises:
            AzureError: it cannot be read.
        """
        kind, subscription = type_of(resource_id).lower(), resource_id.split("/")[2]
        if kind not in OF_GROUPS or not self._azure.limiter.reads(subscription).is_awaited:
            return await reads.read(self._azure, resource_id)
        look = Look(resource_id, lambda _entry: True, may_be_new=may_be_new)
        return (await self._look(Source.of_group(resource_id), look)).read.result()

    async def read_item(self, item_id: str) -> Json | None:
        """Return the JSON of a protected item, None where there is none.

        Where reads of its subscription have to wait, the items of its vault that are asked for meanwhile are read by
        one listing; one that it lacks is read by itself.

        Raises:
            AzureError: it cannot be read.
        """
        if not self._azure.limiter.reads(item_id.split("/")[2]).is_awaited:
            return await reads.read(self._azure, item_id)
        return (await self._look(Source.of(item_id), Look(item_id, lambda _entry: True))).read.result()

    async def beat(self, seconds: float) -> None:
        """Sleep until the next beat, at most so long: all who look as often as this do it in the same moment."""
        running = self._beats.get(seconds)
        if running is None:
            loop = asyncio.get_running_loop()
            running = self._beats[seconds] = asyncio.create_task(asyncio.sleep(seconds - loop.time() % seconds))
            running.add_done_callback(lambda _: self._beats.pop(seconds, None))
        await asyncio.shield(running)


class _Looks:
    """The looks at what is in one listing, of one urgency."""

    def __init__(self, azure: AzureClients, source: Source) -> None:
        self._azure, self._source = azure, source
        self._waiting: list[Look] = []
        self._task: asyncio.Task[None] | None = None
        self._may_list = True
        of_group = source.scope == source.listing
        self._pages, self._entries = UNKNOWN_PAGES if of_group else 1, 1
        self._worth = ENTRIES_FOR_A_TURN if of_group else ENTRIES_FOR_A_READ

    def add(self, look: Look) -> None:
        """Answer one look more, with those that come before the reading begins."""
        self._waiting.append(look)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve(), name=f"look at {self._source.scope}")

    async def _serve(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # who looks at the same beat comes before this goes on
            looks, self._waiting = self._waiting, []
            try:
                with calling(min((look.caller for look in looks), key=lambda caller: caller.urgency)):
                    await self._answer(looks)
            except Exception as error:  # noqa: BLE001 - as in `_read`: nobody may wait for ever
                for look in looks:
                    look.fail(error)

    async def _answer(self, looks: list[Look]) -> None:
        alone = looks
        count = len({id_key(look.id) for look in looks})
        if self._may_list and count > self._pages and count * self._worth >= self._entries and count > 1:
            alone = await self._list(looks)
        await asyncio.gather(*(self._read(look) for look in alone))

    async def _read(self, look: Look) -> None:
        try:
            look.answer(await reads.read(self._azure, look.id, **self._source.query), is_whole=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, who looks must hear of it
            look.fail(error)

    async def _list(self, looks: list[Look]) -> list[Look]:
        """Read the listing until all are found; return those that have to be read by themselves."""
        missing: dict[str, list[Look]] = {}
        for look in looks:
            missing.setdefault(key_in_listing(look.id), []).append(look)
        source, alone, page_count, entries = self._source, list[Look](), 0, 0
        try:
            async for page in reads.pages(self._azure, source.listing, source.subscription, source.version):
                page_count, entries = page_count + 1, entries + len(page)
                for document in page:
                    for look in missing.pop(key_in_listing(str(document["id"])), []):
                        if look.suffices(document):
                            look.answer(document, is_whole=False)
                        else:
                            alone.append(look)
                if not missing:
                    break
        except AzureError as error:
            # Who may read a machine need not see its subscription; and what is out of order may be so for the listing.
            self._may_list = classify(error).kind != "denied"
            _log.info("reading one by one what cannot be listed", listing=source.listing, cause=classify(error).code)
        else:
            self._pages, self._entries = max(page_count, 1), entries
            for look in [look for group in missing.values() for look in group if not look.may_be_new]:
                look.answer(None, is_whole=False)
        return alone + [look for group in missing.values() for look in group if not look.read.done()]


def not_serving_yet(document: Json) -> bool:
    """Tell whether a listing's entry suffices to say that a machine does not serve yet."""
    return machines.is_short_of(document, "serving")
