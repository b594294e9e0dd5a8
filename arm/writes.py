"""One write through an SDK's operation: sent once, answered, and never polled; its job is waited for elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.rest import HttpRequest
from azure.mgmt.core.exceptions import ARMErrorFormat

from migration.ids import ResourceId, id_key, vault_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from azure.core.pipeline import PipelineResponse
    from azure.core.rest import AsyncHttpResponse

    from arm.clients import AzureClients
    from arm.reads import Json


@dataclass(frozen=True)
class Accepted:
    """Azure took the write.

    *job_id* is the Site Recovery job that it began, where it began one. *operation_url* is where its progress can be
    read; it may be signed, so it stays in this process's memory.
    """

    status: int
    job_id: str | None = None
    operation_url: str | None = field(default=None, repr=False)


async def begin(operation: Callable[..., Awaitable[Any]], *arguments: Any) -> Accepted:
    """Call a `begin_*` operation of an SDK without its poller, and return what its first answer says."""
    return await send(operation, *arguments, polling=False)


async def send_json(azure: AzureClients, method: str, resource_id: str, version: str, body: Json | None) -> Accepted:
    """Send a write of ARM's own JSON, for what the SDKs that we have do not know, or would not give back whole.

    Raises:
        AzureError: Azure refused, or the outcome is unknown.
    """
    request = HttpRequest(method, resource_id, params={"api-version": version}, json=body)
    response = await azure.resources(ResourceId.parse(resource_id).subscription).send_request(request)
    if not 200 <= response.status_code < 300:
        raise HttpResponseError(response=response, error_format=ARMErrorFormat)
    headers = response.headers
    return Accepted(response.status_code, None, headers.get("Azure-AsyncOperation") or headers.get("Location"))


async def send(operation: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Accepted:
    """Call an operation of an SDK, and return what its answer says.

    Raises:
        AzureError: Azure refused, or the outcome is unknown. Once a 2xx was read, nothing after it is an error: neither
            a body that breaks off nor a header that the SDK cannot read undoes the write.
    """
    answers: list[AsyncHttpResponse] = []

    def note(response: PipelineResponse[HttpRequest, AsyncHttpResponse]) -> None:
        answers.append(response.http_response)

    try:
        await operation(*arguments, raw_response_hook=note, **options)
    except (AzureError, ValueError):
        if not answers or not 200 <= answers[-1].status_code < 300:
            raise
    answer = answers[-1]
    headers = answer.headers
    return Accepted(answer.status_code, _job_id(answer), headers.get("Azure-AsyncOperation") or headers.get("Location"))


def _job_id(answer: AsyncHttpResponse) -> str | None:
    """Return the job that the 202's `x-ms-request-id` names: Site Recovery sends its id, twice; others send a GUID."""
    given = str(answer.headers.get("x-ms-request-id") or "").split(",")[0].strip()
    try:
        same_vault = id_key(vault_of(given)) == id_key(vault_of(urlsplit(answer.request.url).path))
    except ValueError:
        return None
    return given if same_vault and "/replicationjobs/" in given.lower() else None
