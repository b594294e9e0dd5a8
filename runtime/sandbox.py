"""The sandbox in which workflows run, without what our payloads have no use for.

The sandbox imports each module that does not pass its wall once for each run of a workflow. All modules of ours would
cost a run 1.3 MiB of memory and 24 ms of a processor, its own definition 2 ms (docs/adr/0018-the-sandbox.md).
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from temporalio.converter import StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

if TYPE_CHECKING:
    from temporalio import workflow
    from temporalio.bridge.proto.workflow_activation import WorkflowActivation
    from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion


WALLS = SandboxRestrictions.default.with_passthrough_modules(
    "activities", "arm", "azure", "migration", "opentelemetry", "structlog", "yaml"
)
"""Walls around all that workflows consist of: what they name of other packages has no state of its own."""


@dataclass(frozen=True)
class ContextFreeRunner(SandboxedWorkflowRunner):
    """Temporal's sandbox for converters and codecs that make nothing of which workflow or command a payload belongs to.

    For each payload it would enter the sandbox three times, by code compiled each time, to find that out: a tenth of
    what a worker's processor does.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Return a workflow in its sandbox."""
        return _ContextFree(super().create_instance(det))


class _ContextFree(WorkflowInstance):
    def __init__(self, inner: WorkflowInstance) -> None:
        self._inner = inner

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Handle an activation."""
        return self._inner.activate(act)

    def get_serialization_context(self, command_info: Any) -> None:
        """Say that payloads are converted without a context."""

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:  # noqa: ARG002 - Temporal's
        """Say that payloads are stored for nothing in particular: we store none outside."""
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> workflow.Info:
        """Return the workflow's info."""
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        """Return the thread in which it runs now."""
        return self._inner.get_thread_id()


def runner_of(definitions: Iterable[type]) -> ContextFreeRunner:
    """Return a runner that imports the modules of these workflows for each run, and what they are made of once.

    Such modules keep nothing between two calls, and ask Temporal for time and chance: a contract of import-linter, a
    test of their text, and the replay of all kept histories behind :data:`WALLS` hold them to it.
    """
    modules = {definition.__module__ for definition in definitions}
    packages = {module.rpartition(".")[0] for module in modules}
    parts = {f"{package}.{part.name}" for package in packages for part in _modules_of(package)}
    return ContextFreeRunner(restrictions=WALLS.with_passthrough_modules(*sorted(parts - modules)))


def _modules_of(package: str) -> Iterable[pkgutil.ModuleInfo]:
    return pkgutil.iter_modules(import_module(package).__path__)
