"""Everything that a run leaves in Temporal, in clear: histories, memos, heartbeats, failures, metadata."""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf.json_format import MessageToDict
from temporalio.client import Client, WorkflowHandle


def bare(value: Any) -> str:
    """Return all that stands in a part of Temporal's answers, base64 opened."""
    if isinstance(value, dict):
        return "\n".join(f"{key}\n{bare(one)}" for key, one in value.items())
    if isinstance(value, list):
        return "\n".join(map(bare, value))
    text = str(value)
    try:
        return f"{text}\n{base64.b64decode(text, validate=True).decode(errors='replace')}"
    except ValueError:
        return text


async def told(handle: WorkflowHandle[Any, Any]) -> str:
    """Return all that Temporal knows of a workflow: history, memo, heartbeats, failures of what is pending."""
    history = (await handle.fetch_history()).to_json_dict()
    return bare(history) + bare(MessageToDict((await handle.describe()).raw_description))


async def all_told(client: Client, query: str) -> dict[str, str]:
    """Return all that Temporal knows of the workflows that a query finds, by their ids and runs."""
    found = [one async for one in client.list_workflows(query)]
    return {
        f"{one.id} {one.run_id}": await told(client.get_workflow_handle(one.id, run_id=one.run_id)) for one in found
    }
