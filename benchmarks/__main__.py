"""``make bench``: ours beside the scripts that one writes instead, in one run on the same estates.

Exit code 0: every machine ended as it should, and nothing got worse than the last time by more than a tenth; 1: not so;
2: the choices make no sense; 130: it was interrupted, and nothing was written.
"""

from __future__ import annotations

import sys

from benchmarks.choices import ChoiceError, parse


def main(argv: list[str] | None = None) -> int:
    """Do what the command line asks for; return the exit code."""
    try:
        choices = parse(argv)
        from benchmarks.bench import bench  # noqa: PLC0415 - a mistake is told before the SDKs are imported

        return bench(choices)
    except ChoiceError as error:
        sys.stderr.write(f"make bench: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nmake bench: interrupted; nothing was written\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
