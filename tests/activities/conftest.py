"""Fixtures of the activities' tests: one stage for all tests of a process, each with virtual machines of its own."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
import yaml

from arm.clients import AzureClients
from arm.watcher import Watchers
from tests.activities.contoso import PLANS, READER, STRANGER, SUBSCRIPTION
from tests.activities.estate import seed
from tests.activities.stage import SPEED, Stage, access_to
from tests.support.sim import Simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from temporalio.testing import WorkflowEnvironment

ESTATE_SPEED = 60


@pytest.fixture(scope="session")
async def bare_stage(dev_server: WorkflowEnvironment) -> AsyncIterator[Stage]:
    """Return a stage on which nothing was made yet."""
    with Simulator(seed=seed(), speed=SPEED) as sim:
        async with AzureClients(access_to(sim)) as azure, Watchers(azure, floor_seconds=0.05) as watchers:
            stage = Stage(sim, azure, dev_server.client)
            async with stage.worker(watchers):
                yield stage


@pytest.fixture(scope="session")
async def shared_stage(bare_stage: Stage) -> Stage:
    """Return a stage with a vault and all that virtual machines share."""
    await bare_stage.share()
    return bare_stage


@pytest.fixture
async def stage(shared_stage: Stage) -> AsyncIterator[Stage]:
    """Return the stage; afterwards it runs at its own speed again, without faults."""
    yield shared_stage
    shared_stage.sim.clear_faults()
    shared_stage.sim.clock(speed=SPEED)


@pytest.fixture(scope="module")
def estate() -> Iterator[Simulator]:
    """Return a simulator with the estate of Contoso."""
    seed = yaml.safe_load((PLANS / "contoso.estate.yaml").read_text(encoding="utf-8"))
    owner = {
        "kind": "service_principal",
        "client_id": str(uuid.UUID(int=1)),
        "secret": "owner",
        "object_id": str(uuid.UUID(int=2)),
        "roles": [{"role": "Owner", "scope": f"/subscriptions/{SUBSCRIPTION}"}],
    }
    with Simulator(seed={**seed, "identities": [owner, READER, STRANGER]}, speed=ESTATE_SPEED) as sim:
        yield sim


@pytest.fixture
async def contoso(estate: Simulator) -> AsyncIterator[tuple[Simulator, AzureClients]]:
    """Return the estate as it was seeded, with clients of its owner."""
    estate.reset()
    estate.clock(speed=ESTATE_SPEED)
    async with AzureClients(access_to(estate)) as azure:
        yield estate, azure
