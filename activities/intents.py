"""What an attempt is about to write, recorded where the next attempt finds it: in the activity's heartbeat details.

A worker can die between Azure's taking a write and Temporal's hearing of it, and a suspended one can wake up after
another attempt took over. So before a write its attempt records the intent with one awaited call to the server, which
also proves that the attempt is current; the write may then leave within half the heartbeat timeout (`arm.leases`).
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, ValidationError
from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities import heartbeats
from arm.leases import WriteLease
from migration.base import Value

RECORDING_TIMEOUT = timedelta(seconds=10)


class Intent(Value):
    """A write that was about to happen, by the server's clock.

    `request_ids` are those of every attempt whose outcome is unknown, the newest last.
    """

    target: str
    scenario: str
    recorded: datetime
    request_ids: list[str] = Field(default_factory=list)
    operation: str = Field("", description="Where the progress of what was sent can be read; a path, nothing signed.")


class Intents:
    """The intents of one attempt, and the one that an earlier attempt left behind."""

    def __init__(self) -> None:
        self._info = activity.info()
        self._began = time.monotonic()
        self._kept = self.previous = _previous(list(self._info.heartbeat_details))
        self._sent = False

    def details(self) -> list[Any]:
        """Return what each heartbeat of this attempt repeats."""
        return [] if self._kept is None else [self._kept]

    def settle_seconds(self, wanted: float) -> float:
        """Return how much longer a write of an earlier attempt may take to show in Azure's reads."""
        if self.previous is None:
            return 0.0
        return min(max(wanted - (self._now() - self.previous.recorded).total_seconds(), 0.0), wanted)

    def unsettled(self, wanted: float) -> bool:
        """Tell whether the outcome of a write is unknown that this attempt sent, or one sent less than *wanted* ago."""
        kept = self._kept
        if kept is None:
            return False
        return self._sent or (self._now() - kept.recorded).total_seconds() < wanted

    async def record(self, target: str, scenario: str) -> WriteLease:
        """Record that a write follows, and return the lease under which it may leave.

        Raises:
            ApplicationError: `Superseded`: another attempt took over, or nobody wants the result any more.
        """
        before = self._kept.request_ids if self._kept else []
        request_id = str(uuid.uuid4())
        intent = Intent(target=target, scenario=scenario, recorded=self._now(), request_ids=[*before, request_id])
        asked = time.monotonic()
        await self._tell(intent)
        self._sent = True
        return WriteLease(request_id, expires=asked + heartbeats.timeout_seconds() / 2)

    async def keep_operation(self, path: str) -> None:
        """Record where the progress of the write that was sent can be read, for an attempt that follows."""
        if self._kept is not None:
            await self._tell(self._kept.model_copy(update={"operation": path}))

    async def withdraw(self) -> None:
        """Take the last recorded intent back: Azure refused it, so nothing of it can turn up."""
        kept = self._kept
        if kept is None:
            return
        self._sent = False
        earlier = kept.request_ids[:-1]
        await self._tell(kept.model_copy(update={"request_ids": earlier}) if earlier else None)

    async def _tell(self, intent: Intent | None) -> None:
        self._kept = intent
        # Also to the worker's own heartbeats, so that none of them repeats what stood before.
        activity.heartbeat(*self.details())
        handle = activity.client().get_async_activity_handle(task_token=self._info.task_token)
        try:
            await handle.heartbeat(*self.details(), rpc_timeout=RECORDING_TIMEOUT)
        except AsyncActivityCancelledError as cancelled:
            asked = bool(cancelled.details and cancelled.details.cancel_requested)
            raise _superseded("its cancel was requested", final=asked) from None
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                raise _superseded("another attempt has taken over", final=True) from None
            raise

    def _now(self) -> datetime:
        """Return the server's time: workers' clocks may differ by more than a write takes to settle."""
        return self._info.started_time + timedelta(seconds=time.monotonic() - self._began)


def _previous(details: list[Any]) -> Intent | None:
    try:
        return Intent.model_validate(details[0]) if details else None
    except ValidationError:
        return None


def _superseded(why: str, *, final: bool) -> ApplicationError:
    delay = None if final else timedelta(seconds=1)
    return ApplicationError(
        f"writing to Azure: stopped before anything was sent, for {why}",
        type="Superseded",
        non_retryable=final,
        next_retry_delay=delay,
    )
