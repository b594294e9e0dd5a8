"""What a person sees of the evidence on which a decision is wanted."""

from console.bundles import lines
from console.texts import local_time
from migration.evidence import CopyEvidence, Evidence
from migration.models import FenceEvidence, Mismatch

BUNDLE = Evidence(
    plan="shop",
    plan_hash="1234567890abcdef",
    vm="web-01",
    wave="first",
    source=CopyEvidence(id="/s", vm_id="one", power="PowerState/deallocated"),
    target=CopyEvidence(id="/t", vm_id="two", power="PowerState/running"),
    fence=FenceEvidence(held=True, reason="stopped first", data_loss_seconds=0),
    recovery_point="2026-03-01T10:01:30.1234567Z",
    downtime_seconds=300,
    parts={
        "another": {"deep": [1]},
        "parity": [{"aspect": "tags", "state": "carried"}, {"aspect": "backup", "state": "open"}],
        "verification": {"boot": True, "probes": {"shop": False, "ssh": True}},
    },
)


def test_a_person_sees_what_is_approved_in_words() -> None:
    """Both machines, fence, point, shape, every part and the whole hash: no JSON, no states' prefixes, no fractions."""
    bundle = BUNDLE.model_copy(update={"mismatches": [Mismatch(field="size", expected="a", actual="b")]})

    assert lines(bundle) == [
        "source    deallocated, vmId one",
        "target    running, vmId two",
        "fence     held: stopped first",
        f"point     {local_time('2026-03-01T10:01:30Z')}",
        "lost      0 s of writes",
        "downtime  5 min 00 s",
        "shape     NOT as the plan wants it:",
        "          size: b, wanted a",
        "another   deep: [1]",
        "parity    1 carried, 1 open",
        "verified  it booted; probes: shop did NOT hold, ssh held",
        "plan      hash 1234567890abcdef",
        f"evidence  {bundle.digest}",
    ]


def test_what_nobody_knows_is_said_to_be_unknown() -> None:
    """A bundle without a fence, a point or a downtime claims nothing about them."""
    bare: dict[str, object] = {
        "fence": None,
        "recovery_point": None,
        "downtime_seconds": None,
        "parts": {"verification": {"boot": None, "probes": {}}},
    }
    shown = lines(BUNDLE.model_copy(update=bare))

    assert "fence     was not judged" in shown
    assert ["unknown", "unknown of writes", "unknown"] == [line[10:] for line in shown[3:6]]
    assert "verified  its boot was not asked for; no probes" in shown
