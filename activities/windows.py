"""Where a virtual machine's cutover window stands: asked once, and kept in the history as it was answered.

The rules of time zones change several times a year. A workflow that worked them out for itself would take another way
when it is replayed with a newer release of them; an answer of an activity stays what it was.
"""

from __future__ import annotations

from temporalio import activity

from migration.waiting import LookAtWindow
from migration.windows import Standing


class WindowActivities:
    """Cutover windows, by the release of `tzdata` that this worker has."""

    @activity.defn
    async def look_at_window(self, request: LookAtWindow) -> Standing:
        """Tell whether a schedule is open at a moment of the workflow's own time, and when that changes."""
        return request.schedule.look(request.at)
