"""The sandbox in which workflows run, without what our payloads have no use for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from temporalio.converter import StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

if TYPE_CHECKING:
    from temporalio import workflow
    from temporalio.bridge.proto.workflow_activation import WorkflowActivation
    from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion


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
