"""Numbers of this cloud that a test or a user may change, each with where it comes from.

What no page of Microsoft's and no recording says is marked as an assumption; ``docs/simulator.md`` lists all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SUPPORT_MATRIX = "azure-to-azure-support-matrix.md of MicrosoftDocs/azure-docs"


class UnknownSettingError(ValueError):
    """A setting that there is not, or a value that it cannot have; the message says what would be right."""


@dataclass(frozen=True)
class Setting:
    """A number, what it means, and its source; *source* None: an assumption."""

    default: int
    meaning: str
    source: str | None = None


SETTINGS = {
    "resources_page_size": Setting(
        1000, "Entries in a page of `resources` and `resourceGroups`.", "Resources - List: `$top` is at most 1000"
    ),
    "provider_page_size": Setting(250, "Entries in a page of a Compute, Network, Storage or vault list."),
    "site_recovery_page_size": Setting(500, "Entries in a page of a Site Recovery list."),
    "protected_disks_per_subscription": Setting(
        3000, "Disks that Site Recovery protects in one subscription.", SUPPORT_MATRIX
    ),
    "machines_per_consistency_group": Setting(
        16, "Machines that replicate in one multi-VM consistency group.", SUPPORT_MATRIX
    ),
}


def checked(given: Any) -> dict[str, int]:
    """Check an object of settings. Raises UnknownSettingError."""
    if not isinstance(given, dict):
        message = f"settings: give an object with some of {', '.join(SETTINGS)}"
        raise UnknownSettingError(message)
    for name, value in given.items():
        if name not in SETTINGS:
            message = f"settings.{name}: not known; give some of {', '.join(SETTINGS)}"
            raise UnknownSettingError(message)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            message = f"settings.{name}: give a whole number from 1"
            raise UnknownSettingError(message)
    return given
