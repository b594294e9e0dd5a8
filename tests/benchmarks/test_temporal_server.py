"""The development server as `make up` and the benchmarks run it."""

import re
import urllib.request
from pathlib import Path

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from benchmarks import temporal
from migration import names
from tests.e2e.stack import until

REQUESTS = re.compile(r'(?m)^persistence_requests\{.*operation="(\w+)".*\} (\S+)$')
PHASE = SearchAttributeKey.for_keyword(names.ATTRIBUTE_PHASE)
USES = 50


def requests(server: temporal.Server, *operations: str) -> float:
    """Return how often the server has asked its database for one of these."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=10) as answer:
        found = REQUESTS.findall(answer.read().decode())
    return sum(float(count) for operation, count in found if operation in operations)


async def test_search_attributes_are_known_at_once_and_not_read_for_each_use(tmp_path: Path) -> None:
    """By default a development server reads their definitions several times for each workflow that has some."""
    attributes = TypedSearchAttributes([SearchAttributePair(PHASE, "checking")])
    async with temporal.running(tmp_path) as (client, server):
        for number in range(USES):
            await client.start_workflow("any", id=str(number), task_queue="nobody", search_attributes=attributes)
        # It tells its counts now and then, all at once.
        await until(lambda: requests(server, "CreateWorkflowExecution") >= USES, "the server tells what it has counted")
        reads = requests(server, "GetCurrentClusterMetadata", "GetNamespace")

    assert 0 < reads < USES
