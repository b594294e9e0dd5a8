"""What happens to processes while plans run."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from tests.chaos import clocks, late
from tests.chaos.arming import ITEM, at
from tests.chaos.builds import IMPATIENT, PATCHED, UNPATCHED
from tests.chaos.matrix import at_home
from tests.chaos.people import held
from tests.chaos.stage import Stage, Worker
from tests.chaos.trials import MIGRATED, Trial, approve, ended

AWAY_SECONDS = 120
ROLE_GONE_SECONDS = 20
_STUCK_SECONDS = 8
_TELLING_PHASES = ("enabling", "replicating", "failing_over", "awaiting_approval", "committing")
"""The phases that last long enough to be met in them."""

Do = Callable[[Stage, Sequence[Trial], random.Random], Awaitable[None]]
_WAVES = [{"name": "first", "vms": [{"name": "vm"}, {"name": "vm2"}]}, {"name": "second", "vms": [{"name": "vm3"}]}]


async def at_a_moment(stage: Stage, trials: Sequence[Trial], dice: random.Random) -> None:
    """Wait for a moment of the first plan, drawn by the dice, and note where each plan is then."""
    drawn = dice.choice(_TELLING_PHASES)
    # On a busy machine a phase may be over before it is seen: one that comes after it is as good a moment.
    await stage.at(trials[0].case, *_TELLING_PHASES[_TELLING_PHASES.index(drawn) :])
    await asyncio.sleep(dice.random() * 2)
    for trial in trials:
        trial.phase = stage.phases(trial.case)


async def kill_worker(stage: Stage, trials: Sequence[Trial], dice: random.Random) -> None:
    """SIGKILL the worker, and start another."""
    await at_a_moment(stage, trials, dice)
    stage.worker.kill()
    await stage.worker.start()


async def kill_temporal(stage: Stage, trials: Sequence[Trial], dice: random.Random) -> None:
    """SIGKILL Temporal, and start it again on its database."""
    await at_a_moment(stage, trials, dice)
    stage.server.kill()
    await stage.server.start()


async def temporal_away(stage: Stage, trials: Sequence[Trial], dice: random.Random) -> None:
    """Let Temporal be away for minutes."""
    await at_a_moment(stage, trials, dice)
    stage.server.kill()
    await asyncio.sleep(AWAY_SECONDS)
    await stage.server.start()


async def rolling_restart(stage: Stage, trials: Sequence[Trial], _: random.Random) -> None:
    """Replace the worker every few seconds until the plan has ended, as a restless deployment does."""
    trials[0].phase = "all"
    await stage.at(trials[0].case, "checking", "enabling", "replicating")
    while not stage.is_over(trials[0].case):
        await replace_worker(stage, stage.new_worker())
        await asyncio.sleep(5)


async def disk_full(stage: Stage, trials: Sequence[Trial], dice: random.Random) -> None:
    """Replace the worker by one whose log cannot be written."""
    await at_a_moment(stage, trials, dice)
    await replace_worker(stage, stage.new_worker(lost_disk=True))


async def clocks_off(stage: Stage, trials: Sequence[Trial], _: random.Random) -> None:
    """Let one worker live an hour ahead and one an hour behind, from the first call to the last."""
    stage.worker = ahead = stage.new_worker(settings=clocks.off_by(3_600))
    behind = stage.new_worker(settings=clocks.off_by(-3_600))
    await asyncio.gather(ahead.start(), behind.start())
    for trial in trials:
        trial.phase = "all"
        trial.begin.set()


async def roles_removed(stage: Stage, trials: Sequence[Trial], dice: random.Random) -> None:
    """Take every role from the worker's identity, and give it back after a while."""
    await at_a_moment(stage, trials, dice)
    _give_roles(stage, [])
    await asyncio.sleep(ROLE_GONE_SECONDS)
    homes = dict.fromkeys(trial.case.subscription for trial in trials)
    _give_roles(stage, [{"role": "Owner", "scope": f"/subscriptions/{home}"} for home in homes])


async def new_builds(stage: Stage, trials: Sequence[Trial], _: random.Random) -> None:
    """Deploy a build with another story that lacks its patch, see that it stands still, and deploy the patched one."""
    old, young = trials
    old.decide.clear()
    old.begin.set()
    old.phase, young.phase = "replicating", "all"
    await stage.at_the_copy(old.case)
    await replace_worker(stage, stage.new_worker(changes=UNPATCHED))
    await asyncio.sleep(1)
    before = stage.last_request
    await asyncio.sleep(_STUCK_SECONDS)
    assert not stage.writes_since(before, old.case), "a build that cannot go on with the run wrote to Azure"
    await replace_worker(stage, stage.new_worker(changes=PATCHED))
    young.begin.set()
    old.decide.set()
    await asyncio.gather(*(ended(stage, trial) for trial in trials))
    assert [False, True] == [await stage.is_patched(trial.case) for trial in trials], "the builds are alike"


async def replace_worker(stage: Stage, fresh: Worker) -> None:
    """Start a worker, and stop the one that has served so far."""
    await fresh.start()
    await asyncio.to_thread(stage.worker.stop)
    stage.worker = fresh


async def never_end(stage: Stage, trials: Sequence[Trial], _: random.Random) -> None:
    """Serve by a build whose deadlines pass within the trial."""
    stage.worker = stage.new_worker(changes=IMPATIENT)
    await stage.worker.start()
    for trial in trials:
        trial.begin.set()


async def give_up_once_asked(stage: Stage, trial: Trial) -> None:
    """See that the deadline of an operation that never ends asks a person, who gives up."""
    await held(stage, trial)
    trial.tries = 0
    await approve(stage, trial)


def _give_roles(stage: Stage, roles: list[dict[str, str]]) -> None:
    simulator = stage.simulator
    who = {"kind": "service_principal", "client_id": simulator.client_id, "secret": simulator.client_secret}
    simulator.seed({"resources": [], "identities": [{**who, "roles": roles}]})


@dataclass(frozen=True)
class Deed:
    """Something that happens to processes, and the plans that meet it."""

    fault: str
    do: Do
    trials: tuple[Trial, ...]
    lasts: bool = False
    """Whether it is mostly a wait, which costs no processor."""
    alone: bool = False
    """Whether it starts the workers itself."""
    wants: Callable[[], str] = lambda: ""
    """What is missing on this machine, in words; empty where nothing is."""


def deeds() -> list[Deed]:
    """Return every deed, those that take long first."""
    return [
        _deed(f"Temporal away for {AWAY_SECONDS} s", temporal_away, lasts=True),
        _deed("worker frozen, another goes on", late.freeze_worker, waits=True),
        _deed("worker cut off from Temporal", late.cut_off_worker, alone=True),
        Deed("operation never ends", never_end, _never_ending(), alone=True),
        _deed("new builds while plans run", new_builds, plans=2, waits=True),
        _deed("workers replaced every few seconds", rolling_restart, vms=("vm", "vm2", "vm3")),
        _deed("workers' clocks an hour ahead and behind", clocks_off, vms=("vm", "vm2"), alone=True),
        _deed("worker killed", kill_worker),
        _deed("Temporal killed", kill_temporal),
        _deed("every role removed for a while", roles_removed),
        _deed("worker's disk is full", disk_full),
    ]


def _deed(
    fault: str,
    do: Do,
    *,
    plans: int = 1,
    vms: tuple[str, ...] = ("vm",),
    waits: bool = False,
    lasts: bool = False,
    alone: bool = False,
) -> Deed:
    case = at_home(fault, vms)
    if len(vms) > 2:
        case = replace(case, extra=(("waves", _WAVES),))
    cases = [replace(case, name=f"{case.name}-{index}") for index in range(plans)]
    trials = tuple(Trial(fault, each, MIGRATED) for each in cases)
    for trial in trials if waits or alone else ():
        trial.begin.clear()
    if do in {late.freeze_worker, late.cut_off_worker}:
        trials[0].decide.clear()
    return Deed(fault, do, trials, lasts=lasts, alone=alone, wants=clocks.missing if do is clocks_off else lambda: "")


def _never_ending() -> tuple[Trial, ...]:
    never = {"kind": "operation_never_ends"}
    enabling = at(never, "PUT", f"{ITEM}$", phase="enabling")
    failing_over = at(never, "POST", f"{ITEM}/unplannedFailover$", phase="failing_over")
    trials = tuple(
        Trial(fault, at_home(fault), frozenset({"rolled_back", "needs_operator"}), arm, give_up_once_asked)
        for fault, arm in (("enabling never ends", enabling), ("failover never ends", failing_over))
    )
    for trial in trials:
        trial.begin.clear()
    return trials
