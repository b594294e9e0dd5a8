"""The chain over a report's lines: each link's hash covers one line and the link before, so that a changed line shows.

A line is the report itself, a virtual machine, or an entry of one of their lists, whatever lists there are. A link's
hash is the SHA-256 of the canonical JSON (keys sorted, no spaces, UTF-8) of
`{"n", "kind", "subject", "previous", "content"}`; *content* is the line, its lists of lines emptied. The last link, of
kind `end`, covers nothing but its number, so that a report cut short shows as well.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from migration.base import Value

FIRST = "0" * 64
"""What stands for the hash before the first link's."""
_SEAL = {"chain", "head"}
"""What is about the report's lines and not one of them."""
_SUBJECTS = ("id", "name", "field", "rule", "resource", "subject", "at", "moment", "kind")
_MOST_OF_A_SUBJECT = 160

Json = dict[str, Any]


class ChainLink(Value):
    """One link of `chain` in report.json."""

    n: int = Field(description="From 1.")
    kind: str = Field(description="plan, vm, phase, decision, resource, finding, ...; at last: end.")
    subject: str
    hash: str
    previous: str


@dataclass(frozen=True)
class Line:
    """What a link covers."""

    kind: str
    subject: str
    content: Any


@dataclass(frozen=True)
class Change:
    """What is not as it was written."""

    what: Literal["changed", "removed", "added", "reordered", "broken"]
    kind: str
    subject: str
    n: int | None = None

    def __str__(self) -> str:
        """Return it as a sentence."""
        place = f" (link {self.n})" if self.n else ""
        return f"{self.what}: {self.kind} {self.subject}".rstrip() + place


def sealed(body: Json) -> Json:
    """Return a report's JSON with its chain and the hash of the chain's last link, `head`."""
    links = chain_of(body)
    return {**body, "chain": [link.model_dump() for link in links], "head": links[-1].hash}


def chain_of(body: Mapping[str, Any]) -> list[ChainLink]:
    """Return the chain over a report's lines."""
    links: list[ChainLink] = []
    previous = FIRST
    for n, line in enumerate(_all_lines(body), start=1):
        digest = _hash(n, line.kind, line.subject, previous, line.content)
        links.append(ChainLink(n=n, kind=line.kind, subject=line.subject, hash=digest, previous=previous))
        previous = digest
    return links


def changes(document: Mapping[str, Any]) -> list[Change]:
    """Return what is not as it was when the chain was made, in the order of the chain; nothing where all is.

    Raises:
        ValueError: *document* is no report with a chain; pydantic's own among them.
    """
    recorded = document.get("chain")
    if not isinstance(recorded, list) or not recorded:
        raise ValueError("it has no chain")
    links = [ChainLink.model_validate(link) for link in recorded]
    return [*_broken_links(links, document.get("head")), *_compared(links, list(_all_lines(document)))]


def evidence(value: Any) -> str:
    """Return the hash by which a workflow vouches for what it reported.

    Empty values are left out, so that a later version, which reports more, still tells the same of an older run.
    """
    return hashlib.sha256(_canonical(_filled(value)).encode()).hexdigest()


def _all_lines(body: Mapping[str, Any]) -> Iterator[Line]:
    plan = {key: value for key, value in body.items() if key not in _SEAL}
    name = _cut(plan.get("plan"))
    yield from _lines("plan", name, plan, besides={"vms"})
    for vm in plan.get("vms") or []:
        if isinstance(vm, Mapping):
            yield from _lines("vm", _cut(vm.get("name")), vm, of=_cut(vm.get("name")))
        else:
            yield Line("vm", _cut(vm), vm)
    yield Line("end", name, None)


def _lines(
    kind: str, subject: str, thing: Mapping[str, Any], of: str = "", besides: frozenset[str] | set[str] = frozenset()
) -> Iterator[Line]:
    lists = {key: value for key, value in thing.items() if isinstance(value, list)}
    yield Line(kind, subject, {**thing, **{key: [] for key in lists}})
    for key in sorted(lists):
        if key not in besides:
            for entry in lists[key]:
                yield Line(_singular(key), f"{of}: {_subject(entry)}" if of else _subject(entry), entry)


def _subject(entry: Any) -> str:
    if not isinstance(entry, Mapping):
        return _cut(entry)
    told = [entry[key] for key in _SUBJECTS if isinstance(entry.get(key), str)]
    return _cut(told[0]) if told else ""


def _cut(text: Any) -> str:
    return str(text)[:_MOST_OF_A_SUBJECT] if text is not None else ""


def _singular(key: str) -> str:
    return key[:-2] if key.endswith("ches") else key.removesuffix("s")


def _hash(n: int, kind: str, subject: str, previous: str, content: Any) -> str:
    told = {"n": n, "kind": kind, "subject": subject, "previous": previous, "content": content}
    return hashlib.sha256(_canonical(told).encode()).hexdigest()


def _canonical(value: Any) -> str:
    return (
        json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(errors="replace").decode()
    )


def _filled(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {key: _filled(one) for key, one in value.items()}
        return {key: one for key, one in kept.items() if not _is_empty(one)}
    return [_filled(one) for one in value] if isinstance(value, list) else value


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def _broken_links(links: list[ChainLink], head: Any) -> Iterator[Change]:
    before = FIRST
    for n, link in enumerate(links, start=1):
        if link.n != n or link.previous != before:
            yield Change("broken", "link to", f"{link.kind} {link.subject}", link.n)
        before = link.hash
    if links[-1].kind != "end":
        yield Change("removed", "end", "of the chain", None)
    if head != links[-1].hash:
        yield Change("changed", "head", "of the chain", None)


def _compared(links: list[ChainLink], lines: list[Line]) -> list[Change]:
    """Hold each link against the lines; a line that fits it may stand elsewhere, and then was moved."""
    places = defaultdict(list)
    for place, line in enumerate(lines):
        places[line.kind, line.subject].append(place)
    at: dict[int, int] = {}
    taken: set[int] = set()
    for index, link in enumerate(links):
        fits = (place for place in places[link.kind, link.subject] if place not in taken and _fits(link, lines[place]))
        found = next(fits, None)
        if found is not None:
            at[index] = found
            taken.add(found)
    moved = _out_of_order([at[index] for index in sorted(at)])
    unfit = [index for index in range(len(links)) if index not in at]
    free = [place for place in range(len(lines)) if place not in taken]
    told = {index: Change("reordered", *_named(links[index])) for index in at if at[index] in moved}
    told |= {index: Change(_fate(links[index], lines, free), *_named(links[index])) for index in unfit}
    added = [Change("added", lines[place].kind, lines[place].subject) for place in free]
    return [*(told[index] for index in sorted(told)), *added]


def _fate(link: ChainLink, lines: list[Line], free: list[int]) -> Literal["changed", "removed"]:
    """Tell what became of the line of a link that no line fits; one that it may have become is taken from *free*."""
    same = [place for place in free if (lines[place].kind, lines[place].subject) == (link.kind, link.subject)]
    # A line whose name was changed stands where it stood.
    stands = same or [place for place in free if place == link.n - 1]
    if not stands:
        return "removed"
    free.remove(stands[0])
    return "changed"


def _fits(link: ChainLink, line: Line) -> bool:
    return link.hash == _hash(link.n, line.kind, line.subject, link.previous, line.content)


def _named(link: ChainLink) -> tuple[str, str, int]:
    return link.kind, link.subject, link.n


def _out_of_order(places: list[int]) -> set[int]:
    """Return the least that would have to be moved to bring *places* in order."""
    tails: list[int] = []
    lengths = []
    for place in places:
        length = bisect_left(tails, place)
        tails[length : length + 1] = [place]
        lengths.append(length)
    kept: set[int] = set()
    wanted = len(tails) - 1
    for place, length in zip(reversed(places), reversed(lengths), strict=True):
        if length == wanted:
            kept.add(place)
            wanted -= 1
    return set(places) - kept
