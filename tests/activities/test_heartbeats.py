"""When activities beat: as often as a lost worker has to be noticed, and no more often, for each beat is billed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities import heartbeats

if TYPE_CHECKING:
    from collections.abc import Callable


async def beats(within: float, lasts: float, details: Callable[[], list[Any]] = list) -> list[tuple[Any, ...]]:
    """Return what an activity with a heartbeat timeout tells that lasts for some time, in seconds."""
    environment, told = ActivityEnvironment(), list[tuple[Any, ...]]()
    environment.info = replace(ActivityEnvironment.default_info(), heartbeat_timeout=timedelta(seconds=within))
    environment.on_heartbeat = lambda *each: told.append(each)

    async def work() -> None:
        async with heartbeats.beating(details):
            await asyncio.sleep(lasts)

    await environment.run(work)
    return told


async def test_what_ends_at_once_and_has_nothing_to_tell_does_not_beat() -> None:
    """A machine's move has two dozen short calls; each of their beats would be one more call of Temporal."""
    assert [] == await beats(within=20, lasts=0.05)


async def test_what_lasts_beats_twice_in_its_timeout() -> None:
    """A lost worker is noticed, and one that is only slow is not taken for lost."""
    told = await beats(within=0.8, lasts=0.9)
    assert 2 == len(told)


async def test_what_is_to_be_told_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An intent or a progress travels with the first beat, and each change with one of its own."""
    monkeypatch.setattr(heartbeats, "LOOK_SECONDS", 0.05)
    now = ["first"]
    asyncio.get_running_loop().call_later(0.3, lambda: now.__setitem__(0, "second"))
    told = await beats(within=4, lasts=0.9, details=lambda: list(now))
    assert [("first",), ("second",)] == told


async def test_what_may_last_for_hours_beats_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the timeout is long, beats are ever more rare, and take along what has changed: it is told 130 times."""
    monkeypatch.setattr(heartbeats, "PATIENT_SECONDS", 1.0)
    monkeypatch.setattr(heartbeats, "LOOK_SECONDS", 0.01)
    count = iter(range(10_000))
    told = await beats(within=1.2, lasts=1.3, details=lambda: [next(count)])
    assert 2 <= len(told) <= 12
