"""What a long poll makes of its readings: it notices what stands still, and tells its virtual machine's workflow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

import structlog
from temporalio import activity
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError

from migration import names
from migration.eta.course import Course, patience
from migration.models import Progress

_TELLING_TIMEOUT = timedelta(seconds=5)
_HARMLESS = ("warning", "information")
"""How errors of an item begin that keep nothing from going on."""
_log = structlog.get_logger(__name__)


class Observer:
    """Follows one wait. *worst_seconds*: how long it takes at worst; *quarters*: whether each is worth a signal."""

    def __init__(self, worst_seconds: float | None = None, *, quarters: bool = True) -> None:
        self._course = Course(patience(worst_seconds), quarters=quarters)

    async def see(self, reading: Progress, errors: Sequence[str] = ()) -> Progress:
        """Return a reading with what it tells about those before; what matters is signalled to the workflow."""
        grave = [error for error in errors if not error.lower().startswith(_HARMLESS)]
        progress = self._course.see(time.monotonic(), reading, grave)
        if self._course.is_news(progress):
            await _tell(progress)
        return progress


async def _tell(progress: Progress) -> None:
    """Signal it to the workflow; one that cannot be told now shows the heartbeat's word all the same."""
    info = activity.info()
    if info.workflow_type != names.MIGRATE_VM or info.workflow_id is None:
        return
    handle = activity.client().get_workflow_handle(info.workflow_id, run_id=info.workflow_run_id)
    try:
        await handle.signal(names.SIGNAL_PROGRESSED, progress, rpc_timeout=_TELLING_TIMEOUT)
    except (RPCError, TemporalError) as error:
        _log.warning("telling the workflow how far it is", cause=str(error))
