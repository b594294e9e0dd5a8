"""What an identity may do somewhere: grants, deny assignments, locks."""

from __future__ import annotations

from dataclasses import dataclass

from migration.ids import id_key


@dataclass(frozen=True)
class Permission:
    """One grant: actions with wildcards, and those that it leaves out."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Denial:
    """A deny assignment: actions with wildcards, those that it leaves out, and the id of what it lies on."""

    name: str
    scope: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()
    applies: bool | None = True
    """Whether it concerns the identity that asks; None: that could not be found out."""
    only_there: bool = False
    """Whether what lies below its scope is left out."""

    def holds(self, scope: str) -> bool:
        """Whether it concerns a scope: it lies there, or above and goes on below."""
        here, asked = f"{id_key(self.scope)}/", f"{id_key(scope)}/"
        return here == asked or (not self.only_there and asked.startswith(here))


@dataclass(frozen=True)
class Lock:
    """A management lock: its level, and the id of what it lies on."""

    name: str
    level: str
    scope: str

    def holds(self, resource_id: str) -> bool:
        """Whether the lock holds for a resource: it lies on it or on what contains it."""
        return f"{id_key(resource_id)}/".startswith(f"{id_key(self.scope)}/")
