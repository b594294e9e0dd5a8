"""What waiting costs: of the vault, not of the machine; and how machines are watched where many are waited for."""

from __future__ import annotations

import asyncio
import weakref
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from azure.core.exceptions import HttpResponseError

from arm import machines, reads, watched, watcher
from arm.callers import Caller, calling, current
from arm.limiter import Limiter
from arm.watcher import FEW, Watchers
from migration import ids
from migration.urgency import Urgency
from tests.support.virtual import run_virtually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from arm.clients import AzureClients
    from arm.reads import Json

SUBSCRIPTION = "5a1b0000-0000-0000-0000-000000000001"
VAULT = ids.vault_id(SUBSCRIPTION, "shared", "vault")
CONTAINER = ids.container_id(ids.fabric_id(VAULT, "we"), "we")
HOUR, PAGE = 3_600.0, 100


class Cloud:
    """Answers reads from memory, and counts them."""

    def __init__(self, clock: Callable[[], float], monkeypatch: pytest.MonkeyPatch, entries: list[Json]) -> None:
        self.entries = {ids.id_key(entry["id"]): entry for entry in entries}
        self.count: Counter[str] = Counter()
        self.urgencies: set[Urgency] = set()
        self.denied = False
        self.azure = cast("AzureClients", SimpleNamespace(limiter=Limiter(clock=clock)))
        for module in (watcher, watched):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock))
        monkeypatch.setattr(reads, "pages", self._pages)
        monkeypatch.setattr(reads, "read", self._read)

    async def _pages(self, _azure: object, listing: str, *_: object) -> AsyncIterator[list[Json]]:
        entries = list(self.entries.values())
        for first in range(0, len(entries), PAGE):
            self._see("page")
            await asyncio.sleep(0.2)
            if self.denied:
                answer = SimpleNamespace(status_code=403, reason="", headers={}, text=lambda: "{}")
                raise HttpResponseError(listing, response=answer)
            yield [_without_agent(entry) for entry in entries[first : first + PAGE]]

    async def _read(self, _azure: object, resource_id: str, **_query: str) -> Json | None:
        self._see("single")
        await asyncio.sleep(0.1)
        return self.entries.get(ids.id_key(resource_id))

    def _see(self, what: str) -> None:
        self.count[what] += 1
        self.urgencies.add(current().urgency)


def _without_agent(entry: Json) -> Json:
    """Return an entry as a listing shows it."""
    view = {k: v for k, v in entry["properties"].get("instanceView", {}).items() if k != "vmAgent"}
    return {**entry, "properties": {**entry["properties"], "instanceView": view}}


def items(count: int) -> list[Json]:
    """Return protected items."""
    return [{"id": ids.item_id(CONTAINER, f"item-{number}"), "properties": {}} for number in range(count)]


def machine(number: int, power: str, agent: str = "Not Ready") -> Json:
    """Return a virtual machine."""
    view = {"statuses": [{"code": f"PowerState/{power}"}], "vmAgent": {"statuses": [{"displayStatus": agent}]}}
    return {"id": ids.vm_id(SUBSCRIPTION, "shop", f"vm-{number}"), "properties": {"instanceView": view}}


async def _follow(watchers: Watchers, resource_id: str, seen: Counter[str], **options: Any) -> None:
    with watchers.following(resource_id, **options) as subscription:
        subscription.began = asyncio.get_running_loop().time()
        while True:
            document = await subscription.next()
            seen[resource_id] += 1
            if document is not None and options and machines.reached(machines.machine_of(document), "serving"):
                return


def _an_hour(monkeypatch: pytest.MonkeyPatch, count: int) -> Counter[str]:
    """Return what it costs that so many machines replicate for an hour."""

    async def story(clock: Callable[[], float]) -> Counter[str]:
        cloud, seen = Cloud(clock, monkeypatch, items(count)), Counter[str]()
        async with Watchers(cloud.azure) as watchers:
            waits = [asyncio.ensure_future(_follow(watchers, one["id"], seen)) for one in cloud.entries.values()]
            await asyncio.sleep(HOUR)
            for wait in waits:
                wait.cancel()
        assert len(seen) == count
        return cloud.count

    return run_virtually(story)


def test_replication_costs_calls_of_the_vault_and_not_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty machines that replicate for an hour cost what a page of them does; two pages cost one page more."""
    twenty, page, two_pages = (_an_hour(monkeypatch, count) for count in (20, PAGE, 2 * PAGE))

    assert twenty == page
    assert 0 == twenty["single"]
    assert 50 < twenty["page"] < 300
    assert two_pages["page"] <= 2 * page["page"]


class Entry(dict[str, Any]):
    """An entry of which one can tell that nobody keeps it."""


def test_what_was_told_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands wait, each for days: what each has read last would be most of a worker's memory."""

    async def story(clock: Callable[[], float]) -> object:
        [entry] = items(1)
        cloud = Cloud(clock, monkeypatch, [entry])
        cloud.entries[ids.id_key(entry["id"])] = Entry(entry)
        async with Watchers(cloud.azure) as watchers:
            with watchers.following(entry["id"]) as subscription:
                kept = weakref.ref(cast("Entry", await subscription.next()))
                cloud.entries.clear()
                await asyncio.sleep(0)
                return kept()

    assert run_virtually(story) is None


def test_many_machines_are_watched_by_one_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing serves all that start; only those that run are read by themselves, within a part of the reads."""

    async def story(clock: Callable[[], float]) -> tuple[list[Counter[str]], set[Urgency], float]:
        fleet = [machine(number, "starting") for number in range(100)]
        cloud, seen = Cloud(clock, monkeypatch, fleet), Counter[str]()
        options = {"suffices": lambda entry: machines.is_short_of(entry, "serving")}
        async with Watchers(cloud.azure) as watchers:
            waits = []
            for number, one in enumerate(fleet):
                with calling(Caller(Urgency.CUTOVER if number else Urgency.CHECKING)):
                    waits.append(asyncio.ensure_future(_follow(watchers, one["id"], seen, **options)))
            await asyncio.sleep(60)
            starting = Counter(cloud.count)
            cloud.entries = {ids.id_key(one["id"]): one for one in (machine(n, "running") for n in range(100))}
            await asyncio.sleep(60)
            running = cloud.count - starting
            ready = [machine(number, "running", "Ready") for number in range(100)]
            cloud.entries = {ids.id_key(one["id"]): one for one in ready}
            began = clock()
            await asyncio.gather(*waits)
        return [starting, running], cloud.urgencies, clock() - began

    [starting, running], urgencies, seconds = run_virtually(story)

    assert 0 == starting["single"]
    assert 12 <= starting["page"] <= 17
    assert running["single"] <= 60 * 24 * watcher.URGENT_SHARE + 100
    assert {Urgency.CUTOVER} == urgencies
    assert seconds <= 12


def test_a_listing_goes_before_what_is_read_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells a hundred at once, and would else come last where reads are short."""

    async def story(clock: Callable[[], float]) -> set[Urgency]:
        fleet = [machine(number, "starting") for number in range(100)]
        cloud, seen = Cloud(clock, monkeypatch, fleet), Counter[str]()
        options = {"suffices": lambda entry: machines.is_short_of(entry, "serving")}
        async with Watchers(cloud.azure) as watchers:
            waits = [asyncio.ensure_future(_follow(watchers, one["id"], seen, **options)) for one in fleet]
            await asyncio.sleep(20)
            for wait in waits:
                wait.cancel()
        return cloud.urgencies

    assert {Urgency.DECIDED} == run_virtually(story)


def test_machines_that_may_not_be_listed_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may read a group need not see a subscription: he is not asked again, and nobody hears of a refusal."""

    async def story(clock: Callable[[], float]) -> Counter[str]:
        cloud = Cloud(clock, monkeypatch, [machine(number, "starting") for number in range(2 * FEW)])
        cloud.denied, seen = True, Counter[str]()
        async with Watchers(cloud.azure) as watchers:
            options = {"suffices": lambda entry: machines.is_short_of(entry, "serving")}
            waits = [asyncio.ensure_future(_follow(watchers, e["id"], seen, **options)) for e in cloud.entries.values()]
            await asyncio.sleep(60)
            for wait in waits:
                wait.cancel()
        assert 2 * FEW == len(seen)
        return cloud.count

    count = run_virtually(story)

    assert 1 == count["page"]
    assert 2 * FEW <= count["single"] <= 60 * 24 * watcher.LISTING_SHARE + 2 * FEW


@pytest.mark.parametrize(
    ("power", "agent", "milestone", "expected"),
    [
        ("starting", "", "running", True),
        ("running", "", "running", False),
        ("running", "Not Ready", "serving", True),
        ("running", "", "serving", False),
        ("running", "Ready", "serving", False),
        ("stopped", "", "running", False),
        ("running", "", "deallocated", True),
        ("deallocated", "", "deallocated", False),
        ("unknown", "", "deallocated", False),
        ("running", "", "gone", True),
    ],
)
def test_a_listing_may_say_that_a_machine_is_not_there_yet(
    power: str, agent: str, milestone: str, *, expected: bool
) -> None:
    """What would decide something is read of the machine itself."""
    assert expected == machines.is_short_of(machine(0, power, agent), milestone)


def test_who_reads_alone_reads_more_rarely_the_more_do() -> None:
    """A hundred waits that each read by themselves take a tenth of the reads, not all of them."""
    watchers = Watchers(cast("AzureClients", SimpleNamespace(limiter=Limiter())))
    alone = [watchers.reading_alone() for _ in range(96)]
    before = watchers.pause_seconds(10)
    for one in alone:
        one.__enter__()

    assert (3.6, 40.0) == (before, watchers.pause_seconds(10))
    for one in alone:
        one.__exit__(None, None, None)
    assert before == watchers.pause_seconds(10)
