"""What is kept of a target that a move takes back, and what is deleted of it."""

from pydantic import Field

from migration.base import Value


class KeptDisk(Value):
    """A disk, and the snapshot that keeps what is on it."""

    disk_id: str
    snapshot_id: str


class KeepDisks(Value):
    """Snapshots disks of a target that the move takes back."""

    plan: str
    disks: list[KeptDisk]
    keep_until: str

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
