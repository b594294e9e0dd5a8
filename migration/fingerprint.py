"""What a check saw of a virtual machine and of what it depends on, field by field, so that a change shows later."""

from __future__ import annotations

import hashlib
import json

from pydantic import Field

from migration.base import Value


class Fingerprint(Value):
    """Facets by their name in words, such as `disk "web-01-data"`: `128 GiB Premium_LRS`."""

    facets: dict[str, str] = Field(default_factory=dict)

    @property
    def digest(self) -> str:
        """A short hash: two checks that saw the same have the same."""
        return hashlib.sha256(json.dumps(self.facets, sort_keys=True).encode()).hexdigest()[:16]

    def changes_to(self, later: Fingerprint) -> list[str]:
        """Return in words what is otherwise in a later one."""
        told = []
        for name in sorted({*self.facets, *later.facets}):
            before, now = self.facets.get(name), later.facets.get(name)
            if before is None:
                told.append(f"{name} is new ({now})")
            elif now is None:
                told.append(f"{name} is gone (it was {before})")
            elif before != now:
                told.append(f"{name} is {now}, it was {before}")
        return told
