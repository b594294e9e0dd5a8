"""The base of every value that crosses a process, a history or a query."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value; what an older worker does not know, it ignores, so that fields may be added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Authored(BaseModel):
    """A frozen value that a person wrote: an unknown key is a mistake worth telling."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)
