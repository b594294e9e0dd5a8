"""The policies of the kinds of replication: what of its input each shows. Only Azure-to-Azure uses them here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    Field = tuple[str, Any]

BEFORE_COUNTS = "2022-08-01"
"""The last api-version in which a recording shows an Azure-to-Azure policy without :data:`COUNTS`."""
COUNTS: dict[str, Any] = {"status": False, "associatedItemsCount": 0, "dataSourceType": "VM"}
_IN_MAGE: tuple[Field, ...] = (
    ("recoveryPointThresholdInMinutes", 0),
    ("recoveryPointHistory", 0),
    ("appConsistentFrequencyInMinutes", 0),
    ("multiVmSyncStatus", "Disabled"),
)
_HYPER_V: tuple[Field, ...] = (
    ("recoveryPoints", 0),
    ("applicationConsistentSnapshotFrequencyInHours", 0),
    ("compression", "Enable"),
    ("initialReplicationMethod", "OverNetwork"),
    ("onlineReplicationStartTime", None),
    ("offlineReplicationImportPath", None),
    ("offlineReplicationExportPath", None),
    ("replicationPort", 0),
    ("allowedAuthenticationType", 0),
    ("replicaDeletionOption", "NotRequired"),
)


@dataclass(frozen=True)
class Kind:
    """How a kind of policy is shown: its fields in order with what they read where the caller left them out."""

    fields: tuple[Field, ...]
    renamed: Mapping[str, str]
    """Names of the input by names of the output, where they differ."""
    counts: bool = False
    """Whether it is shown with :data:`COUNTS` in every api-version."""


KINDS: dict[str, Kind] = {
    "A2A": Kind((*_IN_MAGE, ("crashConsistentFrequencyInMinutes", 5)), {}),
    "A2ACrossClusterMigration": Kind((), {}),
    "HyperVReplicaAzure": Kind(
        (
            ("recoveryPointHistoryDurationInHours", 0),
            ("applicationConsistentSnapshotFrequencyInHours", 0),
            ("replicationInterval", 300),
            ("onlineReplicationStartTime", None),
            ("encryption", "Disabled"),
            ("activeStorageAccountId", None),
        ),
        {"recoveryPointHistoryDurationInHours": "recoveryPointHistoryDuration"},
    ),
    "HyperVReplica2012": Kind(_HYPER_V, {"replicaDeletionOption": "replicaDeletion"}),
    "HyperVReplica2012R2": Kind(
        (("replicationFrequencyInSeconds", 300), *_HYPER_V), {"replicaDeletionOption": "replicaDeletion"}
    ),
    "InMage": Kind(_IN_MAGE, {}),
    "InMageAzureV2": Kind((("crashConsistentFrequencyInMinutes", 0), *_IN_MAGE), {}),
    "InMageRcm": Kind(
        (
            ("recoveryPointHistoryInMinutes", 0),
            ("appConsistentFrequencyInMinutes", 0),
            ("crashConsistentFrequencyInMinutes", 0),
            ("enableMultiVmSync", "false"),
        ),
        {},
        counts=True,
    ),
    "InMageRcmFailback": Kind(
        (("appConsistentFrequencyInMinutes", 0), ("crashConsistentFrequencyInMinutes", 0)), {}, counts=True
    ),
    "VMwareCbt": Kind(
        (
            ("recoveryPointHistoryInMinutes", 0),
            ("appConsistentFrequencyInMinutes", 0),
            ("crashConsistentFrequencyInMinutes", 0),
        ),
        {},
    ),
}
SYNC_STATUS = {"enable": "Enabled", "disable": "Disabled"}
UNSHOWN = {"onlineReplicationStartTime"}
"""Fields that are absent, not null, where nothing was given."""


def find(given: Mapping[str, Any]) -> tuple[str, Kind] | None:
    """The kind of a policy's input with its name as Azure writes it, or None."""
    wanted = str(given.get("instanceType", "")).lower()
    return next(((name, kind) for name, kind in KINDS.items() if name.lower() == wanted), None)


def details(given: Mapping[str, Any], api_version: str, items: int) -> dict[str, Any]:
    """The ``providerSpecificDetails`` of a policy with *items* that it governs."""
    found = find(given)
    name, kind = found if found is not None else ("A2A", KINDS["A2A"])
    shown: dict[str, Any] = {"instanceType": name}
    for field, default in kind.fields:
        value = given.get(kind.renamed.get(field, field))
        if field == "activeStorageAccountId":
            value = next(iter(given.get("storageAccounts") or []), None)
        if field == "multiVmSyncStatus":
            value = SYNC_STATUS.get(str(value).lower())
        if value is not None or field not in UNSHOWN:
            shown[field] = default if value is None else value
    if kind.counts or (name == "A2A" and api_version > BEFORE_COUNTS):
        shown |= {**COUNTS, "associatedItemsCount": items}
    return shown
