"""Which programs run after each other, which at the same time, and for about how long.

In a round the product and the asyncio script move the same fleet at the same time, each in a simulated Azure of its own
with the same seed: whatever else the machine does meets both. The script costs a tenth of a processor, and begins some
seconds before the product's first check loads the machine. Single machines are measured when nothing else is, one begun
after the other, ours and the script's in turn. The sequential script runs beside everything: it asks twice in a second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.choices import (
    COPY_MINUTES,
    LONG_COPY_MINUTES,
    LONG_SPEED,
    OTHER_OPERATIONS_SECONDS,
    READS_OF_EACH,
    SEQUENTIAL_SPEED,
    SEQUENTIAL_VMS,
    Choices,
    Pace,
)
from benchmarks.run import CONCURRENT, OURS, SEQUENTIAL, Spec

OVERHEAD = 1.15
"""By how much a run may be longer than its path, for the estimate alone."""
STARTING_SECONDS = 12.0
"""What a part takes beside the moves: to start its servers, and to read what they noted."""
HEAD_START_SECONDS = 5.0
SETTLED_SECONDS = 15.0
"""After so long all servers of a part have started, and the machine is quiet."""
APART_SECONDS = 5.0
"""Between the beginnings of single machines: the check at the beginning is their busiest moment."""


@dataclass(frozen=True)
class Part:
    """Programs that run at the same time."""

    name: str
    specs: tuple[Spec, ...]

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return STARTING_SECONDS + max(one.start_after + OVERHEAD * _path(one) / one.speed for one in self.specs)


def _path(spec: Spec) -> float:
    """Return about how long a run takes at least, by Azure's clock."""
    reads = spec.size * READS_OF_EACH / 25 if spec.limits else 0.0
    return max(OTHER_OPERATIONS_SECONDS + 60 * spec.copy_minutes, reads)


def sequential(choices: Choices) -> Spec | None:
    """Return what runs beside everything, where there is something to compare it with."""
    if choices.is_large and not {"limits", "free"} & set(choices.parts):
        return None
    return Spec(SEQUENTIAL, min(choices.size, SEQUENTIAL_VMS), SEQUENTIAL_SPEED, COPY_MINUTES, what_for="sequential")


def sequential_seconds(choices: Choices) -> float:
    """Return about how long the sequential script takes."""
    spec = sequential(choices)
    return spec.size * _path(spec) * OVERHEAD / spec.speed if spec else 0.0


def parts_of(choices: Choices) -> list[Part]:
    """Return the parts of a run, in order."""
    parts = []
    for number in range(1, choices.rounds + 1):
        of = f"round {number} of {choices.rounds}: " if choices.rounds > 1 else ""
        parts += [replace(part, name=of + part.name) for part in _round(choices, number)]
    if "growth" in choices.parts:
        parts += [_singles(choices), *(_growing(choices, size) for size in (10, 100, 101) if size < choices.size)]
    if choices.faulty and not choices.is_large:
        parts.append(_faulty(choices, choices.pace(choices.size), limits=False))
    return parts


def _round(choices: Choices, number: int) -> list[Part]:
    """Return the parts of one round: a small fleet without limits; a large one with them, in trouble, and without."""
    size = choices.size
    bound, free = choices.pace(size, limits=True), choices.pace(size)
    if not choices.is_large:
        return [_both(f"{size} VMs, ours and the asyncio script", _spec(size, free, number))]
    parts = []
    if "limits" in choices.parts:
        limited = replace(_spec(size, bound, number), limits=True)
        parts.append(_both(f"{size} VMs, ours and the asyncio script, ARM's limits on", limited))
    if "faulty" in choices.parts and choices.faulty:
        parts.append(_faulty(choices, bound, limits=True))
    if "free" in choices.parts:
        parts.append(
            _both(f"{size} VMs, ours and the asyncio script, no limits", _spec(size, free, number, what_for="free"))
        )
    return parts


def _both(name: str, ours: Spec) -> Part:
    return Part(name, (replace(ours, program=CONCURRENT), replace(ours, start_after=HEAD_START_SECONDS)))


def _faulty(choices: Choices, pace: Pace, *, limits: bool) -> Part:
    spec = _spec(choices.size, pace, what_for="faulty")
    told = f"{choices.size} VMs, ours, {choices.faulty} % in trouble" + (", ARM's limits on" if limits else "")
    return Part(told, (replace(spec, limits=limits, faulty_percent=choices.faulty),))


def _singles(choices: Choices) -> Part:
    """Return one machine, as often as there are rounds but five times at least, and one whose first copy takes long."""
    one = _spec(1, choices.pace(1), what_for="one")
    specs = [
        replace(one, program=program, number=number)
        for number in range(1, max(5, choices.rounds) + 1)
        for program in (OURS, CONCURRENT)
    ]
    begun = [replace(spec, start_after=SETTLED_SECONDS + APART_SECONDS * place) for place, spec in enumerate(specs)]
    long = Spec(OURS, 1, LONG_SPEED, LONG_COPY_MINUTES, what_for="long", start_after=SETTLED_SECONDS)
    return Part("1 VM, ours and the asyncio script in turn; 1 VM that replicates for six hours", (long, *begun))


def _growing(choices: Choices, size: int) -> Part:
    return Part(f"{size} VMs, ours, for the growth", (_spec(size, choices.pace(size), what_for="growth"),))


def _spec(size: int, pace: Pace, number: int = 1, what_for: str = "fleet") -> Spec:
    return Spec(OURS, size, pace.speed, pace.copy_minutes, what_for=what_for, number=number)
