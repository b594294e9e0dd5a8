"""The workflows on Temporal's time-skipping server, and on its development server where that one differs."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.conftest import own_client, running_time_skipping
from tests.workflows.script import Script
from tests.workflows.stage import Stage, staged
from tests.workflows.world import World


@pytest.fixture
def world() -> World:
    """Return a cloud in which nothing has happened."""
    return World()


@pytest.fixture
def script(world: World) -> Script:
    """Return what the stand-ins do, and did."""
    return world.script


@pytest.fixture
async def own_time() -> AsyncIterator[WorkflowEnvironment]:
    """Run a time-skipping server for one test: an activity that a test leaves behind would stop the clock of others."""
    async with running_time_skipping() as environment:
        yield environment


@pytest.fixture
async def stage(own_time: WorkflowEnvironment, world: World) -> AsyncIterator[Stage]:
    """Run the workflows on a server that skips time."""
    async with staged(own_time, world) as running:
        yield running


@pytest.fixture
async def real_stage(dev_server: WorkflowEnvironment, world: World) -> AsyncIterator[Stage]:
    """Run the workflows on the server that cancels and searches as production does."""
    async with staged(WorkflowEnvironment.from_client(await own_client(dev_server)), world) as running:
        yield running
