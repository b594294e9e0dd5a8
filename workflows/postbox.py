"""What people are told: gathered for a moment, sent beside the move, and noted where it could not be sent."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.notifications import NotificationActivities
    from migration.notices import MOST_TOLD, EmailTarget, Happening, SendNotification, WebhookTarget
    from migration.plan_notifications import Notification
    from migration.plan_state import PostboxState
from workflows import policies
from workflows.board import now_text
from workflows.engine import reason_of

_URGENT = {"two_copies"}
_MOST_PENDING = 500
"""Of what gathers until the next message; what is more is only counted."""
_MOST_NOTES = 100
"""Of what could not be told; the newest ones."""


class Postbox:
    """The messages of one workflow. Nobody waits for one; `close` gives those under way a minute."""

    def __init__(self, plan: str, notifications: list[Notification]) -> None:
        self._plan = plan
        self._notifications = notifications
        self._pending: list[Happening] = []
        self._batch: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._number = self._batches = self._dropped = 0
        self._rests = False
        self.notes: list[str] = []

    @property
    def is_sending(self) -> bool:
        """Whether a message is under way."""
        return bool(self._sending)

    def rest(self) -> PostboxState:
        """Send nothing more, and return what a postbox of a later run is to send."""
        self._rests = True
        return PostboxState(pending=self._pending, dropped=self._dropped, batches=self._batches, notes=self.notes)

    def wake(self) -> None:
        """Send again: the run goes on after all. What is urgent has waited long enough."""
        self._rests = False
        if self._pending:
            self._begin(is_urgent=any(one.event in _URGENT for one in self._pending))

    def go_on(self, state: PostboxState) -> None:
        """Take what one of an earlier run did not send; `resume` sends it."""
        self._pending, self._dropped = list(state.pending), state.dropped
        self._batches, self.notes = state.batches, list(state.notes)

    def resume(self) -> None:
        """Send what was left over."""
        if self._pending:
            self._begin(is_urgent=False)

    def take(self, happening: Happening) -> None:
        """Take an event; with what happens in the next moments it makes one message for each channel."""
        if not any(happening.event in one.events for one in self._notifications):
            return
        if len(self._pending) >= _MOST_PENDING:
            self._dropped += 1
            return
        self._pending.append(happening)
        if not self._rests:
            self._begin(is_urgent=happening.event in _URGENT)

    def _begin(self, *, is_urgent: bool) -> None:
        if is_urgent and self._batches < policies.NOTIFICATIONS_IN_STEP:
            self._flush()
        elif self._batch is None:
            self._batch = asyncio.create_task(self._gather())

    async def close(self) -> None:
        """Send what is left, and wait for it as long as that is worth; what is not sent by then is noted."""
        if not self._notifications:
            return
        self._rests = False
        self._flush()
        if not self._sending:
            return
        try:
            await workflow.wait_condition(lambda: not self._sending, timeout=policies.NOTIFICATION_LAST)
        except TimeoutError:
            self._note(f"{len(self._sending)} messages were under way at the end; whether they arrived is not known")

    async def _gather(self) -> None:
        # Each batch costs a history a dozen events for each channel, so that a flood is told ever more rarely.
        rarely: int = 2 ** (self._batches // policies.NOTIFICATIONS_IN_STEP)
        pause = policies.NOTIFICATION_BATCH * rarely
        await workflow.sleep(min(pause, policies.NOTIFICATION_RAREST), summary="Gather what people are told")
        self._batch = None
        if not self._rests:
            self._flush()

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        dropped, self._dropped = self._dropped, 0
        self._batches += bool(pending)
        for rule in self._notifications:
            told = [one for one in pending if one.event in rule.events]
            for target in rule.targets if told else []:
                self._number += 1
                task = asyncio.create_task(self._send(told, dropped, target, self._number))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    async def _send(
        self, told: list[Happening], dropped: int, target: WebhookTarget | EmailTarget, number: int
    ) -> None:
        request = SendNotification(
            plan=self._plan,
            happenings=told[:MOST_TOLD],
            omitted=max(len(told) - MOST_TOLD, 0) + dropped,
            webhook=target if isinstance(target, WebhookTarget) else None,
            email=target if isinstance(target, EmailTarget) else None,
            key=f"{workflow.info().run_id}/notification/{number}",
            namespace=workflow.info().namespace,
        )
        try:
            await workflow.execute_activity_method(
                NotificationActivities.send_notification,
                request,
                summary=f"Tell {request.where}: {told[0].title}",
                **policies.NOTIFICATION,
            )
        except ActivityError as error:
            events = ", ".join(sorted({one.title for one in told})[:5])
            self._note(f"{request.where} was not told ({events}): {reason_of(error)}")

    def _note(self, text: str) -> None:
        self.notes = [*self.notes, f"{now_text()} {text}"][-_MOST_NOTES:]
        workflow.logger.warning("Notification not sent", extra={"note": text})
