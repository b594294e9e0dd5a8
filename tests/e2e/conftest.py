"""What end-to-end tests run on: a clone with its stack for all of one process, or a Temporal server for one module."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.conftest import running_dev_server
from tests.e2e.clone import Clone


@pytest.fixture(scope="session")
async def clone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clone]:
    """Return a clone on whose stack all plans of the process run."""
    async with Clone.up(tmp_path_factory.mktemp("a clone") / "für Zoë") as clone:
        yield clone


@pytest.fixture(scope="module")
async def own_server() -> AsyncIterator[WorkflowEnvironment]:
    """Run a Temporal server for one module: a worker serves every plan of its server, whatever cloud they mean."""
    async with running_dev_server() as environment:
        yield environment
