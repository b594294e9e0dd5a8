"""What an answer of Azure tells about budgets: what is left of them, and whom a refusal concerns.

Sources: `Understand how Azure Resource Manager throttles requests
<https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>`_ and
`Compute throttling <https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits>`_.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from arm.pauses import pause_asked

if TYPE_CHECKING:
    from azure.core.rest import AsyncHttpResponse

Kind = Literal["reads", "writes", "deletes"]
Scope = Literal["subscription", "provider", "resource"]

_DEFAULT_PAUSE_SECONDS = 10.0
_BUDGET = re.compile(r"x-ms-ratelimit-remaining-(?:subscription|tenant)-(?:global-)?(reads|writes|deletes)")
_OF_PROVIDER = "x-ms-ratelimit-remaining-resource"
_OF_ONE_RESOURCE = 60
"""Compute's buckets of one machine hold at most 45 requests; those of a subscription hundreds."""
_GROUP_PARTS = 4
_VAULTS = "microsoft.recoveryservices"
_BUSY = "RetryableErrorDueToAnotherOperation"


@dataclass(frozen=True)
class Refusal:
    """Azure refused a request because of too many, for this time, and from whom."""

    seconds: float
    scope: Scope


@dataclass(frozen=True)
class Budgets:
    """What Azure says that is left: of the subscription, by kind; of the provider's own bucket; of the resource's."""

    subscription: dict[Kind, int] = field(default_factory=dict)
    provider: int | None = None
    resource: int | None = None


class Place(NamedTuple):
    """Where a request goes, in lower case, as far as budgets go: what its path lacks is empty."""

    subscription: str
    provider: str
    resource: str
    """The resource at the top of the path, such as a virtual machine; in a vault each item is one of its own."""


@lru_cache(maxsize=4_096)
def place_of(path: str) -> Place:
    """Return where a request to *path* goes, or one about the resource of that id."""
    parts = path.lower().strip("/").split("/")
    subscription = parts[1] if parts[0] == "subscriptions" and len(parts) > 1 else ""
    if "providers" not in parts:
        return Place(subscription, "", "/".join(parts))
    at = parts.index("providers")
    provider = parts[at + 1] if len(parts) > at + 1 else ""
    in_group = at == _GROUP_PARTS and provider != _VAULTS
    return Place(subscription, provider, "/".join(parts[: at + 4] if in_group else parts))


def kind_of(method: str) -> Kind:
    """Return the bucket of Resource Manager that a method draws from."""
    if method in {"GET", "HEAD", "OPTIONS"}:
        return "reads"
    return "deletes" if method == "DELETE" else "writes"


def budgets_in(headers: Mapping[str, str]) -> Budgets:
    """Return what the headers of an answer tell; the least where several tell of one budget."""
    left: dict[Kind, int] = {}
    provider: list[int] = []
    resource: list[int] = []
    for name, value in headers.items():
        lowered = name.lower()
        if not lowered.startswith("x-ms-ratelimit-remaining-"):
            continue
        if lowered == _OF_PROVIDER:
            for policy, number in _policies(value):
                (resource if policy.endswith("Resource") else provider).append(number)
        elif (match := _BUDGET.fullmatch(lowered)) and value.strip().isdigit():
            kind = cast("Kind", match[1])
            left[kind] = min(left.get(kind, int(value)), int(value))
    return Budgets(left, min(provider, default=None), min(resource, default=None))


def refusal_in(response: AsyncHttpResponse) -> Refusal | None:
    """Return whom a 429 concerns, None where the answer is none.

    Without a word of its cause it is the gateway's, which counts what the subscription sends: then all hold.
    """
    if response.status_code != 429:
        return None
    headers = response.headers
    seconds = pause_asked(headers, _DEFAULT_PAUSE_SECONDS)
    if _is_about_one_resource(response):
        return Refusal(seconds, "resource")
    cause = str(headers.get("x-ms-failure-cause") or "").lower()
    return Refusal(seconds, "provider" if cause == "service" else "subscription")


def _is_about_one_resource(response: AsyncHttpResponse) -> bool:
    error = _error(response)
    if error.get("code") == _BUSY:
        return True
    budgets = budgets_in(response.headers)
    if budgets.resource == 0 and budgets.provider != 0:
        return True
    details = error.get("details")
    first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
    try:
        measured = json.loads(str(first.get("message") or "{}"))
        return 0 < int(measured["allowedRequestCount"]) <= _OF_ONE_RESOURCE
    except (ValueError, TypeError, LookupError):
        return False


def _error(response: AsyncHttpResponse) -> dict[str, Any]:
    try:
        document = json.loads(response.text())
    except Exception:  # noqa: BLE001 - whatever is wrong with the body of an error, its status still counts
        return {}
    error = document.get("error", document) if isinstance(document, dict) else {}
    return error if isinstance(error, dict) else {}


def _policies(header: str) -> list[tuple[str, int]]:
    """Return the policies and numbers in `Microsoft.Compute/LowCostGetResource;44,...`."""
    found = [entry.strip().rpartition(";") for entry in header.split(",")]
    return [(policy, int(number)) for policy, _, number in found if number.strip().isdigit()]
