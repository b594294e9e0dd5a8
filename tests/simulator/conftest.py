"""Fixtures: a simulator per module for tests that only add to it, and one per test for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.sim import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def shared_sim() -> Iterator[Simulator]:
    """An empty simulator that the tests of a module share (speed 1; advance its clock)."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """An empty simulator of the test's own (speed 1; advance its clock)."""
    with Simulator() as simulator:
        yield simulator
