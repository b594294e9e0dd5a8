"""What is kept of disks that are about to be deleted, and what is deleted."""

from pydantic import Field

from migration.base import Value


class KeptDisk(Value):
    """A disk, and the snapshot that keeps what is on it."""

    disk_id: str
    snapshot_id: str


class KeepDisks(Value):
    """Takes snapshots of disks before they are deleted: a target's on the way back, a source's in the end."""

    plan: str
    disks: list[KeptDisk]
    keep_until: str = Field(description="Until when they are wanted, which their tags tell.")

    @property
    def ids(self) -> list[str]:
        """The ids of the snapshots."""
        return [disk.snapshot_id for disk in self.disks]


class KeptUntil(Value):
    """Snapshots that are deleted once their time is over."""

    snapshot_ids: list[str]
    keep_until: str
    seconds: int


class DeleteResources(Value):
    """Deletes resources that the ledger says are ours."""

    ids: list[str]
    why: str
    spare_running: bool = Field(default=False, description="Refuse to delete a machine that runs.")
