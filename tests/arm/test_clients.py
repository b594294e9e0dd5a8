"""How this process reaches Azure: through the proxy that its environment names, and with what it needs."""

from __future__ import annotations

from arm import reads
from arm.clients import AzureClients
from tests.support.sim import Simulator


async def test_a_version_that_is_asked_for_stands_in_place_of_the_usual_one(
    azure: AzureClients, sim: Simulator
) -> None:
    """A read names one version of the interface, the one that its caller wants."""
    told = sim.requests()[-1:]
    since = told[0]["n"] if told else 0
    await reads.read(azure, f"/subscriptions/{sim.subscription_id}", version="2022-12-01")
    (asked,) = [line for line in sim.requests() if line["n"] > since and line["path"].lower().startswith("/subscr")]
    assert "api-version=2022-12-01" == asked["query"]
