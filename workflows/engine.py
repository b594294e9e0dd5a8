"""How a step calls an activity, waits, holds for a person, and notices a cancel. Platform concerns stay here."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from temporalio import exceptions, workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.waits import WaitActivities
    from migration.models import JobRef, JobResult
    from migration.plan_state import EngineState
    from migration.report import DecisionAnswer, Resolution
    from migration.requests import JOB_LOST, ItemState
    from migration.resolutions import Resolved, kept
    from migration.times import utc_text
    from migration.waiting import Held, JobWait, JobWaited
from workflows import policies
from workflows.failures import gave_up, job_is_lost, vm_failure, why_cancelled


class Waited(Protocol):
    """The answer of a wait."""

    @property
    def running(self) -> bool:
        """Whether the wait was given back before its end."""


class Screen(Protocol):
    """Where an engine shows what it waits for."""

    def show(self, *, waiting_for: str = "", needs_action: bool = False, choices: tuple[str, ...] = ()) -> None:
        """Tell what is waited for, and whether a person must act."""

    def ask_person(self) -> Callable[[], None]:
        """Show that only a person can move it on; return what takes that back."""


P = TypeVar("P")
R = TypeVar("R")
H = TypeVar("H", bound=Held)
W = TypeVar("W", bound=Waited)


async def _nothing() -> None:
    return None


async def _no_evidence() -> str:
    return ""


class Engine:
    """What the steps of one workflow share."""

    def __init__(
        self, screen: Screen, task_queue: str | None = None, plan_size: int = 1, *, joins_steps: bool = False
    ) -> None:
        """Call activities on their own queues, or all on *task_queue*, for one of *plan_size* virtual machines."""
        self.joins_steps = joins_steps
        self._first_age = policies.first_age(plan_size)
        self._screen = screen
        self._queue = {"task_queue": task_queue} if task_queue else {}
        self.shielded = False
        self.before_hold: Callable[[], Awaitable[None]] = _nothing
        self.called_back: Callable[[], str] = str
        """Why those with whom this one moves go back, and it with them; empty where they do not."""
        self.resolutions: list[Resolved] = []
        self._choices: tuple[str, ...] = ()
        self._question = ""
        self._resolution: Resolution | None = None
        self._refused = self._retried = 0

    async def call(
        self,
        method: Callable[[Any, P], Awaitable[R]],
        argument: P,
        summary: str,
        options: Mapping[str, Any] = policies.AZURE,
    ) -> R:
        """Run a reading or writing activity; while the environment refuses it, hold and try again."""
        pauses = _Pauses()
        while True:
            try:
                answer: R = await workflow.execute_activity_method(
                    method, argument, summary=summary, **{**options, **self._queue}
                )
            except ActivityError as error:
                await self._after_failure(error, summary, pauses)
            else:
                self.stop_if_cancelled()
                return answer

    async def wait(
        self,
        method: Callable[[Any, H], Awaitable[W]],
        ask: Callable[[int | None], H],
        summary: str,
        deadline: timedelta = policies.JOB_DEADLINE,
        *,
        urgent: bool = False,
        evidence: Callable[[], Awaitable[str]] = _no_evidence,
    ) -> W:
        """Hold a long poll until it ends; *ask* makes its input, given the seconds after which it gives itself back.

        One that is *urgent*, since nothing serves meanwhile, never grows old: a lost worker is noticed within 30 s. The
        others begin grown in a large plan.
        Past the deadline it looks once more, then asks a person, who is told the *evidence*.
        """
        pauses, stage = _Pauses(), 0 if urgent else self._first_age
        began = workflow.now()
        ends = began + deadline
        while True:
            left = ends - workflow.now()
            late = left <= timedelta()
            held = policies.LAST_LOOK if late else policies.WAITS[stage][1]
            options = policies.waiting(2 * policies.LAST_LOOK if late else left, 0 if late else stage) | self._queue
            age = (workflow.now() - began).total_seconds()
            wanted = ask(int(held.total_seconds()) if held else None).model_copy(update={"age_seconds": age})
            try:
                answer: W = await workflow.execute_activity_method(method, wanted, summary=summary, **options)
            except ActivityError as error:
                await self._after_failure(error, summary, pauses, may_hold=workflow.now() < ends)
            else:
                self.stop_if_cancelled()
                if not answer.running:
                    return answer
                stage = 0 if urgent else min(stage + 1, len(policies.WAITS) - 1)
            if late:
                await self.ask(f"{summary}: not done after {deadline}{await evidence()}", ("retry", "give_up"))
                ends = workflow.now() + deadline

    async def wait_for_job(
        self,
        job: JobRef | None,
        summary: str,
        *,
        accept_failure: bool = False,
        urgent: bool = False,
        evidence: Callable[[], Awaitable[str]] = _no_evidence,
    ) -> JobResult | None:
        """Wait for a Site Recovery job; None when there is none. A failed job fails the step, unless accepted.

        One that the vault does not keep any more (`JOB_LOST`) may have ended either way: what it worked on tells.
        """
        if job is None:
            return None
        wanted = JobWait(job=job, accept_failure=accept_failure)
        return (await self._wait_for_job(wanted, summary, urgent=urgent, evidence=evidence)).result

    async def wait_for_item(
        self, job: JobRef | None, item_id: str, summary: str, *, accept_failure: bool = False
    ) -> ItemState | None:
        """Wait for a job and return where its protected item stands then; None: that has to be read.

        Runs that do not join their steps read it by one of its own.
        """
        if job is None:
            return None
        wanted = JobWait(job=job, accept_failure=accept_failure, item_id=item_id if self.joins_steps else "")
        return (await self._wait_for_job(wanted, summary)).item

    async def _wait_for_job(
        self,
        wanted: JobWait,
        summary: str,
        *,
        urgent: bool = False,
        evidence: Callable[[], Awaitable[str]] = _no_evidence,
    ) -> JobWaited:
        try:
            return await self.wait(
                WaitActivities.wait_for_job,
                lambda give_back: wanted.model_copy(update={"give_back_after_seconds": give_back}),
                summary,
                urgent=urgent,
                evidence=evidence,
            )
        except ActivityError as error:
            if not job_is_lost(error):
                raise
            job = wanted.job
            lost = JobResult(id=job.id, scenario=job.scenario, state=JOB_LOST, state_description="")
            return JobWaited(running=False, result=lost)

    async def ask(self, question: str, choices: tuple[str, ...], pause: timedelta | None = None) -> str:
        """Hold until a person resolves, or for a *pause*, and return the choice, "" when there is none.

        Raises:
            ApplicationError: of type `GaveUp`, when the choice is `give_up`.
        """
        await self.before_hold()
        take_back = self._screen.ask_person()
        try:
            choice = await self.hold(question, choices, pause)
        except FailureError:
            take_back()
            raise
        take_back()
        return choice

    async def hold(
        self,
        waiting_for: str,
        choices: tuple[str, ...],
        pause: timedelta | None = None,
        *,
        needs_action: bool = True,
        until: Callable[[], bool] = lambda: False,
    ) -> str:
        """Wait for a person's choice, *until* something else, or a *pause*; return the choice, "" when there is none.

        Raises:
            ApplicationError: of type `GaveUp`, when the choice is `give_up`.
        """
        self._choices, self._question, self._resolution = choices, waiting_for, None
        self._screen.show(waiting_for=waiting_for, needs_action=needs_action, choices=choices)
        try:
            await workflow.wait_condition(
                lambda: self._resolution is not None or until(), timeout=pause, timeout_summary="Until the next try"
            )
        except TimeoutError:
            pass
        finally:  # runs when Temporal drops a cached workflow, too, where nothing may be shown any more
            self._choices = ()
        self._screen.show()
        return self._choice()

    @property
    def resolution(self) -> Resolution | None:
        """What a person said last, None while something holds."""
        return self._resolution

    def resolve(self, resolution: Resolution) -> DecisionAnswer:
        """Take a person's word on what holds; it counts when something holds and offers that choice."""
        if why_not := self._why_not(resolution):
            self._refused += 1
            return DecisionAnswer(counted=False, reason=why_not)
        self._resolution = resolution
        self._retried += resolution.action == "retry"
        resolved = Resolved(
            at=utc_text(workflow.now()),
            action=resolution.action,
            by=resolution.by,
            reason=resolution.reason,
            question=self._question,
        )
        self.resolutions = kept(self.resolutions, resolved)
        return DecisionAnswer(counted=True, reason=f"{resolution.action} recorded")

    def state(self) -> EngineState:
        """Return what people said, for a run that goes on for this one."""
        return EngineState(resolutions=self.resolutions, refused=self._refused, retried=self._retried)

    def go_on(self, state: EngineState) -> None:
        """Go on with what people said to an earlier run."""
        self.resolutions, self._refused, self._retried = list(state.resolutions), state.refused, state.retried

    def refuse_flood(self, resolution: Resolution) -> None:
        """Refuse, before it enters the history, what would not count once many did not, and a retry without end.

        Updates share what a server takes of them with people's decisions, 2,000 to a run.

        Raises:
            ValueError: it is one of these, and why.
        """
        why_not = self._why_not(resolution)
        if why_not and self._refused >= policies.RECENT_REFUSALS:
            raise ValueError(why_not)
        if resolution.action == "retry" and self._retried >= policies.MOST_RETRIES:
            others = " or ".join(choice for choice in self._choices if choice != "retry") or "a cancel"
            raise ValueError(f"{self._retried} retries were taken and no more are; {others} moves it on")

    def _why_not(self, resolution: Resolution) -> str:
        if not self._choices or self._resolution is not None:
            return "nothing waits for a resolution now"
        return "" if resolution.action in self._choices else f"choose one of: {', '.join(self._choices)}"

    @property
    def last_word(self) -> str:
        """Who moved on what held last, and why."""
        return self.resolutions[-1].told if self.resolutions else "nobody"

    def _choice(self) -> str:
        resolution = self._resolution
        if resolution is None:
            return ""
        if resolution.action == "give_up":
            raise gave_up(resolution.by, resolution.reason)
        workflow.logger.info("Resolved", extra={"action": resolution.action, "by": resolution.by})
        return resolution.action

    def stop_if_cancelled(self) -> None:
        """Raise the cancel that an activity consumed by ending anyway.

        Raises:
            ApplicationError: of type `VmFailure`: those with whom it moves go back.
        """
        if self.shielded:
            return
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError
        if why := self.called_back():
            raise vm_failure(why)

    async def _after_failure(
        self, error: ActivityError, summary: str, pauses: "_Pauses", *, may_hold: bool = True
    ) -> None:
        self.stop_if_cancelled()
        if not _of_the_environment(error):
            raise error
        if not may_hold:
            return
        question = f"{summary}: {reason_of(error)}"
        pause = pauses.next()
        if pause is None:
            await self.ask(question, ("retry", "give_up"))
            pauses.restart()
            return
        await self.before_hold()
        await self.hold(f"{question} (trying again by itself)", ("retry", "give_up"), pause)


class _Pauses:
    """The growing pauses of one call while the environment refuses it, counted from the first failure in a row."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget the failures so far."""
        self._count = 0
        self._began = self._tried = workflow.now()

    def next(self) -> timedelta | None:
        """Return the next pause, or None once the deadline has passed."""
        now = workflow.now()
        if not self._count or now - self._tried > policies.ENVIRONMENT_RECOVERED:
            self.restart()
        if now - self._began > policies.ENVIRONMENT_DEADLINE:
            return None
        delay = policies.ENVIRONMENT_DELAYS[min(self._count, len(policies.ENVIRONMENT_DELAYS) - 1)]
        self._count += 1
        self._tried = now + delay
        return delay


async def shielded(work: Awaitable[R]) -> R:
    """Finish *work* whatever cancels arrive meanwhile."""
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                break
        except FailureError:
            break
    return task.result()


def reason_of(error: BaseException) -> str:
    """Return the sentence at the root of an error."""
    if is_cancelled_exception(error) or isinstance(error, asyncio.CancelledError):
        return why_cancelled(workflow.cancellation_reason())
    cause = error
    while isinstance(cause, FailureError) and not isinstance(cause, ApplicationError) and cause.cause:
        cause = cause.cause
    return cause.message if isinstance(cause, FailureError) else str(cause)


def type_of(error: BaseException) -> str | None:
    """Return the ApplicationError type at the root of an error."""
    cause = error.cause if isinstance(error, ActivityError) else error
    return cause.type if isinstance(cause, ApplicationError) else None


def _of_the_environment(error: ActivityError) -> bool:
    return isinstance(error.cause, exceptions.TimeoutError) or type_of(error) == "EnvironmentFailure"
