"""What fails waits for a person, and what is in the way is looked at until it is mended: the two loops of all steps."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from migration.plan import Approval
from workflows import policies
from workflows.engine import Engine, reason_of, type_of
from workflows.failures import GAVE_UP, going_on, rejected

_GIVEN_UP = frozenset({GAVE_UP})


async def until_done(
    engine: Engine,
    do: Callable[[], Awaitable[None]],
    question: Callable[[str], str],
    *,
    let_go: frozenset[str] = _GIVEN_UP,
) -> str | None:
    """Do something until it is done, or a person skips it; return why it failed then, None once it is done.

    Each failure is asked about: *question* makes the words from its reason, which comes without its full stop.
    *let_go*: types of errors that end it.

    Raises:
        ApplicationError: of type `GaveUp`, when the choice is `give_up`, or of a type that is let go.
    """
    while True:
        try:
            await do()
        except FailureError as error:
            if type_of(error) in let_go or (is_cancelled_exception(error) and not engine.shielded):
                raise
            why = reason_of(error)
            if await engine.ask(question(going_on(why)), ("retry", "skip", "give_up")) == "skip":
                return why
        else:
            return None


async def until_mended(engine: Engine, approval: Approval, look: Callable[[], Awaitable[str]]) -> None:
    """Look until nothing is in the way, which *look* tells in words: by itself, or as soon as a person says `retry`.

    Raises:
        ApplicationError: of type `GaveUp`, when a person gives up; `Rejected`: the plan's deadline rolls it back.
    """
    deadline = workflow.now() + timedelta(seconds=approval.deadline)
    pauses = iter(policies.RECHECK_DELAYS)
    while what := await look():
        if workflow.now() >= deadline and approval.at_deadline == "roll_back":
            raise rejected(f"{what}; nobody mended it before the deadline, and the plan says roll_back")
        await engine.ask(what, ("retry", "give_up"), next(pauses, policies.RECHECK_DELAYS[-1]))
