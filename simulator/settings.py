"""Numbers of this cloud that a test or a user may change, each with where it comes from.

What no page of Microsoft's and no recording says is marked as an assumption; ``docs/simulator.md`` lists all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SUPPORT_MATRIX = "azure-to-azure-support-matrix.md of MicrosoftDocs/azure-docs"
LIMITS = "site-recovery-limits.md of MicrosoftDocs/azure-docs"
QUESTIONS = "azure-to-azure-common-questions.md of MicrosoftDocs/azure-docs"
THROTTLING = "request-limits-and-throttling.md of MicrosoftDocs/azure-docs"


class UnknownSettingError(ValueError):
    """A setting that there is not, or a value that it cannot have; the message says what would be right."""


@dataclass(frozen=True)
class Setting:
    """A number, what it means, and its source; *source* None: an assumption."""

    default: int
    meaning: str
    source: str | None = None
    least: int = 1


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
    "data_disks_per_machine": Setting(
        64, "Data disks of a machine that Site Recovery replicates.", SUPPORT_MATRIX, least=0
    ),
    "vaults_per_subscription": Setting(500, "Recovery Services vaults in one subscription.", LIMITS),
    "machines_per_recovery_plan": Setting(100, "Machines in one recovery plan.", LIMITS),
    "groups_per_recovery_plan": Setting(7, "Groups of machines in one recovery plan.", QUESTIONS),
    "network_reads_per_5_minutes": Setting(10_000, "Network's reads in a subscription and region.", THROTTLING),
    "network_writes_per_5_minutes": Setting(1000, "Network's writes and deletions, likewise.", THROTTLING),
    "storage_reads_per_5_minutes": Setting(800, "Storage's reads of accounts, likewise.", THROTTLING),
    "storage_lists_per_5_minutes": Setting(100, "Storage's lists of accounts, likewise.", THROTTLING),
    "storage_writes_per_hour": Setting(1200, "Storage's writes of accounts, likewise.", THROTTLING),
    "site_recovery_requests_per_minute": Setting(
        0, "Requests to Recovery Services in a subscription and region (0: no limit of its own).", least=0
    ),
    "created_visible_after_seconds": Setting(
        0, "Virtual seconds for which reads and lists do not show a resource that was just created.", least=0
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
        least = SETTINGS[name].least
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            message = f"settings.{name}: give a whole number from {least}"
            raise UnknownSettingError(message)
    return given
