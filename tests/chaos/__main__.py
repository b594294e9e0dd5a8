"""``make chaos``, or ``python -m tests.chaos``: strike plans with faults, and print what came of each: the matrix.

Every fault once, at an index drawn from a seed that is printed: ``SEED=N`` (``--seed N``) strikes the same requests
again, ``ONLY=TEXT`` (``--only TEXT``) runs the faults whose name holds the text, ``ROWS=N`` (``--rows N``) as many as
that, drawn by the seed. ``WRITE=1`` (``--write``) puts the matrix of a whole run into docs/durability.md. Exit code 0:
all green.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

from tests.chaos import page, small, stopping


def main(argv: Sequence[str] | None = None) -> int:
    """Strike, print, and return 0 where all is green."""
    given = _parser().parse_args(argv)
    seed = given.seed if given.seed is not None else int(time.time())
    command = f"make chaos SEED={seed}" + (f" ONLY='{given.only}'" if given.only else "")
    command += f" ROWS={given.rows}" if given.rows else ""
    page.say(f"seed {seed}: `{command}` strikes the same again")
    began = time.monotonic()
    trials = stopping.run(small.run(seed, given.only, page.show, rows=given.rows))
    if trials is None:
        page.say(f"stopped; `{command}` begins again")
        return 130
    run = page.Run(command, trials, time.monotonic() - began, _cpu_seconds())
    page.say(run.summary)
    if given.write and not given.only and given.rows is None:
        page.write(run)
    return 0 if run.is_green else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="what is struck follows from it")
    parser.add_argument("--only", default="", metavar="TEXT", help="only faults whose name holds it")
    parser.add_argument("--rows", type=int, default=None, metavar="N", help="only as many faults, drawn by the seed")
    parser.add_argument("--write", action="store_true", help="write the matrix into docs/durability.md")
    return parser


def _cpu_seconds() -> float:
    """Return the processor's time of this process and of all that it started and saw end."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    sys.exit(main())
