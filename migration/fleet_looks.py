"""What a plan asks about the workflows of its virtual machines, and tells them, many at a time."""

from pydantic import Field

from migration.base import Value
from migration.phases import Outcome


class FindEnded(Value):
    """Asks which of these virtual machines have no workflow any more that runs."""

    plan: str
    vms: list[str] = Field(description="Those in question, by their names in the plan.")
    running: int = Field(description="How many of the plan's should run, these included.")


class EndedVm(Value):
    """A virtual machine whose workflow has ended."""

    name: str
    outcome: Outcome = Outcome.NEEDS_OPERATOR
    why: str = ""


class Ended(Value):
    """Those that have ended."""

    vms: list[EndedVm] = Field(default_factory=list)


class CancelVms(Value):
    """Asks to cancel virtual machines, many at a time."""

    plan: str
    vms: list[str]
    reason: str = ""


class Absent(Value):
    """Those of whom there was no workflow to cancel."""

    vms: list[str] = Field(default_factory=list)


class TurnAnswer(Value):
    """What a plan tells a virtual machine that wants its turn to fail over."""

    granted: bool
    stop: bool = False
    why: str = ""


class TurnAnswers(Value):
    """Asks to tell virtual machines, by their names in the plan, what becomes of their turns."""

    plan: str
    answers: dict[str, TurnAnswer]


class Untold(Value):
    """Those whose workflows run and did not take what they were told."""

    vms: list[str] = Field(default_factory=list)


class CancelAgain(Value):
    """Asks to cancel the plan's own new run: its cancel came to the run before."""

    plan: str
    reason: str = ""
