"""Who owns what: the ledger of one machine, by itself."""

from hypothesis import given, settings
from hypothesis import strategies as st

from migration import ledger, makings
from migration.ledger import LedgerEntry, Observation
from tests.workflows.scenes import make_task, source_of

GROUP = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks"
IDS = st.sampled_from([f"{GROUP}/{name}" for name in ("a", "A", "b", "c")])
LOOKS = st.lists(st.dictionaries(IDS, st.booleans()), max_size=8)


def _entries(states: list[str]) -> list[LedgerEntry]:
    return [
        LedgerEntry.model_validate({"id": f"{GROUP}/{name}", "type": "t", "created_by": "plan", "state": state})
        for name, state in zip("abc", states, strict=False)
    ]


def _seen(look: dict[str, bool]) -> list[Observation]:
    return [Observation(id=one, exists=there) for one, there in look.items()]


@settings(deadline=None)  # other tests may keep the processor busy
@given(before=st.dictionaries(IDS, st.booleans()), looks=LOOKS)
def test_what_was_there_before_never_becomes_ours(before: dict[str, bool], looks: list[dict[str, bool]]) -> None:
    """Whatever is seen later, an id that was there at the prediction is never one that an undo deletes."""
    present = {one.lower() for one, there in before.items() if there}
    entries = ledger.predict(_seen(before), _entries(["predicted"] * 3))
    for look in looks:
        entries = ledger.observe(entries, _seen(look))
        again = ledger.predict(_seen(look), _entries(["predicted"] * 3))
        entries = ledger.merge(entries, again)
        assert not [entry for entry in entries if entry.ours and entry.id.lower() in present]
        assert 3 == len(entries)


@settings(deadline=None)  # other tests may keep the processor busy
@given(looks=LOOKS)
def test_what_was_absent_before_is_created_while_it_is_there(looks: list[dict[str, bool]]) -> None:
    """An entry follows the last look at it: created while there, deleted or still predicted when not."""
    entries = _entries(["predicted"])
    last: bool | None = None
    for look in looks:
        entries = ledger.observe(entries, _seen(look))
        known = {one.lower(): there for one, there in look.items()}
        last = known.get(entries[0].id.lower(), last)
    expected = {True: {"created"}, False: {"predicted", "deleted"}, None: {"predicted"}}[last]
    assert entries[0].state in expected


def test_site_recoverys_names_are_predicted() -> None:
    """Replica disks, target disks and test disks are named after the source's, and its interface keeps its name."""
    task = make_task()
    source = source_of(task.vm)
    names = [entry.id.rsplit("/", 1)[-1] for entry in makings.replication_entries(task, source)]
    assert ["web-01-disk0-ASRReplica", "web-01-disk1-ASRReplica", "SiteRecovery-Linux"] == names[1:]
    assert ["web-01", "web-01-nic", "web-01-disk0", "web-01-disk1"] == [
        entry.id.rsplit("/", 1)[-1] for entry in makings.failover_entries(task, source)
    ]
    assert ["web-01-test", "web-01-disk0-ASRtest", "web-01-disk1-ASRtest"] == [
        entry.id.rsplit("/", 1)[-1] for entry in makings.test_entries(task, source)
    ]


def test_excluded_disks_are_not_expected() -> None:
    """A disk that the plan leaves behind gets neither a replica nor a copy."""
    task = make_task()
    task = task.model_copy(update={"vm": task.vm.model_copy(update={"excluded_disks": ["WEB-01-DISK1"]})})
    source = source_of(task.vm)
    for entries in (makings.replication_entries, makings.failover_entries, makings.test_entries):
        assert not [entry.id for entry in entries(task, source) if "disk1" in entry.id]
