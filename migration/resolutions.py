"""What people said to what waited for them, as the report keeps it: who moved it on, how, and why."""

from pydantic import Field

from migration.base import Value

MOST_KEPT = 30
"""Resolutions that a report holds, the newest ones: an answer of Temporal's bears little."""
_QUESTION, _REASON = 800, 500


class Resolved(Value):
    """A `retry`, `skip` or `give_up` that counted."""

    at: str
    action: str
    by: str
    reason: str
    question: str = Field(description="What waited.")

    @property
    def told(self) -> str:
        """Who said it and why, for a sentence."""
        return f"{self.by}: {self.reason}"


def kept(resolved: list[Resolved], newest: Resolved) -> list[Resolved]:
    """Return what a report keeps once *newest* has come."""
    short = newest.model_copy(update={"question": newest.question[:_QUESTION], "reason": newest.reason[:_REASON]})
    return [*resolved, short][-MOST_KEPT:]
