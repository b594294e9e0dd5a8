"""The watcher: one reader for all waits of a vault."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import AzureError, HttpResponseError

from arm import watcher as watching
from arm.jobs import list_jobs
from arm.watcher import Watchers
from migration import ids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from arm.clients import AzureClients
    from tests.support.sim import Simulator

FLOOR = 0.05


@pytest.fixture(scope="module")
def vault(cloud: Simulator) -> str:
    """Return a vault with seven jobs, newest first in its listing."""
    group = ids.resource_group_id(cloud.subscription_id, "watched")
    name = ids.vault_id(cloud.subscription_id, "watched", "vault")
    cloud.arm("PUT", group, {"location": "northeurope"}).raise_for_status()
    body = {"location": "northeurope", "sku": {"name": "Standard"}, "properties": {}}
    cloud.follow(cloud.arm("PUT", name, body))
    policy = {"properties": {"providerSpecificInput": {"instanceType": "A2A", "multiVmSyncStatus": "Enable"}}}
    for number in range(7):
        cloud.follow(cloud.arm("PUT", f"{name}/replicationPolicies/p{number}", policy))
    return name


@pytest.fixture
def jobs(cloud: Simulator, vault: str) -> list[str]:
    """Return the ids of the vault's jobs."""
    return [str(job["id"]) for job in cloud.arm("GET", f"{vault}/replicationJobs").json()["value"]]


@pytest.fixture
async def watchers(azure: AzureClients) -> AsyncIterator[Watchers]:
    """Return watchers with a short floor."""
    async with Watchers(azure, FLOOR) as all_watchers:
        yield all_watchers


async def follow(watchers: Watchers, job: str, times: int = 1) -> list[Any]:
    """Return so many readings of a job."""
    with watchers.following(job) as subscription:
        return [await subscription.next() for _ in range(times)]


async def test_few_waits_are_read_one_by_one(sim: Simulator, watchers: Watchers, jobs: list[str]) -> None:
    """Up to four waits cost a read each, and no listing."""
    since = len(sim.requests())

    readings = await asyncio.gather(*(follow(watchers, job) for job in jobs[:3]))

    assert jobs[:3] == [reading[0]["id"] for reading in readings]
    assert not any(line["path"].lower().endswith("/replicationjobs") for line in sim.requests(since))


async def test_many_waits_share_one_listing(sim: Simulator, watchers: Watchers, jobs: list[str]) -> None:
    """Seven waits are served by one listing, in which ids may be spelled otherwise."""
    since = len(sim.requests())

    readings = await asyncio.gather(
        *(follow(watchers, job.replace("/Subscriptions", "/subscriptions")) for job in jobs)
    )

    assert jobs == [reading[0]["id"] for reading in readings]
    paths = [line["path"].lower() for line in sim.requests(since)]
    assert 1 == len([path for path in paths if path.endswith("/replicationjobs")])


async def test_a_wait_sees_only_what_was_read_after_it_began(
    sim: Simulator, watchers: Watchers, jobs: list[str]
) -> None:
    """A reading that is under way when a wait begins is not for it."""
    sim.fault({"kind": "hang", "seconds": 0.5}, method="GET", path=f"{jobs[0].rsplit('/', 1)[-1]}$")
    with watchers.following(jobs[0]) as first:
        await asyncio.sleep(0.2)
        began = time.monotonic()
        with watchers.following(jobs[0]) as second:
            await asyncio.gather(first.next(), second.next())

    assert time.monotonic() - began >= 0.3
    assert 2 <= len([line for line in sim.requests() if line["path"].endswith(jobs[0].rsplit("/", 1)[-1])])


async def test_what_a_listing_lacks_is_asked_for_by_name(watchers: Watchers, jobs: list[str]) -> None:
    """An id that no listing tells is read itself before it counts as not there."""
    unknown = f"{jobs[0].rsplit('/', 1)[0]}/00000000-0000-0000-0000-000000000000"

    readings = await asyncio.gather(*(follow(watchers, job) for job in [*jobs, unknown]))

    assert readings[-1] == [None]


async def test_reading_grows_slower_with_the_age_of_the_youngest_wait(watchers: Watchers) -> None:
    """A wait of an hour is read every 65 s, one of a minute every second, a younger one at 1.8 floors."""
    assert (64.8, 1.08, 1.8 * FLOOR) == pytest.approx([watchers.pause_seconds(age) for age in (3600, 60, 1)])


async def test_a_short_outage_is_outlasted(sim: Simulator, watchers: Watchers, jobs: list[str]) -> None:
    """Errors are backed off from, and the wait gets its reading once they end."""
    sim.fault({"kind": "status", "status": 500}, method="GET", path=f"{jobs[0].rsplit('/', 1)[-1]}$", times=4)

    readings = await follow(watchers, jobs[0])

    assert readings[0]["id"] == jobs[0]


async def test_a_long_outage_is_told(
    sim: Simulator, watchers: Watchers, jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After two minutes (none here) of errors the waits hear of it: a person should know."""
    monkeypatch.setattr(watching, "OUTAGE_SECONDS", 0)
    sim.fault({"kind": "status", "status": 403}, method="GET", path=f"{jobs[0].rsplit('/', 1)[-1]}$", times=0)

    with pytest.raises(HttpResponseError) as caught:
        await follow(watchers, jobs[0])

    assert 403 == caught.value.status_code


async def test_a_surprise_does_not_leave_waits_hanging(
    watchers: Watchers, jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody thought of reaches the waits as well."""
    monkeypatch.setattr(watching, "OUTAGE_SECONDS", 0)

    async def fail(*_: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("arm.reads.read", fail)

    with pytest.raises(AzureError, match="KeyError"):
        await follow(watchers, jobs[0])


async def test_nobody_waits_nobody_reads(sim: Simulator, watchers: Watchers, jobs: list[str]) -> None:
    """With the last wait the reading ends."""
    await follow(watchers, jobs[0])
    since = len(sim.requests())

    await asyncio.sleep(FLOOR * 6)

    assert [] == sim.requests(since)


async def test_who_searches_the_jobs_at_a_time_shares_their_listing(
    sim: Simulator, azure: AzureClients, vault: str
) -> None:
    """None is answered by a listing that began before it asked: the first has one, all who come meanwhile the next."""
    since = len(sim.requests())
    first = asyncio.create_task(list_jobs(azure, vault))
    await asyncio.sleep(0.001)
    found = await asyncio.gather(first, *(list_jobs(azure, vault) for _ in range(20)))

    assert {7} == {len(one) for one in found}
    assert len([line for line in sim.requests(since) if line["path"].endswith("/replicationJobs")]) in {1, 2}
