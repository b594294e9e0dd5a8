"""The sandbox of the workflows, and what it is spared."""

import ast
from pathlib import Path

import pytest
from temporalio.converter import WorkflowSerializationContext
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from runtime.encryption import data_converter
from runtime.payload_keys import Keyring
from runtime.sandbox import WALLS
from tests.runtime.sandbox_costs import imported
from tests.support.sim import ROOT
from worker import FINALISING, RUNNER, WORKFLOWS


@pytest.mark.parametrize("keyring", [Keyring({}), Keyring({"one": bytes(32)})], ids=["open", "encrypted"])
def test_our_payloads_are_converted_alike_wherever_they_belong(keyring: Keyring) -> None:
    """So that the sandbox need not be asked for each payload: no converter and no codec of ours takes a context."""
    converter = data_converter(keyring)
    assert converter is converter.with_context(WorkflowSerializationContext(namespace="n", workflow_id="w"))


def test_a_run_imports_its_own_definition_and_no_other_module_of_ours() -> None:
    """The sandbox stands around each definition; what definitions are made of passes it."""
    assert isinstance(RUNNER, SandboxedWorkflowRunner)
    importer, _ = imported(RUNNER.restrictions)
    ours = {
        name for name in importer.new_modules if name.startswith("workflows.")
    } - RUNNER.restrictions.passthrough_modules
    assert "workflows.migrate_vm" in ours
    assert "workflows.vm_claim" not in ours, "each move would import it three times"
    assert ours <= {one.__module__ for one in (*WORKFLOWS, *FINALISING)}


def test_walls_stand_around_all_modules_of_workflows_where_histories_are_replayed() -> None:
    """So that what asks the system for the time, or keeps something between two runs, is noticed there."""
    assert not {name for name in WALLS.passthrough_modules if name.startswith("workflows")}


@pytest.mark.parametrize("path", sorted((ROOT / "workflows").glob("*.py")), ids=lambda path: path.stem)
def test_no_workflow_asks_the_system_for_the_time(path: Path) -> None:
    """Not even where no kept history leads: the import of `datetime` alone is no mistake, unlike that of `time`."""
    asked = {"now", "today", "utcnow"}
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    of_the_system = [
        ast.unparse(call)
        for call in calls
        if isinstance(call, ast.Attribute)
        and call.attr in asked
        and ast.unparse(call.value).endswith(("date", "datetime"))
    ]
    assert of_the_system == []
