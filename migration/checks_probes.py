"""Validators of a plan's probes. Each returns the value to use, or says what is wrong and what would be right."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from migration.checks import name_key
from migration.errors import InvalidPlanError, InvalidValueError, PathStep
from migration.hosts import forbidden

MAX_PROBES = 10
"""Of one virtual machine: each is a run command of half a minute, and the source stands still meanwhile."""
MAX_SCRIPT_BYTES = 4_000
MAX_SCRIPTS_BYTES = 16_000
"""Of all probes of one virtual machine: they travel in the history of its workflow."""
_MAX_ARGUMENTS, _MAX_ARGUMENT_CHARACTERS = 20, 500
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.IGNORECASE)
_PATH = re.compile(r"/[!-~]*")


def host(text: str) -> str:
    """Return the name or the address of a host that a probe may ask."""
    if not _is_host(text):
        raise InvalidValueError(f'"{text[:80]}" is no host', "write a name such as db.contoso.example, or an address")
    if why := forbidden(text):
        raise InvalidValueError(f"{text[:80]} may not be asked: {why}", "name the machine that serves")
    return text


def host_name(text: str) -> str:
    """Return the name of a site, as a certificate has it."""
    if not _HOST_NAME.fullmatch(text) or len(text) > 253:
        raise InvalidValueError(f'"{text[:80]}" is no host name', "write one such as shop.contoso.example")
    return text


def path(text: str) -> str:
    """Return the path of an HTTP request, with its query if it has one."""
    if not _PATH.fullmatch(text) or len(text) > 500 or "#" in text:
        raise InvalidValueError(f'"{text[:80]}" is no path', "begin with /, in plain ASCII, at most 500 characters")
    return text


def url(text: str) -> str:
    """Return the address of an HTTP request without credentials in it."""
    fix = "write one such as https://shop.contoso.example/health"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidValueError(f'"{text[:80]}" is no address', fix) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or (port is not None and not 0 < port < 65_536):
        raise InvalidValueError(f'"{text[:80]}" is no address of a website', fix)
    if parts.username or parts.password:
        raise InvalidValueError("the address holds credentials", "probes send none: ask a page that needs none")
    host(parts.hostname)
    path(f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}{'#' if parts.fragment else ''}")
    return text


def line(text: str) -> str:
    """Return a line of text that an answer has to hold."""
    if not text or len(text) > 200 or not text.isprintable():
        raise InvalidValueError("this is no line of text", "write one printable line of at most 200 characters")
    return text


def script(text: str) -> str:
    """Return a script that a person wrote."""
    if not text.strip():
        raise InvalidValueError("the script is empty", "write commands whose exit code is 0 when all is well")
    if "\x00" in text:
        raise InvalidValueError("the script holds a NUL character", "save it as text")
    if (size := len(text.encode())) > MAX_SCRIPT_BYTES:
        fix = f"keep it under {MAX_SCRIPT_BYTES} bytes: put the rest on the machine and call that"
        raise InvalidValueError(f"the script has {size} bytes", fix)
    return text


def arguments(given: list[str]) -> list[str]:
    """Return what a script is given."""
    if len(given) > _MAX_ARGUMENTS:
        raise InvalidValueError(f"{len(given)} arguments are too many", f"give at most {_MAX_ARGUMENTS}")
    for one in given:
        if len(one) > _MAX_ARGUMENT_CHARACTERS or (one and not one.isprintable()):
            fix = f"write one printable line of at most {_MAX_ARGUMENT_CHARACTERS} characters"
            raise InvalidValueError("an argument is no line of text", fix)
    return given


def probes_of_machine(where: tuple[PathStep, ...], scripts: list[str]) -> None:
    """Refuse more probes, or more of scripts, than one virtual machine is asked. *scripts*: one for each probe."""
    if len(scripts) > MAX_PROBES:
        problem = f"{len(scripts)} probes are too many for one virtual machine"
        raise InvalidPlanError(problem, f"at most {MAX_PROBES}; one command may look at many things", where)
    if (size := sum(len(text.encode()) for text in scripts)) > MAX_SCRIPTS_BYTES:
        problem = f"the scripts of its probes have {size} bytes together"
        raise InvalidPlanError(problem, f"keep them under {MAX_SCRIPTS_BYTES} bytes", where)


def each_once(where: tuple[PathStep, ...], names: list[str]) -> None:
    """Refuse two probes of one name, whatever its case."""
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        first = seen.setdefault(name_key(name), index)
        if first != index:
            fix = "names are compared without regard to case; rename or remove one"
            places = ((*where, "probes", each, "name") for each in (index, first))
            raise InvalidPlanError(f'the probe "{name}" stands twice', fix, *places)


def known(where: tuple[PathStep, ...], left_out: list[str], names: list[str]) -> None:
    """Refuse to leave out a probe that the plan does not have."""
    keys = {name_key(name) for name in names}
    for index, name in enumerate(left_out):
        if name_key(name) not in keys:
            listed = ", ".join(names) or "none"
            problem = f'the plan has no probe "{name}"'
            raise InvalidPlanError(problem, f"its probes are {listed}", (*where, "without", index))


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        is_number = re.fullmatch(r"[0-9.]+|0x[0-9a-f.]+", text, re.IGNORECASE) is not None
        return bool(_HOST_NAME.fullmatch(text)) and len(text) <= 253 and not is_number
    return True
