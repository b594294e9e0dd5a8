"""Refusals of the sign-in endpoints, in the words of Entra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.guids import new_guid
from simulator.provider import Reply

if TYPE_CHECKING:
    from datetime import datetime


class SignInError(Exception):
    """A refusal of the token endpoint, in Entra's words."""

    def __init__(self, status: int, error: str, number: int, description: str) -> None:
        """Keep the HTTP status, OAuth's error, Entra's number and the description."""
        super().__init__(description)
        self.status = status
        self.error = error
        self.number = number
        self.description = description

    def reply(self, now: datetime) -> Reply:
        """The answer."""
        trace, correlation = new_guid(), new_guid()
        stamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
        text = (
            f"AADSTS{self.number}: {self.description} Trace ID: {trace} Correlation ID: {correlation} "
            f"Timestamp: {stamp}"
        )
        body = {
            "error": self.error,
            "error_description": text,
            "error_codes": [self.number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
        }
        return Reply(self.status, body)
