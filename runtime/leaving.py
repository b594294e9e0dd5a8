"""Ending a process that has talked to Temporal.

A thread of Temporal's core may still hand back an answer while the interpreter is taken down, which then aborts with
"PyGILState_Release: thread state must be current when releasing" instead of the exit code
(https://github.com/temporalio/sdk-python/issues/300; 3 of 40 short commands, measured with 1.35.0 on Python 3.11).
"""

import contextlib
import logging
import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End this process with *code*: everything said is flushed, and the interpreter is not taken down."""
    if "temporalio" not in sys.modules:
        sys.exit(code)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        # Whoever read us may be gone.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def leave_at_last(seconds: float) -> NoReturn:
    """End a worker whose work has not ended within *seconds*: the next one looks up what this one was doing."""
    sys.stderr.write(
        f"stopping the worker: its work did not end within {seconds:g} s, since Azure or Temporal does not answer; "
        "the next worker looks up what came of it\n"
    )
    leave(3)
