"""What the activities of parity are asked, and what they answer."""

from __future__ import annotations

from pydantic import Field

from migration.base import Value
from migration.models import VmSpec, Waived
from migration.parity.values import ParityRow, Side


class CompareParity(Value):
    """Compares the target with what the source had.

    *restored* and *failures* are told again by key, and *accepted* by whom a row was accepted.
    """

    plan: str
    vm: VmSpec
    source: Side
    restored: list[str] = Field(default_factory=list)
    failures: dict[str, str] = Field(default_factory=dict)
    accepted: dict[str, Waived] = Field(default_factory=dict)


class RestoreParity(Value):
    """Restores some rows of the difference, then compares again."""

    compare: CompareParity
    rows: list[ParityRow]


class ParityAnswer(Value):
    """The difference."""

    rows: list[ParityRow]


class RestoreAnswer(Value):
    """The difference after restoring, and why some rows could not be restored, by key."""

    rows: list[ParityRow]
    failures: dict[str, str] = Field(default_factory=dict)


class TakeBackRestored(Value):
    """Takes back what restoring did outside the target: what its interfaces joined, and resources beside it."""

    vm: VmSpec
    refs: list[str] = Field(default_factory=list, description="Public addresses and pools to leave.")
    ids: list[str] = Field(default_factory=list, description="Resources to delete.")
