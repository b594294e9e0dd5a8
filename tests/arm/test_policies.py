"""What happens to a request on its way to Azure."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.rest import HttpRequest

from arm import leases, reads
from arm.clients import AzureClients
from arm.errors import classify
from arm.leases import LeaseError, WriteLease
from arm.limiter import Limiter
from arm.policies import ForeignHostError
from arm.writes import send
from migration.telemetry import Call

if TYPE_CHECKING:
    from arm.credentials import AzureAccess
    from tests.support.sim import Simulator


def lease(seconds: float = 15) -> WriteLease:
    """Return a lease that begins now."""
    return WriteLease(str(uuid.uuid4()), time.monotonic() + seconds)


async def make_group(azure: AzureClients, subscription: str, name: str) -> None:
    """Write one resource group."""
    groups = azure.resources(subscription).resource_groups
    await send(groups.create_or_update, name, {"location": "westeurope"})


async def test_a_write_needs_a_lease(sim: Simulator, azure: AzureClients) -> None:
    """Without a recorded intent nothing is sent."""
    since = len(sim.requests())

    with pytest.raises(LeaseError, match="no intent was recorded"):
        await make_group(azure, sim.subscription_id, "unleased")

    assert [] == [line for line in sim.requests(since) if line["write"]]


async def test_an_expired_lease_sends_nothing(sim: Simulator, azure: AzureClients) -> None:
    """A process that wakes up late writes nothing: another attempt may have taken over."""
    with leases.holding(lease(seconds=-1)), pytest.raises(LeaseError, match="too long after"):
        await make_group(azure, sim.subscription_id, "late")

    assert "/late" not in " ".join(sim.resource_ids())


async def test_a_lease_allows_one_write(sim: Simulator, azure: AzureClients) -> None:
    """A second write needs a second intent."""
    with leases.holding(lease()):
        await make_group(azure, sim.subscription_id, "first")
        with pytest.raises(LeaseError, match="one request"):
            await make_group(azure, sim.subscription_id, "second")

    assert not any(one.endswith("/second") for one in sim.resource_ids())


async def test_a_write_carries_the_request_id_of_its_intent(sim: Simulator, azure: AzureClients) -> None:
    """By this id the job of a lost answer is found again."""
    own = lease()

    with leases.holding(own):
        await make_group(azure, sim.subscription_id, "named")

    sent = [line["client_request_id"] for line in sim.requests() if line["path"].endswith("/named")]
    assert [own.request_id] == sent


@pytest.mark.parametrize("kind", [{"kind": "reset_after"}, {"kind": "status_after", "status": 503}])
async def test_a_write_is_never_sent_again(sim: Simulator, azure: AzureClients, kind: dict[str, object]) -> None:
    """Neither azure-core nor aiohttp resends a PUT whose answer was lost."""
    name = f"once-{kind['kind']}".replace("_", "-")
    sim.fault(kind, method="PUT", path=f"/{name}$")

    with leases.holding(lease()), pytest.raises(AzureError) as caught:
        await make_group(azure, sim.subscription_id, name)

    assert classify(caught.value).unknown_outcome
    assert 1 == len([line for line in sim.requests() if line["path"].endswith(f"/{name}")])


async def test_reads_are_tried_again_with_fresh_ids(sim: Simulator, azure: AzureClients) -> None:
    """Two failures of a read do not show; each try on the wire has its own id."""
    sim.fault({"kind": "status", "status": 503}, method="GET", path="/resourcegroups/twice$", times=2)
    path = f"/subscriptions/{sim.subscription_id}/resourceGroups/twice"

    assert await reads.read(azure, path) is None

    ids = [line["client_request_id"] for line in sim.requests() if line["path"].endswith("/twice")]
    assert 3 == len(ids) == len(set(ids))


async def test_throttling_holds_the_whole_process(sim: Simulator, azure: AzureClients) -> None:
    """A 429 is waited out by every read of the subscription, and none of them fails."""
    sim.fault({"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}, method="GET", path="/slow$")
    path = f"/subscriptions/{sim.subscription_id}/resourceGroups"
    began = time.monotonic()

    first = asyncio.create_task(reads.read(azure, f"{path}/slow"))
    await asyncio.sleep(0.4)
    await reads.read(azure, f"{path}/other")
    await first

    assert time.monotonic() - began >= 1


async def test_a_burst_of_many_callers_is_not_refused(sim: Simulator, access: AzureAccess) -> None:
    """With Azure's limits on, of which others have had their part, three hundred reads at once meet no refusal."""
    sim.clock(speed=1_000, throttle_clock="wall")
    path = f"/subscriptions/{sim.subscription_id}/resourceGroups/burst"
    limiters = [Limiter(), Limiter()]
    async with AzureClients(access, limiters[0]) as one, AzureClients(access, limiters[1]) as other:
        before = [sim.arm("GET", path).status_code for _ in range(70)]
        since = len(sim.requests())

        await asyncio.gather(*(reads.read(azure, f"{path}-{n}") for azure in (one, other) for n in range(130)))

    sim.clock(speed=1_000, throttle_clock="virtual")
    answers = [line["status"] for line in sim.requests(since) if "/burst-" in line["path"]]
    assert {404} == set(before)
    assert answers.count(429) <= 0.005 * len(answers)
    assert 260 <= len(answers)


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/metadata",
        "https://localhost:9/subscriptions/x",
        "https://{user}@{host}/subscriptions/x",
        "http://{host}/subscriptions/x",
        "https://{host}.example.com/subscriptions/x",
    ],
)
async def test_a_foreign_host_gets_no_token(sim: Simulator, azure: AzureClients, url: str) -> None:
    """A URL that somebody else chose is refused before a token is attached."""
    host = sim.endpoint.removeprefix("https://")
    request = HttpRequest("GET", url.format(host=host, user="someone"))

    with pytest.raises(ForeignHostError, match="Azure Resource Manager is at localhost"):
        await azure.resources(sim.subscription_id).send_request(request)

    assert "Authorization" not in request.headers


async def test_a_redirect_is_not_followed(sim: Simulator, azure: AzureClients) -> None:
    """A redirect is an error like any other."""
    away = {"kind": "status", "status": 307, "headers": {"Location": "https://127.0.0.1:9/"}}
    sim.fault(away, method="GET", path="/resourcegroups/moved$")

    with pytest.raises(HttpResponseError) as caught:
        await reads.read(azure, f"/subscriptions/{sim.subscription_id}/resourceGroups/moved")

    assert 307 == caught.value.status_code


async def test_a_provider_is_not_registered_behind_the_users_back(sim: Simulator, azure: AzureClients) -> None:
    """MissingSubscriptionRegistration is told, not mended: the SDK's own policy would register, and wait for ever."""
    body = {"error": {"code": "MissingSubscriptionRegistration", "message": "register 'Microsoft.Compute' first"}}
    sim.fault({"kind": "status", "status": 409, "body": body}, method="PUT", path="/unregistered$")

    with leases.holding(lease()), pytest.raises(HttpResponseError) as caught:
        await make_group(azure, sim.subscription_id, "unregistered")

    assert "denied" == classify(caught.value).kind
    assert not any(line["path"].endswith("/register") for line in sim.requests())


class Counts:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[Call] = []

    def called(self, call: Call) -> None:
        """Keep it."""
        self.seen.append(call)


async def test_whoever_counts_is_told_of_each_request(sim: Simulator, access: AzureAccess) -> None:
    """Kind, types, outcome and budget of each attempt, the one that got no answer included; never a query."""
    sim.fault({"kind": "status", "status": 503}, method="GET", path="/resourcegroups/counted$")
    counts = Counts()
    async with AzureClients(access, observers=[counts]) as azure:
        await reads.read(azure, f"/subscriptions/{sim.subscription_id}/resourceGroups/counted")
        budget = counts.seen[-1].budget
        sim.fault({"kind": "reset_before"}, method="GET", path="/resourcegroups/counted$", times=0)
        with pytest.raises(AzureError):
            await reads.read(azure, f"/subscriptions/{sim.subscription_id}/resourceGroups/counted")

    assert ["server_error", "not_found", *["no_answer"] * 3] == [one.outcome for one in counts.seen]
    assert {("read", "GET subscriptions/resourceGroups", sim.subscription_id)} == {
        (one.kind, one.operation, one.subscription) for one in counts.seen
    }
    assert not any("?" in one.path for one in counts.seen)
    assert budget["reads"] > 0
    assert azure.limiter.left()[sim.subscription_id, "reads"] > 0
