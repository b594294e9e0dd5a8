"""The programs of a Linux guest that go to the network: curl, wget, nc, openssl, nslookup and their like."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from simulator.compute import guest_network
from simulator.compute.guest_network import METADATA, NO_NAME, NO_ROUTE, OK, PROXY, REFUSED, UNTRUSTED, Target
from simulator.compute.shell import Result, Shell

if TYPE_CHECKING:
    from simulator.compute.shell import Program

_WITH_VALUE = {
    "-o", "-w", "-m", "-H", "-x", "-X", "-d", "-A", "-e", "-u", "-T", "-t", "-O", "--output", "--write-out",
    "--max-time", "--connect-timeout", "--header", "--proxy", "--request", "--data", "--retry", "--cacert",
    "--timeout", "--tries", "--noproxy", "--user-agent", "--retry-delay",
}  # fmt: skip


def _arguments(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """The plain arguments, and the options with their values."""
    plain, options = [], {}
    rest = iter(words)
    for word in rest:
        name, joined, value = word.partition("=")
        if word in _WITH_VALUE:
            options[word] = next(rest, "")
        elif word.startswith("--") and joined:
            options[name] = value
        elif word.startswith("-") and word != "-":
            options[word] = ""
            for flag in word[1:] if not word.startswith("--") else ():
                options.setdefault(f"-{flag}", "")
        else:
            plain.append(word)
    return plain, options


def _curl(shell: Shell, words: list[str], _: str) -> Result:
    plain, options = _arguments(words)
    if not plain:
        return Result(code=2, err="curl: try 'curl --help' for more information\n")
    target = guest_network.target_of(plain[0])
    trusts = "-k" in options or "--insecure" in options
    met = guest_network.connect(shell.guest, Target(target.host, target.port, target.tls and not trusts))
    wanted = options.get("-w") or options.get("--write-out") or ""
    if met == OK:
        status, body = _page(shell, plain[0], target)
        shown = f"HTTP/1.1 {_told(status)}\n" if "-I" in options or "--head" in options else body
        fails = status >= 400 and ("-f" in options or "--fail" in options)
        hidden = fails or "-o" in options or "--output" in options
        said = f"curl: (22) The requested URL returned error: {status}\n" if fails else ""
        return Result(("" if hidden else shown) + _written(wanted, str(status)), 22 if fails else 0, said)
    code, text = {
        NO_NAME: (6, f"Could not resolve host: {target.host}"),
        NO_ROUTE: (28, f"Failed to connect to {target.host} port {target.port} after 10001 ms: Timeout was reached"),
        REFUSED: (7, f"Failed to connect to {target.host} port {target.port} after 0 ms: Connection refused"),
        PROXY: (56, "Received HTTP code 407 from proxy after CONNECT"),
        UNTRUSTED: (60, "SSL certificate problem: unable to get local issuer certificate"),
    }[met]
    silent = any(flag in options for flag in ("-s", "--silent")) and not any(
        flag in options for flag in ("-S", "--show-error")
    )
    return Result(_written(wanted, "000"), code, "" if silent else f"curl: ({code}) {text}\n")


def _written(form: str, status: str) -> str:
    text = re.sub(r"%\{(http_code|response_code)\}", status, form)
    text = re.sub(r"%\{time_\w+\}", "0.023", text).replace("%{ssl_verify_result}", "0")
    return text.replace("\\n", "\n")


def _page(shell: Shell, url: str, target: Target) -> tuple[int, str]:
    if target.host == METADATA:
        return 200, json.dumps(shell.machine.metadata) if "/metadata/instance" in url else ""
    status, body = guest_network.page_of(shell.guest, target, guest_network.path_of(url))
    return status, f"{body}\n"


def _told(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else str(status)


def _wget(shell: Shell, words: list[str], _: str) -> Result:
    plain, options = _arguments(words)
    if not plain:
        return Result(code=1, err="wget: missing URL\n")
    target = guest_network.target_of(plain[0])
    met = guest_network.connect(shell.guest, target)
    if met == OK:
        to_screen = options.get("-O") == "-" or "-qO-" in options
        status, body = _page(shell, plain[0], target)
        if status >= 400:
            return Result(code=8, err="" if "-q" in options else f"ERROR {_told(status)}.\n")
        return Result(body if to_screen and "--spider" not in options else "")
    code, text = {
        NO_NAME: (4, f"wget: unable to resolve host address '{target.host}'"),
        UNTRUSTED: (5, f"ERROR: cannot verify {target.host}'s certificate"),
        PROXY: (4, "Proxy tunneling failed: Proxy Authentication Required"),
    }.get(met, (4, "failed: Connection timed out." if met == NO_ROUTE else "failed: Connection refused."))
    return Result(code=code, err="" if "-q" in options else f"{text}\n")


def open_tcp(shell: Shell, host: str, port: int) -> Result:
    """Open a TCP connection as bash does, without a proxy."""
    met = guest_network.connect(shell.guest, Target(host, port, tls=False), through_proxy=False)
    if met == OK:
        return Result()
    text = {
        NO_NAME: f"bash: {host}: Name or service not known",
        REFUSED: f"bash: connect: Connection refused\nbash: /dev/tcp/{host}/{port}: Connection refused",
    }.get(met, f"bash: connect: Connection timed out\nbash: /dev/tcp/{host}/{port}: Connection timed out")
    return Result(code=1 if met != NO_ROUTE else 124, err=f"{text}\n")


def _nc(shell: Shell, words: list[str], _: str) -> Result:
    plain = [word for word in words if not word.startswith("-")]
    if words and "-w" in words:
        plain = [word for word in plain if word != words[words.index("-w") + 1]]
    if len(plain) < 2:
        return Result(code=1, err="usage: nc [-vz] host port\n")
    host, port = plain[0], int(plain[1])
    met = guest_network.connect(shell.guest, Target(host, port, tls=False), through_proxy=False)
    talks = any("v" in word for word in words if word.startswith("-"))
    if met == OK:
        return Result(err=f"Connection to {host} {port} port [tcp/*] succeeded!\n" if talks else "")
    text = {
        NO_NAME: f'nc: getaddrinfo for host "{host}" port {port}: Name or service not known',
        REFUSED: f"nc: connect to {host} port {port} (tcp) failed: Connection refused",
    }.get(met, f"nc: connect to {host} port {port} (tcp) timed out: Operation now in progress")
    return Result(code=1, err=f"{text}\n" if talks or met == NO_NAME else "")


def _openssl(shell: Shell, words: list[str], _: str) -> Result:
    where = next((words[index + 1] for index, word in enumerate(words[:-1]) if word == "-connect"), None)
    if where is None:
        return Result("OpenSSL 3.0.2\n")
    host, _, port = where.partition(":")
    target = Target(host, int(port or 443), tls=True)
    met = guest_network.connect(shell.guest, target, through_proxy=False)
    if met in {OK, UNTRUSTED}:
        verdict = "0 (ok)" if met == OK else "20 (unable to get local issuer certificate)"
        strict = "-verify_return_error" in words and met == UNTRUSTED
        return Result(f"CONNECTED(00000003)\n    Verify return code: {verdict}\n", 1 if strict else 0)
    reason = "Name or service not known" if met == NO_NAME else "Connection timed out"
    return Result(code=1, err=f"connect:errno=110\n{host}: {reason}\n")


def _lookup(shell: Shell, words: list[str], _: str) -> Result:
    name = next(
        (word for word in words if not word.startswith(("-", "+", "@")) and word not in {"hosts", "ahosts", "A"}), ""
    )
    address = guest_network.address_of(shell.guest, name)
    if address is None:
        return Result(f"** server can't find {name}: NXDOMAIN\n", 1)
    return Result(f"Server:\t\t168.63.129.16\nAddress:\t168.63.129.16#53\n\nName:\t{name}\nAddress: {address}\n")


def _getent(shell: Shell, words: list[str], _: str) -> Result:
    name = words[-1] if words else ""
    address = guest_network.address_of(shell.guest, name)
    return Result(code=2) if address is None else Result(f"{address}  {name}\n")


def _dig(shell: Shell, words: list[str], _: str) -> Result:
    name = next((word for word in words if not word.startswith(("-", "+", "@")) and word != "A"), "")
    address = guest_network.address_of(shell.guest, name)
    if "+short" in words:
        return Result(f"{address}\n" if address else "")
    answer = f"{name}.\t60\tIN\tA\t{address}\n" if address else ""
    status = "NOERROR" if address else "SERVFAIL"
    return Result(f";; ->>HEADER<<- opcode: QUERY, status: {status}\n{answer}")


def _host(shell: Shell, words: list[str], _: str) -> Result:
    name = next((word for word in words if not word.startswith("-")), "")
    address = guest_network.address_of(shell.guest, name)
    if address is None:
        return Result(f"Host {name} not found: 3(NXDOMAIN)\n", 1)
    return Result(f"{name} has address {address}\n")


def _sockets(shell: Shell, _: list[str], __: str) -> Result:
    lines = [f"LISTEN 0      511          0.0.0.0:{port}        0.0.0.0:*\n" for port in shell.guest.ports]
    return Result("State  Recv-Q Send-Q Local Address:Port  Peer Address:Port\n" + "".join(lines))


def _ping(shell: Shell, words: list[str], _: str) -> Result:
    name = next((word for word in reversed(words) if not re.fullmatch(r"-.*|\d+", word)), "")
    if guest_network.address_of(shell.guest, name) is None:
        return Result(code=2, err=f"ping: {name}: Name or service not known\n")
    reached = guest_network.connect(shell.guest, Target(name, 443, tls=False), through_proxy=False) in {OK, REFUSED}
    loss = "0" if reached else "100"
    return Result(f"1 packets transmitted, {1 if reached else 0} received, {loss}% packet loss\n", 0 if reached else 1)


PROGRAMS: dict[str, Program] = {
    "curl": _curl, "wget": _wget, "nc": _nc, "ncat": _nc, "netcat": _nc, "openssl": _openssl, "nslookup": _lookup,
    "getent": _getent, "dig": _dig, "host": _host, "ss": _sockets, "netstat": _sockets, "ping": _ping,
    "resolvectl": _lookup,
}  # fmt: skip
