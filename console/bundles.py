"""The bundle of evidence, as the person sees it who decides on it."""

from console.texts import local_time, span
from migration.evidence import CopyEvidence, Evidence, part_in_words

_LABELS = {"verification": "verified"}
_HELD = {True: "held", False: "did not hold", None: "is unknown"}


def lines(evidence: Evidence) -> list[str]:
    """Return the bundle for a person to read, a fact a line."""
    fence = evidence.fence
    loss = fence.data_loss_seconds if fence else None
    facts = [
        ("source", _copy(evidence.source)),
        ("target", _copy(evidence.target)),
        ("fence", f"{_HELD[fence.held]}: {fence.reason}" if fence else "was not judged"),
        ("point", local_time(evidence.recovery_point) if evidence.recovery_point else "unknown"),
        ("lost", f"{'unknown' if loss is None else span(loss)} of writes"),
        ("downtime", "unknown" if evidence.downtime_seconds is None else span(evidence.downtime_seconds)),
        ("shape", "NOT as the plan wants it:" if evidence.mismatches else "as the plan wants it"),
        *(("", f"{one.field}: {one.actual}, wanted {one.expected}") for one in evidence.mismatches),
        *((_LABELS.get(name, name), part_in_words(part)) for name, part in sorted(evidence.parts.items())),
        ("plan", f"hash {evidence.plan_hash}"),
        ("evidence", evidence.digest),
    ]
    return [f"{name:<8}  {text}" for name, text in facts]


def _copy(copy: CopyEvidence) -> str:
    power = copy.power.rpartition("/")[2] if copy.power else "absent"
    return f"{power}, vmId {copy.vm_id or 'unknown'}"
