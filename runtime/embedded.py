"""`python -m runtime.embedded up|demo|stop`: Temporal with its UI, the simulator and a worker on this machine.

`up` goes on with the estate and the history of the last time, or starts anew with `--seed`. `demo` starts anew, moves
the VMs of `plans/contoso.yaml`, and stays up at a terminal. `stop` ends what either has left running in this clone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from runtime.embedded_demo import Demo, read_line
from runtime.embedded_programs import USUAL_PORTS, Ports
from runtime.embedded_stack import Stack, describe, describe_ports, seed_for
from runtime.embedded_state import StackError, StateFolder
from runtime.errors import RuntimeSetupError
from runtime.leaving import leave

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_SPEED = 120.0
INTERRUPTED = 130
_LOOK_SECONDS = 0.3
_FASTEST = 100_000
_HIGHEST_PORT = 65_535


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    state = StateFolder(ROOT)
    try:
        if options.command == "stop":
            return stop(state)
        with state.held():
            return asyncio.run(_supervise(state, options))
    except (StackError, RuntimeSetupError) as error:
        say(f"{error}", to=sys.stderr)
        return 1
    except OSError as error:
        say(f"running the stack in {state.path}: {error}; free the disk or correct the permissions", to=sys.stderr)
        return 1


def stop(state: StateFolder) -> int:
    """Stop the supervisor of this clone and whatever a killed one left behind."""
    stopped = [pid for pid in (state.stop_supervisor(), *state.stop_leftovers()) if pid]
    say(f"stopped the stack (processes {', '.join(map(str, stopped))})" if stopped else "no stack runs in this clone")
    return 0


def say(text: str, *, to: TextIO | None = None) -> None:
    """Print a line; a reader that has gone away is no reason to leave processes behind."""
    stream = to or sys.stdout
    with suppress(BrokenPipeError, ValueError):
        stream.write(f"{text}\n")
        stream.flush()


async def _supervise(state: StateFolder, options: argparse.Namespace) -> int:
    leftovers = state.stop_leftovers()
    if leftovers:
        say(f"Stopped what an earlier stack had left running: processes {', '.join(map(str, leftovers))}")
    state.remove_announcements()
    seed = seed_for(state, options.seed, anew=options.command == "demo")
    if seed:
        state.start_anew()
    stack = Stack(state, os.environ, speed=options.speed, seed=seed, ports=_ports(options), say=say)
    stopped = _on_signals(stack)
    work = asyncio.ensure_future(_work(stack, seed, options))
    try:
        while not work.done() and not stopped.is_set():
            await asyncio.wait({work}, timeout=_LOOK_SECONDS)
            if _make_was_interrupted():
                stopped.set()
        if work.done():
            return work.result()
        say("\nStopping ...")
        return 0 if options.command == "up" else INTERRUPTED
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await stack.stop()


async def _work(stack: Stack, seed: Path | None, options: argparse.Namespace) -> int:
    say("Starting Temporal, the simulator and a worker ...")
    await stack.start()
    for line in describe_ports(stack.ports, _ports(options)):
        say(line)
    say(describe(stack, seed))
    if options.command == "up":
        say("Stop         Ctrl-C")
        await stack.wait()
        return 1
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    code = await Demo(stack, approves_itself=options.yes or not at_terminal, say=say).run()
    if at_terminal:
        say("\nThe stack stays up so that you can look at the UI. Press Enter to stop it.")
        await read_line()
    say("`make up` shows this history again.")
    return code


def _on_signals(stack: Stack) -> asyncio.Event:
    """Return what is set at the first request to stop; the second one waits for nothing."""
    stopped = asyncio.Event()

    def request() -> None:
        if stopped.is_set():
            stack.kill()
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup asks that a closed terminal be ignored.
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, request)
    return stopped


def _make_was_interrupted() -> bool:
    """Whether the `make` above us got a SIGINT that went to it alone.

    GNU make passes SIGTERM on but not SIGINT, which it takes for a terminal's Ctrl-C, and then waits for us for ever
    with SIGINT blocked. Linux shows that; elsewhere the signal has to go to the process group.
    """
    try:
        status = Path(f"/proc/{os.getppid()}/status").read_text(encoding="utf-8")
    except OSError:
        return False
    blocked = re.search(r"^Name:\tg?make$.*^SigBlk:\t([0-9a-f]+)$", status, flags=re.MULTILINE | re.DOTALL)
    return bool(blocked and int(blocked[1], 16) & 1 << (signal.SIGINT - 1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m runtime.embedded", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("up", "demo"):
        command = commands.add_parser(name)
        command.add_argument("--seed", type=Path, metavar="FILE", help="the estate to start anew with")
        command.add_argument(
            "--speed", type=_speed, default=DEFAULT_SPEED, metavar="X", help="simulated seconds a second"
        )
        for what, usual in (("temporal", USUAL_PORTS.temporal), ("ui", USUAL_PORTS.ui)):
            command.add_argument(
                f"--{what}-port", type=_port, default=usual, metavar="N", help=f"{usual} unless taken; 0: a free one"
            )
    command.add_argument("--yes", action="store_true", help="approve without asking")
    commands.add_parser("stop")
    return parser


def _ports(options: argparse.Namespace) -> Ports:
    return Ports(options.temporal_port, options.ui_port)


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= _HIGHEST_PORT:
        return int(text)
    message = f"{text!r} is not a port: give a number up to {_HIGHEST_PORT}, or 0 for a free one"
    raise argparse.ArgumentTypeError(message)


def _speed(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) <= _FASTEST:
            return float(text)
    message = f"{text!r} is not a speed: give the simulated seconds that pass in a second, as in SPEED=60"
    raise argparse.ArgumentTypeError(message)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
