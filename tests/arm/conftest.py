"""Fixtures of the tests of Azure access: a simulator and clients that reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from arm.clients import AzureClients
from arm.credentials import AzureAccess
from tests.support.sim import Simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session")
def cloud() -> Iterator[Simulator]:
    """Return a simulated cloud with one empty subscription."""
    with Simulator(speed=1_000) as sim:
        yield sim


@pytest.fixture
def sim(cloud: Simulator) -> Iterator[Simulator]:
    """Return the cloud; afterwards it has no faults."""
    yield cloud
    cloud.clear_faults()


@pytest.fixture
def access(sim: Simulator) -> AzureAccess:
    """Return how to reach the cloud."""
    return AzureAccess(
        endpoint=sim.endpoint,
        authority=sim.endpoint,
        tenant_id=sim.tenant_id,
        client_id=sim.client_id,
        client_secret=sim.client_secret,
        ca_bundle=sim.ca_file,
    )


@pytest.fixture
async def azure(access: AzureAccess) -> AsyncIterator[AzureClients]:
    """Return clients of the cloud."""
    async with AzureClients(access) as clients:
        yield clients
