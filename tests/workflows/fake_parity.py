"""The stand-in for the activities of parity: the difference of two sides that the test has set."""

from typing import Any

from temporalio import activity

from migration.parity.compare import differences
from migration.parity.making import made_id
from migration.parity.requests import CompareParity, ParityAnswer, RestoreAnswer, RestoreParity, TakeBackRestored
from migration.parity.values import ParityRow, Side
from tests.workflows.world import World


class Parities:
    """Compares the world's two sides; what it restores is on the target's side from then on."""

    def __init__(self, world: World) -> None:
        self.world = world

    @activity.defn
    async def compare_parity(self, request: CompareParity) -> ParityAnswer:
        """Compare."""
        return ParityAnswer(rows=await self._play(request, lambda: self._rows(request, request.restored)))

    @activity.defn
    async def restore_parity(self, request: RestoreParity) -> RestoreAnswer:
        """Restore all that is asked."""

        def answer() -> list[ParityRow]:
            keys = {row.key for row in request.rows}
            mine = [one for one in request.compare.source.traits if f"{one.aspect}:{one.key}" in keys]
            self.world.target_side = Side(traits=[*self.world.target_side.traits, *mine])
            self.world.make(*(one for row in request.rows if (one := made_id(request.compare.vm, row))))
            return self._rows(request.compare, [*request.compare.restored, *keys])

        return RestoreAnswer(rows=await self._play(request, answer))

    @activity.defn
    async def take_back_restored(self, request: TakeBackRestored) -> None:
        """Remove what was made."""
        await self._play(request, lambda: self.world.remove(*request.ids))

    def _rows(self, request: CompareParity, restored: list[str]) -> list[ParityRow]:
        return differences(
            request.vm,
            request.source,
            self.world.target_side,
            restored=frozenset(restored),
            failures=request.failures,
            accepted=request.accepted,
        )

    async def _play(self, request: Any, answer: Any) -> Any:
        return await self.world.script.play(activity.info().activity_type, request, answer)
