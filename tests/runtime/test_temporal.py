"""The Temporal client: connection, search attributes, pollers."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from migration.names import ATTRIBUTE_PHASE, SEARCH_ATTRIBUTES
from runtime.embedded_programs import dynamic_config
from runtime.errors import SearchAttributeError, TemporalError, TemporalUnreachableError
from runtime.temporal import _search_attributes, connect, ensure_search_attributes, worker_polls
from tests.conftest import program

PHASE = SearchAttributeKey.for_keyword(ATTRIBUTE_PHASE)


@pytest.fixture
async def bare_server() -> AsyncIterator[Client]:
    """Return a client of a server of its own, without our search attributes, which looks for new ones now and then."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=program("temporal"), dev_server_extra_args=dynamic_config()
    ) as environment:
        yield environment.client


def silent_port() -> socket.socket:
    """Return a listening socket that never answers."""
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen()
    return silent


async def test_connects_by_the_standard_variables(client: Client) -> None:
    """Address and namespace as Temporal's own tools take them."""
    address = client.service_client.config.target_host

    connected = await connect({"TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": "default"})

    assert "default" == connected.namespace


async def test_connects_by_a_profile(client: Client, tmp_path: Path) -> None:
    """A TOML file may hold the address."""
    address = client.service_client.config.target_host
    profiles = tmp_path / "temporal.toml"
    profiles.write_text(f'[profile.prod]\naddress = "{address}"\n')

    connected = await connect({"TEMPORAL_CONFIG_FILE": str(profiles), "TEMPORAL_PROFILE": "prod"})

    assert address == connected.service_client.config.target_host


async def test_a_server_that_is_not_there_is_named() -> None:
    """The sentence holds the address tried."""
    with silent_port() as socket_:
        address = f"127.0.0.1:{socket_.getsockname()[1]}"

    with pytest.raises(TemporalUnreachableError, match=f"connecting to the Temporal server at {address}: "):
        await connect({"TEMPORAL_ADDRESS": address})


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("127.0.0.1:1", "nobody listens there"),
        ("nowhere.invalid:7233", "no such host is known"),
        ("127.0.0.1:99999", "this is no port"),
        (":7233", "there is no host before the port"),
    ],
)
async def test_why_a_server_is_not_reached_is_said_in_words(address: str, cause: str) -> None:
    """Not as the structures of the libraries below."""
    with pytest.raises(TemporalUnreachableError) as caught:
        await connect({"TEMPORAL_ADDRESS": address})

    assert f"connecting to the Temporal server at {address}: {cause}; start it" in str(caught.value)


async def test_an_address_has_no_scheme() -> None:
    """What Temporal's own tools refuse is refused with what would be right."""
    with pytest.raises(TemporalError, match="has a scheme; write host and port alone: localhost:7233"):
        await connect({"TEMPORAL_ADDRESS": "http://localhost:7233"})


async def test_a_server_that_does_not_answer_is_given_up() -> None:
    """Within the time allowed."""
    with silent_port() as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TemporalUnreachableError, match=f"{address}: no answer within 1 s"):
            await connect({"TEMPORAL_ADDRESS": address}, timeout_seconds=1)


async def test_a_namespace_that_does_not_exist_is_named(client: Client) -> None:
    """Otherwise the first start of a workflow would end in a stack trace."""
    address = client.service_client.config.target_host

    with pytest.raises(TemporalError, match="using namespace 'nowhere' of the Temporal server at"):
        await connect({"TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": "nowhere"})


async def test_a_profile_that_does_not_exist_is_explained(tmp_path: Path) -> None:
    """TEMPORAL_PROFILE names one that its file lacks."""
    (tmp_path / "temporal.toml").write_text("")

    with pytest.raises(TemporalError, match=r"reading the Temporal profile: .*prod"):
        await connect({"TEMPORAL_CONFIG_FILE": str(tmp_path / "temporal.toml"), "TEMPORAL_PROFILE": "prod"})


async def test_missing_search_attributes_are_registered(bare_server: Client) -> None:
    """They can be used at once, and a second call finds nothing to do."""
    await ensure_search_attributes(bare_server)
    await ensure_search_attributes(bare_server)

    attributes = TypedSearchAttributes([SearchAttributePair(PHASE, "checking")])
    await bare_server.start_workflow("any", id="first", task_queue="nobody", search_attributes=attributes)
    present = await _search_attributes(bare_server)
    assert SEARCH_ATTRIBUTES == {name: kind for name, kind in present.items() if name in SEARCH_ATTRIBUTES}


async def test_a_search_attribute_of_another_type_is_explained(bare_server: Client) -> None:
    """With the command that removes it."""
    address = bare_server.service_client.config.target_host
    command = ["operator", "search-attribute", "create", "--name", "NeedsAction", "--type", "Keyword"]
    created = await asyncio.create_subprocess_exec(program("temporal"), *command, "--address", address)
    assert 0 == await created.wait()

    with pytest.raises(SearchAttributeError, match=r"'NeedsAction'.* is of type Keyword, must be Bool"):
        await ensure_search_attributes(bare_server)


async def test_a_worker_that_polls_is_seen(client: Client, task_queue: str) -> None:
    """Not before it polls, and not long after it has gone."""

    @activity.defn
    async def nothing() -> None:
        """Do nothing."""

    before = await worker_polls(client, task_queue)
    async with Worker(client, task_queue=task_queue, activities=[nothing]):
        while not await worker_polls(client, task_queue):
            pass
    later = datetime.now(UTC) + timedelta(seconds=90)

    assert not before
    assert not await worker_polls(client, task_queue, now=later)
