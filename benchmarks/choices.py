"""What a run of the benchmarks is asked for, and at which speed the simulated Azure then runs.

The speed is chosen so that the engine (the processors that run Temporal's server, the worker, the simulators and the
measuring) is not what a fleet waits for: a fleet of N machines gets at least N / :data:`MACHINES_PER_SECOND` seconds.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from math import ceil
from typing import NoReturn

DEFAULT_SIZE, DEFAULT_ROUNDS = 50, 5
MOST = 3_000
"""All machines are of one subscription, in which Site Recovery protects 3,000 disks."""
SMALL = 100
"""Up to so many machines there are rounds without ARM's limits; above, one round with them."""
SEQUENTIAL_VMS = 20
SEQUENTIAL_SPEED = 60.0
COPY_MINUTES = 3
LONG_COPY_MINUTES = 360
LONG_SPEED = 240.0
LEAST_PATH_SECONDS = 64.0
"""The goal for one machine is stated for a path of at least a minute."""
MACHINES_PER_SECOND = 0.28 * (os.cpu_count() or 2)
"""How many machines a second leave the engine time to spare: one costs it two to three seconds of a processor."""
PARTS = ("limits", "faulty", "free", "growth")
OTHER_OPERATIONS_SECONDS = 750.0
"""What the simulator takes at most for all that is not the first copy: its ranges, added up."""
READS_OF_EACH = 70
"""How many reads we need for a machine, about: with ARM's limits they bound the time of a large fleet."""


class ChoiceError(ValueError):
    """A choice that makes no sense; the message is one sentence that says what would be right."""


@dataclass(frozen=True)
class Choices:
    """What was asked for."""

    size: int = DEFAULT_SIZE
    rounds: int = DEFAULT_ROUNDS
    faulty: int = 0
    speed: float | None = None
    parts: tuple[str, ...] = PARTS
    recovery: bool = False
    load_before: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))
    """How busy the machine was before: how many processes wanted a processor, over a minute."""

    @property
    def is_large(self) -> bool:
        """Whether one round with ARM's limits is run, in place of several without."""
        return self.size > SMALL

    @property
    def is_disturbed(self) -> bool:
        """Whether others want the processors, so that times will be longer than ours alone would be."""
        return self.load_before > 0.25 * (os.cpu_count() or 2)

    @property
    def leaves_out_parts(self) -> bool:
        """Whether some parts are not run, so that a result is made of those of two times."""
        return set(self.parts) != set(PARTS)

    def pace(self, size: int, *, limits: bool = False) -> Pace:
        """Return how fast the cloud runs for a fleet of *size*, and how long its first copies take there."""
        wanted = max(LEAST_PATH_SECONDS, size / MACHINES_PER_SECOND)
        minutes = COPY_MINUTES
        if size > SMALL:
            # A simulator cannot run slower than time: a large fleet copies longer, as it does in life.
            minutes = max(COPY_MINUTES, ceil((2 * wanted - OTHER_OPERATIONS_SECONDS) / 60))
        path = OTHER_OPERATIONS_SECONDS + 60 * minutes
        bound = max(path, size * READS_OF_EACH / 25) if limits else path
        return Pace(self.speed or max(1.0, round(bound / wanted, 1)), minutes, bound)


@dataclass(frozen=True)
class Pace:
    """How fast a cloud runs, how long first copies take in it, and how long a run will about take by its clock."""

    speed: float
    copy_minutes: int
    virtual_seconds: float

    @property
    def seconds(self) -> float:
        """About how long a run takes by the clock on the wall."""
        return self.virtual_seconds / self.speed


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the usage around it."""

    def error(self, message: str) -> NoReturn:
        raise ChoiceError(message)


def parse(argv: list[str] | None = None) -> Choices:
    """Return what the command line asks for.

    Raises:
        ChoiceError: something in it makes no sense.
    """
    parser = _Parser(prog="make bench", description="Measure the product beside the scripts that one writes instead.")
    parser.add_argument("--size", help=f"virtual machines, 1 to {MOST:,} (default {DEFAULT_SIZE})")
    parser.add_argument(
        "--rounds", help=f"how often each is run (default {DEFAULT_ROUNDS}, or 1 above {SMALL} machines)"
    )
    parser.add_argument(
        "--faulty", help="of a hundred machines so many are in trouble (default 0, or 5 above 100 machines)"
    )
    parser.add_argument("--speed", help="how fast the simulated Azure runs (default: by the size)")
    parser.add_argument("--only", help=f"above {SMALL} machines: some of {','.join(PARTS)}")
    parser.add_argument(
        "--recovery", help="1 measures recovery after crashes anew (default: as docs/durability.md has it)"
    )
    given = parser.parse_args(argv)
    size = _whole("SIZE", given.size, DEFAULT_SIZE, 1, MOST, "virtual machines")
    rounds = _whole("ROUNDS", given.rounds, 1 if size > SMALL else DEFAULT_ROUNDS, 1, 50, "rounds")
    faulty = _whole("FAULTY", given.faulty, 5 if size > SMALL else 0, 0, 100, "machines of a hundred")
    recovery = _whole("RECOVERY", given.recovery, 0, 0, 1, "(0: no, 1: yes)")
    return Choices(size, rounds, faulty, _speed(given.speed), _parts(given.only), bool(recovery))


def _whole(name: str, text: str | None, default: int, least: int, most: int, what: str) -> int:
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ChoiceError(f"{name}={text}: give a whole number of {what} from {least} to {most:,}".replace("of (", "("))
    return number


def _speed(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= 3_600:
        raise ChoiceError(f"SPEED={text}: give a number from 1 to 3,600, how many of Azure's seconds a second has")
    return speed


def _parts(text: str | None) -> tuple[str, ...]:
    if text is None:
        return PARTS
    wanted = tuple(part.strip() for part in text.split(","))
    if set(wanted) - set(PARTS):
        raise ChoiceError(f"ONLY={text}: give some of {', '.join(PARTS)}, with commas between them")
    return wanted
