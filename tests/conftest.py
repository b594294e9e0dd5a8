"""Fixtures that every folder of tests may use: the two Temporal servers, the shared recordings, a task queue."""

import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from migration.names import SEARCH_ATTRIBUTES
from runtime.embedded_programs import dynamic_config, free_port
from tests.scheduling import WholeFiles, long_first

ROOT = Path(__file__).resolve().parent.parent
# Temporal's sandbox imports the workflows' modules once for each workflow: uncompiled, that is a quarter of a worker's
# processor time. Processes that a test starts follow.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Temporal's servers are small here and share two processors with much else: with one thread each and a rarer collection
# of garbage they cost a quarter less.
os.environ.update(GOMAXPROCS="1", GOGC="400")
_KEYS: dict[str, Callable[[str], SearchAttributeKey[Any]]] = {
    "Keyword": SearchAttributeKey.for_keyword,
    "Bool": SearchAttributeKey.for_bool,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start what takes long first."""
    items[:] = long_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> WholeFiles:
    """Give each process whole files."""
    return WholeFiles(config, log)


def program(name: str) -> str:
    """Return the path of a program of the environment that runs the tests, or else of PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed: run `make setup`")
    return found


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the clone."""
    return ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of guides and recordings beside the clone; SHARED_DIR names another."""
    folder = Path(os.environ.get("SHARED_DIR", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"the recordings are not here: {folder} does not exist (SHARED_DIR names another folder)")
    return folder


@pytest.fixture
def task_queue() -> str:
    """Return a task queue that no other test uses."""
    return f"test-{uuid.uuid4()}"


async def begun(start: Callable[[], Awaitable[WorkflowEnvironment]], tries: int = 4) -> WorkflowEnvironment:
    """Start a server of Temporal, again where it does not answer within the five seconds that the SDK gives it."""
    for _ in range(tries - 1):
        with contextlib.suppress(RuntimeError):
            return await start()
    return await start()


@contextlib.asynccontextmanager
async def running_dev_server(options: Sequence[str] = ()) -> AsyncIterator[WorkflowEnvironment]:
    """Run Temporal's development server, in real time, with our search attributes; *options* are of its command."""
    async with await begun(
        lambda: WorkflowEnvironment.start_local(
            data_converter=pydantic_data_converter,
            dev_server_existing_path=program("temporal"),
            dev_server_log_level="error",
            dev_server_extra_args=[*dynamic_config(), *options],
            port=free_port(),
            search_attributes=[_KEYS[kind](name) for name, kind in SEARCH_ATTRIBUTES.items()],
        )
    ) as environment:
        yield environment


@pytest.fixture(scope="session")
async def dev_server() -> AsyncIterator[WorkflowEnvironment]:
    """Run a development server for the tests of this process."""
    async with running_dev_server() as environment:
        yield environment


async def own_client(server: WorkflowEnvironment) -> Client:
    """Return another client of a server, for workers of its own.

    The SDK serves a queue by one worker of a client at a time, and may notice late that the last one has ended.
    """
    address = server.client.service_client.config.target_host
    return await Client.connect(address, data_converter=pydantic_data_converter)


@pytest.fixture
async def client(dev_server: WorkflowEnvironment) -> Client:
    """Return a client of the development server."""
    return dev_server.client


@contextlib.asynccontextmanager
async def running_time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """Run the server that skips time while a test awaits a result, with our search attributes."""
    async with await begun(
        lambda: WorkflowEnvironment.start_time_skipping(
            data_converter=pydantic_data_converter,
            port=free_port(),
            test_server_existing_path=program("temporal-test-server"),
        )
    ) as environment:
        attributes = {
            name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
            for name, kind in SEARCH_ATTRIBUTES.items()
        }
        request = AddSearchAttributesRequest(namespace=environment.client.namespace, search_attributes=attributes)
        await environment.client.operator_service.add_search_attributes(request)
        yield environment


@pytest.fixture(scope="session")
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """Run a server that skips time for the tests of this process."""
    async with running_time_skipping() as environment:
        yield environment
