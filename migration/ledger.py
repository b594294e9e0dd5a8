"""Who owns what: each resource is predicted and read before the step that makes it, and seen after.

Site Recovery copies the source's tags to what it makes, so tags prove nothing; that the id was absent before proves it.
"""

from typing import Literal

from pydantic import Field

from migration.base import Value

State = Literal["predicted", "existed", "created", "deleted", "left"]
Creator = Literal["plan", "site_recovery"]


NOT_REMOVED = "; the undo did not remove it"
"""Ends the reason of what a move left behind against its will."""


class LedgerEntry(Value):
    """One resource of a migration.

    `predicted`: absent before the step, not seen since. `existed`: was there before us, is never deleted.
    `created`: absent before, seen after. `deleted`: created, and removed since. `left`: stays on purpose.
    """

    id: str
    type: str
    created_by: Creator
    state: State
    why: str = Field("", description="Why it was made, and why it stays or went.")

    @property
    def ours(self) -> bool:
        """Whether undoing may delete it."""
        return self.state in {"predicted", "created"}


class Observation(Value):
    """Whether a resource was there when it was read."""

    id: str
    exists: bool


def predict(observations: list[Observation], wanted: list[LedgerEntry]) -> list[LedgerEntry]:
    """Return *wanted* with each state set by what was read before the step: `existed` or `predicted`."""
    present = {seen.id.lower() for seen in observations if seen.exists}
    return [
        entry.model_copy(update={"state": "existed" if entry.id.lower() in present else "predicted"})
        for entry in wanted
    ]


def observe(entries: list[LedgerEntry], observations: list[Observation]) -> list[LedgerEntry]:
    """Return *entries* after a reading: what was predicted and is there is `created`; what is gone, `deleted`."""
    seen = {observation.id.lower(): observation.exists for observation in observations}
    return [_observed(entry, exists=seen.get(entry.id.lower())) for entry in entries]


def merge(entries: list[LedgerEntry], more: list[LedgerEntry]) -> list[LedgerEntry]:
    """Return *entries* with those of *more* that are not yet there, each once; the first word on ownership stands."""
    merged: dict[str, LedgerEntry] = {}
    for entry in [*entries, *more]:
        merged.setdefault(entry.id.lower(), entry)
    return list(merged.values())


def inherited(oldest_first: list[list[LedgerEntry]]) -> list[LedgerEntry]:
    """Return the ledgers of several runs as one: the newest word on each resource stands.

    What a later run found there, an earlier one may have made: that it `existed` then takes nothing back.
    """
    known: dict[str, LedgerEntry] = {}
    for entries in oldest_first:
        for entry in entries:
            key = entry.id.lower()
            if entry.state != "existed" or key not in known:
                known[key] = _reopened(entry)
    return list(known.values())


def _reopened(entry: LedgerEntry) -> LedgerEntry:
    """Return what an undo did not remove as still to be removed; what stays on purpose as it is."""
    if entry.state != "left" or not entry.why.endswith(NOT_REMOVED):
        return entry
    return entry.model_copy(update={"state": "created", "why": entry.why.removesuffix(NOT_REMOVED)})


def _observed(entry: LedgerEntry, *, exists: bool | None) -> LedgerEntry:
    if exists and entry.state in {"predicted", "deleted"}:
        return entry.model_copy(update={"state": "created"})
    if exists is False and entry.state in {"created", "left"}:
        return entry.model_copy(update={"state": "deleted"})
    return entry
