"""What ends a command early, each with the exit code that scripts rely on.

ConsoleError             never raised itself
├── RefusedError         1: the answer is no
├── InputError           2: what was typed or written in a file is wrong
└── UnreachableError     3: Temporal, Azure or a worker does not answer
"""

from typing import ClassVar


class ConsoleError(Exception):
    """The base of this module's errors; never raised itself. The message is for the person who typed the command."""

    exit_code: ClassVar[int] = 1


class RefusedError(ConsoleError):
    """What was asked for cannot be done now."""


class InputError(ConsoleError):
    """The input was wrong; the message says what would be right."""

    exit_code = 2


class UnreachableError(ConsoleError):
    """Temporal, Azure or a worker does not answer; the message names the address tried."""

    exit_code = 3
