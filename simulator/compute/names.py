"""Resource types of Compute, region names, and small helpers on ids that its modules share."""

from __future__ import annotations

import uuid

VM = "Microsoft.Compute/virtualMachines"
EXTENSION = f"{VM}/extensions"
DISK = "Microsoft.Compute/disks"
SNAPSHOT = "Microsoft.Compute/snapshots"
AVAILABILITY_SET = "Microsoft.Compute/availabilitySets"
DISK_ENCRYPTION_SET = "Microsoft.Compute/diskEncryptionSets"

_ROOT = uuid.UUID("a3c4c4a8-0c6b-5d5e-8f4e-5a6f0b1f7d11")


def region(location: str) -> str:
    """A region's name as APIs take it: `West Europe` becomes `westeurope`."""
    return location.replace(" ", "").lower()


def stable_guid(*parts: str) -> str:
    """The GUID that belongs to *parts*, whatever their case: the same in every run."""
    return str(uuid.uuid5(_ROOT, "|".join(part.lower() for part in parts)))


def resource_id(subscription: str, group: str, type_: str, name: str) -> str:
    """The ARM id of a resource in a group."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{type_}/{name}"
