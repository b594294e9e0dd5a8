"""What came of the strikes: kept a line each, so that a run can be stopped and goes on, and told as a matrix."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.checker import INVARIANTS
from tests.chaos.strikes import APPROVED, CLEAN, FAULTS, OUTCOMES, REJECTED, Strike

PHASES = (
    "preparing the plan",
    *("checking", "enabling", "replicating", "configuring", "waiting_for_turn", "failing_over", "verifying"),
    *("awaiting_approval", "committing", "disabling", "rolling_back"),
    "ending the plan",
)
NOT_MET = "not met"
_TITLES = {
    APPROVED: "Approved: every request of a run that moves a machine",
    REJECTED: "Rejected: every request of a run that is led back at the approval",
}


class Results:
    """The file of results. The last line about a strike counts."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, Strike] = {}
        if file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                strike = Strike(**json.loads(line))
                self._known[strike.key] = strike

    def keep(self, strikes: Iterable[Strike]) -> None:
        """Write down what came of strikes."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            for strike in strikes:
                self._known[strike.key] = strike
                file.write(json.dumps(asdict(strike)) + "\n")

    def of(self, strike: Strike) -> Strike | None:
        """Return what came of a strike, None where it has not run."""
        return self._known.get(strike.key)

    def length(self, run: str) -> int:
        """Return how many requests the clean run makes, 0 where it has not run."""
        clean = self._known.get(Strike(run, CLEAN).key)
        return clean.requests if clean else 0


def matrix(done: Sequence[Strike], wanted: int, lengths: dict[str, int], commit: str) -> str:
    """Return the matrix as Markdown: fault x phase, for each run."""
    green = sum(strike.is_green for strike in done)
    asked = sum(strike.asked > 0 for strike in done)
    day = datetime.now(UTC).date().isoformat()
    by_hand = f", {asked} of them in runs in which a person said `retry`" if asked else ""
    alone = sum(strike.together == 1 for strike in done)
    shared = f"{alone} of them in a run of their own" if alone < len(done) else "each in a run of its own"
    told = [
        f"{day}, commit {commit}: {len(done)} of {wanted} strikes, {shared}; {green} green{by_hand}.",
        "",
        f"A cell: the outcome, how many strikes met that phase, how many of {len(INVARIANTS)} invariants held in each.",
    ]
    for run, title in _TITLES.items():
        mine = [strike for strike in done if strike.run == run]
        phases = [phase for phase in (*PHASES, NOT_MET) if any(_phase(strike) == phase for strike in mine)]
        told += ["", f"### {title} ({lengths.get(run, 0)} requests)", ""]
        told += [
            f"| fault | {' | '.join(phase.replace('_', ' ') for phase in phases)} |",
            "|---" * (len(phases) + 1) + "|",
        ]
        told += [f"| {fault} | {' | '.join(_cell(mine, fault, phase) for phase in phases)} |" for fault in FAULTS]
    return "\n".join(told) + "\n"


def sentence(strike: Strike) -> str:
    """Return a line about a strike, with what is wrong below it."""
    held = len(INVARIANTS) - len(strike.broken)
    asked = f", a person asked {strike.asked} times" if strike.asked else ""
    row = (
        f"{'ok' if strike.is_green else 'NOT':<4}{strike.run:<9} {strike.fault:<28} request {strike.nth:<4} "
        f"{_phase(strike):<20} {strike.outcome or '-':<12} {held}/{len(INVARIANTS)}  {strike.seconds:.0f} s{asked}"
    )
    below = [f"      {name}: {said}" for name, all_said in strike.broken.items() for said in all_said[:5]]
    below += [f"      met {strike.met}"] if not strike.is_green and strike.met else []
    return "\n".join([row, *below, *([f"      {strike.error}"] if strike.error else [])])


def _cell(done: Sequence[Strike], fault: str, phase: str) -> str:
    here = [strike for strike in done if strike.fault == fault and _phase(strike) == phase]
    if not here:
        return ""
    bad = [strike for strike in here if not strike.is_green]
    if bad:
        return f"**{len(bad)} of {len(here)} not green: {', '.join(str(strike.nth) for strike in bad[:5])}**"
    return f"{OUTCOMES[here[0].run].replace('_', ' ')} · {len(here)} · {len(INVARIANTS)}"


def _phase(strike: Strike) -> str:
    if strike.nth and not strike.error and not strike.phase:
        return NOT_MET
    return strike.phase or "-"
