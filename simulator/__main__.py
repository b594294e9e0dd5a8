"""``python -m simulator``: an Azure in a box on a local port."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import math
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from simulator import certificates, seeds
from simulator.clock import parse_time
from simulator.registry import ROUTES
from simulator.server import Server, is_taken, listen
from simulator.world import World

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger("simulator")

GARBAGE_THRESHOLD = 100_000
BAD_INPUT = 2


class StartError(Exception):
    """The simulator cannot start; the message is one line, ``status`` the process's exit code."""

    def __init__(self, message: str, status: int = 1) -> None:
        """Keep *message* and *status*."""
        super().__init__(message)
        self.status = status


def _speed(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        message = f"{text} is no number from 0"
        raise argparse.ArgumentTypeError(message)
    return value


def _moment(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError:
        message = f"{text} is no time such as 2026-01-31T08:00:00Z"
        raise argparse.ArgumentTypeError(message) from None


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65_535:
        message = f"{text} is no port from 0 to 65535"
        raise argparse.ArgumentTypeError(message)
    return value


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="An Azure in a box: answers ARM, Site Recovery and sign-in on a loopback port over TLS.",
        epilog="example: python -m simulator --seed plans/contoso.estate.yaml --speed 60 --state-dir .state/simulator",
    )
    parser.add_argument("--port", type=_port, default=0, help="port (default 0: the remembered one, or a free one)")
    parser.add_argument("--seed", type=Path, help="estate to begin with; ignored where the state folder has one")
    parser.add_argument(
        "--speed", type=_speed, help="virtual seconds per real second, 1 to 3600 (default 1); 0: by hand"
    )
    parser.add_argument("--start", type=_moment, metavar="TIME", help="virtual time of a new estate (default: now)")
    parser.add_argument(
        "--seed-number",
        type=int,
        metavar="N",
        help="what the ids and durations of a new estate follow from (default 0); the same number and requests give "
        "the same answers",
    )
    parser.add_argument("--state-dir", type=Path, help="folder that keeps the state (default: a temporary one)")
    return parser.parse_args(argv)


def _open_world(arguments: argparse.Namespace, state_dir: Path) -> World:
    try:
        text = arguments.seed.read_text(encoding="utf-8") if arguments.seed else None
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is no UTF-8 text"
        message = f"{arguments.seed}: reading the seed: {reason}; give the path of a YAML or JSON file"
        raise StartError(message, BAD_INPUT) from None
    world = World(state_dir, speed=arguments.speed, start=arguments.start, seed_number=arguments.seed_number)
    if world.settings.get("ready") is None:
        try:
            seeds.found(world, text, str(arguments.seed))
        except seeds.SeedError as problem:
            # A half-filled world must not look like a founded one to the next start.
            world.database.connection.rollback()
            raise StartError(str(problem), BAD_INPUT) from None
        world.commit()
    elif text is not None:
        log.info("the state folder %s has an estate already: the seed is not loaded again", state_dir)
    return world


def _sockets(world: World, wanted: int) -> list[socket.socket]:
    remembered = int((world.settings.get("port") or {"port": 0})["port"])
    port = wanted or remembered
    try:
        sockets = listen(port)
    except OSError as problem:
        reason = "another process has it" if is_taken(problem) else str(problem)
        message = f"listening on 127.0.0.1:{port}: {reason}; end that process or choose another --port"
        raise StartError(message) from None
    port = sockets[0].getsockname()[1]
    world.settings.put("port", {"port": port}, quiet=True)
    world.endpoint = f"https://localhost:{port}"
    return sockets


def _ready_line(world: World, authority: Path) -> str:
    ready = world.settings.get("ready") or {}
    principal = world.identities.find_client(ready["client_id"]) or {}
    return json.dumps(
        {
            "endpoint": world.endpoint,
            "ca_file": str(authority.resolve()),
            "tenant_id": world.tenant_id,
            "client_id": principal["client_id"],
            "client_secret": principal["secret"],
            "subscription_id": ready["subscription_id"],
        }
    )


async def _serve(arguments: argparse.Namespace, state_dir: Path) -> None:
    authority = certificates.ensure(state_dir)
    world = _open_world(arguments, state_dir)
    sockets = _sockets(world, arguments.port)
    world.commit()
    server = Server(world, ROUTES)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start(sockets, certificates.context(state_dir))
    # A large estate and every page of a list are many objects without cycles: looking through them is in vain.
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    sys.stdout.write(_ready_line(world, authority) + "\n")
    sys.stdout.flush()
    await stop.wait()
    await server.stop()


def main(argv: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; the exit code."""
    arguments = _arguments(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # The state has secrets and keys: what is made from here on is the owner's alone.
    os.umask(0o077)
    with contextlib.ExitStack() as stack:
        try:
            if arguments.state_dir is None:
                state_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="simulator-")))
            else:
                state_dir = arguments.state_dir
                state_dir.mkdir(parents=True, exist_ok=True)
            asyncio.run(_serve(arguments, state_dir))
        except StartError as problem:
            log.error("%s", problem)  # noqa: TRY400 - a person reads one line
            return problem.status
        except OSError as problem:
            log.error("using the state folder: %s; give another --state-dir", problem)  # noqa: TRY400 - see above
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
