"""What earlier runs of a workflow wrote down: asked of Temporal, which keeps their histories for a while."""

from pydantic import Field

from migration.base import Value
from migration.ledger import LedgerEntry, inherited
from migration.models import SourceVm
from migration.phases import Outcome


class Books(Value):
    """The answer of the query `ledger`: all that a run wrote down, also what never came to be."""

    entries: list[LedgerEntry] = Field(default_factory=list)
    source: SourceVm | None = Field(None, description="The source as it was before anything was written.")
    outcome: Outcome | None = None
    committed: bool = Field(default=False, description="Whether it passed the point of no return.")


class EarlierRuns(Value):
    """Asks for the earlier runs of a workflow, by its id; the one that asks, if it is one of them, is left out."""

    workflow_id: str


class EarlierAnswer(Value):
    """What the earlier runs wrote down, the newest word on each resource."""

    runs: int = 0
    unread: int = Field(0, description="Runs whose history gave no answer.")
    entries: list[LedgerEntry] = Field(default_factory=list)
    source: SourceVm | None = None
    committed: bool = Field(default=False, description="Whether any run passed the point of no return.")

    @property
    def existed(self) -> set[str]:
        """Keys of what was there before the first run that tells of it: never ours."""
        return {entry.id.lower() for entry in self.entries if entry.state == "existed"}


def joined(newest_first: list[Books], *, unread: int = 0) -> EarlierAnswer:
    """Return what several runs wrote down as one answer."""
    source = next((books.source for books in newest_first if books.source is not None and books.entries), None)
    entries = inherited([books.entries for books in reversed(newest_first)])
    committed = any(books.committed or books.outcome is Outcome.MIGRATED for books in newest_first)
    return EarlierAnswer(
        runs=len(newest_first) + unread, unread=unread, entries=entries, source=source, committed=committed
    )
