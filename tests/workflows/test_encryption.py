"""Encrypted payloads: a migration from start to report under keys that are rotated, and what Temporal gets to see."""

import base64
import os
import uuid
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from migration.phases import Outcome, Phase
from migration.report import VmEnding
from runtime.encryption import KEY_ID, PayloadKeyError
from runtime.payload_keys import KEYS_VARIABLE
from runtime.temporal import connect
from tests.support.remains import told
from tests.workflows.scenes import APPROVER, make_task
from tests.workflows.script import environment_failure
from tests.workflows.stage import VmHandle, staged
from tests.workflows.world import World

ONE, TWO = (f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("one", "two"))
IN_CLEAR = ("migrate-vm/plan-", "web-01", "awaiting_approval")
"""What search attributes and ids tell everybody."""
HIDDEN = (
    APPROVER,
    "shop-vault",
    "shop-recovery",
    "vnet-ne",
    "Enable replication",
    "not now",
    "olga@contoso.example",
    "secret has expired",
)


async def keyed(server: WorkflowEnvironment, *keys: str) -> WorkflowEnvironment:
    """Return the server as a client with these keys sees it."""
    address = server.client.service_client.config.target_host
    variables = {"TEMPORAL_ADDRESS": address, KEYS_VARIABLE: ",".join(keys)}
    return WorkflowEnvironment.from_client(await connect(variables))


async def test_a_move_under_keys_that_are_rotated(dev_server: WorkflowEnvironment, world: World) -> None:
    """Begun under key one, it ends under keys two and one; Temporal sees nothing but ids, phases and regions."""
    world.script.on("enable_replication", environment_failure())
    async with staged(await keyed(dev_server, ONE), world) as stage:
        handle = await stage.start_vm(make_task())
        await stage.until_asked(handle)
        await stage.resolve(handle, "retry", "seen to it")
        await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
        halfway = await told(handle)
        stage.let_run()  # it goes on below, under other keys
    async with staged(await keyed(dev_server, TWO, ONE), world) as stage:
        moved: VmHandle = stage.client.get_workflow_handle(handle.id, result_type=VmEnding)
        ending = await stage.approve(moved)
        report = await stage.report(moved)
        at_last = await told(moved)

    assert Outcome.MIGRATED == ending.outcome
    assert "olga@contoso.example" == report.resolutions[0].by
    assert [] == [word for word in HIDDEN if word in halfway + at_last]
    assert [] == [word for word in IN_CLEAR if word not in halfway]
    assert {"one", "two"} == {name for name in ("one", "two") if f"{KEY_ID}\n{encoded(name)}" in at_last}
    assert "Encoded failure" in halfway


async def test_without_its_key_nothing_is_read(dev_server: WorkflowEnvironment) -> None:
    """Who lacks the key, or has another one under its name, is told which one, and where to configure it."""
    changed = TWO.replace("two", "one")
    written = (await keyed(dev_server, ONE)).client
    started = await written.start_workflow("Anything", {"by": APPROVER}, id=str(uuid.uuid4()), task_queue="nobody")
    answers = {}
    for keys in ([TWO], [changed], []):
        reader = await keyed(dev_server, *keys)
        with pytest.raises(PayloadKeyError) as caught:
            await first_input(reader.client, started.id)
        answers[",".join(key.partition(":")[0] for key in keys)] = str(caught.value)

    assert [{"by": APPROVER}] == await first_input(written, started.id)
    assert (
        "its key 'one' is not configured here (only 'two'); add one:<the key> to MIGRATION_PAYLOAD_KEYS"
        in answers["two"]
    )
    assert "the key configured as 'one' is not the one that encrypted it" in answers["one"]
    assert "its key 'one' is not configured here (no key)" in answers[""]


async def first_input(client: Client, workflow_id: str) -> list[Any]:
    """Return what a workflow was started with, as *client* reads it."""
    event = (await client.get_workflow_handle(workflow_id).fetch_history()).events[0]
    return list(await client.data_converter.decode(event.workflow_execution_started_event_attributes.input.payloads))


def encoded(text: str) -> str:
    """Return *text* as JSON shows bytes."""
    return base64.b64encode(text.encode()).decode()
