"""The permission to write: granted by a recorded intent, for a short time, to the one request that follows.

A suspended process can wake up long after another attempt took over. So a write goes out only within its lease,
measured on the monotonic clock from before Temporal was asked whether the attempt is current (`WriteLeasePolicy`).
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError

if TYPE_CHECKING:
    from collections.abc import Iterator

UNRECORDED_SECONDS = 30.0
"""The life of a lease where no other attempt can take over, so that nothing is recorded."""
_current: ContextVar[WriteLease | None] = ContextVar("write_lease", default=None)


class LeaseError(AzureError):
    """A write that no recorded intent allows, or not any more. Nothing was sent."""


@dataclass
class WriteLease:
    """One write, until `expires` on the monotonic clock; *request_id* goes out as `x-ms-client-request-id`.

    The id is found again in the `activityId` of the Site Recovery job that the write starts.
    """

    request_id: str
    expires: float
    spent: bool = False
    sent: bool = False

    def spend(self) -> None:
        """Use the lease up.

        Raises:
            LeaseError: it was used before, or its time is over.
        """
        if self.spent:
            raise LeaseError("sending a write: its intent allowed one request, and that was sent; read the state again")
        if time.monotonic() >= self.expires:
            raise LeaseError("sending a write: too long after its intent was recorded; another attempt may have it now")
        self.spent = True

    def renew(self) -> None:
        """Allow the request once more: the answer to the first one proves that nothing was done."""
        self.spent = self.sent = False


@contextmanager
def holding(lease: WriteLease) -> Iterator[None]:
    """Let the writes of this context go out under *lease*."""
    token = _current.set(lease)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> WriteLease | None:
    """Return the lease of this context."""
    return _current.get()
