"""Whether grants and deny assignments let an identity do an action.

`How Azure RBAC determines if a user has access to a resource
<https://learn.microsoft.com/azure/role-based-access-control/overview#how-azure-rbac-determines-if-a-user-has-access-to-a-resource>`_:
denied is denied; else one grant suffices whose actions match and whose notActions do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from migration.access import Denial, Permission


def allows(permissions: Iterable[Permission], action: str) -> bool:
    """Tell whether some grant allows an action: one of its actions matches, and none that it leaves out."""
    return any(matches(action, grant.actions) and not matches(action, grant.not_actions) for grant in permissions)


def denies(denial: Denial, action: str) -> bool:
    """Tell whether a deny assignment forbids an action to those whom it concerns."""
    return matches(action, denial.actions) and not matches(action, denial.not_actions)


def matches(action: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether an action is meant by one of the patterns, without regard to case; `*` stands for anything."""
    return any(_pattern(pattern).fullmatch(action) for pattern in patterns)


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.IGNORECASE)
