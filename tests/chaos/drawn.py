"""A plan and its faults, drawn from a seed: 1 to 20 machines in waves, policies, decisions, one to five faults."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio.service import RPCError

from tests.chaos.actors import APPROVE, REJECT, Actor
from tests.chaos.arming import after, failing, status
from tests.e2e.estates import Case

SIZES = (1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 10, 13, 16, 20)
MOST_FAULTS = 5
_PLAN_REQUESTS, _VM_REQUESTS = 90, 200
"""About how many requests a plan makes for itself and for each machine; a fault beyond the last one meets nothing."""
_ITEM = "/replicationProtectedItems/{vm}-[^/]+"
FAILING = {
    "enabling": ("PUT", f"{_ITEM}$", "150097"),
    "failing over": ("POST", f"{_ITEM}/unplannedFailover$", "150000"),
    "committing": ("POST", f"{_ITEM}/failoverCommit$", "150000"),
    "disabling": ("DELETE", f"{_ITEM}$", "150000"),
}
_TURNS_BACK = {"enabling", "failing over"}
"""Failures that lead a machine back; those beyond the approval wait for a person."""
WRITES = ("PUT", "POST", "PATCH", "DELETE")
_ONLY_ASKS = r"(?!.*/(runCommand|checkPolicyRestrictions)$)"
"""A check that may not ask refuses a plan, and should."""
ANYWHERE: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "500 before": (status(500, "InternalServerError"), (1, 2, 5)),
    "500 after": (after(500), (1, 2)),
    "503 storm": (status(503, "ServiceUnavailable"), (5, 20)),
    "reset before": ({"kind": "reset_before"}, (1, 3)),
    "reset after": ({"kind": "reset_after"}, (1, 3)),
    "truncated": ({"kind": "truncate"}, (1, 3)),
    "hang": ({"kind": "hang", "seconds": 70}, (1,)),
    "slow": ({"kind": "hang", "seconds": 8}, (1, 5)),
    "429 with Retry-After": (status(429, "TooManyRequests", **{"Retry-After": "2"}), (1, 10)),
    "429 without": (status(429, "TooManyRequests"), (1, 3)),
    "401": (status(401, "ExpiredAuthenticationToken"), (1, 2)),
    "stale reads": ({"kind": "stale_reads", "seconds": 60}, (5, 20)),
}
"""Faults that any request may meet, and how many requests in a row."""
AT_WRITES: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "409 at a write": (status(409, "OperationInProgress"), (1, 2)),
    "403 at a write": (status(403, "AuthorizationFailed"), (1, 2)),
    "500 after a write": (after(500), (1, 2)),
    "reset after a write": ({"kind": "reset_after"}, (1, 2)),
}


@dataclass
class Drawn:
    """What a seed means."""

    seed: int
    actor: Actor
    told: list[str] = field(default_factory=list)
    """Its faults in words."""
    may_turn_back: set[str] = field(default_factory=set)
    """Machines that a fault, a person or a policy may lead back although they were to be approved."""

    @property
    def wrong(self) -> list[str]:
        """What did not come as it had to, in sentences; empty where all is well."""
        actor = self.actor
        if actor.error:
            return [actor.error]
        found = [f"{name}: {said}" for name, all_said in actor.broken.items() for said in all_said]
        for vm, outcome in actor.outcomes.items():
            if outcome not in (allowed := self._allowed(vm)):
                found.append(f"{vm} is {outcome}, and had to be {' or '.join(sorted(allowed))}")
        return found

    def _allowed(self, vm: str) -> set[str]:
        if vm in self.actor.lost:
            return {"migrated", "rolled_back", "needs_operator"}
        if self.actor.decisions.get(vm) == REJECT:
            return {"rolled_back"}
        return {"migrated", "rolled_back"} if vm in self.may_turn_back else {"migrated"}


def draw(seed: int) -> Drawn:
    """Return the plan of a seed, and its faults: always the same."""
    dice = random.Random(seed)  # noqa: S311 - a reproducible choice, no secret
    vms = tuple(f"vm{index:02}" for index in range(dice.choice(SIZES)))
    waves = _waves(dice, vms)
    policy = dice.choice(("continue", "continue", "hold", "stop"))
    extra: list[tuple[str, Any]] = [
        ("waves", [{"name": f"w{index}", "vms": [{"name": vm} for vm in wave]} for index, wave in enumerate(waves)]),
        ("on_failures", policy),
        ("concurrency", {"replication": dice.choice((1, 3, 20)), "cutover": dice.choice((1, 2, 5))}),
        ("failover.if_shutdown_fails", dice.choice(("roll_back", "accept"))),
    ]
    if dice.random() < 0.3:
        extra += [("failover.test_first", True), ("failover.test_network", "test-net")]
    if dice.random() < 0.3:
        extra.append(("failover.keep_target_writes", "2d"))
    case = Case(
        f"seed{seed}",
        vms=vms,
        data_disks=dice.choice((0, 1, 2)),
        extra=tuple(extra),
        subscription=str(uuid.UUID(int=dice.getrandbits(128), version=4)),
    )
    actor = Actor(case, seconds_allowed=420.0 + 45.0 * len(vms))
    actor.decisions = {vm: REJECT if dice.random() < 0.2 else APPROVE for vm in vms}
    drawn = Drawn(seed, actor)
    for _ in range(dice.randint(1, MOST_FAULTS)):
        drawn.told.append(dice.choice(_KINDS)(dice, drawn))
    if policy == "stop":
        _let_later_waves_stop(drawn, waves)
    return drawn


def _waves(dice: random.Random, vms: tuple[str, ...]) -> list[list[str]]:
    """Cut the machines into one to four waves."""
    cuts = sorted(dice.sample(range(1, len(vms)), min(dice.randint(0, 3), len(vms) - 1)))
    return [list(vms[begin:end]) for begin, end in zip([0, *cuts], [*cuts, len(vms)], strict=True)]


def _let_later_waves_stop(drawn: Drawn, waves: list[list[str]]) -> None:
    turning = drawn.may_turn_back | {vm for vm, word in drawn.actor.decisions.items() if word == REJECT}
    for index, wave in enumerate(waves):
        if turning & set(wave):
            drawn.may_turn_back.update(vm for later in waves[index + 1 :] for vm in later)
            return


def _anywhere(dice: random.Random, drawn: Drawn) -> str:
    kind = dice.choice(list(ANYWHERE))
    effect, runs = ANYWHERE[kind]
    nth, times = dice.randint(1, _length(drawn)), dice.choice(runs)
    drawn.actor.faults.append(_fault(effect, None, path=drawn.actor.path, nth=nth, times=times))
    return f"{kind} at request {nth}, {times} in a row"


def _at_a_write(dice: random.Random, drawn: Drawn) -> str:
    kind, method = dice.choice(list(AT_WRITES)), dice.choice(WRITES)
    effect, runs = AT_WRITES[kind]
    most = {"PUT": 10, "POST": 3, "PATCH": 1, "DELETE": 2}[method] + len(drawn.actor.case.vms)
    nth, times = dice.randint(1, most), dice.choice(runs)
    path = f"^{_ONLY_ASKS}/subscriptions/{drawn.actor.case.subscription}/"
    drawn.actor.faults.append(_fault(effect, None, method=method, path=path, nth=nth, times=times))
    return f"{kind}: {method} number {nth}, {times} in a row"


def _failing(dice: random.Random, drawn: Drawn) -> str:
    what, vm = dice.choice(list(FAILING)), dice.choice(drawn.actor.case.vms)
    method, path, code = FAILING[what]
    where = f"/subscriptions/{drawn.actor.case.subscription}/.*{path.format(vm=vm)}"
    drawn.actor.faults.append(_fault(failing(code), vm, method=method, path=where, nth=1, times=1))
    if what in _TURNS_BACK:
        drawn.may_turn_back.add(vm)
    return f"{what} {vm} fails"


def _death(dice: random.Random, drawn: Drawn) -> str:
    nth, moment = dice.randint(1, _length(drawn)), dice.choice(("before", "after"))
    drawn.actor.deaths.append((nth, moment))
    return f"the worker is killed {moment} its request {nth}"


def _freeze(dice: random.Random, drawn: Drawn) -> str:
    return _for_a_while(dice, drawn, "stands still", lambda team: (team.worker.freeze, team.worker.thaw))


def _cut(dice: random.Random, drawn: Drawn) -> str:
    return _for_a_while(dice, drawn, "is cut off from Temporal", lambda team: (team.wire.cut, team.wire.mend))


def _for_a_while(
    dice: random.Random, drawn: Drawn, what: str, of: Callable[[Any], tuple[Callable[[], None], Callable[[], None]]]
) -> str:
    """Do something to the worker, and undo it: both are what *of* gives for the team."""
    delay, seconds = dice.uniform(1, 40), dice.choice((2, 10, 40))

    async def do(team: Any, _: Actor) -> None:
        begin, end = of(team)
        await asyncio.sleep(delay)
        begin()
        try:
            await asyncio.sleep(seconds)
        finally:
            end()

    drawn.actor.deeds.append(do)
    return f"the worker {what} for {seconds} s after {delay:.0f} s"


def _cancel(dice: random.Random, drawn: Drawn) -> str:
    delay, vm = dice.uniform(3, 60), dice.choice(drawn.actor.case.vms)

    async def cancel(team: Any, actor: Actor) -> None:
        await asyncio.sleep(delay)
        actor.lost.add(vm)
        while True:
            try:
                return await actor.handle(team.client, vm).cancel()
            except RPCError:  # it has not begun, or it has ended and so has the plan soon
                await asyncio.sleep(1)

    drawn.may_turn_back.add(vm)
    drawn.actor.deeds.append(cancel)
    return f"{vm} is cancelled after {delay:.0f} s"


_KINDS = (_anywhere, _anywhere, _anywhere, _at_a_write, _at_a_write, _failing, _death, _death, _freeze, _cut, _cancel)


def _length(drawn: Drawn) -> int:
    return _PLAN_REQUESTS + _VM_REQUESTS * len(drawn.actor.case.vms)


def _fault(effect: dict[str, Any], vm: str | None, **match: Any) -> dict[str, Any]:
    return {"effect": effect, "match": match, "vm": vm}
