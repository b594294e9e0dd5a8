"""Where a plan stands when its workflow goes on in a new run, so that no history grows too long. Pure.

With the plan itself it is the new run's input: a plan of 5,000 virtual machines has to travel in it.
"""

from pydantic import Field

from migration.base import Value
from migration.earlier import EarlierAnswer
from migration.findings import PlanCheck
from migration.ledger import LedgerEntry
from migration.ledger_proof import PlanListing
from migration.models import SharedResources
from migration.notices import Happening
from migration.resolutions import Resolved
from migration.steering import DispatchState


class PostboxState(Value):
    """What people are still to be told, and what they could not be told."""

    pending: list[Happening] = Field(default_factory=list)
    dropped: int = 0
    batches: int = 0
    notes: list[str] = Field(default_factory=list)


class EngineState(Value):
    """What people said to what held, and how often more of it is taken."""

    resolutions: list[Resolved] = Field(default_factory=list)
    refused: int = 0
    retried: int = 0


class SharedBy(Value):
    """What some virtual machines share: their places in the plan, as ranges."""

    vms: str
    resources: SharedResources


class PreparedState(Value):
    """What was made for all virtual machines, and its ledger."""

    shared: list[SharedBy] = Field(default_factory=list)
    entries: list[LedgerEntry] = Field(default_factory=list)
    earlier: EarlierAnswer | None = None
    before: PlanListing | None = None


class ForecastState(Value):
    """Since when virtual machines stand where they do, to the minute: their places in the plan, as ranges."""

    entered: tuple[str, str] | None = None
    since: dict[str, str] = Field(default_factory=dict)


class BoardState(Value):
    """What people see of a plan."""

    phase: str
    started: str
    reason: str = ""
    told: str = ""
    check: PlanCheck | None = None
    check_lines: list[str] = Field(default_factory=list)
    forecast: ForecastState = Field(default_factory=ForecastState)


class FleetState(Value):
    """The workflows of a plan's virtual machines."""

    runs: dict[str, str] = Field(default_factory=dict, description="Those that this plan began, by machine.")
    adopted: list[str] = Field(default_factory=list, description="Machines that an earlier plan's run had begun.")


class Cancelled(Value):
    """A plan was cancelled, and its virtual machines are on their way back."""

    reason: str = ""


class PlanState(Value):
    """All by which a run of a plan goes on where the one before it stood."""

    parts: int = Field(description="How many runs there were before.")
    board: BoardState
    dispatch: DispatchState
    prepared: PreparedState
    postbox: PostboxState = Field(default_factory=PostboxState)
    engine: EngineState = Field(default_factory=EngineState)
    fleet: FleetState = Field(default_factory=FleetState)
    cancelled: Cancelled | None = None


def carried_check(check: PlanCheck, begun: set[str]) -> PlanCheck:
    """Return what a plan needs of its check once it moves: its machines' findings where they have not begun."""
    done: dict[str, object] = {"network_ids": [], "guest": None, "luns": []}
    return check.model_copy(
        update={
            "vms": [vm.model_copy(update=done | ({"findings": []} if vm.name in begun else {})) for vm in check.vms]
        }
    )
