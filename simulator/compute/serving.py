"""What a guest answers to a script that asks whether it serves: a port, a website, or a script given in base64."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from simulator.compute import guest_network
from simulator.compute.guest_network import NO_NAME, OK, REFUSED, UNTRUSTED, Target
from simulator.compute.shell import Machine, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[Machine, str, dict[str, str]], Result]

_SHOWN = 1500
_WORDS = {OK: "ok", NO_NAME: "dns", REFUSED: "refused", UNTRUSTED: "tls"}


def answer(machine: Machine, parameters: dict[str, str], run: Run) -> Result:
    """What the script prints; *run* runs a script that came with it."""
    kind = parameters.get("kind", "")
    if kind == "command":
        return _command(machine, parameters, run)
    if kind in {"tcp", "http"}:
        return Result(json.dumps(_reached(machine, kind, parameters)) + "\n")
    return Result()


def _reached(machine: Machine, kind: str, parameters: dict[str, str]) -> dict[str, Any]:
    tls = kind == "http" and parameters.get("scheme") == "https" and parameters.get("verify") != "no"
    target = Target(parameters.get("target_host", ""), int(parameters.get("target_port") or 0), tls=tls)
    met = guest_network.connect(machine.guest, target, through_proxy=False)
    result = {"probe": kind, "result": _WORDS.get(met, "timeout")}
    if kind == "tcp":
        return result
    status, body = (
        guest_network.page_of(machine.guest, target, parameters.get("location", "/")) if met == OK else (0, "")
    )
    wanted = parameters.get("wanted", "-")
    holds = "unasked" if wanted == "-" else "yes" if _plain(wanted) in body else "no"
    return {**result, "status": status, "contains": holds}


def _command(machine: Machine, parameters: dict[str, str], run: Run) -> Result:
    given = parameters.get("arguments", "-")
    words = [] if given == "-" else [_plain(one.removeprefix(".")) for one in given.split(",")]
    ended = run(machine, _plain(parameters.get("script", "")), {str(n): word for n, word in enumerate(words, 1)})
    shown = (ended.out + ended.err)[-_SHOWN:]
    return Result(f"{shown}\n" + json.dumps({"probe": "command", "exit_code": ended.code}) + "\n")


def _plain(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
