"""When a plan's workflow goes on in a new run, and with what: before its history nears a limit, at a quiet moment."""

from temporalio import workflow

from workflows import policies
from workflows.fleet import Fleet


class Continuing:
    """Watches a history grow. A history that an earlier version began never goes on in a new run."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._may: bool | None = None

    @property
    def is_due(self) -> bool:
        """Whether the history should end soon."""
        if self._may is None and self._has_grown:
            self._may = workflow.patched("continues-as-new")
        return bool(self._may)

    @property
    def has_become_due(self) -> bool:
        """Whether that is so since `is_due` was asked; for a condition, which may record nothing."""
        return self._may is None and self._has_grown

    @property
    def _has_grown(self) -> bool:
        info = workflow.info()
        return (
            info.is_continue_as_new_suggested()
            or info.get_current_history_length() >= policies.PLAN_EVENTS
            or info.get_current_history_size() >= policies.PLAN_BYTES
            or self._fleet.begun >= policies.PLAN_CHILDREN
        )
