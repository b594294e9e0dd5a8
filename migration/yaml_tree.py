"""Reads YAML (and JSON) into plain values that remember their line, refusing what a plan has no use for.

Anchors, aliases, merge keys and tags are refused before anything is built from them, so no file can grow in memory.
Plain words that YAML 1.1 and 1.2 read differently (`no`, `010`, `12:30`) are refused as well: whoever wrote one may
have meant either. See the `YAML 1.1 types <https://yaml.org/type/>`_ and the
`YAML 1.2 core schema <https://yaml.org/spec/1.2.2/#103-core-schema>`_.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from migration.errors import PathStep

MAX_DEPTH = 16
MAX_EVENTS = 250_000
"""A plan of 5,000 machines has 50 for each: some twenty keys of its own."""

Path = tuple[PathStep, ...]
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_TRUE, _FALSE, _NULL = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}, {"", "~", "null", "Null", "NULL"}
_UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE
_QUICK: Any = getattr(yaml, "CSafeLoader", None)
"""libyaml: ten times as quick, where PyYAML was built with it."""


@dataclass(frozen=True)
class Place:
    """Where something stands; lines and columns count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Flaw:
    """Something in the text that a plan has no use for, or that does not read."""

    path: Path
    place: Place
    message: str
    fix: str


@dataclass
class Tree:
    """What a text says, where each key and value stands, and what is wrong with its spelling."""

    data: Any = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)

    def place(self, path: Path, *, prefer_key: bool = False) -> Place:
        """Return where *path* stands, or the nearest thing around it."""
        tables = (self.keys, self.values) if prefer_key else (self.values, self.keys)
        for length in range(len(path), -1, -1):
            for table in tables:
                if path[:length] in table:
                    return table[path[:length]]
        return Place(1, 1)


class _UnreadableError(Exception):
    """The text cannot be read on from here; the flaw is noted."""


def read_yaml(text: str) -> Tree:
    """Return what *text* says. Where it cannot be read to its end, `data` is None and the last flaw tells why."""
    tree = Tree()
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        before = text[: unprintable.start()]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        character = f"U+{ord(unprintable[0]):04X}"
        tree.flaws.append(Flaw((), place, f"the file holds the control character {character}", "save it as plain text"))
        return tree
    # libyaml takes tabs where YAML has none, and says of mistakes other things than the parser whose words are known.
    if _QUICK is not None and "\t" not in text:
        try:
            tree.data = _Composer(_QUICK(text), tree).document()
        except yaml.YAMLError:
            tree = Tree()
        except _UnreadableError:
            return tree
        else:
            return tree
    return _read_slowly(text, tree)


def _read_slowly(text: str, tree: Tree) -> Tree:
    composer = _Composer(yaml.SafeLoader(text), tree)
    try:
        tree.data = composer.document()
    except _UnreadableError:
        tree.data = None
    except yaml.MarkedYAMLError as error:
        tree.data = None
        tree.flaws.append(_syntax_flaw(error))
    return tree


class _Composer:
    """Walks the parser's events; one object because each step needs the parser and the tree."""

    def __init__(self, parser: Any, tree: Tree) -> None:  # its stubs leave the parser's methods untyped
        self._parser = parser
        self._tree = tree
        self._events = 0

    def document(self) -> Any:
        self._next()
        if isinstance(self._parser.peek_event(), yaml.StreamEndEvent):
            self._stop((), self._next(), "the file holds no plan", "start from one of the files in plans/")
        self._next()
        data = self._node(())
        self._next()
        if not isinstance(self._parser.peek_event(), yaml.StreamEndEvent):
            self._stop((), self._next(), "a second document begins here", "keep one plan per file")
        return data

    def _next(self) -> Any:
        self._events += 1
        event = self._parser.get_event()
        if self._events > MAX_EVENTS:
            self._stop((), event, f"the file holds more than {MAX_EVENTS} values", "split it into several plans")
        return event

    def _node(self, path: Path) -> Any:
        event = self._next()
        self._tree.values.setdefault(path, _place(event))
        if len(path) > MAX_DEPTH:
            self._stop(path[:3], event, f"values are nested more than {MAX_DEPTH} deep", "a plan is at most 10 deep")
        self._refuse_tricks(path, event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(path, event) if isinstance(event, yaml.ScalarEvent) else None

    def _mapping(self, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(self._parser.peek_event(), yaml.MappingEndEvent):
            event = self._next()
            self._refuse_tricks(path, event)
            if not isinstance(event, yaml.ScalarEvent):
                self._stop(path, event, "a key is not a word", "write keys as plain words, such as name:")
            key = event.value
            if key == "<<" and not event.style:
                self._flaw((*path, key), event, "a merge key stands here", "write the keys out")
            if key in values:
                first = self._tree.keys[(*path, key)].line
                self._flaw((*path, key), event, f"the key stands twice, first in line {first}", "remove one")
            self._tree.keys.setdefault((*path, key), _place(event))
            value = self._node((*path, key))
            values.setdefault(key, value)
        self._next()
        return values

    def _sequence(self, path: Path) -> list[Any]:
        values: list[Any] = []
        while not isinstance(self._parser.peek_event(), yaml.SequenceEndEvent):
            values.append(self._node((*path, len(values))))
        self._next()
        return values

    def _scalar(self, path: Path, event: Any) -> Any:
        text: str = event.value
        if event.style:  # "" or None: plain
            return text
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        if text in _NULL:
            return None
        if _DECIMAL.fullmatch(text):
            return int(text) if len(text) < 20 else text
        tag = self._parser.resolve(yaml.ScalarNode, text, (True, False))
        if not tag.endswith(":str"):
            self._flaw(path, event, *_ambiguity(text, tag.rsplit(":", 1)[-1]))
        return text

    def _refuse_tricks(self, path: Path, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._stop(path, event, f"the alias *{event.anchor} stands here", "write the value out, or quote the text")
        if getattr(event, "anchor", None) is not None:
            self._stop(path, event, f"the anchor &{event.anchor} stands here", "remove it, or quote the text")
        if getattr(event, "tag", None) is not None:
            self._stop(path, event, f"the tag {event.tag} stands here", "remove it, or quote the text")

    def _flaw(self, path: Path, event: Any, message: str, fix: str) -> None:
        self._tree.flaws.append(Flaw(path, _place(event), message, fix))

    def _stop(self, path: Path, event: Any, message: str, fix: str) -> None:
        self._flaw(path, event, message, fix)
        raise _UnreadableError


def _place(event: Any) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1)


def _ambiguity(text: str, kind: str) -> tuple[str, str]:
    if kind == "bool":
        meant = "true" if text.lower() in {"yes", "on", "y"} else "false"
        return f"YAML readers differ about {text}: a word or {meant}", f'write {meant}, or "{text}" for the word'
    if kind == "int" and ":" in text:
        return f"some YAML readers take {text} for a number to base 60", f'write "{text}" for the text'
    if kind == "int":
        return f"YAML readers differ about the number {text}", f'write it in decimal digits, or "{text}" for the text'
    if kind == "timestamp":
        return f"some YAML readers take {text} for a date", f'write "{text}" for the text'
    if kind == "float":
        return f"{text} is a number with a fraction", f'write a whole number, or "{text}" for the text'
    return f"{text} has a meaning of its own in YAML", f'write "{text}" for the text'


_SYNTAX = (
    (
        "cannot start any token",
        "a tab or a reserved sign stands where a value should begin",
        "indent with spaces; quote text",
    ),
    (
        "mapping values are not allowed",
        "a colon stands where no key can be",
        "check the indentation, or quote the text",
    ),
    ("scanning an alias", "a * begins an alias in YAML", 'put it in quotes: "*"'),
    ("scanning an anchor", "an & begins an anchor in YAML", "put the text in quotes"),
    ("could not find expected ':'", "a key has no colon after it", "write key: value"),
    (
        "scanning a quoted scalar",
        "a quote is opened and not closed, or holds an unknown escape",
        "close it, or double \\",
    ),
    (
        "expected <block end>",
        "the indentation does not fit the lines before",
        "give keys of one level the same indentation",
    ),
    ("expected ',' or", "a bracket is opened and not closed", "close it"),
    ("found undefined tag handle", "a ! begins a tag in YAML", "put the text in quotes"),
)


def _syntax_flaw(error: yaml.MarkedYAMLError) -> Flaw:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    said = f"{error.context or ''} {error.problem or ''}".strip()
    for words, message, fix in _SYNTAX:
        if words in said:
            return Flaw((), place, message, fix)
    return Flaw((), place, f"this is no YAML ({said})", "check the lines around it")
