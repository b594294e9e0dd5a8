"""What was asked of Azure: an answer, or why there is none.

`None` in a fact means that Azure says there is no such thing. A fact that could not be asked raises `UnaskedError` when
a rule reaches for it, so that no rule passes by mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from migration.ids import describe, id_key

T = TypeVar("T")


class UnaskedError(Exception):
    """A rule needs a fact that could not be asked. *denied*: for lack of permission."""

    def __init__(self, why: str, *, denied: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.denied = denied


@dataclass(frozen=True)
class Fact(Generic[T]):
    """An answer of Azure, or why there is none."""

    value: T | None = None
    unasked: str = ""
    denied: bool = False
    passing: bool = False
    """Whether asking again may help: an outage, a time-out."""

    def known(self) -> T | None:
        """Return the answer; None: there is no such thing.

        Raises:
            UnaskedError: Azure gave no answer.
        """
        if self.unasked:
            raise UnaskedError(self.unasked, denied=self.denied)
        return self.value


class Facts(dict[str, Fact[T]], Generic[T]):
    """Facts by the id, or other name, that they were asked for; without regard to case."""

    def note(self, key: str, fact: Fact[T]) -> None:
        """Keep the answer about *key*."""
        self[id_key(key)] = fact

    def about(self, key: str) -> T | None:
        """Return what is known about *key*; None: there is no such thing.

        Raises:
            UnaskedError: It was not, or could not be, asked.
        """
        fact = self.get(id_key(key))
        if fact is None:
            raise UnaskedError(f"reading {describe(key)}: it was not asked")
        return fact.known()
