"""The bundle of evidence: its hash, what differs between two of them, and what a person sees."""

import json

import pytest

from migration.evidence import CopyEvidence, Evidence, canonical, changes, short, summary
from migration.models import FenceEvidence, Mismatch

FENCE = FenceEvidence(
    held=True, reason="stopped first", recovery_point_time="2026-03-01T10:01:30Z", data_loss_seconds=0
)
BUNDLE = Evidence(
    plan="shop",
    plan_hash="1234567890abcdef",
    vm="web-01",
    wave="first",
    source=CopyEvidence(id="/s", vm_id="one", power="PowerState/deallocated"),
    target=CopyEvidence(id="/t", vm_id="two", power="PowerState/running"),
    fence=FENCE,
    recovery_point="2026-03-01T10:01:30Z",
    downtime_seconds=300,
    parts={"parity": [{"item": "tags", "state": "carried"}]},
)


def test_the_hash_is_that_of_the_content() -> None:
    """Another order of keys has the same hash; it survives JSON, and is written with 64 digits."""
    again = Evidence.model_validate(json.loads(BUNDLE.model_dump_json()))
    turned = BUNDLE.model_copy(update={"parts": {"parity": [{"state": "carried", "item": "tags"}]}})
    assert BUNDLE.digest == again.digest == turned.digest
    assert '{"a":"ü","b":[1,null]}' == canonical({"b": [1, None], "a": "ü"})
    assert (64, 12) == (len(BUNDLE.digest), len(short(BUNDLE.digest)))


CHANGED = {
    "another machine in the target": ({"target": BUNDLE.target.model_copy(update={"vm_id": "three"})}, "target.vm_id"),
    "the source runs": ({"source": BUNDLE.source.model_copy(update={"power": "PowerState/running"})}, "source.power"),
    "the fence broke": ({"fence": FENCE.model_copy(update={"held": False})}, "fence.held was true, is false"),
    "no fence": ({"fence": None}, "fence"),
    "another plan": ({"plan_hash": "0"}, "plan_hash was 1234567890abcdef, is 0"),
    "a size": (
        {"mismatches": [Mismatch(field="size", expected="a", actual="b")]},
        "mismatches[0].actual was nothing, is b",
    ),
    "another point": ({"recovery_point": None}, "recovery_point was 2026-03-01T10:01:30Z, is nothing"),
    "a part": (
        {"parts": {"parity": [{"item": "tags", "state": "open"}]}},
        "parts.parity[0].state was carried, is open",
    ),
    "an empty part": ({"parts": BUNDLE.parts | {"probes": None}}, "parts.probes"),
    "another part": ({"parts": BUNDLE.parts | {"probes": []}}, "parts.probes"),
}


@pytest.mark.parametrize(("update", "told"), CHANGED.values(), ids=CHANGED)
def test_what_differs_changes_the_hash_and_is_named(update: dict[str, object], told: str) -> None:
    """No fact can change without a new hash, and each change is told with both values."""
    other = BUNDLE.model_copy(update=update)
    assert BUNDLE.digest != other.digest
    assert told in summary(changes(BUNDLE, other))


def test_the_same_bundle_has_no_differences_and_many_are_cut() -> None:
    """Equal bundles differ in nothing; a sentence names some of many."""
    assert [] == changes(BUNDLE, BUNDLE.model_copy())
    assert "a; b; c; d; e; and 2 more" == summary(list("abcdefg"))
