"""The ``$filter`` of Site Recovery's lists: conditions joined by ``and``, as Azure's tools write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from simulator.clock import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
_CONDITION = re.compile(r"([\w/]+)\s+(eq|ge|le|gt|lt)\s+'([^']*)'", re.IGNORECASE)
TIMES = ("starttime", "endtime")


def conditions(text: str) -> list[tuple[str, str]]:
    """The conditions as names in lower case and values (the operator never matters to Azure's tools)."""
    return [(name.lower(), value) for name, _operator, value in _CONDITION.findall(text)]


def matcher(text: str, readers: Mapping[str, Callable[[T], str]], moment: Callable[[T], str]) -> Callable[[T], bool]:
    """Whether an entry fits the filter: by *readers* of its fields, and *moment*, when it was.

    A value may list several, separated by commas. Names that no reader knows let everything through.
    """
    tests: list[Callable[[T], bool]] = []
    for name, value in conditions(text):
        options = {option.strip().lower() for option in value.split(",") if option.strip()}
        if name in TIMES and value:
            tests.append(_within(name, value, moment))
        elif name in readers and options:
            tests.append(_one_of(readers[name], options))
    return lambda entry: all(test(entry) for test in tests)


def _within(name: str, value: str, moment: Callable[[T], str]) -> Callable[[T], bool]:
    bound = parse_time(value)
    if name == "starttime":
        return lambda entry: parse_time(moment(entry)) >= bound
    return lambda entry: parse_time(moment(entry)) <= bound


def _one_of(read: Callable[[T], str], options: set[str]) -> Callable[[T], bool]:
    return lambda entry: read(entry).lower() in options
