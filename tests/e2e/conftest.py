"""A clone with its stack, for all end-to-end tests of one process."""

from collections.abc import AsyncIterator

import pytest

from tests.e2e.clone import Clone


@pytest.fixture(scope="session")
async def clone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clone]:
    """Return a clone on whose stack all plans of the process run."""
    async with Clone.up(tmp_path_factory.mktemp("a clone") / "für Zoë") as clone:
        yield clone
