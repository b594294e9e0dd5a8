"""What people say to a plan that runs: pause, resume, other limits. Judged, done, recorded; floods are bounded."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from migration.checks import name_key
    from migration.report import DecisionAnswer
    from migration.steering import (
        MOST_PAUSES,
        LimitsNow,
        Part,
        Pause,
        SetConcurrency,
        Steer,
        SteerAction,
        Steered,
        kept,
        short,
    )
    from migration.times import utc_text
from workflows import policies
from workflows.dispatch import Dispatcher
from workflows.messages import read_message
from workflows.pauses import PLAN
from workflows.vm_state import State, VmState

_STEER = '{"wave": null, "vm": null, "by": "...", "reason": "..."}'
_LIMITS = '{"wave": null, "replication": 40, "cutover": 5, "by": "...", "reason": "..."}'
_NAMED = 5
_GOES_ON: dict[State, str] = {
    "replicating": "replicating, whose copies go on",
    "cutting_over": "in the cutover, which go on to their safe end",
    "passed": "past it",
    "new": "not begun",
    "wanting": "waiting for a turn",
    "outside": "waiting for their window",
}


@dataclass(frozen=True)
class _Judged:
    """What becomes of somebody's word: the answer, and what is to be done, if anything."""

    counted: bool
    reason: str
    action: SteerAction | None = None
    part: Part = PLAN
    do: Callable[[], None] = lambda: None

    @property
    def is_nothing(self) -> bool:
        """Whether it changes nothing."""
        return self.action is None


class Steering:
    """The updates `pause`, `resume` and `set_concurrency` of one plan."""

    def __init__(self, dispatcher: Dispatcher, over: Callable[[], bool], changed: Callable[[], None]) -> None:
        """Ask *over* whether the plan is being wound up, and call *changed* once something was done."""
        self._dispatcher = dispatcher
        self._over, self._changed = over, changed
        self._taken = self._idle = 0

    def pause(self, message: RawValue) -> DecisionAnswer:
        """Begin nothing more of the plan, a wave or a virtual machine."""
        said = read_message(message, Steer, _STEER)
        return self._take(said, self._judge_pause(said))

    def resume(self, message: RawValue) -> DecisionAnswer:
        """Go on with what was paused; of a wave that failures hold, open the gate."""
        said = read_message(message, Steer, _STEER)
        return self._take(said, self._judge_resume(said))

    def set_concurrency(self, message: RawValue) -> DecisionAnswer:
        """Change how many of a part at once."""
        said = read_message(message, SetConcurrency, _LIMITS)
        return self._take(said, self._judge_limits(said))

    def validate_pause(self, message: RawValue) -> None:
        """Refuse, before it enters the history, what is malformed, or what a flood brings."""
        self._refuse_flood(self._judge_pause(read_message(message, Steer, _STEER)))

    def validate_resume(self, message: RawValue) -> None:
        """Do the same; what lifts something is always taken."""
        judged = self._judge_resume(read_message(message, Steer, _STEER))
        if judged.is_nothing:
            self._refuse_flood(judged)

    def validate_limits(self, message: RawValue) -> None:
        """Do the same."""
        self._refuse_flood(self._judge_limits(read_message(message, SetConcurrency, _LIMITS)))

    def _refuse_flood(self, judged: _Judged) -> None:
        """Refuse what changes nothing once many did not, and changes without end: a server counts updates.

        Raises:
            ValueError: it is one of these, and why.
        """
        if judged.is_nothing and self._idle >= policies.RECENT_REFUSALS:
            raise ValueError(judged.reason)
        if self._taken >= policies.MOST_RETRIES:
            raise ValueError(f"{self._taken} such words were taken and no more are, but for a resume or a cancel")

    def _take(self, said: Steer | SetConcurrency, judged: _Judged) -> DecisionAnswer:
        if judged.action is None:
            self._idle += 1
            return DecisionAnswer(counted=judged.counted, reason=judged.reason)
        judged.do()
        self._taken += judged.action != "resume"
        newest = Steered(
            at=_now(),
            action=judged.action,
            part=judged.part,
            by=said.by,
            reason=short(said.reason),
            told=judged.reason,
        )
        self._dispatcher.record = kept(self._dispatcher.record, newest)
        workflow.logger.info("Steered", extra={"action": judged.action, "part": judged.part.told, "by": said.by})
        self._changed()
        return DecisionAnswer(counted=True, reason=judged.reason)

    def _judge_pause(self, said: Steer) -> _Judged:
        book = self._dispatcher
        part = self._part(said.wave, said.vm)
        if isinstance(part, _Judged):
            return part
        if (known := book.pauses.all.get(part)) is not None:
            return _Judged(counted=True, reason=f"it is so already: {known.told}")
        members = book.members(part)
        if all(vm.state == "ended" for vm in members):
            return _Judged(counted=False, reason=f"{part.told} has ended")
        if part.kind != "plan" and len(book.pauses.all) >= MOST_PAUSES:
            return _Judged(counted=False, reason=f"{MOST_PAUSES} pauses hold already: pause the wave, or the plan")
        pause = Pause(part=part, by=said.by, at=_now(), reason=short(said.reason))
        told = f"{part.told} is paused: nothing of it begins to replicate or to fail over; {_stand(members)}"
        return _Judged(counted=True, reason=told, action="pause", part=part, do=lambda: book.pause(pause))

    def _judge_resume(self, said: Steer) -> _Judged:
        book = self._dispatcher
        part = self._part(said.wave, said.vm)
        if isinstance(part, _Judged):
            return part
        if part in book.pauses.all:
            rest = self._still(part, but=part)
            told = f"{part.told} goes on" + (f", but {rest}" if rest else "")
            return _Judged(counted=True, reason=told, action="resume", part=part, do=lambda: book.resume(part))
        if part.kind == "wave" and book.is_held(part.name):
            why = f"the gate of {part.told} is open: {book.gates.why(book.place_of(part.name))}"
            return _Judged(counted=True, reason=why, action="open_gate", part=part, do=lambda: self._open_gate(part))
        rest = self._still(part)
        if rest:
            return _Judged(counted=False, reason=f"{part.told} itself is not paused, but {rest}")
        return _Judged(counted=True, reason=f"nothing holds {part.told}: it is neither paused nor held by failures")

    def _open_gate(self, part: Part) -> None:
        self._dispatcher.open_gate(part.name, tell=workflow.patched("opened-gates-are-told"))

    def _still(self, part: Part, but: Part | None = None) -> str:
        """Return what else holds a part, or parts of it."""
        book = self._dispatcher
        if part.kind == "plan":
            found = [pause.told for other, pause in book.pauses.all.items() if other != but]
            found += [f"failures hold wave {gate.wave}" for gate in book.held_gates]
        else:
            [vm, *_] = book.members(part)
            others = [pause for pause in book.pauses.of(vm) if pause.part not in {but, part}]
            found = [pause.told for pause in others if part.kind == "vm" or pause.part.kind != "vm"]
            wave = book.gates.names[vm.wave]
            found += [f"failures hold wave {wave}: resume the wave to open its gate"] if book.is_held(wave) else []
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        return "; ".join(found[:_NAMED]) + more

    def _judge_limits(self, said: SetConcurrency) -> _Judged:
        book = self._dispatcher
        part = self._part(said.wave, None) if said.wave is not None else self._home(said)
        if isinstance(part, _Judged):
            return part
        now, taken = book.bounds.now(part), book.bounds.taken(part)
        told: list[str] = []
        for word, old, new, busy in (
            ("replicate", now.replication, said.replication, taken[0]),
            ("fail over", now.cutover, said.cutover, taken[1]),
        ):
            if new is not None and new != old:
                goes_on = f"; {busy} do now and go on, none begins before they are fewer" if busy > new else ""
                told.append(f"{new} at once may {word} ({'no bound' if old is None else old} before){goes_on}")
        if not told:
            return _Judged(counted=True, reason=f"the limits of {part.told} are so already")
        limits = LimitsNow(part=part, replication=said.replication, cutover=said.cutover)
        reason = f"of {part.told}, {', '.join(told)}"
        return _Judged(counted=True, reason=reason, action="set_concurrency", part=part, do=lambda: book.limit(limits))

    def _part(self, wave: str | None, vm: str | None) -> Part | _Judged:
        """Return the plan, or the wave or virtual machine of that name; what cannot be steered is refused."""
        if self._over():
            return _Judged(counted=False, reason="the plan ends: nothing of it begins any more")
        if wave is None and vm is None:
            return PLAN
        known = self._dispatcher.gates.names if wave is not None else list(self._dispatcher.vms)
        meant = name_key(wave if wave is not None else vm or "")
        found = next((name for name in known if name_key(name) == meant), None)
        if found is None:
            return _Judged(counted=False, reason=f"the plan has no {'wave' if wave is not None else 'VM'} of that name")
        return Part(kind="wave" if wave is not None else "vm", name=found)

    def _home(self, said: SetConcurrency) -> Part | _Judged:
        """Return the subscription or the vault that is meant, by its id, a vault also by its name; else the plan."""
        if self._over() or (said.subscription is None and said.vault is None):
            return self._part(None, None)
        kind: Any = "subscription" if said.subscription is not None else "vault"
        known = list(dict.fromkeys(getattr(home, kind) for home in self._dispatcher.homes))
        meant = name_key((said.subscription or said.vault or "").rstrip("/"))
        found = [one for one in known if meant in {name_key(one), name_key(one.rpartition("/")[2])}]
        if len(found) == 1:
            return Part(kind=kind, name=found[0])
        what = f"{len(found)} {kind}s are called so: give the id" if found else f"no VM of the plan is of that {kind}"
        named = ", ".join(known[:_NAMED]) + (f" and {len(known) - _NAMED} more" if len(known) > _NAMED else "")
        return _Judged(counted=False, reason=f"{what}; they are {named}")


def _now() -> str:
    return utc_text(workflow.now())


def _stand(members: list[VmState]) -> str:
    """Return where those of a part are, that go on or wait."""
    counts = Counter(vm.state for vm in members)
    return ", ".join(f"{counts[state]} {told}" for state, told in _GOES_ON.items() if counts[state])
