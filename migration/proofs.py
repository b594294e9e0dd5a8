"""What proves that a machine serves: how it looks, that it booted, and what the user's own probes say.

Times are UTC, by the clock of Temporal's server; what a machine says of itself is quoted in bounds, and never believed.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Literal

from pydantic import Field

from migration.base import Value
from migration.plan_verification import Probe, ProbeKind, Where
from migration.redaction import redact_text

MAX_EVIDENCE_CHARACTERS = 300
_LOOKED_THROUGH = 20_000
_SECRETS = (
    # First, while it is whole: behind `client_secret:` the others take its first word for the value.
    re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    re.compile(r"(?i)\b(bearer|basic|sharedkey|sharedaccesssignature)\s+[\w.~+/=:%&-]{8,}"),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*"),
    re.compile(
        r"(?i)\b[\w-]*(?:password|passwd|passphrase|secret|(?:api|account|access)_?-?key|token|pwd)[\w-]*\b"
        r"""["']?\s*[=:]\s*(?:"[^"]*"?|'[^']*'?|\S+)"""
    ),
    re.compile(r"(?i)(?<=[?&;])(?:sig|code|signature|token)=[^&\s\"'<>;]+"),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
)


class Comparison(Value):
    """A field that was held against the plan."""

    field: str
    expected: str
    actual: str
    ok: bool


class Boot(Value):
    """Whether a machine has booted. `ok` is None where nothing could tell."""

    ok: bool | None
    evidence: str
    agent: str = Field("", description="What the guest agent says of itself, such as Ready.")
    serial_log: Literal["", "clean", "login", "failed", "unread"] = Field(
        "", description="What the serial log shows, where there is one."
    )
    seconds: int = Field(0, description="How long it was waited for.")


class ProbeResult(Value):
    """What one probe said. `ok` is None where it was not asked."""

    name: str
    kind: ProbeKind
    where: Where = "guest"
    ok: bool | None
    attempts: int
    evidence: str
    started: str = ""
    ended: str = ""
    seconds: int = 0


class Proof(Value):
    """All that was found out about one machine."""

    vm_id: str
    compared: list[Comparison] = Field(default_factory=list)
    boot: Boot | None = None
    probes: list[ProbeResult] = Field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """What did not hold, in words."""
        told = [f"{one.field} is {one.actual}, wanted {one.expected}" for one in self.compared if not one.ok]
        if self.boot is not None and self.boot.ok is False:
            told.append(self.boot.evidence)
        return told + failures(self.probes)

    @property
    def digest(self) -> str:
        """A hash of what was found, not of when or in how many tries: the same findings have the same."""
        changing: Any = {"boot": {"seconds"}, "probes": {"__all__": {"attempts", "started", "ended", "seconds"}}}
        return hashlib.sha256(self.model_dump_json(exclude=changing).encode()).hexdigest()


class Isolation(Value):
    """What was found out about the network of a test failover."""

    network_id: str
    isolated: bool
    reasons: list[str] = Field(default_factory=list, description="Why it is not isolated.")
    evidence: list[str] = Field(default_factory=list, description="What was looked at, and found.")
    remarks: list[str] = Field(default_factory=list, description="Ways out that do not lead to production.")


class TestFailoverReport(Value):
    """A test failover: its copy ran beside the source, in a network that was proved to be isolated first."""

    __test__ = False

    vm_id: str
    isolation: Isolation | None = None
    second_copy: Literal["", "isolated"] = Field("", description="isolated: a copy ran, where it met nobody.")
    started: str | None = None
    ended: str | None = Field(None, description="When its copy was cleaned up.")
    verification: Proof | None = None


class RunProbe(Value):
    """Asks one probe of a machine until it holds or its time is over."""

    vm_id: str
    os_type: Literal["Linux", "Windows"]
    probe: Probe
    timeout_seconds: int
    interval_seconds: int


class BootWait(Value):
    """Waits until a machine has booted, or shows that it will not."""

    vm_id: str
    expects_agent: bool = Field(default=True, description="Whether its agent was ready at the source.")
    timeout_seconds: int


class ProveIsolation(Value):
    """Asks whether the network of a test failover is isolated."""

    network_id: str
    production: list[str] = Field(description="Networks of the source and of the target.")
    region: str


def failures(probes: list[ProbeResult]) -> list[str]:
    """Return the probes that did not hold, in words."""
    return [f"probe {one.name} ({one.kind}): {one.evidence}" for one in probes if one.ok is False]


def held_of(before: list[ProbeResult] | None) -> frozenset[str] | None:
    """Return the names of the probes that held; None where nobody had asked."""
    return None if before is None else frozenset(one.name for one in before if one.ok)


def markdown_of(proof: Proof | None, test: TestFailoverReport | None) -> list[str]:
    """Return what a workflow's details show of a verification and a test failover, as lines of a Markdown list."""
    lines: list[str] = []
    if test is not None and test.isolation is not None:
        told = "isolated" if test.isolation.isolated else f"not isolated: {'; '.join(test.isolation.reasons)}"
        lines.append(f"- Test network: {told}")
    if test is not None and test.verification is not None:
        lines += [f"- Test failover: {line}" for line in in_words(test.verification)]
    return lines + ([f"- Verified: {line}" for line in in_words(proof)] if proof is not None else [])


def in_words(proof: Proof) -> list[str]:
    """Return what was found out about a machine, a line for each kind of question."""
    held = sum(one.ok for one in proof.compared)
    lines = [f"{held} of {len(proof.compared)} fields as wanted"]
    lines += [f"{one.field} is {one.actual}, wanted {one.expected}" for one in proof.compared if not one.ok]
    if proof.boot is not None:
        lines.append(f"boot: {proof.boot.evidence}")
    words = {True: "yes", False: "no", None: "-"}
    return lines + [f"probe {one.name} ({one.kind}): {words[one.ok]}, {one.evidence}" for one in proof.probes]


def quoted(text: str, limit: int = MAX_EVIDENCE_CHARACTERS) -> str:
    """Return what a machine said as one line that may be shown: without secrets, control characters, or much of it.

    Of megabytes only the end is looked through, from a blank on: what stands before it could be half of a secret.
    """
    if len(text) > _LOOKED_THROUGH:
        text = "".join(text[-_LOOKED_THROUGH:].partition(" ")[1:])
    for pattern in _SECRETS:
        text = pattern.sub("***", text)
    text = redact_text(text)
    plain = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return plain if len(plain) <= limit else f"...{plain[-limit + 3 :]}"
