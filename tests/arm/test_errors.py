"""What Azure's errors mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from hypothesis import given
from hypothesis import strategies as st

from arm.errors import classify, redacted
from arm.leases import LeaseError
from arm.pauses import pause_seconds


class Answer:
    """An answer as azure-core hands it to its errors."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self.status_code = status
        self.reason = "reason"
        self.headers = headers or {}
        self.content_type = "application/json"
        self._text = body if isinstance(body, str) else json.dumps(body)

    def text(self, encoding: str | None = None) -> str:  # noqa: ARG002 - azure-core's signature
        """Return the body."""
        return self._text


def answered(status: int, code: str = "Code", message: str = "told", **headers: str) -> HttpResponseError:
    """Return the error of an answer."""
    response: Any = Answer(status, {"error": {"code": code, "message": message}}, headers)
    return HttpResponseError(response=response)


def unknown_to_entra(status: int, word: str) -> ClientAuthenticationError:
    """Return the error of a token that Entra does not give."""
    response: Any = Answer(status, {"error": word, "error_description": "AADSTS700016: no such application"})
    return ClientAuthenticationError(response=response)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answered(429), "throttled"),
        (answered(429, "RetryableErrorDueToAnotherOperation"), "busy"),
        (answered(401), "denied"),
        (answered(403, "AuthorizationFailed"), "denied"),
        (answered(409, "ScopeLocked"), "denied"),
        (answered(409, "MissingSubscriptionRegistration"), "denied"),
        (answered(404), "not_found"),
        (answered(400, "SubscriptionIdNotRegisteredWithSrs"), "not_found"),
        (answered(404, "SubscriptionNotFound"), "denied"),
        (unknown_to_entra(400, "unauthorized_client"), "denied"),
        (unknown_to_entra(401, "invalid_client"), "denied"),
        (unknown_to_entra(429, "temporarily_unavailable"), "throttled"),
        (unknown_to_entra(503, "temporarily_unavailable"), "environment"),
        (answered(409, "Conflict"), "busy"),
        (answered(409, "OperationNotAllowed", "exceeding approved Total Regional Cores quota"), "business"),
        (answered(400, "InvalidParameter"), "business"),
        (answered(500), "environment"),
        (answered(503), "environment"),
        (answered(408), "environment"),
        (HttpResponseError(response=Answer(502, "<html>gateway</html>")), "environment"),  # type: ignore[arg-type]
        (ClientAuthenticationError("AADSTS7000215: invalid client secret"), "denied"),
        (ClientAuthenticationError("AADSTS90002: no tenant", response=Answer(400, "")), "denied"),  # type: ignore[arg-type]
        (ServiceRequestError("connection refused"), "environment"),
        (ServiceResponseError("connection reset"), "environment"),
        (LeaseError("late"), "superseded"),
        (RuntimeError("a bug"), "environment"),
    ],
)
def test_each_error_has_a_kind(error: Exception, kind: str) -> None:
    """Status, code and Site Recovery's nested details decide."""
    assert kind == classify(error).kind


def test_site_recovery_nests_its_error() -> None:
    """The first of `details` tells code, causes and remedy; ARM's own code is only its envelope."""
    detail = {
        "code": "150161",
        "message": "The replica disk exists.",
        "possibleCauses": "An earlier protection left it.",
        "recommendedAction": "Delete it.",
    }
    body = {"error": {"code": "BadRequest", "message": "outer", "details": [detail]}}
    response: Any = Answer(400, body, {"x-ms-correlation-request-id": "1234"})

    failure = classify(HttpResponseError(response=response))

    assert ("150161", "The replica disk exists.", "1234") == (failure.code, failure.message, failure.request_id)
    assert "An earlier protection left it." == failure.possible_causes
    assert failure.remedy.startswith("Delete the replica disk")


@pytest.mark.parametrize("body", ["", "nonsense", "[]", "null", '{"error": []}', '{"error": {"details": [7]}}'])
def test_an_unreadable_body_still_has_a_status(body: str) -> None:
    """Whatever the body is, the status tells what to do."""
    response: Any = Answer(403, body)

    assert ("denied", 403) == (classify(HttpResponseError(response=response)).kind, 403)


def test_signed_urls_do_not_pass() -> None:
    """The query of a URL never reaches a message."""
    told = "see https://management.azure.com/x/y?api-version=1&t=1&c=MIIsecret&s=abc&h=def for more"

    assert "see https://management.azure.com/x/y for more" == redacted(told)


@given(st.text(max_size=40))
def test_a_pause_is_bounded_whatever_the_header_says(header: str) -> None:
    """Zero, negative, a day, a date, nonsense: the pause stays between 1 and 300 seconds."""
    assert 1 <= pause_seconds(header, 10) <= 300


@pytest.mark.parametrize(
    ("header", "seconds"), [("0", 1), ("-5", 1), ("7", 7), ("86400", 300), ("nan", 10), ("inf", 300), (None, 10)]
)
def test_a_readable_pause_is_kept(header: str | None, seconds: float) -> None:
    """What Azure asks for is done, within bounds."""
    assert seconds == pause_seconds(header, 10)
