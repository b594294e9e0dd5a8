"""Decodes what Azure answers once, and long listings entry by entry, with the loop free in between.

A page of 500 protected items is 4.5 MB of JSON, and 20 ms of a processor, during which no heartbeat would go out; how
long pages are is for Azure to say.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import DecodeError
from azure.core.pipeline.policies import AsyncHTTPPolicy, ContentDecodePolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

if TYPE_CHECKING:
    from collections.abc import Generator

    from azure.core.pipeline import PipelineRequest, PipelineResponse

AT_ONCE = 200_000
"""Letters of JSON that are decoded in one go: a millisecond."""
STEP_SECONDS = 0.005
"""How long a listing is decoded before others have their turn."""
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class DecodePolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Decodes each answer once, where azure-core would decode it for itself, and again for whoever asks for it."""

    async def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, AsyncHttpResponse]:
        """Send the request, and decode its answer.

        Raises:
            DecodeError: it is not what its header says.
        """
        response = await self.next.send(request)
        if response.context.options.get("stream", True):
            return response
        answer = response.http_response
        if ContentDecodePolicy.JSON_REGEXP.match((answer.content_type or "application/json").split(";")[0].strip()):
            text = answer.text()
            try:
                document = await decoded(text) if text else None
            except ValueError as error:
                raise DecodeError(f"JSON is invalid: {error}", response=answer, error=error) from error
            answer._json = document  # type: ignore[attr-defined] # noqa: SLF001 - where `json()` looks first
        else:
            document = ContentDecodePolicy.deserialize_from_http_generics(answer)
        response.context[ContentDecodePolicy.CONTEXT_NAME] = document
        return response


async def decoded(text: str, at_once: int = AT_ONCE, step_seconds: float = STEP_SECONDS) -> Any:
    """Return what a text of JSON says.

    Raises:
        ValueError: it is none.
    """
    if len(text) <= at_once:
        return json.loads(text)
    steps, began = _entries(text), time.monotonic()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        if time.monotonic() - began >= step_seconds:
            await asyncio.sleep(0)
            began = time.monotonic()


def _entries(text: str) -> Generator[None, None, Any]:
    """Decode an object, and pause after each member of it, and after each entry of a list in it."""
    at = _past_space(text, 0)
    if text[at : at + 1] != "{":
        return json.loads(text)
    document: dict[str, Any] = {}
    at = _past_space(text, at + 1)
    while text[at : at + 1] != "}":
        name, at = _DECODER.raw_decode(text, at)
        if not isinstance(name, str):
            return json.loads(text)
        at = _past(text, at, ":")
        if text[at : at + 1] == "[":
            document[name], at = yield from _list_at(text, at)
        else:
            document[name], at = _DECODER.raw_decode(text, at)
        yield
        at = _past_comma(text, at, "}")
    if _past_space(text, at + 1) != len(text):
        return json.loads(text)  # which says what is wrong
    return document


def _list_at(text: str, at: int) -> Generator[None, None, tuple[list[Any], int]]:
    entries: list[Any] = []
    at = _past_space(text, at + 1)
    while text[at : at + 1] != "]":
        entry, at = _DECODER.raw_decode(text, at)
        entries.append(entry)
        yield
        at = _past_comma(text, at, "]")
    return entries, at + 1


def _past_comma(text: str, at: int, end: str) -> int:
    """Return where the next entry begins, or where *end* stands."""
    at = _past_space(text, at)
    if text[at : at + 1] == end:
        return at
    at = _past(text, at, ",")
    if text[at : at + 1] == end:
        raise json.JSONDecodeError("Expecting an entry after a comma", text, at)
    return at


def _past(text: str, at: int, sign: str) -> int:
    at = _past_space(text, at)
    if text[at : at + 1] != sign:
        raise json.JSONDecodeError(f"Expecting {sign!r}", text, at)
    return _past_space(text, at + 1)


def _past_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
