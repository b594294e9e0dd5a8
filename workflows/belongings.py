"""What a virtual machine's migration makes: predicted, read before, seen after, and on the way back removed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.ledger import LedgerActivities
    from activities.power import PowerActivities
    from activities.waits import WaitActivities
    from migration import ids, ledger
    from migration.earlier import EarlierAnswer
    from migration.ids import same_id
    from migration.keeping import DeleteResources
    from migration.ledger import LedgerEntry
    from migration.ledger_proof import AT_THE_END, BEFORE, Around, LedgerProof, Surroundings, digests, proof, unlisted
    from migration.makings import entry_of
    from migration.models import PowerStates
    from migration.requests import Observations, ObserveResources, ReadParts, ReadPower, VmParts
    from migration.waiting import ResourcesWait
from workflows import looks
from workflows.engine import Engine

_DELETION_ORDER = (
    {"microsoft.compute/virtualmachines"},
    {"microsoft.network/networkinterfaces", "microsoft.compute/disks"},
)
"""A machine before what it is attached to. Other types go with what they belong to."""


_FRESH = timedelta(seconds=5)
"""How old may be what was seen for the next step; as long as what activities hand on (`arm.handover`)."""
_PROVED = "of the protection that an earlier run made"


@dataclass(frozen=True)
class Ahead:
    """What was seen for the step that comes next."""

    at: datetime
    seen: Observations

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was waited for since."""
        return workflow.now() - self.at <= _FRESH


class Belongings:
    """The ledger of one virtual machine."""

    def __init__(self, engine: Engine) -> None:
        self.entries: list[LedgerEntry] = []
        self.proof: LedgerProof | None = None
        self.spare_running = False
        self._engine = engine
        self._around: Around | None = None
        self._before: Surroundings | None = None
        self._ahead: Ahead | None = None
        self._last: Ahead | None = None
        self._foretold: set[str] = set()
        """What an earlier run of ours had begun to make, and was not there yet when this one looked."""

    async def predict(self, wanted: list[LedgerEntry], summary: str, around: Around | None = None) -> None:
        """Read *wanted* before the step that makes them: what is there already is not ours.

        The first step of all reads also what lies *around*, to prove the ledger by in the end.
        """
        known = {entry.id.lower() for entry in self.entries}
        new = [entry for entry in wanted if entry.id.lower() not in known]
        if new or around:
            self._around = around or self._around
            answer = self._foreseen(new, around) or await self._observe(new, summary, around, BEFORE)
            self._before = answer.around or self._before
            self.entries = ledger.merge(self.entries, self._owned(ledger.predict(answer.seen, new)))

    def foresee(self, ahead: Observations | None) -> None:
        """Take what a check has seen of what the step after it will make; it counts for that step, at once.

        What it has seen of what was made already is noted.
        """
        self._ahead = None if ahead is None else Ahead(workflow.now(), ahead)
        self.note(ahead.seen if ahead else [])

    def _foreseen(self, wanted: list[LedgerEntry], around: Around | None) -> Observations | None:
        """Return what a check has just seen of all that is *wanted*; None: it has to be read."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or not ahead.is_fresh:
            return None
        seen = {ids.id_key(one.id) for one in ahead.seen.seen}
        is_whole = all(ids.id_key(entry.id) in seen for entry in wanted)
        return ahead.seen if is_whole and (around is None or ahead.seen.around is not None) else None

    def _owned(self, entries: list[LedgerEntry]) -> list[LedgerEntry]:
        """Return *entries*, those ours that came since this run asked for what earlier ones had made."""
        return [
            entry.model_copy(update={"state": "created"})
            if entry.state == "existed" and entry.id.lower() in self._foretold
            else entry
            for entry in entries
        ]

    async def prove(self, expected: list[str]) -> None:
        """Look a last time, correct what is not as the ledger says, and tell what no ledger names.

        *expected*: what was made to stay; nobody of us removes it.
        """
        if self._around is None or self._before is None:
            self.proof = proof([], [], "" if not self.entries else "nothing was listed before")
            return
        answer = self._last.seen if self._last is not None and self._last.is_fresh else await self._look_back(None)
        self.entries = ledger.observe(self.entries, answer.seen)
        gone = {ids.id_key(entry.id) for entry in self.entries if entry.state == "deleted"}
        missing = [one for one in expected if ids.id_key(one) in gone]
        now = answer.around or Surroundings(why="nothing was listed at the end")
        known = digests(entry.id for entry in self.entries)
        found = unlisted(now.ids, digests(self._before.ids), known)
        self.proof = proof(found, missing, now.why or self._before.why)

    async def look_back(self, both: ReadPower) -> PowerStates | None:
        """Look a last time, and in the same moment at both copies: the proof that follows takes what was seen.

        Return their power states; None where nothing is to be proved, or could be read: then they are still unread.
        """
        if self._around is None or self._before is None:
            return None
        try:
            answer = await self._look_back(both)
        except FailureError:
            return None  # the proof tries again, and tells why it could not be read
        self._last = Ahead(workflow.now(), answer)
        return answer.power

    async def _look_back(self, both: ReadPower | None) -> Observations:
        return await self._observe(self._open, "See what there is at the end", self._around, AT_THE_END, both)

    async def inherit(self, earlier: EarlierAnswer, proved: list[str]) -> None:
        """Take over what earlier runs made and is still there, and what its protected item proves to be made for it.

        What was there before the first of them stays a stranger's.
        """
        claimed = [entry for entry in earlier.entries if entry.ours or entry.state == "left"]
        claimed += [entry_of(one, "site_recovery", _PROVED) for one in proved if one.lower() not in earlier.existed]
        known = ledger.merge([], claimed)
        if not known:
            return
        there = {one.id.lower() for one in await self._read(known, "See what earlier runs made") if one.exists}
        kept = [entry for entry in known if entry.id.lower() in there]
        self._foretold = {entry.id.lower() for entry in known if entry.state == "predicted"} - there
        self.entries = ledger.merge(
            self.entries,
            [entry.model_copy(update={"state": "created"}) if entry.state == "predicted" else entry for entry in kept],
        )

    @property
    def open_ids(self) -> list[str]:
        """The ids of all that may be ours."""
        return [entry.id for entry in self._open]

    @property
    def _open(self) -> list[LedgerEntry]:
        return [entry for entry in self.entries if entry.state != "existed"]

    def note(self, seen: list[ledger.Observation]) -> None:
        """Enter what came and what went."""
        self.entries = ledger.observe(self.entries, seen)

    async def look(self, summary: str) -> None:
        """Read all that may be ours again, and note what came and what went."""
        if self._open:
            self.note(await self._read(self._open, summary))

    async def enter_parts(self, vm_id: str, why: str) -> VmParts:
        """See a machine that was made: what was predicted of it, and its parts under names that nobody predicted."""
        request = ReadParts(vm_id=vm_id)
        parts = await self._engine.call(PowerActivities.read_parts, request, "See the target virtual machine")
        if parts.exists and looks.are_spared(joins_steps=self._engine.joins_steps):
            named = [vm_id, *parts.nic_ids, *parts.disk_ids]
            self.note([ledger.Observation(id=one, exists=True) for one in named])
        else:
            await self.look("See what the failover made")
        if parts.exists:
            self.note_parts([*parts.nic_ids, *parts.disk_ids], why)
        return parts

    async def remove(self, also: frozenset[str] = frozenset()) -> None:
        """Delete what was made and is still there; never what existed before. *also*: further types that may go."""
        await self.look("See what the migration left")
        for kinds in (*_DELETION_ORDER, also):
            mine = [entry.id for entry in self.entries if entry.state == "created" and entry.type.lower() in kinds]
            if mine:
                await self._delete(mine)

    def keep(self, resource_ids: list[str], why: str) -> None:
        """Enter what was made and stays on purpose."""
        kept = {ids.id_key(one) for one in resource_ids}
        self.entries = [
            entry.model_copy(update={"state": "left", "why": why})
            if entry.ours and ids.id_key(entry.id) in kept
            else entry
            for entry in self.entries
        ]

    def leave(self) -> None:
        """Enter what was made and not removed as left: the move ends without it."""
        self.entries = [
            entry.model_copy(update={"state": "left", "why": f"{entry.why}{ledger.NOT_REMOVED}"})
            if entry.state == "created"
            else entry
            for entry in self.entries
        ]

    def may_have_made(self, resource_id: str) -> bool:
        """Tell whether a resource is ours to delete, should it be there."""
        return any(entry.ours and same_id(entry.id, resource_id) for entry in self.entries)

    def names(self, resource_id: str) -> bool:
        """Tell whether the ledger has a resource, whatever became of it."""
        return any(same_id(entry.id, resource_id) for entry in self.entries)

    def note_parts(self, resource_ids: list[str], why: str) -> None:
        """Enter parts of a machine that were made under names that nobody predicted: reported, never deleted."""
        self.entries = ledger.merge(
            self.entries, [entry_of(part, "site_recovery", why, "left") for part in resource_ids]
        )

    async def _delete(self, resource_ids: list[str]) -> None:
        told = ", ".join(sorted({ids.ResourceId.parse(one).names[-1][0] for one in resource_ids}))
        request = DeleteResources(ids=resource_ids, why="undoing the migration", spare_running=self.spare_running)
        await self._engine.call(LedgerActivities.delete_resources, request, f"Undo: delete {told}")
        await self._engine.wait(
            WaitActivities.wait_for_resources,
            lambda give_back: ResourcesWait(ids=resource_ids, until="gone", give_back_after_seconds=give_back),
            f"Undo: until {told} are gone",
        )

    async def _read(self, entries: list[LedgerEntry], summary: str) -> list[ledger.Observation]:
        return (await self._observe(entries, summary)).seen

    async def _observe(
        self,
        entries: list[LedgerEntry],
        summary: str,
        around: Around | None = None,
        reader: str = "",
        both: ReadPower | None = None,
    ) -> Observations:
        request = ObserveResources(ids=[entry.id for entry in entries], around=around, reader=reader, power_of=both)
        return await self._engine.call(LedgerActivities.observe_resources, request, summary)
