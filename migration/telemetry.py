"""What is counted and traced of Azure: what each request came to, and how far behind the machines of a vault are.

No query, header or body. For people who watch, not for any decision.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["success", "not_found", "refused", "throttled", "server_error", "no_answer"]
Kind = Literal["read", "write"]

_BUDGET = re.compile(r"^subscription-(?:global-)?(reads|writes|deletes)$")


@dataclass(frozen=True)
class Call:
    """A request that was answered, or that got no answer. *seconds* is how long that took."""

    method: str
    kind: Kind
    subscription: str
    path: str
    status: int | None
    seconds: float
    remaining: dict[str, str] = field(default_factory=dict)
    """What Azure's headers `x-ms-ratelimit-remaining-*` tell, by what follows that."""

    @property
    def outcome(self) -> Outcome:
        """What it came to, in a word."""
        if self.status is None:
            return "no_answer"
        if self.status == 404:
            return "not_found"
        if self.status == 429:
            return "throttled"
        return "success" if self.status < 400 else "refused" if self.status < 500 else "server_error"

    @property
    def operation(self) -> str:
        """Method and types, without names: `GET vaults/replicationJobs`."""
        _, found, provider = self.path.rpartition("/providers/")
        parts = (provider if found else self.path).strip("/").split("/")
        types = parts[1::2] if found else parts[::2]
        return f"{self.method} {'/'.join(types)}".strip()

    @property
    def budget(self) -> dict[str, int]:
        """How many reads, writes and deletes Azure says are left: of the identity, or of all where that is less."""
        left: dict[str, int] = {}
        for key, number in self.remaining.items():
            if (match := _BUDGET.match(key)) and number.isdigit():
                left[match[1]] = min(int(number), left.get(match[1], int(number)))
        return left


@dataclass(frozen=True)
class VaultLag:
    """The RPO of each protected machine that tells one, in seconds, and how many are of which health."""

    rpo_seconds: list[int] = field(default_factory=list)
    health: Counter[str] = field(default_factory=Counter)
