"""The rules of security groups, rule by rule: what lets traffic through at the source, and what does at the target.

Two groups are the same where each rule of one has its like in the other, whatever their names. Azure's own last rules
are the same everywhere and are not compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from migration.parity.values import ParityRow, Trait

ALL = "all rules"
"""Stands for the rules of a group that has too many to be kept one by one."""
NO_RULE = "no such rule"
_NAMED, _WHOLE = 40, 200
"""Up to so many rules of a group are kept in words, up to so many by a hash each; of more, one hash of all."""
_HASH = "#"


def parts_of(rules: Mapping[str, str]) -> dict[str, str]:
    """Return the rules of a group, by name and in words, as small as a history bears."""
    if len(rules) <= _NAMED:
        return dict(rules)
    return {name: _hashed(text) for name, text in rules.items()} if len(rules) <= _WHOLE else _as_one(rules)


def rows(had: list[Trait], has: dict[str, Trait]) -> Iterator[ParityRow]:
    """Yield a row for each rule that is not the same on both sides, and one for those that are.

    Where the target has no group in the same place there is none to compare: the aspect of the groups tells that.
    """
    for trait in had:
        there = has.get(trait.key)
        if there is not None:
            yield from _of_group(trait, there)


def _of_group(source: Trait, target: Trait) -> Iterator[ParityRow]:
    theirs, ours = dict(source.parts), dict(target.parts)
    if ALL in theirs or ALL in ours:
        theirs, ours = _as_one(theirs), _as_one(ours)
    same = _take_same(theirs, ours)
    if same:
        number = "1 rule" if same == 1 else f"{same} rules"
        yield _row(source, target, "", number, number)
    names = {name.lower(): name for name in ours}
    for name, text in theirs.items():
        other = names.pop(name.lower(), None)
        yield _row(source, target, name, text, ours[other] if other else NO_RULE)
    for name in names.values():
        yield _row(source, target, name, NO_RULE, ours[name])


def _take_same(theirs: dict[str, str], ours: dict[str, str]) -> int:
    """Take the rules that both have, whatever their names, out of both; return how many they are."""
    like: dict[str, list[str]] = {}
    for name, text in ours.items():
        like.setdefault(_hashed(text), []).append(name)
    same = 0
    for name, text in list(theirs.items()):
        found = like.get(_hashed(text))
        if found:
            del theirs[name], ours[found.pop()]
            same += 1
    return same


def _row(source: Trait, target: Trait, name: str, was: str, now: str) -> ParityRow:
    what = f'rule "{name}" of' if name and name != ALL else f"{ALL} of" if name else "rules of"
    return ParityRow(
        aspect="security-rules",
        subject=f"{what} {target.subject}",
        source=was,
        target=now,
        wanted=was,
        state="open" if name else "carried",
        key=f"security-rules:{source.key}/{name.lower()}",
        ref=target.ref,
    )


def _as_one(rules: Mapping[str, str]) -> dict[str, str]:
    if ALL in rules:
        return dict(rules)
    return {ALL: _HASH + _digest(" ".join(sorted(map(_hashed, rules.values()))))}


def _hashed(text: str) -> str:
    return text if text.startswith(_HASH) else _HASH + _digest(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
