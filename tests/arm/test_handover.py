"""What one step has read and the next takes over: once, by name, for seconds, and never after a write."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from activities.observing import told_by
from arm import handover
from arm.handover import HANDED_SECONDS, LOOKED_SECONDS, Handover
from migration import ids
from migration.ledger_proof import BEFORE
from migration.telemetry import Call

SUBSCRIPTION = "5a1b0000-0000-0000-0000-000000000001"
VM, OTHER = (ids.vm_id(SUBSCRIPTION, "Shop", name) for name in ("web", "web2"))
DISK, NIC = ids.disk_id(SUBSCRIPTION, "Shop", "web-os"), ids.nic_id(SUBSCRIPTION, "Shop", "web-nic")
AGENT = f"{VM}/extensions/SiteRecovery-Linux"
KEY = ids.id_key(VM)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time, to be set."""
    now = [1000.0]
    monkeypatch.setattr(handover, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.mark.usefixtures("now")
def test_a_reading_is_taken_once_by_whom_it_is_for() -> None:
    """Nobody else finds it, nor does who has taken it; that nothing was there is a reading too."""
    handed = Handover()
    handed.put("fence", {VM: {"id": VM}, OTHER: None})

    assert {} == handed.take("verifying", [VM])
    assert {KEY: {"id": VM}, ids.id_key(OTHER): None} == handed.take("fence", [VM.upper(), OTHER, DISK])
    assert {} == handed.take("fence", [VM, OTHER])


@pytest.mark.parametrize(
    ("reader", "seconds"),
    [(handover.FAILING_OVER, HANDED_SECONDS), (BEFORE, HANDED_SECONDS)]
    + [(reader, LOOKED_SECONDS) for reader in (handover.FENCE, handover.VERIFYING, handover.BOOT, handover.PARITY)],
)
def test_old_readings_are_forgotten(now: list[float], reader: str, seconds: float) -> None:
    """Whoever comes late reads, soon where a write comes next; and nothing is kept for who never comes."""
    handed = Handover()
    handed.put(reader, {VM: {}, OTHER: {}})
    now[0] += seconds - 0.1
    assert {ids.id_key(OTHER): {}} == handed.take(reader, [OTHER])
    now[0] += 0.2
    handed.put("others", {OTHER: {}})

    assert 0 == len(handed._kept[reader])
    assert {} == handed.take(reader, [VM])
    for number in range(3_000):
        handed.put(reader, {f"{VM}{number}": {}})
    assert len(handed._kept[reader]) <= handover._MOST


def test_who_hands_on_what_was_handed_makes_it_no_younger(now: list[float]) -> None:
    """From fence to verification to boot it is one reading, and as old as that; one that was read anew is new."""
    handed, seen = Handover(), {"id": VM}
    handed.put(handover.FENCE, {VM: seen})
    now[0] += 40
    taken = handed.take(handover.FENCE, [VM])
    handed.put(handover.VERIFYING, {VM: taken[KEY]})
    handed.put(handover.BOOT, {VM: {"id": VM}})
    now[0] += 40

    assert {} == handed.take(handover.VERIFYING, [VM])
    assert {KEY: {"id": VM}} == handed.take(handover.BOOT, [VM])
    now[0] += LOOKED_SECONDS
    handed.put("others", {OTHER: {}})
    assert not handed._taken


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(
    ("path", "kind", "kept"),
    [
        (f"{VM}/deallocate", "write", False),
        (VM.upper(), "write", False),
        (f"{OTHER}/start", "write", True),
        (VM, "read", True),
    ],
)
def test_what_is_written_to_is_read_anew(path: str, kind: str, *, kept: bool) -> None:
    """A copy that was stopped meanwhile is not taken for one that runs."""
    handed = Handover()
    handed.put("verifying", {VM: {}})

    handed.called(Call(method="POST", kind=kind, subscription="", path=path, status=202, seconds=0.1, remaining={}))  # type: ignore[arg-type]

    assert kept == bool(handed.take("verifying", [VM]))


def test_a_machine_tells_of_its_parts() -> None:
    """What it is attached to is there; an extension that it does not have is not; of others it tells nothing."""
    storage = {"osDisk": {"managedDisk": {"id": DISK}}}
    machine = {
        "id": VM,
        "properties": {"storageProfile": storage, "networkProfile": {"networkInterfaces": [{"id": NIC}]}},
    }
    replica = ids.disk_id(SUBSCRIPTION, "Shop", "web-os-ASRReplica")
    wanted = [VM, DISK, NIC, AGENT, replica]

    told = told_by({KEY: machine}, wanted)
    with_agent = told_by({KEY: {**machine, "resources": [{"id": AGENT}]}}, wanted)
    gone = told_by({KEY: None, ids.id_key(replica): None}, wanted)

    assert [True, True, True, False, None] == [told.get(ids.id_key(one)) for one in wanted]
    assert with_agent[ids.id_key(AGENT)]
    assert [False, None, None, None, False] == [gone.get(ids.id_key(one)) for one in wanted]
