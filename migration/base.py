"""The base of every value that crosses a process, a history or a query.

What checks a value is built when the first of its kind is made: to build all of them took a sixth of a command's start.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value; what an older worker does not know, it ignores, so that fields may be added."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Authored(BaseModel):
    """A frozen value that a person wrote: an unknown key is a mistake worth telling."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False, defer_build=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; what was reckoned from the original is reckoned anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in [name for name, one in vars(type(self)).items() if isinstance(one, cached_property)]:
            copied.__dict__.pop(name, None)
        return copied
