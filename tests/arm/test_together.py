"""Machines that boot beside each other: looked at in the same moments, and read once for all."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from azure.core.exceptions import HttpResponseError

from arm import reads
from arm.callers import Caller, calling, current
from arm.together import UNKNOWN_PAGES, Together, not_serving_yet
from migration import ids
from migration.urgency import Urgency
from tests.arm.test_watching_costs import SUBSCRIPTION, machine
from tests.support.virtual import run_virtually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from arm.clients import AzureClients
    from arm.reads import Json

FLEET, TICK, MINUTE = 20, 5.0, 60.0


class Cloud:
    """Answers reads from memory, each later than it was asked, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, entries: list[Json]) -> None:
        self.entries = {ids.id_key(entry["id"]): entry for entry in entries}
        self.count: Counter[str] = Counter()
        self.urgencies: set[Urgency] = set()
        self.status = 200
        self.bucket = SimpleNamespace(is_awaited=True)
        self.azure = cast("AzureClients", SimpleNamespace(limiter=SimpleNamespace(reads=lambda _: self.bucket)))
        monkeypatch.setattr(reads, "pages", self._pages)
        monkeypatch.setattr(reads, "read", self._read)

    async def _pages(self, _azure: object, listing: str, *_: object) -> AsyncIterator[list[Json]]:
        self._see("listing")
        entries = list(self.entries.values())
        await asyncio.sleep(0.2)
        if self.status != 200:
            answer = SimpleNamespace(status_code=self.status, reason="", headers={}, text=lambda: "{}")
            raise HttpResponseError(listing, response=answer)
        yield entries

    async def _read(self, _azure: object, resource_id: str, **_query: str) -> Json | None:
        self._see("single")
        entry = self.entries.get(ids.id_key(resource_id))
        await asyncio.sleep(0.1)
        return entry

    def _see(self, what: str) -> None:
        self.count[what] += 1
        self.urgencies.add(current().urgency)


async def _boots(together: Together, vm_id: str, begin: float) -> None:
    await asyncio.sleep(begin)
    while True:
        look = await together.look(vm_id, not_serving_yet)
        document = look.read.result()
        if document is not None and not not_serving_yet(document):
            assert look.is_whole
            return
        await together.beat(TICK)


async def _boot_all(cloud: Cloud, clock: Callable[[], float], seconds: float = MINUTE) -> float:
    """Let all boot that begin one after the other; return how long it took the last to be seen ready."""
    together = Together(cloud.azure)
    waits = [asyncio.ensure_future(_boots(together, key, 0.3 * n)) for n, key in enumerate(cloud.entries)]
    await asyncio.sleep(seconds)
    cloud.entries = {key: machine(n, "running", "Ready") for n, key in enumerate(cloud.entries)}
    began = clock()
    await asyncio.gather(*waits)
    return clock() - began


def _fleet(count: int = FLEET) -> list[Json]:
    return [machine(number, "running") for number in range(count)]


def test_machines_that_boot_beside_each_other_share_their_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty that boot for a minute cost four reads each: the first, the last, and their part of the shared looks."""

    async def story(clock: Callable[[], float]) -> tuple[Cloud, float]:
        cloud = Cloud(monkeypatch, _fleet())
        with calling(Caller(Urgency.PROVING)):
            late = await _boot_all(cloud, clock)
        return cloud, late

    cloud, late = run_virtually(story)

    assert sum(cloud.count.values()) <= 4 * FLEET
    assert cloud.count["listing"] <= MINUTE / TICK + 2
    assert late <= TICK + 1
    assert {Urgency.PROVING} == cloud.urgencies


def test_a_look_is_answered_by_a_request_that_began_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes while a listing is under way learns from the next one: what changed meanwhile is not missed."""

    async def story(_clock: Callable[[], float]) -> list[bool]:
        cloud = Cloud(monkeypatch, [machine(number, "starting") for number in range(4)])
        together, keys = Together(cloud.azure), list(cloud.entries)
        early = [asyncio.ensure_future(together.look(key, not_serving_yet)) for key in keys]
        await asyncio.sleep(0.1)
        cloud.entries = {key: machine(n, "running") for n, key in enumerate(keys)}
        late = [asyncio.ensure_future(together.look(key, not_serving_yet)) for key in keys]
        looks = await asyncio.gather(*early, *late)
        return ["starting" in str(look.read.result()) for look in looks]

    assert [True] * 4 + [False] * 4 == run_virtually(story)


@pytest.mark.parametrize(("status", "listings"), [(403, 1), (503, 4)])
def test_what_cannot_be_listed_is_read_one_by_one(monkeypatch: pytest.MonkeyPatch, status: int, listings: int) -> None:
    """Nobody hears of it; where the listing is forbidden, it is not asked for again."""

    async def story(clock: Callable[[], float]) -> tuple[Cloud, float]:
        cloud = Cloud(monkeypatch, _fleet(3))
        cloud.status = status
        return cloud, await _boot_all(cloud, clock, seconds=4 * TICK)

    cloud, late = run_virtually(story)

    assert listings == cloud.count["listing"]
    assert late <= TICK + 1


def test_few_of_a_large_subscription_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing of thousands is not read for two."""

    async def story(_clock: Callable[[], float]) -> tuple[Counter[str], list[Any]]:
        cloud = Cloud(monkeypatch, _fleet(500))
        together, keys = Together(cloud.azure), list(cloud.entries)
        looks = []
        for _ in range(3):
            looks = await asyncio.gather(*(together.look(key, not_serving_yet) for key in keys[:2]))
        return cloud.count, looks

    count, looks = run_virtually(story)

    assert Counter(listing=1, single=4) == count
    assert [
        f"{SUBSCRIPTION}/resourcegroups/shop/providers/microsoft.compute/virtualmachines/vm-{n}" for n in (0, 1)
    ] == [ids.id_key(look.id).partition("/subscriptions/")[2] for look in looks]


GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers"
DISKS = f"{GROUP}/Microsoft.Compute/disks"


def _disks(count: int) -> list[Json]:
    return [{"id": f"{DISKS}/Disk-{number}", "properties": {"diskSizeGB": number}} for number in range(count)]


async def _sizes(together: Together, numbers: Iterable[int]) -> list[int | None]:
    found = await asyncio.gather(*(together.read(f"{DISKS}/disk-{number}") for number in numbers))
    return [None if one is None else one["properties"]["diskSizeGB"] for one in found]


def test_disks_that_wait_for_their_turn_are_read_by_the_listing_of_their_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty cost one listing, and one read of what it lacks; while nothing waits, each is read by itself at once."""

    async def story(clock: Callable[[], float]) -> None:
        cloud = Cloud(monkeypatch, _disks(FLEET))
        together, all_of_them = Together(cloud.azure), list(range(FLEET))
        assert [*all_of_them, None] == await _sizes(together, [*all_of_them, FLEET])
        assert {"listing": 1, "single": 1} == cloud.count
        await together.read(f"{GROUP}/Microsoft.Network/publicIPAddresses/front")
        assert {"listing": 1, "single": 2} == cloud.count
        cloud.bucket.is_awaited = False
        began = clock()
        assert all_of_them == await _sizes(together, all_of_them)
        assert clock() - began < 0.15
        assert FLEET + 2 == cloud.count["single"]

    run_virtually(story)


VAULT = f"{GROUP}/Microsoft.RecoveryServices/vaults/move"
ITEMS = "replicationFabrics/we/replicationProtectionContainers/c/replicationProtectedItems"


def test_items_that_wait_for_their_turn_are_read_by_the_listing_of_their_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    """However Azure spells the vault; one that is not listed is read by itself, and each is while nothing waits."""

    async def story(_clock: Callable[[], float]) -> None:
        spelt = VAULT.replace("/resourceGroups/shop/", "/resourcegroups/SHOP-OF-BEFORE/")
        listed = [{"id": f"{spelt}/{ITEMS}/vm-{number}", "name": f"vm-{number}"} for number in range(FLEET)]
        cloud = Cloud(monkeypatch, listed)
        together, wanted = Together(cloud.azure), [f"{VAULT}/{ITEMS}/VM-{number}" for number in range(FLEET + 1)]
        found = await asyncio.gather(*map(together.read_item, wanted))
        assert [*(one["name"] for one in listed), None] == [one and one["name"] for one in found]
        assert {"listing": 1, "single": 1} == cloud.count
        cloud.bucket.is_awaited = False
        await asyncio.gather(*map(together.read_item, wanted))
        assert {"listing": 1, "single": 1 + len(wanted)} == cloud.count

    run_virtually(story)


def test_a_name_that_should_be_free_is_so_where_the_listing_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may have been made a moment ago is asked for by its name all the same."""

    async def story(_clock: Callable[[], float]) -> Counter[str]:
        cloud = Cloud(monkeypatch, _disks(2))
        together = Together(cloud.azure)
        wanted = [f"{DISKS}/disk-{number}" for number in range(UNKNOWN_PAGES + 1)]
        free = await asyncio.gather(*(together.read(one, may_be_new=False) for one in wanted))
        assert [True, True] + [False] * (UNKNOWN_PAGES - 1) == [one is not None for one in free]
        assert {"listing": 1} == cloud.count
        assert [0, 1, None, None] == await _sizes(together, range(4))
        return cloud.count

    assert Counter(listing=2, single=2) == run_virtually(story)


def test_a_group_of_unknown_length_is_not_listed_for_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold thousands of others."""

    async def story(_clock: Callable[[], float]) -> Counter[str]:
        cloud = Cloud(monkeypatch, _disks(FLEET))
        await _sizes(Together(cloud.azure), range(UNKNOWN_PAGES))
        return cloud.count

    assert Counter(single=UNKNOWN_PAGES) == run_virtually(story)


def test_what_may_not_be_listed_is_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may read a disk need not see its group; that is asked once."""

    async def story(_clock: Callable[[], float]) -> Counter[str]:
        cloud = Cloud(monkeypatch, _disks(FLEET))
        cloud.status, together = 403, Together(cloud.azure)
        for _ in range(2):
            assert list(range(FLEET)) == await _sizes(together, range(FLEET))
        return cloud.count

    assert Counter(listing=1, single=2 * FLEET) == run_virtually(story)


def test_an_answer_that_nobody_understands_is_an_error_and_no_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry without an id fails those who asked; the next are answered."""

    async def story(_clock: Callable[[], float]) -> None:
        cloud = Cloud(monkeypatch, _disks(FLEET))
        together = Together(cloud.azure)
        broken, cloud.entries = cloud.entries, {"": {"properties": {}}}
        with pytest.raises(KeyError):
            await _sizes(together, range(FLEET))
        cloud.entries = broken
        assert list(range(FLEET)) == await _sizes(together, range(FLEET))

    run_virtually(story)


def test_who_is_in_a_hurry_waits_for_no_reading_that_lets_others_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing goes out as urgently as the most urgent who began it; others more urgent begin one of their own."""

    async def story(_clock: Callable[[], float]) -> tuple[Counter[str], set[Urgency]]:
        cloud = Cloud(monkeypatch, _disks(FLEET))
        together = Together(cloud.azure)
        with calling(Caller(Urgency.CHECKING)):
            checking = asyncio.ensure_future(_sizes(together, range(FLEET)))
        await asyncio.sleep(0.05)
        with calling(Caller(Urgency.CUTOVER)):
            cutting = asyncio.ensure_future(_sizes(together, range(FLEET)))
        await asyncio.sleep(0.16)
        assert (True, False) == (checking.done(), cutting.done())
        await cutting
        return cloud.count, cloud.urgencies

    assert (Counter(listing=2), {Urgency.CHECKING, Urgency.CUTOVER}) == run_virtually(story)
