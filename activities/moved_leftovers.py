"""What is left of a machine that has moved: its protection, which protects nothing any more, and what that brought.

Never the target, nor anything that hangs on it or bears the name of one of its parts: that is what the move was for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activities.leftover_entries import leftover, on_purpose, untouched
from arm import items
from migration.cleaning import CleanSurvey, Leftover, MachineLeft, Untouched
from migration.ids import ResourceId, id_key, same_id
from migration.power import is_running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from arm.machines import Machine
    from arm.reads import Json
    from migration.models import VmSpec

_REPLICAS = ("-asrreplica", "-asrtest")
"""How Site Recovery's own disks end; every other disk of a target is the moved machine's."""
_MOVED = "the protection of a machine that has moved; it protects nothing any more"


class MovedLooker:
    """Looks at one machine that has moved. *there*: what is proved ours and is there; *proved* says by what."""

    def __init__(
        self,
        spec: VmSpec,
        source: Machine | None,
        target: Machine | None,
        there: Mapping[str, Json],
        proved: dict[str, str],
    ) -> None:
        self._spec = spec
        self._source = source
        self._target = target
        self._there = there
        self._proved = proved

    def look(self, item: Json | None, *, committed: bool, protected: list[Json]) -> CleanSurvey:
        """Return what may go, and what stays on purpose; *committed*: the item says so itself."""
        stays = [*self._of_the_source(), *self._back(protected)]
        told = {id_key(one.id) for one in stays}
        if item is None or not committed or self._target is None:
            why = "it was migrated: its target is no leftover"
            if self._target is None:
                why = f"it was migrated, and {self._spec.target_name} is not there: see first what became of it"
            left = [one for one in self._parts(item) if id_key(one) not in told]
            stays += [untouched(one, self._there[one], why, by_hand=False) for one in left]
            return CleanSurvey(untouched=stays)
        item_id = str(item["id"])
        found = [leftover(item_id, item, _MOVED, self._spec.name), *self._replicas()]
        return CleanSurvey(
            leftovers=found, untouched=stays, machines=[MachineLeft(name=self._spec.name, item_id=item_id, moved=True)]
        )

    def _parts(self, item: Json | None) -> Iterator[str]:
        """Yield what belongs to the protection."""
        for one in self._there:
            if (item is not None and same_id(one, str(item["id"]))) or _is_replica(one):
                yield one

    def _replicas(self) -> list[Leftover]:
        return [
            leftover(one, document, self._proved[one], self._spec.name)
            for one, document in self._there.items()
            if _is_replica(one) and not document.get("managedBy")
        ]

    def _of_the_source(self) -> Iterator[Untouched]:
        source = self._source
        if source is None or is_running(source.power_state):
            return
        for disk in source.disks:
            why = f"disk of the source of {self._spec.name}, which is switched off; finalise deletes it"
            told = on_purpose(disk.id, None, why)
            yield told.model_copy(update={"size_gib": disk.size_gib, "sku": disk.type or ""})
        below = f"{id_key(self._spec.source_id)}/extensions/"
        for one, document in self._there.items():
            if id_key(one).startswith(below):
                yield on_purpose(one, document, "Site Recovery's agent on a source that is switched off: goes with it")

    def _back(self, protected: list[Json]) -> Iterator[Untouched]:
        for item in protected:
            if same_id(str(items.details(item).get("fabricObjectId")), self._spec.target_id):
                why = f"it replicates {self._spec.target_name} back to the old region"
                yield on_purpose(str(item["id"]), item, why)
                replicas = {id_key(one) for one in items.state_of(item).replica_disk_ids}
                for one in self._there:
                    if id_key(one) in replicas:
                        yield on_purpose(one, self._there[one], f"replica disk: {why}")


def _is_replica(resource_id: str) -> bool:
    parsed = ResourceId.parse(resource_id)
    return parsed.type.lower() == "microsoft.compute/disks" and parsed.name.lower().endswith(_REPLICAS)
