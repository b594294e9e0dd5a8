"""From arguments to an exit code. Nothing that goes wrong shows a stack trace: an unknown error goes to a file."""

import contextlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from console import app_finalise, app_steering
from console.app import app
from console.errors import ConsoleError

PROGRAM = "starter.py"
_COMMANDS = (app_finalise, app_steering)
"""Modules that add a command to the app."""
_STATE_FOLDER = Path(".state")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one command and return its exit code: 0 yes, 1 no, 2 the input was wrong, 3 somebody does not answer."""
    _make_printable()
    try:
        app(args=list(arguments), prog_name=PROGRAM, obj=environment)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    except Exception as error:  # noqa: BLE001 (the last handler: a person gets a sentence, whatever happened)
        message, code = _explain(error)
        sys.stderr.write(message + "\n")
        return code
    return 0


def leave(code: int) -> NoReturn:
    """End the process without the interpreter's own shutdown.

    Temporal's core runs threads that may be about to report an answer nobody waits for any more, after Ctrl-C above
    all; one that meets an interpreter in shutdown aborts the process, and the exit code is lost.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _explain(error: Exception) -> tuple[str, int]:
    from migration.errors import PlanFileError
    from runtime.errors import SettingsError, TemporalError, one_line

    if isinstance(error, ConsoleError):
        return str(error), error.exit_code
    if isinstance(error, PlanFileError | SettingsError):
        return str(error), 2
    if isinstance(error, TemporalError):
        return str(error), 3
    if _is_rpc_error(error):
        return f"talking to the Temporal server: {one_line(error)}; see that it runs, then try again", 3
    return _bug(error)


def _is_rpc_error(error: Exception) -> bool:
    service = sys.modules.get("temporalio.service")
    return service is not None and isinstance(error, service.RPCError)


def _bug(error: Exception) -> tuple[str, int]:
    where = _keep(error)
    return (
        f"running into a mistake of this program: {type(error).__name__}; please report it as CONTRIBUTING.md says"
        + (f", with {where}" if where else ""),
        1,
    )


def _keep(error: Exception) -> Path | None:
    """Write the stack trace where a report of the mistake finds it."""
    import tempfile
    import traceback

    from migration.redaction import redact_text

    text = redact_text("".join(traceback.format_exception(error)))
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    for folder in (_STATE_FOLDER, Path(tempfile.gettempdir())):
        try:
            folder.mkdir(exist_ok=True)
            path = folder / f"starter-{stamp}.log"
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return path
    return None


def _make_printable() -> None:
    """Let a name that the terminal's encoding lacks print as an escape instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
