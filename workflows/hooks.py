"""A user's hooks around the cutover: each is noted before it runs, so that whatever happens its undo follows."""

from collections.abc import Awaitable, Callable

from temporalio import exceptions, workflow
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.hooks import HookActivities
    from migration.hooks import Hook, HookRan, HookResult, Hooks, Moment, RunHook
    from migration.models import VmTask
    from migration.phases import Phase
from workflows import policies
from workflows.board import Board
from workflows.engine import Engine, reason_of
from workflows.failures import vm_failure
from workflows.replication import Replication


class HookRunner:
    """The hooks of one virtual machine. Those before the cutover run on the source, those after it on the target."""

    def __init__(self, task: VmTask, hooks: Hooks, board: Board, engine: Engine, replication: Replication) -> None:
        self._task = task
        self._board = board
        self._engine = engine
        self._replication = replication
        self.before, self.after = hooks.before, hooks.after
        self._begun: dict[Moment, list[Hook]] = {"before_cutover": [], "after_cutover": []}
        self._skipped: set[tuple[Moment, str]] = set()
        self._runs = 0

    @property
    def any(self) -> bool:
        """Whether the plan has hooks for this virtual machine."""
        return bool(self.before or self.after)

    async def run_before(self, still_ours: Callable[[], bool], turn_again: Callable[[], Awaitable[None]]) -> None:
        """Run the hooks before the cutover; who lost the turn meanwhile takes them back, and begins anew with it."""
        while True:
            await self._run_all("before_cutover", self.before)
            if still_ours():
                return
            await self._undo_all("before_cutover")
            self._board.enter(Phase.CHECKING)
            await turn_again()
            self._board.enter(Phase.FAILING_OVER)

    async def run_after(self) -> None:
        """Run the hooks after the cutover, on a target that was verified."""
        await self._run_all("after_cutover", self.after)

    async def undo_hooks_after(self) -> None:
        """Take back what the hooks after the cutover did, while the target runs. The source does not wait for it."""
        try:
            await self._undo_all("after_cutover")
        except FailureError as error:
            self._board.record_incident(f"{reason_of(error)}; it is tried again once the source serves")

    async def undo_hooks(self) -> None:
        """Take back what hooks did, the last one first; the source serves by then."""
        await self._undo_all("after_cutover")
        await self._undo_all("before_cutover")

    async def _run_all(self, moment: Moment, hooks: list[Hook]) -> None:
        self._runs += 1
        for hook in hooks:
            if (moment, hook.name) not in self._skipped:
                self._begun[moment].append(hook)
                await self._run(moment, hook)

    async def _run(self, moment: Moment, hook: Hook) -> None:
        when = moment.replace("_", " the ")
        while True:
            self._board.show(waiting_for=f"the hook {hook.name} {when}")
            trouble = await self._attempt(moment, hook)
            self._engine.stop_if_cancelled()
            if trouble is None:
                self._board.show()
                return
            told = f"the hook {hook.name} {when}: {trouble}"
            if hook.on_failure == "roll_back":
                raise vm_failure(told)
            if hook.on_failure == "continue":
                self._board.record_incident(f"went on although {told}")
                return
            choice = await self._engine.ask(
                f"{told}. retry runs it again, skip goes on without it, give_up leads back",
                ("retry", "skip", "give_up"),
            )
            if choice == "skip":
                self._skipped.add((moment, hook.name))
                self._board.record_incident(f"skipped: {told}")
                return

    async def _attempt(self, moment: Moment, hook: Hook) -> str | None:
        """Run a hook, and note what became of it; return what went wrong."""
        began = workflow.now()
        try:
            ran = await self._execute(moment, hook, undo=False)
        except ActivityError as error:
            if is_cancelled_exception(error):
                told = f"{reason_of(error)} while it ran: whether it was done is not known"
                self._board.note_hook(HookResult(name=hook.name, when=moment, ok=False, detail=told))
                raise
            trouble: str | None = _trouble(error, hook)
            result = HookResult(name=hook.name, when=moment, ok=False, attempts=_attempts(error), detail=trouble or "")
        else:
            trouble = None
            result = HookResult(name=hook.name, when=moment, ok=True, attempts=ran.attempts, detail=ran.output)
        seconds = round((workflow.now() - began).total_seconds())
        self._board.note_hook(result.model_copy(update={"seconds": seconds}))
        return trouble

    async def _undo_all(self, moment: Moment) -> None:
        begun = self._begun[moment]
        while begun:
            hook = begun[-1]
            if hook.undo is not None:
                self._board.show(waiting_for=f"the undo of the hook {hook.name}")
                try:
                    await self._execute(moment, hook, undo=True)
                except ActivityError as error:
                    self._board.note_undo(hook.name, moment, undone=False)
                    if is_cancelled_exception(error):
                        raise
                    raise vm_failure(f"taking back the hook {hook.name}: {_trouble(error, hook)}") from None
                self._board.note_undo(hook.name, moment, undone=True)
            begun.pop()

    async def _execute(self, moment: Moment, hook: Hook, *, undo: bool) -> HookRan:
        vm = self._task.vm
        before = moment == "before_cutover"
        action = hook.undo if undo and hook.undo is not None else hook.do
        verb = "undo" if undo else "run"
        request = RunHook(
            plan=self._task.plan,
            vm=vm.name,
            vm_id=vm.source_id if before else vm.target_id,
            source_id=vm.source_id,
            target_id=vm.target_id,
            os_type=self._replication.found.os_type,
            name=hook.name,
            moment=moment,
            undo=undo,
            action=action,
            key=f"{workflow.info().run_id}/{moment}/{hook.name}/{verb}/{self._runs}",
            deadline_seconds=hook.deadline_seconds,
        )
        summary = f"{'Take back' if undo else 'Run'} the hook {hook.name}"
        options = policies.hook(hook.deadline_seconds, in_guest=action.command is not None)
        ran: HookRan = await workflow.execute_activity_method(
            HookActivities.run_hook, request, summary=summary, **options
        )
        return ran


def _trouble(error: ActivityError, hook: Hook) -> str:
    if isinstance(error.cause, exceptions.TimeoutError):
        return f"it did not end within its deadline of {hook.deadline_seconds} s"
    return reason_of(error)


def _attempts(error: ActivityError) -> int:
    details = getattr(error.cause, "details", ())
    return details[0] if details and isinstance(details[0], int) else 1
