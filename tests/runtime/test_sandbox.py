"""The sandbox of the workflows, and what it is spared."""

import pytest
from temporalio.converter import WorkflowSerializationContext
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from runtime.encryption import data_converter
from runtime.payload_keys import Keyring
from worker import RUNNER


@pytest.mark.parametrize("keyring", [Keyring({}), Keyring({"one": bytes(32)})], ids=["open", "encrypted"])
def test_our_payloads_are_converted_alike_wherever_they_belong(keyring: Keyring) -> None:
    """So that the sandbox need not be asked for each payload: no converter and no codec of ours takes a context."""
    converter = data_converter(keyring)
    assert converter is converter.with_context(WorkflowSerializationContext(namespace="n", workflow_id="w"))


def test_workflows_run_in_the_sandbox() -> None:
    """What it is spared is no wall of it."""
    assert isinstance(RUNNER, SandboxedWorkflowRunner)
    assert "workflows" not in RUNNER.restrictions.passthrough_modules
