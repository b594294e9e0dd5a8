"""What an error of Azure means: the one place that reads status codes, ARM's bodies and Site Recovery's nested details.

::

    AzureError                              (azure-core)
    ├── ServiceRequestError                 environment: nothing was sent, or nobody answered
    ├── ServiceResponseError                environment: sent, and the outcome unknown
    ├── ClientAuthenticationError           denied: Entra, or the machine's identity endpoint, gives no token
    ├── HttpResponseError
    │   ├── 429                             throttled
    │   ├── 401, 403, locks, registrations  denied (also a subscription that we do not see, and Entra's refusals)
    │   ├── 404                             not_found (also Site Recovery's 400 for a vault that it never saw)
    │   ├── 409                             busy: another operation works on it
    │   ├── 408, 5xx, unreadable body       environment
    │   └── any other 4xx                   business: a retry cannot mend it
    ├── LeaseError                          superseded: nothing was sent
    └── ForeignHostError                    environment: nothing was sent
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from azure.core.exceptions import AzureError, ClientAuthenticationError, DecodeError, HttpResponseError

from arm.asr_codes import remedy_for
from arm.leases import LeaseError
from arm.pauses import pause_asked
from migration.redaction import shortened, told

Kind = Literal["throttled", "denied", "not_found", "busy", "environment", "business", "superseded"]

_DENIED_CODES = {
    "scopelocked",
    "missingsubscriptionregistration",
    "requestdisallowedbypolicy",
    "readonlydisabledsubscription",
    # A 404 by status, but what lies in the subscription is not gone: we may not see it, or not by this tenant.
    "subscriptionnotfound",
}
_BUSINESS_409 = {"protecteditemalreadyexists", "skunotavailable", "quotaexceeded", "storageaccountalreadytaken"}
_ABSENT_400 = {"subscriptionidnotregisteredwithsrs", "armresourcedoesnotexist"}
_BUSY_CODES = {"retryableerrorduetoanotheroperation", "anotheroperationinprogress"}
_QUERY = re.compile(r"""(https?://[^\s?"'<>]+)\?[^\s"'<>]*""")
_TLS_OBJECT = re.compile(r" ssl:(<[^>]*>|\w+)")
"""What aiohttp adds to the address that it could not connect to."""
_MESSAGE_LIMIT = 1500
_LOOKED_AT = 12_000
_WORD_LIMIT = 200


@dataclass(frozen=True)
class ArmFailure:
    """An error of Azure, classified. Texts are free of queries and secrets."""

    kind: Kind
    status: int | None
    code: str
    message: str
    possible_causes: str = ""
    recommended_action: str = ""
    retry_after_seconds: float | None = None
    request_id: str = ""

    @property
    def remedy(self) -> str:
        """What to do: what we know of the code, else what Azure recommends."""
        return remedy_for(self.code) or self.recommended_action

    @property
    def unknown_outcome(self) -> bool:
        """Whether a write that ended so may have happened all the same."""
        return self.kind == "environment"


def classify(error: BaseException) -> ArmFailure:
    """Return what *error* means."""
    if isinstance(error, LeaseError):
        return ArmFailure("superseded", None, "LeaseExpired", str(error))
    if isinstance(error, HttpResponseError) and error.response is not None and not isinstance(error, DecodeError):
        failure = _answered(error)
        wordless = failure.kind == "denied" and failure.code == f"Http{failure.status}"
        if not isinstance(error, ClientAuthenticationError) or not wordless:
            return failure
    if isinstance(error, ClientAuthenticationError):
        return ArmFailure("denied", 401, "AuthenticationFailed", redacted(error.message))
    if isinstance(error, AzureError):
        return ArmFailure("environment", None, type(error).__name__, redacted(str(error.message)))
    return ArmFailure("environment", None, type(error).__name__, redacted(str(error)))


def is_absent(error: HttpResponseError) -> bool:
    """Tell whether *error* says that the resource, or what it lies in, is not there."""
    return classify(error).kind == "not_found"


def redacted(text: str) -> str:
    """Return Azure's words without secrets and the queries of URLs, which may be signed, and not too long."""
    head = told(text, _LOOKED_AT)
    return shortened(
        _TLS_OBJECT.sub("", _QUERY.sub(r"\1", head)), _MESSAGE_LIMIT, len(text) if len(text) > _LOOKED_AT else 0
    )


def word(text: str) -> str:
    """Return a code or a name that Azure gives, fit for a message."""
    return told(text, _WORD_LIMIT)


def _answered(error: HttpResponseError) -> ArmFailure:
    response: Any = error.response
    status = int(response.status_code)
    outer, inner = _bodies(response)
    code = word(str(inner.get("code") or outer.get("code") or f"Http{status}"))
    codes = {str(body.get("code", "")).lower() for body in (outer, inner)}
    message = str(inner.get("message") or outer.get("message") or response.reason or "")
    retry_after = response.headers.get("Retry-After")
    kind = _kind(status, codes, message.lower())
    if isinstance(error, ClientAuthenticationError) and kind in {"business", "not_found"}:
        # Entra answers 400 where it knows no such application or tenant: nothing that a virtual machine did.
        kind = "denied"
    return ArmFailure(
        kind=kind,
        status=status,
        code=code,
        message=redacted(message),
        possible_causes=redacted(str(inner.get("possibleCauses") or "")),
        recommended_action=redacted(str(inner.get("recommendedAction") or "")),
        retry_after_seconds=None if retry_after is None else pause_asked(response.headers, 10),
        request_id=word(str(response.headers.get("x-ms-correlation-request-id") or "")),
    )


def _kind(status: int, codes: set[str], message: str) -> Kind:
    if status == 429:
        return "busy" if codes & _BUSY_CODES else "throttled"
    if status in {401, 403} or codes & _DENIED_CODES:
        return "denied"
    if status == 404 or (status == 400 and codes & _ABSENT_400):
        return "not_found"
    if status == 409 and not codes & _BUSINESS_409 and "quota" not in message:
        return "busy"
    if codes & _BUSY_CODES:
        return "busy"
    return "business" if 400 <= status < 500 and status != 408 else "environment"


def _bodies(response: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return ARM's `error` and, where Site Recovery nests its own, the first of its `details`."""
    try:
        document = json.loads(response.text())
        outer = document.get("error", document)
        if isinstance(outer, str):
            # Entra answers in OAuth's form: a word, and a sentence that begins with its own code.
            outer = {"code": outer, "message": document.get("error_description")}
    except Exception:  # noqa: BLE001 - whatever is wrong with the body of an error, its status still counts
        return {}, {}
    if not isinstance(outer, dict):
        return {}, {}
    details = outer.get("details")
    first = details[0] if isinstance(details, list) and details else {}
    return outer, first if isinstance(first, dict) else {}
