"""When a plan's workflow goes on in a new run, and with what: before its history nears a limit, at a quiet moment."""

from temporalio import workflow

from workflows import policies
from workflows.fleet import Fleet

_AT_MOST = 1.5
"""To how many times of what a run should have its history may grow while the plan is never quiet."""


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
    def can_wait(self) -> bool:
        """Whether what has come in meanwhile can be seen to first.

        Where Temporal refuses a run's end, since more came in, a worker has to go through the whole history. Tried
        again at once it would be refused again for as long as machines speak more often than that takes.
        """
        return not self._has_reached(_AT_MOST) and workflow.patched("hears-before-it-continues")

    def within(self, whom: list[str]) -> list[str]:
        """Return as many as this run may yet start: Temporal lets a run have so many children; the next starts more."""
        room = max(policies.PLAN_CHILDREN - self._fleet.begun, 0)
        if self._may is False or len(whom) <= room or not workflow.patched("starts-in-new-runs"):
            return whom
        return whom[:room]

    @property
    def _has_grown(self) -> bool:
        return workflow.info().is_continue_as_new_suggested() or self._has_reached(1)

    def _has_reached(self, times: float) -> bool:
        """Whether the history has grown to so many times of what a run should have."""
        info = workflow.info()
        return (
            info.get_current_history_length() >= times * policies.PLAN_EVENTS
            or info.get_current_history_size() >= times * policies.PLAN_BYTES
            or self._fleet.begun >= times * policies.PLAN_CHILDREN
        )
