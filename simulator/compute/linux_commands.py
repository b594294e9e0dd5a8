"""The programs of a Linux guest that scripts call to look into it, answered from the seeded state."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from simulator.compute import linux_network
from simulator.compute.shell import Result, Shell

if TYPE_CHECKING:
    from simulator.compute.shell import Program

_STATES = {"active": 0, "inactive": 3, "failed": 3, "disabled": 3, "stopped": 3, "unknown": 4}
_PRETTY = {"ubuntu": "Ubuntu", "debian": "Debian GNU/Linux", "rhel": "Red Hat Enterprise Linux", "sles": "SLES",
           "centos": "CentOS Linux", "oracle": "Oracle Linux Server", "rocky": "Rocky Linux"}  # fmt: skip


def _line(text: str, code: int = 0) -> Result:
    return Result(f"{text}\n", code)


def _pretty(shell: Shell) -> str:
    name = shell.guest.os_name
    return f"{_PRETTY.get(name.lower(), name)} {shell.guest.os_version}".strip()


def _files(shell: Shell) -> dict[str, str]:
    guest = shell.guest
    release = (
        f'NAME="{_PRETTY.get(guest.os_name.lower(), guest.os_name)}"\nVERSION_ID="{guest.os_version}"\n'
        f'ID={guest.os_name.lower()}\nPRETTY_NAME="{_pretty(shell)}"\n'
    )
    root = guest.grub or "UUID=5b1a3c61-6d7b-4d0e-9a9f-0f8a54c1a001"
    return {
        "/etc/os-release": release,
        "/etc/hostname": f"{guest.hostname}\n",
        "/etc/resolv.conf": "nameserver 168.63.129.16\n",
        "/proc/uptime": f"{shell.machine.uptime_seconds:.2f} 0.00\n",
        "/proc/version": f"Linux version {guest.kernel}\n",
        "/proc/cmdline": f"BOOT_IMAGE=/boot/vmlinuz-{guest.kernel} root={root} ro\n",
        "/etc/default/grub": f'GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="root={root}"\n',
        "/boot/grub/grub.cfg": f"linux /boot/vmlinuz-{guest.kernel} root={root} ro\n",
    }


def _cat(shell: Shell, words: list[str], given: str) -> Result:
    names = [word for word in words if not word.startswith("-")]
    if not names:
        return Result(given)
    files, out, err = _files(shell), "", ""
    for name in names:
        if name in files:
            out += files[name]
        else:
            err += f"cat: {name}: No such file or directory\n"
    return Result(out, 1 if err else 0, err)


def _uname(shell: Shell, words: list[str], _: str) -> Result:
    guest = shell.guest
    flags = "".join(words)
    if "a" in flags:
        return _line(f"Linux {guest.hostname} {guest.kernel} #1 SMP x86_64 x86_64 x86_64 GNU/Linux")
    if "r" in flags:
        return _line(guest.kernel)
    return _line({"n": guest.hostname, "m": "x86_64"}.get(flags.lstrip("-"), "Linux"))


def _systemctl(shell: Shell, words: list[str], _: str) -> Result:
    plain = [word for word in words if not word.startswith("-")]
    action, names = (plain[0] if plain else ""), [name.removesuffix(".service") for name in plain[1:]]
    quiet = "-q" in words or "--quiet" in words
    states = [_state(shell, name) for name in names]
    if action == "is-active":
        code = 0 if states and all(state == "active" for state in states) else 3
        return Result("" if quiet else "".join(f"{state}\n" for state in states), code)
    if action == "is-enabled":
        enabled = ["disabled" if shell.guest.service(name) == "disabled" else "enabled" for name in names]
        return Result("" if quiet else "".join(f"{it}\n" for it in enabled), 1 if "disabled" in enabled else 0)
    if action == "is-system-running":
        bad = any(shell.guest.service(name) == "failed" for name in shell.guest.services)
        return _line("degraded" if bad else "running", 1 if bad else 0)
    if action == "status" and names:
        running = {"active": "active (running)", "failed": "failed (Result: exit-code)"}
        shown = running.get(states[0], f"{states[0]} (dead)")
        return _line(f"● {names[0]}.service\n     Loaded: loaded\n     Active: {shown}", _STATES.get(states[0], 3))
    if action == "list-units":
        return Result("".join(f"{name}.service loaded {_state(shell, name)}\n" for name in shell.guest.services))
    return Result()


def _state(shell: Shell, name: str) -> str:
    state = shell.guest.service(name)
    return {"disabled": "inactive", "stopped": "inactive", "running": "active"}.get(state.lower(), state)


def _service(shell: Shell, words: list[str], given: str) -> Result:
    return _systemctl(shell, [words[1], words[0]], given) if len(words) > 1 else Result(code=1)


def _pgrep(shell: Shell, words: list[str], _: str) -> Result:
    name = words[-1] if words else ""
    found = shell.guest.services.get(name) is not None and _state(shell, name) == "active"
    return _line("812") if found else Result(code=1)


def _echo(_: Shell, words: list[str], __: str) -> Result:
    newline = "" if words[:1] == ["-n"] else "\n"
    kept = words[1:] if words[:1] in (["-n"], ["-e"]) else words
    return Result(" ".join(kept) + newline)


def _printf(_: Shell, words: list[str], __: str) -> Result:
    form, values = (words[0] if words else ""), iter(words[1:])
    text = re.sub(r"%[sd]", lambda _: next(values, ""), form)
    return Result(text.replace("\\n", "\n").replace("\\t", "\t"))


def _test(shell: Shell, words: list[str], _: str) -> Result:
    plain = [word for word in words if word not in {"]", "]]"}]
    if plain[:1] == ["!"]:
        return Result(code=0 if _test(shell, plain[1:], "").code else 1)
    if len(plain) == 1:
        return Result(code=0 if plain[0] else 1)
    if len(plain) == 2:
        return Result(code=0 if _unary(shell, plain[0], plain[1]) else 1)
    left, operator, right = [*plain, "", "", ""][:3]
    holds = {"=": left == right, "==": left == right, "!=": left != right}.get(operator)
    if holds is None and operator in {"-eq", "-ne", "-gt", "-ge", "-lt", "-le"}:
        a, b = int(left or 0), int(right or 0)
        holds = {"-eq": a == b, "-ne": a != b, "-gt": a > b, "-ge": a >= b, "-lt": a < b, "-le": a <= b}[operator]
    return Result(code=0 if holds else 1)


def _unary(shell: Shell, operator: str, value: str) -> bool:
    if operator in {"-f", "-e", "-r", "-s"}:
        return value in _files(shell)
    return {"-z": not value, "-n": bool(value), "-d": value in {"/", "/etc", "/tmp", "/var"}}.get(operator, False)  # noqa: S108


def _which(shell: Shell, words: list[str], _: str) -> Result:
    names = [word for word in words if not word.startswith("-")]
    found = [name for name in names if name in shell.programs]
    return Result("".join(f"/usr/bin/{name}\n" for name in found), 0 if names and len(found) == len(names) else 1)


def _timeout(shell: Shell, words: list[str], given: str) -> Result:
    plain = list(words)
    while plain and (plain[0].startswith("-") or re.fullmatch(r"[\d.]+[smh]?", plain[0])):
        plain.pop(0)
    return shell.call(plain, given) if plain else Result()


def _through(shell: Shell, words: list[str], given: str) -> Result:
    plain = [word for word in words if not word.startswith("-")]
    return shell.call(plain, given) if plain else Result()


def _bash(shell: Shell, words: list[str], _: str) -> Result:
    """`bash -c '...'`, of which `</dev/tcp/HOST/PORT` is what probes are made of."""
    if "-c" not in words or words[-1] == "-c":
        return Result()
    script = words[words.index("-c") + 1]
    opened = re.search(r"/dev/tcp/([^/\s]+)/(\d+)", script)
    if opened is not None:
        return linux_network.open_tcp(shell, opened[1], int(opened[2]))
    return Shell(shell.machine, shell.programs, shell.variables).run(script)


def _grep(_: Shell, words: list[str], given: str) -> Result:
    flags = "".join(word[1:] for word in words if word.startswith("-"))
    pattern = next((word for word in words if not word.startswith("-")), "")
    if not {"E", "P"} & {*flags}:
        # In a basic expression these mean themselves, and with a backslash what they mean elsewhere.
        pattern = re.sub(r"(\\?)([(){}|+?])", lambda found: found[2] if found[1] else f"\\{found[2]}", pattern)
    try:
        expression = re.compile(pattern, re.IGNORECASE if "i" in flags else 0)
    except re.error:
        expression = re.compile(re.escape(pattern))
    found = [line for line in given.splitlines() if bool(expression.search(line)) is not ("v" in flags)]
    text = f"{len(found)}\n" if "c" in flags else "".join(f"{line}\n" for line in found)
    return Result("" if "q" in flags else text, 0 if found else 1)


def _egrep(shell: Shell, words: list[str], given: str) -> Result:
    return _grep(shell, ["-E", *words], given)


def _head(_: Shell, words: list[str], given: str) -> Result:
    count = next((int(word.lstrip("-n") or 10) for word in words if re.fullmatch(r"-?n?\d+", word)), 10)
    return Result("".join(given.splitlines(keepends=True)[:count]))


def _tail(_: Shell, words: list[str], given: str) -> Result:
    count = next((int(word.lstrip("-n") or 10) for word in words if re.fullmatch(r"-?n?\d+", word)), 10)
    return Result("".join(given.splitlines(keepends=True)[-count:]))


def _wc(_: Shell, __: list[str], given: str) -> Result:
    return _line(str(len(given.splitlines())))


def _set(shell: Shell, words: list[str], _: str) -> Result:
    if any(word.startswith("-") and "e" in word for word in words):
        shell.stop_on_error()
    return Result()


def _export(shell: Shell, words: list[str], _: str) -> Result:
    for word in words:
        name, _, value = word.partition("=")
        shell.variables[name] = value
    return Result()


def _uptime(shell: Shell, words: list[str], _: str) -> Result:
    minutes = int(shell.machine.uptime_seconds // 60)
    return _line(f"up {minutes} minutes" if "-p" in words else f" up {minutes} min,  0 users,  load average: 0.00")


def _environment(shell: Shell, words: list[str], _: str) -> Result:
    if words and not words[0].startswith("-"):
        value = shell.variables.get(words[0])
        return Result(code=1) if value is None else _line(value)
    return Result("".join(f"{name}={value}\n" for name, value in shell.variables.items()))


def _lsb_release(shell: Shell, words: list[str], _: str) -> Result:
    flags = "".join(words)
    value = shell.guest.os_version if "r" in flags else _pretty(shell)
    return _line(value if "s" in flags else f"Description:\t{value}")


def _json(_: Shell, __: list[str], given: str) -> Result:
    try:
        return _line(json.dumps(json.loads(given), indent=2))
    except ValueError:
        return Result(code=5, err="parse error: Invalid JSON text\n")


def _nothing(_: Shell, __: list[str], ___: str) -> Result:
    return Result()


PROGRAMS: dict[str, Program] = {
    "cat": _cat, "uname": _uname, "systemctl": _systemctl, "service": _service, "pgrep": _pgrep, "pidof": _pgrep,
    "echo": _echo, "printf": _printf, "test": _test, "[": _test, "[[": _test, "which": _which, "command": _which,
    "type": _which, "timeout": _timeout, "sudo": _through, "nohup": _through, "bash": _bash, "sh": _bash,
    "grep": _grep, "egrep": _egrep, "head": _head, "tail": _tail, "wc": _wc, "set": _set, "export": _export,
    "uptime": _uptime, "env": _environment, "printenv": _environment, "lsb_release": _lsb_release, "jq": _json,
    "true": _nothing, ":": _nothing, "sleep": _nothing, "sync": _nothing, "cd": _nothing, "trap": _nothing,
    "hostname": lambda shell, _, __: _line(shell.guest.hostname),
    "whoami": lambda *_: _line("root"),
    "id": lambda _, words, __: _line("0" if "-u" in words else "uid=0(root) gid=0(root) groups=0(root)"),
    "date": lambda shell, *_: _line(shell.machine.now),
    "nproc": lambda *_: _line("2"),
    "false": lambda *_: Result(code=1),
    "exit": lambda shell, words, _: shell.exit(int(words[0]) if words else shell.last),
    **linux_network.PROGRAMS,
}  # fmt: skip
