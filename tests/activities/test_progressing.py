"""What a wait tells its machine's workflow: little, and never so that the wait fails for it."""

from dataclasses import replace
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities.progressing import Observer
from migration import names
from migration.models import Progress

READINGS = [
    (Progress(percent=9), []),
    (Progress(percent=33), ["Warning 1: a snapshot is late"]),
    (Progress(percent=33), ["Error 150139: the agent does not answer"]),
    (Progress(percent=33), ["Error 150139: the agent does not answer"]),
    (Progress(percent=33), []),
]


class Temporal:
    """A client that notes what is signalled to which run, and may refuse it."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.told: list[tuple[str, str, Progress]] = []
        self._refusal = refusal
        self._id = ""

    def get_workflow_handle(self, workflow_id: str, *, run_id: str) -> "Temporal":
        """Return itself."""
        self._id = f"{workflow_id} {run_id}"
        return self

    async def signal(self, name: str, progress: Progress, **_: Any) -> None:
        """Note a signal."""
        if self._refusal:
            raise self._refusal
        self.told.append((self._id, name, progress))


async def watched(client: Any, workflow_type: str) -> list[Progress]:
    """Return what a wait makes of the readings."""
    environment = ActivityEnvironment(client=client)
    environment.info = replace(
        environment.info, workflow_id="migrate-vm/shop/web", workflow_run_id="r", workflow_type=workflow_type
    )

    async def wait() -> list[Progress]:
        observer = Observer(1000)
        return [await observer.see(reading, errors) for reading, errors in READINGS]

    return await environment.run(wait)


async def test_the_workflow_hears_of_quarters_and_of_what_stands_still() -> None:
    """A warning stops nothing; an error is told once, and once that it is gone."""
    temporal = Temporal()
    seen = await watched(temporal, names.MIGRATE_VM)

    assert [None, None, "health_error", "health_error", None] == [one.stuck for one in seen]
    assert {("migrate-vm/shop/web r", names.SIGNAL_PROGRESSED)} == {told[:2] for told in temporal.told}
    assert [(33, None), (33, "health_error"), (33, None)] == [(p.percent, p.stuck) for _, _, p in temporal.told]


@pytest.mark.parametrize("workflow_type", [names.FINALISE_VM, names.MIGRATE_VM])
async def test_who_cannot_be_told_disturbs_no_wait(workflow_type: str) -> None:
    """Another workflow has no ear for it, and a server that refuses the signal ends nothing."""
    refuses = Temporal(RPCError("gone", RPCStatusCode.NOT_FOUND, b""))
    assert 5 == len(await watched(refuses, workflow_type))
    other = Temporal()
    await watched(other, names.FINALISE_VM)
    assert [] == other.told
