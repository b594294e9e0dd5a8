"""What checks remember for each other, and for how long."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from arm import asking
from arm.asking import SINGLE_READS, Memory
from migration.facts import Fact
from tests.support.virtual import run_virtually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Ask = Callable[[], Awaitable[Fact[int]]]


def remembering(monkeypatch: pytest.MonkeyPatch, story: Callable[[Memory, Ask], Awaitable[list[int]]]) -> list[int]:
    """Run a story with a memory, and a question whose answers count up."""
    count = iter(range(1, 100))

    async def ask() -> Fact[int]:
        answer = next(count)
        await asyncio.sleep(1)
        return Fact(answer)

    async def told(clock: Callable[[], float]) -> list[int]:
        monkeypatch.setattr(asking, "time", SimpleNamespace(monotonic=clock))
        return await story(Memory(), ask)

    return run_virtually(told)


async def _value(answer: Awaitable[Fact[int]]) -> int:
    return (await answer).value or 0


def test_an_answer_serves_as_long_as_a_question_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its age counts from when it was asked for, and who wants none that is old begins a new one."""

    async def story(memory: Memory, ask: Ask) -> list[int]:
        first = await _value(memory.recall("q", 10, ask))
        await asyncio.sleep(8)
        young = await _value(memory.recall("q", 10, ask))
        fresh = await _value(memory.recall("q", 0, ask))
        await asyncio.sleep(5)
        return [
            first,
            young,
            fresh,
            await _value(memory.recall("q", 10, ask)),
            await _value(memory.recall("x", 10, ask)),
        ]

    assert [1, 1, 2, 3, 4] == remembering(monkeypatch, story)


def test_a_fresh_answer_is_kept_for_others_where_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of a plan reads all anew, and those of its machines a moment later need not."""

    async def story(memory: Memory, ask: Ask) -> list[int]:
        fresh = await _value(memory.recall("q", 0, ask, 15))
        later = await _value(memory.recall("q", 15, ask))
        await asyncio.sleep(15)
        return [fresh, later, await _value(memory.recall("q", 15, ask))]

    assert [1, 1, 2] == remembering(monkeypatch, story)


def test_nothing_is_kept_for_longer_than_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listings of thousands leave the worker's memory by themselves, and failures at once."""

    async def story(memory: Memory, ask: Ask) -> list[int]:
        async def fail() -> Fact[int]:
            return Fact(unasked="no")

        await memory.recall("failed", 10, fail)
        await memory.recall("q", 10, ask)
        kept = [len(memory._answers)]
        await asyncio.sleep(11)
        return [*kept, len(memory._answers)]

    assert [1, 0] == remembering(monkeypatch, story)


def test_a_listing_is_worth_while_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first few within the time ask one by one, and all as long as a young listing is there."""

    async def story(memory: Memory, ask: Ask) -> list[int]:
        crowd = [memory.is_crowded("q", 15) for _ in range(SINGLE_READS + 1)]
        await asyncio.sleep(16)
        late = memory.is_crowded("q", 15)
        await memory.recall("q", 15, ask)
        return list(map(int, [*crowd, late, memory.is_crowded("q", 15)]))

    assert [0] * SINGLE_READS + [1, 0, 1] == remembering(monkeypatch, story)
