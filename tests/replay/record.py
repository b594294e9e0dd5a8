"""Play scenarios and keep their histories: `python -m tests.replay.record [NAME ...]`; all where none is named.

Record a new scenario by its name. Run it for kept ones only when a change of the workflows is not replay-safe on
purpose, and say so in the commit.
"""

import asyncio
import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from migration.names import SEARCH_ATTRIBUTES
from tests.conftest import program
from tests.replay.scenarios import SCENARIOS, Scenario
from tests.workflows.stage import staged
from tests.workflows.world import World

HISTORIES = Path(__file__).with_name("histories")


async def record(environment: WorkflowEnvironment, scenario: Scenario) -> str:
    """Play one scenario, and return its history as JSON."""
    async with staged(environment, World()) as stage:
        handle = await scenario(stage)
        history = (await handle.fetch_history()).to_json_dict()
    return json.dumps(_impersonal(history), separators=(",", ":"))


def _impersonal(value: Any) -> Any:
    """Return a part of a history without what tells of the machine that recorded it."""
    if isinstance(value, list):
        return [_impersonal(one) for one in value]
    if isinstance(value, str):
        return re.sub(r"^\d+@[\w.-]+", "recorder", value)
    if isinstance(value, dict):
        return {key: "" if key == "stackTrace" else _impersonal(one) for key, one in value.items()}
    return value


async def main(wanted: list[str]) -> None:
    """Record the *wanted* scenarios, all where none is named."""
    HISTORIES.mkdir(exist_ok=True)
    logging.disable(logging.WARNING)  # the scenarios' failures are scripted
    keys = [
        SearchAttributeKey.for_bool(name) if kind == "Bool" else SearchAttributeKey.for_keyword(name)
        for name, kind in SEARCH_ATTRIBUTES.items()
    ]
    async with await WorkflowEnvironment.start_local(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=program("temporal"),
        dev_server_log_level="error",
        search_attributes=keys,
    ) as environment:
        for name in wanted or SCENARIOS:
            (HISTORIES / f"{name}.json").write_text(await record(environment, SCENARIOS[name]) + "\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
