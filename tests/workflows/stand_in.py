"""What all stand-ins share: each records its calls in order, and reacts as the test's script tells."""

from collections.abc import Callable
from typing import Any, TypeVar

from temporalio import activity

from tests.workflows.world import World

Answer = TypeVar("Answer")


class StandIn:
    """What all stand-ins share."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def play(self, request: Any, answer: Callable[[], Answer]) -> Answer:
        """Record the call of the activity that runs, and answer; a test's reaction is of the same kind."""
        played: Answer = await self.world.script.play(activity.info().activity_type, request, answer)
        return played
