"""What a guest answers to the scripts that run command brings.

A script whose first lines have a comment `# probe: NAME`, or `# probe: NAME, NAME`, is answered from the guest's
description with JSON, one object a line, as the table says. Any other script is run by a small shell (`shell.py`,
`powershell.py`) whose programs answer from the same description.

========== ============================== ==========================================================================
probe      parameters                     each line
========== ============================== ==========================================================================
outbound   endpoints (comma separated)    `{"endpoint", "result": ok|blocked|timeout|dns|proxy|tls, "milliseconds"}`
dns        names (comma separated)        `{"name", "resolves"}`
certificates roots (optional)             `{"missing": [...], "expired": [...]}`
proxy                                     `{"proxy": none|open|authenticated}`
system                                    `{"hostname", "os", "version", "kernel", "uptime_seconds"}`
service    service (comma separated)      `{"service", "state"}`
boot                                      `{"boot_devices": [...], "absent_volumes": [...]}` (Linux)
disks                                     `{"raw_luns": [...]}`
snapshots                                 `{"disabled_services": [...]}` (Windows)
echo       any                            `{name: value, ...}`
serves     kind, target_host, ...         `{"probe": tcp, "result"}`, `{"probe": http, "result", "status", "contains"}`
                                          or, after what was printed, `{"probe": command, "exit_code"}`
========== ============================== ==========================================================================
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from simulator.compute import serving
from simulator.compute.guest import REQUIRED_ROOTS, Guest
from simulator.compute.linux_commands import PROGRAMS
from simulator.compute.powershell import PowerShell
from simulator.compute.shell import Machine, Result, Shell
from simulator.compute.windows_commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Callable[[Guest, dict[str, str], float], list[dict[str, Any]]]

_MARKER = re.compile(
    r"^\s*(?:#|//|REM)\s*probe:\s*(?P<names>[\w-]+(?:[ \t]*,[ \t]*[\w-]+)*)", re.MULTILINE | re.IGNORECASE
)
_MARKER_LINES = 5
SNAPSHOT_SERVICES = ("VSS", "COMSysApp")
PROXY_URL = "http://proxy.internal:8080"
_REACHED_MS, _TIMEOUT_MS = 23, 5000


def probes_of(script: list[str]) -> list[str]:
    """The names in the script's marker comment, in lower case."""
    text = "\n".join("\n".join(script).splitlines()[:_MARKER_LINES])
    match = _MARKER.search(text)
    return re.split(r"[,\s]+", match["names"].lower()) if match else []


def answer(machine: Machine, script: list[str], parameters: dict[str, str]) -> Result:
    """What the script prints."""
    asked = probes_of(script)
    if "serves" in asked:
        return serving.answer(machine, parameters, _run)
    probes = [_PROBES[name] for name in asked if name in _PROBES]
    if probes:
        lines = [line for probe in probes for line in probe(machine.guest, parameters, machine.uptime_seconds)]
        return Result("".join(json.dumps(line) + "\n" for line in lines))
    return _run(machine, "\n".join(script), parameters)


def _run(machine: Machine, text: str, parameters: dict[str, str]) -> Result:
    """Run a script, or end it as the seed says."""
    seeded = machine.guest.command(text)
    if seeded is not None:
        return Result(seeded[1], seeded[0])
    if machine.guest.os_type == "Windows":
        return PowerShell(machine, COMMANDS, parameters).run(text)
    proxy = {} if machine.guest.proxy == "none" else dict.fromkeys(("http_proxy", "https_proxy"), PROXY_URL)
    return Shell(machine, PROGRAMS, {"HOSTNAME": machine.guest.hostname, "USER": "root", **proxy, **parameters}).run(
        text
    )


def _words(parameters: dict[str, str], name: str) -> list[str]:
    return [word for word in re.split(r"[,\s]+", parameters.get(name, "")) if word]


def _outbound(guest: Guest, parameters: dict[str, str], _: float) -> list[dict[str, Any]]:
    lines = []
    for endpoint in _words(parameters, "endpoints"):
        host = re.sub(r"^\w+://", "", endpoint).partition("/")[0].partition(":")[0]
        result = guest.reaches(host)
        lines.append(
            {
                "endpoint": endpoint,
                "result": result,
                "milliseconds": _TIMEOUT_MS if result in {"blocked", "timeout"} else _REACHED_MS,
            }
        )
    return lines


def _dns(guest: Guest, parameters: dict[str, str], _: float) -> list[dict[str, Any]]:
    return [{"name": name, "resolves": guest.resolves(name)} for name in _words(parameters, "names")]


def _certificates(guest: Guest, parameters: dict[str, str], _: float) -> list[dict[str, Any]]:
    wanted = [root.strip() for root in parameters.get("roots", "").split(",") if root.strip()] or REQUIRED_ROOTS
    bad = {"missing": guest.missing_roots, "expired": guest.expired_roots}
    return [{state: [root for root in wanted if root in roots] for state, roots in bad.items()}]


def _proxy(guest: Guest, _: dict[str, str], __: float) -> list[dict[str, Any]]:
    return [{"proxy": guest.proxy}]


def _system(guest: Guest, _: dict[str, str], uptime_seconds: float) -> list[dict[str, Any]]:
    return [
        {
            "hostname": guest.hostname,
            "os": guest.os_name,
            "version": guest.os_version,
            "kernel": guest.kernel,
            "uptime_seconds": round(uptime_seconds),
        }
    ]


def _service(guest: Guest, parameters: dict[str, str], _: float) -> list[dict[str, Any]]:
    names = _words(parameters, "service")
    return [{"service": name, "state": guest.services.get(name, "active")} for name in names]


def _boot(guest: Guest, _: dict[str, str], __: float) -> list[dict[str, Any]]:
    is_volume = guest.grub.startswith("/dev/mapper/")
    named = [guest.grub] if guest.grub else []
    return [{"boot_devices": [] if is_volume else named, "absent_volumes": named if is_volume else []}]


def _disks(guest: Guest, _: dict[str, str], __: float) -> list[dict[str, Any]]:
    return [{"raw_luns": list(guest.uninitialised_luns)}]


def _snapshots(guest: Guest, _: dict[str, str], __: float) -> list[dict[str, Any]]:
    return [{"disabled_services": [name for name in SNAPSHOT_SERVICES if guest.service(name) == "disabled"]}]


def _echo(_: Guest, parameters: dict[str, str], __: float) -> list[dict[str, Any]]:
    return [dict(parameters)]


_PROBES: dict[str, Answer] = {
    "outbound": _outbound,
    "dns": _dns,
    "certificates": _certificates,
    "proxy": _proxy,
    "system": _system,
    "service": _service,
    "boot": _boot,
    "disks": _disks,
    "snapshots": _snapshots,
    "echo": _echo,
}
