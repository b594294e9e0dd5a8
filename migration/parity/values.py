"""The two sides and the rows of their difference. All of it crosses histories, so texts and lists are kept short."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import Field

from migration.base import Value
from migration.parity.aspects import ASPECTS, Aspect

LONGEST_TEXT = 120
MOST_TAGS, MOST_TRAITS = 50, 30
"""Of one side: as many tags as Azure allows, and of each other aspect."""
MOST_ROWS = 60

State = Literal["carried", "restored", "waived", "open"]
STATES: tuple[State, ...] = ("open", "waived", "restored", "carried")


class Trait(Value):
    """Something that a machine has, such as a tag. The same *key* on both sides makes them one row."""

    aspect: Aspect
    key: str
    subject: str
    value: str
    ref: str = Field("", description="Id of what the value names, where it names a resource.")
    parts: dict[str, str] = Field(default_factory=dict, description="What it consists of, by name: a group's rules.")


class Side(Value):
    """What one side has: the source before anything was written, or the target now."""

    traits: list[Trait] = Field(default_factory=list)
    unread: dict[str, str] = Field(default_factory=dict, description="Aspects that could not be read, and why.")
    omitted: dict[str, int] = Field(default_factory=dict, description="How many traits of an aspect were left out.")

    @property
    def aspects(self) -> set[str]:
        """The aspects of which there is something to compare."""
        return {trait.aspect for trait in self.traits} | set(self.unread) | set(self.omitted)


class ParityRow(Value):
    """One line of the difference."""

    aspect: Aspect
    subject: str
    source: str
    target: str
    wanted: str
    state: State
    by: str = Field("", description="Who restored or waived it.")
    reason: str = ""
    remedy: str = Field("", description="What to do about an open one.")
    key: str = Field("", description="What the row is about, for the program.")
    ref: str = Field("", description="Id of what is wanted, where it is a resource.")
    restore: Literal["", "now", "after_commit"] = Field(
        "", description="Whether this project may restore it, and when."
    )


class ParityCounts(Value):
    """How many rows are in each state, and those that are open."""

    carried: int = 0
    restored: int = 0
    waived: int = 0
    open: int = 0
    open_rows: list[ParityRow] = Field(default_factory=list)


def shortened(text: str) -> str:
    """Return *text*, or its beginning with a hash of all of it, so that equal stays equal and different different."""
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[: LONGEST_TEXT - 11]}...{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def side_of(traits: list[Trait], unread: dict[str, str]) -> Side:
    """Return a side with at most so many traits of each aspect as a history bears."""
    kept: list[Trait] = []
    omitted: dict[str, int] = {}
    for aspect in ASPECTS:
        found = sorted((trait for trait in traits if trait.aspect == aspect), key=lambda trait: trait.key)
        most = MOST_TAGS if aspect == "tags" else MOST_TRAITS
        kept += found[:most]
        if len(found) > most:
            omitted[aspect] = len(found) - most
    return Side(traits=kept, unread=unread, omitted=omitted)


def open_rows(rows: list[ParityRow]) -> list[ParityRow]:
    """Return the rows for which nobody answers yet."""
    return [row for row in rows if row.state == "open"]


def counts(rows: list[ParityRow], shown: int = 20) -> ParityCounts:
    """Return how many rows are in each state, with the open ones, at most *shown*."""
    number = {state: sum(row.state == state for row in rows) for state in STATES}
    return ParityCounts(**number, open_rows=open_rows(rows)[:shown])


def in_words(row: ParityRow) -> str:
    """Return a row as a sentence: `backup of virtualMachines "web-01": was vault "v1", is nothing`."""
    wanted = f", wanted {row.wanted}" if row.wanted not in {row.source, ""} else ""
    why = f" ({row.reason})" if row.reason else ""
    return f"{row.aspect} of {row.subject}: was {row.source}, is {row.target}{wanted}{why}"
