"""What a probe asks, and whether an answer is a yes: the same words for the guest's script and for the worker."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from migration.plan_verification import CommandProbe, HttpProbe, Probe, TcpProbe
from migration.proofs import quoted

NOTHING = "-"
LOOPBACK = "127.0.0.1"
TRY_SECONDS = 10
"""How long one try of a TCP or HTTP probe may take."""
_WORDS = {
    "refused": "nothing listens there: the connection was refused",
    "timeout": "no answer in time",
    "dns": "the name of the host does not resolve",
    "unreachable": "the host cannot be reached",
    "tls": "TLS did not come about, or the certificate is not trusted",
    "empty": "it closed the connection without an answer",
    "failed": "no HTTP answer came",
    "unknown": "the machine has no tool to ask with (Linux: bash or nc for tcp, curl for http)",
}


@dataclass(frozen=True)
class Tried:
    """The answer to one try."""

    ok: bool
    evidence: str


@dataclass(frozen=True)
class Address:
    """Where a probe goes. *site*: the name asked for there, where that is another than the host's."""

    host: str
    port: int
    scheme: str = ""
    path: str = ""
    site: str = ""
    verified: bool = True

    def __str__(self) -> str:
        """Return it as a person reads it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        where = f"{self.scheme}://" if self.scheme else ""
        return f"{where}{host}:{self.port}{self.path}" + (f" ({self.site})" if self.site else "")


def address_of(asked: TcpProbe | HttpProbe, own: str = LOOPBACK) -> Address:
    """Return where a probe goes; *own*: the machine's address for whoever asks."""
    if isinstance(asked, TcpProbe):
        return Address(asked.host or own, asked.port)
    verify = asked.verify_certificate
    if asked.url is not None:
        parts = urlsplit(asked.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Address(parts.hostname or "", port, parts.scheme, path, verified=verify is not False)
    scheme = asked.scheme or ("https" if asked.port == 443 else "http")
    port = asked.port or (443 if scheme == "https" else 80)
    verified = asked.host_name is not None if verify is None else verify
    return Address(asked.host or own, port, scheme, asked.path or "/", asked.host_name or "", verified)


def parameters(probe: Probe) -> dict[str, str]:
    """Return what the guest's script is given, in its order; what a person wrote goes in base64."""
    found = dict.fromkeys(
        (
            *("kind", "seconds", "target_host", "target_port", "scheme", "location"),
            *("site", "verify", "wanted", "script", "arguments"),
        ),
        NOTHING,
    )
    found["kind"], found["seconds"] = probe.kind, str(try_seconds(probe))
    asked = probe.question
    if isinstance(asked, CommandProbe):
        arguments = ",".join(f".{_encoded(one)}" for one in asked.arguments)
        return found | {"script": _encoded(_plain_lines(asked)), "arguments": arguments or NOTHING}
    where = address_of(asked)
    found |= {"target_host": where.host, "target_port": str(where.port)}
    if isinstance(asked, HttpProbe):
        found |= {"scheme": where.scheme, "location": where.path, "site": where.site or NOTHING}
        found["verify"] = "yes" if where.verified else "no"
        found["wanted"] = _encoded(asked.contains) if asked.contains else NOTHING
    return found


def try_seconds(probe: Probe) -> int:
    """Return how long one try may take."""
    return probe.command.limit if probe.command else TRY_SECONDS


def judged(probe: Probe, output: str) -> Tried | None:
    """Return what the guest's script says; None where it is no answer. Only its last JSON line counts."""
    lines = output.splitlines()
    for index in range(len(lines) - 1, -1, -1):
        answer = _answer(lines[index], probe.kind)
        if answer is not None:
            return _judged(probe, answer, "\n".join(lines[:index]))
    return None


def reached(probe: Probe, result: str, where: Address, status: int = 0, *, contains: bool | None = None) -> Tried:
    """Return whether a connection, and the answer to a request, are what a probe wants."""
    if result != "ok":
        return Tried(ok=False, evidence=f"{where}: {_WORDS.get(result, 'no answer')}")
    if probe.http is None:
        return Tried(ok=True, evidence=f"{where} accepts connections")
    if status != probe.http.status:
        return Tried(ok=False, evidence=f"{where} answers {status}, wanted {probe.http.status}")
    if probe.http.contains is not None and not contains:
        return Tried(ok=False, evidence=f"{where} answers {status}, without the text that is wanted")
    return Tried(ok=True, evidence=f"{where} answers {status}" + (" with the text that is wanted" if contains else ""))


def _judged(probe: Probe, answer: dict[str, object], said: str) -> Tried:
    asked = probe.question
    if isinstance(asked, CommandProbe):
        return _of_command(asked, answer, said)
    result, status = str(answer.get("result")), answer.get("status")
    holds = {"yes": True, "no": False}.get(str(answer.get("contains")))
    known = result if result in {"ok", *_WORDS} else "failed"
    return reached(probe, known, address_of(asked), status if isinstance(status, int) else 0, contains=holds)


def _of_command(command: CommandProbe, answer: dict[str, object], said: str) -> Tried:
    code = answer.get("exit_code")
    if not isinstance(code, int):
        return Tried(ok=False, evidence="the script ended without an exit code")
    late = f" (it was stopped after {command.limit} s)" if code in {124, 137} else ""
    # What run command itself puts around what was printed is none of the script's.
    printed = quoted(said.replace("Enable succeeded:", "").replace("[stdout]", ""))
    return Tried(ok=code == 0, evidence=f"exit code {code}{late}" + (f": {printed}" if printed else ""))


def _answer(line: str, kind: str) -> dict[str, object] | None:
    try:
        answer = json.loads(line)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and answer.get("probe") == kind else None


def _plain_lines(command: CommandProbe) -> str:
    return command.script.replace("\r\n", "\n").rstrip("\n") + "\n"


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
