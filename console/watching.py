"""`watch`: a plan's progress until it ends, or until only virtual machines are left that need an operator."""

import asyncio
import time

from temporalio.service import RPCError, RPCStatusCode

from console.connection import Link, open_link
from console.displays import Display, LineDisplay, LiveDisplay
from console.errors import ConsoleError, UnreachableError
from console.plans import plan_name
from console.reading import read_plan
from console.reporting import kept_lines, read_report, write_report
from console.session import Session
from console.status import NO_WORKER_NOTE, print_plan
from console.texts import span
from console.view import PlanView
from migration import names

INTERRUPTED = "no longer watching; the plan goes on: `watch` shows it again, `cancel` stops it"
GIVE_UP_SECONDS = 600
"""How long Temporal may be away: a restart or an upgrade takes less."""
_WORKER_GRACE_SECONDS = 30
_AWAY = {
    RPCStatusCode.ABORTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.UNKNOWN,
}
"""Answers that may soon be others; a refusal will not."""
_POLL_SECONDS = 1.0
_POLL_SECONDS_A_VM = 0.05
_POLL_SECONDS_LARGE = 10.0


async def watch_plan(session: Session, plan: str) -> int:
    """Show *plan* until it ends, write its report, and return 0 if all its virtual machines were migrated."""
    link = await open_link(session)
    return await follow(session, link, plan_name(plan), is_answer=not session.as_json)


async def follow(session: Session, link: Link, plan: str, *, is_answer: bool) -> int:
    """Show *plan* until it ends and conclude; the lines on the way are the answer itself, or go to stderr."""
    display: Display = LiveDisplay() if session.is_live else LineDisplay(session.answer if is_answer else session.note)
    with display:
        view = await _Watch(session, link, plan, display).until_settled()
    return await _conclude(session, link, view, is_drawn=session.is_live)


class _Watch:
    """Reads again and again, whoever is away for a while."""

    def __init__(self, session: Session, link: Link, plan: str, display: Display) -> None:
        self._session = session
        self._link = link
        self._plan = plan
        self._display = display
        self._away_since: float | None = None
        self._unanswered_since: float | None = None

    async def until_settled(self) -> PlanView:
        view: PlanView | None = None
        while True:
            try:
                view = await read_plan(self._link, self._plan, view)
            except RPCError as error:
                if error.status not in _AWAY:
                    raise
                self._note_absence(error)
            else:
                self._note_presence(view)
                self._display.show(view)
                if view.has_settled and self._is_final(view):
                    return view
            await asyncio.sleep(_pause(view))

    def _note_absence(self, error: Exception) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            self._session.note(f"the Temporal server at {self._link.address} does not answer; trying again")
        if now - self._away_since > GIVE_UP_SECONDS:
            raise UnreachableError(
                f"watching plan {self._plan}: the Temporal server at {self._link.address} has not answered for "
                f"{span(GIVE_UP_SECONDS)}; the plan goes on when it is back: run `watch` again"
            ) from error

    def _note_presence(self, view: PlanView) -> None:
        if self._away_since is not None:
            self._session.note(f"the Temporal server answers again, after {span(time.monotonic() - self._away_since)}")
            self._away_since = None
        if view.is_answered:
            self._unanswered_since = None
        elif self._unanswered_since is None:
            self._unanswered_since = time.monotonic()
            self._session.note(NO_WORKER_NOTE)

    def _is_final(self, view: PlanView) -> bool:
        """Tell whether to believe what Temporal recorded, or to give a worker time to come back and say more."""
        since = self._unanswered_since
        return view.is_answered or (since is not None and time.monotonic() - since > _WORKER_GRACE_SECONDS)


def _pause(view: PlanView | None) -> float:
    """Return how long to wait before the next look: the more there is to read, the longer."""
    if view is None:
        return _POLL_SECONDS
    return _POLL_SECONDS_LARGE if view.is_large else _POLL_SECONDS + _POLL_SECONDS_A_VM * len(view.vms)


async def _conclude(session: Session, link: Link, view: PlanView, *, is_drawn: bool) -> int:
    if not is_drawn:
        print_plan(session, view)
    try:
        report = await read_report(link, view, session.note)
        files = write_report(report)
    except ConsoleError as error:
        session.note(f"{error}; then `report` writes the report")
    else:
        for line in kept_lines(report) if report.outcome else ():
            session.note(line)
        session.note(f"report: {files.json} and {files.html}")
    if view.is_running:
        session.note("only virtual machines that need an operator are left: see retry, skip and give-up")
        for vm in view.vms:
            if vm.is_running:
                session.note(f"  {vm.name}: workflow {names.migrate_vm_id(view.plan, vm.name)}")
    return 0 if view.is_migrated else 1
