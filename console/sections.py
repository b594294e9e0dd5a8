"""The report's tables: a list with a line here is shown in words of its own, every other as it is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from console.texts import local_time, moment, span, words
from migration.evidence import part_in_words
from migration.report import Report, VmReport

Show = str | Callable[[Any], Any]
Columns = tuple[tuple[str, Show], ...]


@dataclass(frozen=True)
class Section:
    """A table of the page."""

    caption: str
    headings: list[str]
    rows: list[list[Any]]
    kind: str


def _time(key: str) -> Callable[[Any], str]:
    return lambda entry: local_time(getattr(entry, key))


def _rule(finding: Any) -> str:
    prevents = f" (Site Recovery error {finding.prevents})" if finding.prevents else ""
    waived = f"; waived by {finding.waived.by}: {finding.waived.reason}" if finding.waived else ""
    return f"{finding.rule}{prevents}{waived}"


_FINDINGS: Columns = (
    ("Severity", "severity"),
    ("Subject", "subject"),
    ("Evidence", "evidence"),
    ("What to do", "remedy"),
    ("Rule", _rule),
)
_RESOURCES: Columns = (
    ("State", "state"),
    ("Type", "type"),
    ("Id", "id"),
    ("Made by", lambda one: words(one.created_by)),
    ("Why", "why"),
)
_DECISIONS: Columns = (
    ("At", _time("at")),
    ("Who", "approver"),
    ("Decision", lambda one: one.decision or "unreadable"),
    ("Counted", "counted"),
    ("Reason", "reason"),
    ("Comment", "comment"),
)
_TABLES: dict[str, tuple[str, Columns]] = {
    "two_copies": (
        "Two copies ran",
        (
            ("Where it was seen", "where"),
            ("Since", _time("seen")),
            ("Contained", lambda one: local_time(one.contained) if one.contained else "not yet"),
            ("Lasted", "seconds"),
            ("Stopped", "stopped"),
            ("By the clock of", lambda one: words(one.clock)),
        ),
    ),
    "decisions": ("Decisions", _DECISIONS),
    "resolutions": (
        "Moved on by a person",
        (
            ("At", _time("at")),
            ("Who", "by"),
            ("Choice", lambda one: words(one.action)),
            ("Reason", "reason"),
            ("What waited", "question"),
        ),
    ),
    "steered": (
        "Steered by a person",
        (
            ("At", _time("at")),
            ("Who", "by"),
            ("What", lambda one: words(one.action)),
            ("Of", lambda one: one.part.told),
            ("Reason", "reason"),
            ("What became of it", "told"),
        ),
    ),
    "mismatches": (
        "Not as the plan wants it",
        (("Field", "field"), ("Expected", "expected"), ("Actual", "actual")),
    ),
    "parity": (
        "Source and target compared",
        (
            ("What", "aspect"),
            ("Of", "subject"),
            ("Source", "source"),
            ("Target", "target"),
            ("Wanted", "wanted"),
            ("State", "state"),
            ("Why, by whom", lambda one: "; ".join(filter(None, (one.reason, one.by, one.remedy)))),
        ),
    ),
    "findings": ("Findings", _FINDINGS),
    "resources": ("Resources: the ledger", _RESOURCES),
}
"""What is shown in words of its own, in this order; then all other lists that the report has."""
_ELSEWHERE = {"phases", "incidents", "vms", "source_probes"}
"""Lists that the page shows otherwise: as pictures, or above all."""
_HEAD_OF_A_VM = {
    "name", "id", "target_id", "wave", "outcome", "reason", "run_id", "downtime_seconds", "data_loss_seconds",
    "approval", "fence", "fingerprint", "serving_again_seconds", "target_writes",
    "verification", "test_failover", "source_probes", "finalised", "evidence", "evidence_hash",
}  # fmt: skip


def sections(report: Report | VmReport, of: str) -> list[Section]:
    """Return the tables of a report, those without a row left out."""
    own = {name: getattr(report, name) for name in type(report).model_fields}
    lists = {key: value for key, value in own.items() if isinstance(value, list) and value and key not in _ELSEWHERE}
    ordered = [*(key for key in _TABLES if key in lists), *(key for key in lists if key not in _TABLES)]
    after = getattr(report, "finalised", None) or {}
    told = {key: value for key, value in after.items() if isinstance(value, list) and value}
    return [
        *(_section(key, lists[key], of) for key in ordered),
        *(_as_it_is(f"Finalised: {words(key)} of {of}", value) for key, value in told.items()),
    ]


def other_facts(vm: VmReport) -> list[tuple[str, str]]:
    """Return what a virtual machine's report tells besides lists and what the page shows by itself."""
    after = vm.finalised or {}
    told = (
        [("Finalise", f"{after.get('outcome')}: {after.get('reason') or shown(after.get('ended'))}")] if after else []
    )
    return told + [
        (heading(key), shown(value, key))
        for key in type(vm).model_fields
        if key not in _HEAD_OF_A_VM
        and not isinstance(value := getattr(vm, key), list)
        and value is not None
        and value not in ("", {})
    ]


def bundle(vm: VmReport) -> list[tuple[str, str]]:
    """Return the bundle of evidence that is approved, a fact a line; rows that have a table are only counted."""
    if vm.evidence is None:
        return []
    facts = {key: getattr(vm.evidence, key) for key in type(vm.evidence).model_fields if key != "parts"}
    told = [(heading(key), shown(value, key)) for key, value in facts.items() if value not in (None, "", [])]
    return told + [(heading(name), part_in_words(part)) for name, part in sorted(vm.evidence.parts.items())]


def _section(key: str, rows: list[Any], of: str) -> Section:
    if key not in _TABLES:
        return _as_it_is(f"{heading(key)} of {of}", rows)
    caption, columns = _TABLES[key]
    return Section(
        f"{caption} of {of}",
        [name for name, _ in columns],
        [[_cell(entry, show) for _, show in columns] for entry in rows],
        key,
    )


def _as_it_is(caption: str, rows: list[Any]) -> Section:
    """Return a table of all that the rows have, under the names of their fields."""
    entries = [_mapping(row) for row in rows]
    keys = list(dict.fromkeys(key for entry in entries for key in entry))
    filled = [key for key in keys if any(entry.get(key) not in (None, "", [], {}) for entry in entries)]
    return Section(
        caption,
        [heading(key) for key in filled],
        [[shown(entry.get(key), key) for key in filled] for entry in entries],
        "plain",
    )


def _cell(entry: Any, show: Show) -> Any:
    return show(entry) if callable(show) else shown(getattr(entry, show), show)


def _mapping(row: Any) -> Mapping[str, Any]:
    if isinstance(row, BaseModel):
        return {key: getattr(row, key) for key in type(row).model_fields}
    return row if isinstance(row, Mapping) else {"entry": row}


def heading(key: str) -> str:
    """Return a field's name as a heading."""
    return words(key.removesuffix("_seconds")).capitalize()


def shown(value: Any, key: str = "") -> str:
    """Return any value in words."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if (key == "seconds" or key.endswith("_seconds")) and isinstance(value, int | float):
        return span(value)
    if isinstance(value, BaseModel | Mapping):
        filled = [(name, one) for name, one in _mapping(value).items() if one not in (None, "", [], {})]
        return "; ".join(f"{words(name)}: {shown(one, name)}" for name, one in filled)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return "; ".join(shown(one) for one in value)
    return _text(str(value))


def _text(text: str) -> str:
    """Return a text as it stands; a time in the reader's zone."""
    if len(text) >= len("2026-03-01T09:00Z") and text[4:5] == "-" and "T" in text[:11]:
        try:
            moment(text)
        except ValueError:
            return text
        return local_time(text)
    return text
