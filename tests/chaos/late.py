"""Workers that come back late: another has taken their work over meanwhile, and they may not write any more.

A request of the worker hangs; in that very moment it is stopped, or loses its way to Temporal. Another worker goes on.
Once that one has nothing left to do but to wait for a person, the late one comes back: whatever is written then is its.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from tests.chaos.arming import ITEM
from tests.chaos.stage import Stage
from tests.chaos.trials import Trial, where
from tests.chaos.wire import Proxy

_CALLS = (
    ("GET", f"{ITEM}$", "enabling"),
    ("PUT", f"{ITEM}$", "enabling"),
    ("POST", f"{ITEM}/unplannedFailover$", "failing_over"),
)
_HELD_SECONDS = 8
_LATE_SECONDS = 5


async def freeze_worker(stage: Stage, trials: Sequence[Trial], dice: random.Random) -> None:
    """SIGSTOP a worker in the midst of a call, for longer than its timeouts; SIGCONT once another has gone on."""
    [trial] = trials
    frozen = stage.worker
    await _come_back_late(stage, trial, dice, leave=frozen.freeze, come_back=frozen.thaw)
    frozen.kill()


async def cut_off_worker(stage: Stage, trials: Sequence[Trial], dice: random.Random) -> None:
    """Cut a worker off from Temporal, not from Azure, in the midst of a call; mend that once another has gone on."""
    [trial] = trials
    async with Proxy.to(stage.server.port) as proxy:
        cut_off = stage.new_worker(proxy.address)
        await cut_off.start()
        await _come_back_late(stage, trial, dice, leave=proxy.cut, come_back=proxy.mend)
        cut_off.kill()


async def _come_back_late(
    stage: Stage, trial: Trial, dice: random.Random, *, leave: Callable[[], None], come_back: Callable[[], None]
) -> None:
    """Let the worker *leave* in the midst of a call, another go on, and see that it writes nothing once it is back."""
    await _caught(stage, trial, dice)
    leave()
    await _go_on_without(stage, trial)
    before = stage.last_request
    come_back()
    await _nothing_is_written(stage, trial, before)


async def _caught(stage: Stage, trial: Trial, dice: random.Random) -> None:
    """Let the plan begin, and return while a call of it hangs, drawn by the dice."""
    method, path, trial.phase = dice.choice(_CALLS)
    effect = {"kind": "hang", "seconds": _HELD_SECONDS}
    hung = stage.simulator.fault(effect, method=method, path=where(trial.case, path))
    trial.begin.set()
    async with asyncio.timeout(120):
        while not stage.times_met()[hung]:
            await asyncio.sleep(0.2)


async def _go_on_without(stage: Stage, trial: Trial) -> None:
    other = stage.new_worker()
    await other.start()
    stage.worker = other
    await stage.at(trial.case, "awaiting_approval")


async def _nothing_is_written(stage: Stage, trial: Trial, before: int) -> None:
    await asyncio.sleep(_LATE_SECONDS)
    late = [f"{line['method']} {line['path']}" for line in stage.writes_since(before, trial.case)]
    trial.error = f"the late worker wrote {late}" if late else ""
    trial.decide.set()
