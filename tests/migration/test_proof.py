"""The ledger's proof, what runs inherit, and what it costs to keep what stays."""

from pathlib import Path

import pytest

from migration import ids
from migration.earlier import Books, joined
from migration.estimate.keeping import keeping, kept
from migration.estimate.prices import load_prices
from migration.ledger import NOT_REMOVED, LedgerEntry, State, merge
from migration.ledger_proof import Around, Neighbourhood, digest, proof, unlisted
from migration.models import SourceDisk
from migration.names import kept_snapshot_name
from migration.phases import Outcome
from migration.report import Report, ReportedResource, VmReport

PRICES = load_prices(Path(__file__).parents[2] / "plans" / "prices.yaml")
GROUP = "/subscriptions/s/resourceGroups/g"
ASKED = Around(
    group_id=GROUP,
    vault_id="/v",
    source_id="/s",
    target_ids=[ids.vm_id("s", "g", "web-1")],
    names=["web-1", "web-1-os", "web-1-nic"],
)


def disk(name: str) -> str:
    """Return a disk of the group."""
    return ids.disk_id("s", "g", name)


def concerns(asked: Around, resource_id: str, managed_by: str | None = None) -> bool:
    """Tell whether a resource in the target group concerns a machine."""
    return [resource_id] == Neighbourhood([(resource_id, managed_by)]).concerning(asked)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("web-1-os", True),
        ("WEB-1-OS-ASRReplica", True),
        ("web-1-os-ASRtest", True),
        ("web-1-test", True),
        ("asrseeddisk-web-1-os-0b7", True),
        ("ms-asr-web-1-x", True),
        ("web-10-os", False),
        ("web-1-b", False),
        ("web-1-os2", False),
        ("asrseeddisk-web-10-0b7", False),
    ],
)
def test_names_tell_whose_a_stray_is(name: str, *, counts: bool) -> None:
    """Only what Site Recovery would name after the machine's own parts; a neighbour of a like name is another's."""
    assert counts == concerns(ASKED, disk(name))
    assert concerns(ASKED, disk(name), ASKED.target_ids[0].upper())


def test_a_neighbour_may_come_to_be_called_as_the_source_is() -> None:
    """A machine is this one's only under its target's name or its test's: the source's own name may be another's."""
    asked = ASKED.model_copy(update={"target_ids": [ids.vm_id("s", "g", "web-new")], "names": ["web-1", "web-new"]})
    names = ("web-new", "WEB-NEW-test", "web-1")
    assert [True, True, False] == [concerns(asked, ids.vm_id("s", "g", name)) for name in names]
    assert concerns(asked, disk("web-1"))


def test_parts_of_what_is_known_are_known() -> None:
    """An extension of a listed machine needs no entry; what was there before needs none either."""
    vm, old, stray = ASKED.target_ids[0], disk("old"), disk("stray")
    listed = [vm, f"{vm.upper()}/extensions/x", f"{vm}2", old, stray]
    assert [f"{vm}2", stray] == unlisted(listed, {digest(old.upper())}, {digest(vm.lower())})


def test_a_proof_is_small_and_says_what_it_leaves_out() -> None:
    """A page of ids at most; what could not be listed is not proved."""
    many = proof([disk(str(n)) for n in range(60)], [])
    assert (50, False, "and 10 more are unlisted") == (len(many.unlisted), many.proved, many.why)
    assert not proof([], [], "too many").proved
    assert proof([], []).proved


def entry(name: str, state: State, why: str = "disk") -> LedgerEntry:
    """Return an entry of a ledger."""
    return LedgerEntry(id=disk(name), type="t", created_by="site_recovery", state=state, why=why)


def test_a_ledger_names_each_resource_once() -> None:
    """What a history and a protected item both tell of is one line, whatever its id's case; the first word stands."""
    told = merge(
        [entry("a", "existed")], [entry("b", "created", "history"), entry("B", "created", "item"), entry("A", "left")]
    )
    assert [("a", "existed", "disk"), ("b", "created", "history")] == [
        (one.id.rsplit("/", 1)[-1], one.state, one.why) for one in told
    ]


def test_the_newest_word_of_several_runs_stands() -> None:
    """What a later run found there an earlier one made; what an undo left is still to be removed."""
    older = Books(
        entries=[entry("a", "created"), entry("b", "created"), entry("c", "existed"), entry("d", "predicted")]
    )
    newer = Books(
        entries=[entry("A", "existed"), entry("b", "deleted"), entry("e", "left", f"disk{NOT_REMOVED}")],
    )
    found = joined([newer, older], unread=1)
    states = {one.id.rsplit("/", 1)[-1]: one.state for one in found.entries}
    assert {"a": "created", "b": "deleted", "c": "existed", "d": "predicted", "e": "created"} == states
    assert (3, False, {disk("c").lower()}) == (found.runs, found.committed, found.existed)
    assert joined([newer, Books(outcome=Outcome.MIGRATED)]).committed
    assert joined([Books(committed=True), newer]).committed


def test_what_stays_has_a_figure_with_its_formula() -> None:
    """The sources' disks, the cache account and the vault; what the move is for is no leftover."""
    account = ids.storage_account_id("s", "g", "cache")
    vault = ids.vault_id("s", "g", "vault")
    moved, stray = disk("web-os"), disk("web-os-ASRReplica")
    resources = [
        ReportedResource(id=one, type="Microsoft.Compute/disks", created_by="x", state="created")
        for one in (moved, stray)
    ]
    vm = VmReport(
        name="web",
        id="/vm",
        outcome=Outcome.MIGRATED,
        resources=resources,
        source_disks=[SourceDisk(id=disk("web-os"), size_gib=100, type="Premium_LRS")],
        moved_ids=[moved.upper()],
    )
    shared = [
        ReportedResource(id=account, type="Microsoft.Storage/storageAccounts", created_by="plan", state="left"),
        ReportedResource(id=vault, type="Microsoft.RecoveryServices/vaults", created_by="plan", state="left"),
        ReportedResource(id="/gone", type="Microsoft.RecoveryServices/vaults", created_by="plan", state="deleted"),
    ]
    found = keeping(Report(plan="p", resources=shared, vms=[vm]), PRICES)
    figures = [(one.id, one.per_month) for one in found.resources]
    assert [(account, 1.5), (vault, 0.0), (stray, 15.0), (disk("web-os"), 15.0)] == figures
    assert (31.5, "USD") == (found.per_month, PRICES.currency)
    assert "100 GiB * 0.15" == found.resources[-1].reckoned
    left = ids.snapshot_id("s", "g", kept_snapshot_name("web-os", "run"))
    strange, last = ids.snapshot_id("s", "g", "other-kept"), ids.snapshot_id("s", "g", "web-os-last")
    taken = {"id": last, "disk_id": disk("web-os"), "size_gib": 100, "wanted_until": "2026-12-01T10:00:00Z"}
    ended = vm.model_copy(
        update={
            "run_id": "run",
            "resources": [
                ReportedResource(id=left, type="Microsoft.Compute/snapshots", created_by="plan", state="left"),
                ReportedResource(id=strange, type="Microsoft.Compute/snapshots", created_by="plan", state="left"),
            ],
            "finalised": {"deleted": [{"id": disk("WEB-os")}], "snapshots": [taken]},
        }
    )
    figures = [(one.id, one.per_month) for one in keeping(Report(plan="p", vms=[ended]), PRICES).resources]
    assert [(left, 5.0), (strange, None), (last, 5.0)] == figures
    item = kept("/i", "Microsoft.RecoveryServices/vaults/x/replicationProtectedItems", "", PRICES)
    assert 25.0 == item.per_month
    assert 0.0 == kept("/s", "Microsoft.Insights/diagnosticSettings", "", PRICES).per_month
