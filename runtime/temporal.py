"""The Temporal client: its connection, its search attributes, and whether a worker is there.

The connection is configured as Temporal's own tools are: by `TEMPORAL_*` variables and the profiles of a TOML file.
The keys that encrypt payloads belong to it: a client without them could neither read nor be trusted to write.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client, Interceptor
from temporalio.common import HeaderCodecBehavior
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from migration.names import SEARCH_ATTRIBUTES
from runtime.encryption import data_converter
from runtime.errors import SearchAttributeError, TemporalError, TemporalUnreachableError, one_line
from runtime.payload_keys import Keyring

CONNECT_TIMEOUT_SECONDS = 8
"""Said within ten seconds, with time left to start and to print."""
RPC_TIMEOUT = timedelta(seconds=5)
POLLER_AGE = timedelta(seconds=70)
"""A worker's long poll takes at most a minute, so that one that has not polled for longer is gone."""
KNOWN_WITHIN_SECONDS = 30.0
"""How long a server may take to take search attributes that it lists; Temporal's own takes two seconds."""

_LOOK_SECONDS = 0.2
_DEFAULT_ADDRESS = "localhost:7233"
_CAUSES = {
    "ConnectionRefused": "nobody listens there",
    "dns error": "no such host is known",
    "NetworkUnreachable": "no way leads there",
    "HostUnreachable": "no way leads there",
    "InvalidContentType": "it does not speak TLS, which TEMPORAL_TLS or a profile asks for",
    "UnknownIssuer": "its certificate is of an authority that is not known here",
    "mapped from HTTP status code": "a web server answers there, not Temporal",
    "operation was canceled": "it is not Temporal that answers there, or only by TLS",
    "invalid port number": "this is no port",
    "empty host": "there is no host before the port",
}


async def connect(
    environment: Mapping[str, str],
    *,
    runtime: Runtime | None = None,
    timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
    interceptors: Sequence[Interceptor] = (),
) -> Client:
    """Return a client connected as the `TEMPORAL_*` variables of *environment* and their profile say.

    Its payloads are encrypted where *environment* has keys for that (`MIGRATION_PAYLOAD_KEYS`).

    Raises:
        SettingsError: the keys cannot be used.
        TemporalUnreachableError: no answer within *timeout_seconds*, or a refusal; names the address tried.
        TemporalError: the profile cannot be read, or the namespace does not exist.
    """
    converter = data_converter(Keyring.from_mapping(environment))
    try:
        config = ClientConfig.load_client_connect_config(override_env_vars=dict(environment))
    except (RuntimeError, ValueError, OSError) as error:
        message = f"reading the Temporal profile: {one_line(error)}; correct TEMPORAL_PROFILE or its TOML file"
        raise TemporalError(message) from None
    config.setdefault("target_host", _DEFAULT_ADDRESS)
    address = config["target_host"]
    if "://" in address:
        message = f"reading TEMPORAL_ADDRESS: {address!r} has a scheme; write host and port alone: {_DEFAULT_ADDRESS}"
        raise TemporalError(message)
    try:
        async with asyncio.timeout(timeout_seconds):
            client = await Client.connect(
                **config,
                data_converter=converter,
                runtime=runtime,
                interceptors=interceptors,
                header_codec_behavior=HeaderCodecBehavior.CODEC,
            )
            await _require_namespace(client, address)
    except TimeoutError:
        raise _unreachable(address, f"no answer within {timeout_seconds:.0f} s") from None
    except (RuntimeError, ValueError, OSError, RPCError) as error:
        raise _unreachable(address, _plain(one_line(error))) from None
    return client


async def ensure_search_attributes(client: Client) -> None:
    """Register those of `SEARCH_ATTRIBUTES` that the namespace lacks, and wait until the server takes them.

    A workflow task that sets an unregistered attribute fails for ever, so nothing starts without them.

    Raises:
        SearchAttributeError: one is of another type, or may not be registered; holds the command that does it.
    """
    present = await _search_attributes(client)
    missing = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in present}
    for name, kind in SEARCH_ATTRIBUTES.items():
        if name in present and present[name] not in {kind, None}:
            message = (
                f"using search attribute {name!r} of namespace {client.namespace!r}: it is of type {present[name]}, "
                f"must be {kind}; remove it with `temporal operator search-attribute remove --name {name}`, try again"
            )
            raise SearchAttributeError(message)
    if missing:
        await _register(client, missing)
    await _until_known(client)


async def worker_polls(client: Client, task_queue: str, *, now: datetime | None = None) -> bool:
    """Whether a worker has polled *task_queue* for workflow or activity tasks of late."""
    now = now or datetime.now(UTC)
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        answer = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=kind
            ),
            timeout=RPC_TIMEOUT,
        )
        if any(now - poller.last_access_time.ToDatetime(UTC) < POLLER_AGE for poller in answer.pollers):
            return True
    return False


async def _require_namespace(client: Client, address: str) -> None:
    try:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            message = (
                f"using namespace {client.namespace!r} of the Temporal server at {address}: it does not exist; correct "
                f"TEMPORAL_NAMESPACE, or create it with `temporal operator namespace create -n {client.namespace}`"
            )
            raise TemporalError(message) from None
        if error.status is not RPCStatusCode.PERMISSION_DENIED:
            raise


async def _search_attributes(client: Client) -> dict[str, str | None]:
    """Return the namespace's own attributes and their types; None where the server tells names only."""
    try:
        answer = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
        )
    except RPCError as error:
        if error.status not in {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED}:
            raise _unreachable(client.service_client.config.target_host, one_line(error)) from None
        described = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
        )
        return dict.fromkeys(described.config.custom_search_attribute_aliases.values())
    return {name: _kind(value) for name, value in answer.custom_attributes.items()}


async def _register(client: Client, missing: Mapping[str, str]) -> None:
    request = AddSearchAttributesRequest(
        namespace=client.namespace,
        search_attributes={
            name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}") for name, kind in missing.items()
        },
    )
    try:
        await client.operator_service.add_search_attributes(request, timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:
            return
        options = " ".join(f"--name {name} --type {kind}" for name, kind in missing.items())
        message = (
            f"registering search attributes in namespace {client.namespace!r}: {one_line(error)}; who may has to run: "
            f"temporal operator search-attribute create --namespace {client.namespace} {options}"
        )
        raise SearchAttributeError(message) from None


async def _until_known(client: Client) -> None:
    """Wait until our search attributes are taken: a server keeps in memory which there are, and looks now and then."""
    # Of no workflow: what counts is whether the server takes the names.
    query = " AND ".join(["WorkflowId = '-'", *(f"{name} IS NOT NULL" for name in SEARCH_ATTRIBUTES)])
    with suppress(TimeoutError):
        async with asyncio.timeout(KNOWN_WITHIN_SECONDS):
            while True:
                try:
                    await client.count_workflows(query, rpc_timeout=RPC_TIMEOUT)
                except RPCError as error:
                    if error.status is not RPCStatusCode.INVALID_ARGUMENT:
                        return  # who may not count needs not, and what else is wrong shows where it matters
                else:
                    return
                await asyncio.sleep(_LOOK_SECONDS)


def _kind(value: IndexedValueType.ValueType) -> str:
    return "".join(part.capitalize() for part in IndexedValueType.Name(value).split("_")[3:])


def _unreachable(address: str, cause: str) -> TemporalUnreachableError:
    return TemporalUnreachableError(
        f"connecting to the Temporal server at {address}: {cause}; start it (`make up` starts one here) or set "
        "TEMPORAL_ADDRESS"
    )


def _plain(cause: str) -> str:
    """Return what a person calls *cause*, which the core spells as the structures of its libraries."""
    return next((plain for words, plain in _CAUSES.items() if words in cause), cause)
