"""The chain over a report: whatever line is changed, taken away, added or moved shows, and which."""

import copy
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from migration.chain import chain_of, changes, evidence, sealed

BODY: dict[str, Any] = {
    "plan": "contoso",
    "outcome": "mixed",
    "ended": None,
    "versions": {"program": "1"},
    "findings": [{"rule": "quota", "subject": "vCPUs", "severity": "note"}],
    "resources": [{"id": "/vault", "state": "left"}],
    "vms": [
        {
            "name": "web-01",
            "outcome": "migrated",
            "downtime_seconds": 0,
            "fence": {"held": True, "points": [1, 2]},
            "phases": [
                {"name": "checking", "started": "a", "ended": "b"},
                {"name": "needs_action", "started": "b", "ended": "c"},
                {"name": "needs_action", "started": "d", "ended": "e"},
            ],
            "incidents": ["two running copies", "contained"],
            "parity": [],
        },
        {"name": "db-01", "outcome": "rolled_back", "phases": [{"name": "checking", "started": "a", "ended": None}]},
    ],
}


def told(document: dict[str, Any]) -> list[str]:
    """Return what is found changed, in words without the place."""
    return [str(change).split(" (link")[0] for change in changes(document)]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to every value that is no container."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if pairs is None:
        yield path
        return
    for key, inner in pairs:
        yield from leaves(inner, (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    """Return what stands at a path."""
    for key in path:
        document = document[key]
    return document


def test_a_report_as_it_was_written_shows_no_change() -> None:
    """Neither the layout of the file nor the order of its keys matters."""
    document = json.loads(json.dumps(sealed(BODY), indent=7, sort_keys=True))

    assert [] == changes(document)
    assert document["head"] == document["chain"][-1]["hash"]
    assert ["n", "kind", "subject", "hash", "previous"] == list(sealed(BODY)["chain"][0])


@pytest.mark.parametrize("value", ["forged", None, 7, [], {"forged": 1}])
def test_any_value_that_is_changed_shows_with_its_line(value: Any) -> None:
    """Each field of each line, of the chain itself, and the head."""
    whole = sealed(BODY)
    missed = []
    for path in leaves(whole):
        if at(whole, path) == value:
            continue
        forged = copy.deepcopy(whole)
        at(forged, path[:-1])[path[-1]] = value
        try:
            found = changes(forged)
        except ValueError:
            continue  # a link that is no link is refused
        missed += [] if found else [path]
    assert [] == missed


def test_the_line_is_named() -> None:
    """The sentence says which line of which virtual machine."""
    forged = sealed(copy.deepcopy(BODY))
    forged["vms"][0]["phases"][2]["ended"] = "z"
    forged["vms"][1]["outcome"] = "migrated"
    forged["resources"][0]["id"] = "/other"

    assert ["changed: resource /vault", "changed: phase web-01: needs_action", "changed: vm db-01"] == told(forged)


def test_taking_adding_and_moving_lines_is_told_apart() -> None:
    """One line that goes does not make all that follow it suspect."""
    removed, added, moved = (sealed(copy.deepcopy(BODY)) for _ in range(3))
    del removed["vms"][0]["phases"][0]
    added["vms"][1]["phases"].append({"name": "done", "started": "x", "ended": "y"})
    moved["vms"][0]["phases"].insert(0, moved["vms"][0]["phases"].pop())

    assert ["removed: phase web-01: checking"] == told(removed)
    assert ["added: phase db-01: done"] == told(added)
    assert ["reordered: phase web-01: needs_action"] == told(moved)


def test_lines_that_go_with_their_links_break_the_chain() -> None:
    """In the middle the next link does not follow; at the end the end is missing; a whole machine is no exception."""
    middle, end, machine = (sealed(copy.deepcopy(BODY)) for _ in range(3))
    del middle["vms"][0]["incidents"][0]
    middle["chain"] = [link for link in middle["chain"] if link["subject"] != "web-01: two running copies"]
    end["vms"][1]["phases"].clear()
    end["chain"] = end["chain"][:-2]
    machine["vms"].pop(0)

    assert "broken: link to incident web-01: contained" in told(middle)
    assert {"removed: end of the chain", "changed: head of the chain"} <= set(told(end))
    assert {"removed: vm web-01", "removed: incident web-01: contained"} <= set(told(machine))
    assert not any("db-01" in line for line in told(machine))


def test_anybody_can_recompute_a_link() -> None:
    """The documented rule, written anew, gives the same hash."""
    link = chain_of(BODY)[1]
    canonical = json.dumps(
        {
            "n": 2,
            "kind": "finding",
            "subject": "quota",
            "previous": link.previous,
            "content": BODY["findings"][0],
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    assert hashlib.sha256(canonical.encode()).hexdigest() == link.hash


@pytest.mark.parametrize("document", [{}, {"chain": []}, {"chain": "x"}, {"chain": [{"n": 1}]}])
def test_what_has_no_chain_is_refused(document: dict[str, Any]) -> None:
    """A file without one is not intact, but no evidence."""
    with pytest.raises(ValueError, match=r"chain|Chain"):
        changes(document)


def test_evidence_outlives_new_fields_and_misses_no_change() -> None:
    """What a later version adds empty does not count; zero is not nothing, and every other change counts."""
    before = {"name": "a", "downtime_seconds": 0, "phases": [{"name": "x", "ended": None}]}
    later = {**before, "parity": [], "finalised": None, "phases": [{"name": "x", "ended": None, "note": ""}]}

    assert evidence(before) == evidence(later)
    assert evidence(before) != evidence({**before, "downtime_seconds": None})
    assert evidence(before) != evidence({**before, "phases": []})
