"""What workflows wait for, and what a wait answers.

After `give_back_after_seconds` a wait answers that it is not over: `running`. Times that come from Azure stay strings.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from migration.base import Value
from migration.ledger import Observation
from migration.models import JobRef, JobResult, PowerStates, VmTask
from migration.requests import ItemState
from migration.windows import Schedule


class Held(Value):
    """What a workflow waits for by a held poll."""

    give_back_after_seconds: int | None = None
    age_seconds: float = Field(0.0, description="How long it was waited for before: what is old is read more rarely.")


class JobWait(Held):
    """Waits for a Site Recovery job. After `give_back_after_seconds` the wait answers that it still runs."""

    job: JobRef
    accept_failure: bool = Field(
        default=False, description="A job that fails or is gone is an answer, not an error: only that it ended matters."
    )
    item_id: str = Field("", description="The protected item that is read once the job has ended; empty: none is.")


class JobWaited(Value):
    """A job that ended well, or that still runs."""

    running: bool
    result: JobResult | None = None
    item: ItemState | None = Field(None, description="Where the item stands then, whatever works on it; None: unread.")


class ProtectedWait(Held):
    """Waits until a virtual machine is protected: its first recovery point is there."""

    task: VmTask
    worst_seconds: float | None = Field(None, description="How long the copy takes at worst, as far as one can tell.")
    observe: list[str] = Field(default=[], description="What may have been made for it: looked for once protected.")


class ProtectedWaited(Value):
    """A protected virtual machine, or one that still replicates for the first time."""

    running: bool
    rpo_seconds: int | None = None
    health: str = ""
    failed_over: str = Field("", description="The item's state where somebody has failed it over meanwhile.")
    seen: list[Observation] = Field(default=[], description="What was there of that which was to be looked for.")


VmMilestone = Literal["running", "deallocated", "serving", "gone"]
"""What one waits for. `serving`: it runs and its agent reports ready."""


class VmWait(Held):
    """Waits for a virtual machine."""

    vm_id: str
    until: VmMilestone


class VmWaited(Value):
    """Where a virtual machine stands; `running` tells that the wait is not over."""

    running: bool
    power_state: str | None = None
    agent_ready: bool = False
    since: str | None = Field(None, description="When Azure says that it reached this power state.")


class ResourcesWait(Held):
    """Waits for resources to be provisioned, or to be gone."""

    ids: list[str]
    until: Literal["provisioned", "gone"]


class ResourcesWaited(Value):
    """Whether the wait is not over."""

    running: bool


class WatchCopies(Held):
    """Waits until both copies run."""

    source_id: str
    target_id: str


class CopiesWatched(Value):
    """Both power states where both copies were read running; `running` tells that the wait is not over."""

    running: bool
    both_running: PowerStates | None = None


class LookAtWindow(Value):
    """Asks where a cutover schedule stands at a moment of the workflow's time."""

    schedule: Schedule
    at: datetime
