"""What Azure does to a move: answers that fail or lie, operations that end badly or not at all, access that goes."""

from __future__ import annotations

from typing import Any

from tests.chaos.arming import (
    ITEM,
    after,
    at,
    at_a_foreign_host,
    at_a_poll,
    at_a_write,
    at_an_index,
    ending_as,
    failing,
    status,
)
from tests.chaos.trials import EITHER, MIGRATED, ROLLED_BACK, Act, Arm, reject

_FAIL_OVER = ("POST", ITEM + "/unplannedFailover$")
_ABSENT = {"after_failover": {"absent": True}}

Row = tuple[str, frozenset[str], Arm, Act | None]

ANSWERS: list[Row] = [
    ("500 before it took effect", MIGRATED, at_an_index(status(500, "InternalServerError")), None),
    ("500 after it took effect", MIGRATED, at_a_write(after(500)), None),
    ("connection reset before", MIGRATED, at_an_index({"kind": "reset_before"}), None),
    ("connection reset after", MIGRATED, at_a_write({"kind": "reset_after"}), None),
    ("body cut short", MIGRATED, at_an_index({"kind": "truncate"}), None),
    ("read that hangs", MIGRATED, at_an_index({"kind": "hang", "seconds": 40}), None),
    ("storm of 503", MIGRATED, at_an_index(status(503, "ServiceUnavailable"), 6), None),
    ("409 while another runs", MIGRATED, at_a_write(status(409, "OperationInProgress"), 2), None),
    ("stale reads after writes", MIGRATED, at_an_index({"kind": "stale_reads", "seconds": 60}, 20), None),
]
THROTTLING: list[Row] = [
    ("429 with Retry-After", MIGRATED, at_an_index(status(429, "TooManyRequests", **{"Retry-After": "2"}), 3), None),
    ("429 without Retry-After", MIGRATED, at_an_index(status(429, "TooManyRequests")), None),
    ("429, Retry-After -86400", MIGRATED, at_an_index(status(429, "X", **{"Retry-After": "-86400"}), 2), None),
    ("storm of 429", MIGRATED, at_an_index(status(429, "TooManyRequests", **{"Retry-After": "0"}), 8), None),
    (
        "429, a locked resource",
        MIGRATED,
        at_a_write(status(429, "RetryableErrorDueToAnotherOperation", **{"Retry-After": "1"}), 2),
        None,
    ),
]
ACCESS: list[Row] = [
    ("401, the token expired", MIGRATED, at_an_index(status(401, "ExpiredAuthenticationToken")), None),
    ("403 for a while", MIGRATED, at_a_write(status(403, "AuthorizationFailed"), 3), None),
]
POLLS: list[Row] = [
    ("poll answers 404", MIGRATED, at_a_poll(status(404, "NotFound")), None),
    ("poll answers 409", MIGRATED, at_a_poll(status(409, "Conflict")), None),
    ("poll answers 410", MIGRATED, at_a_poll(status(410, "Gone")), None),
    (
        "poll answers an unknown word",
        MIGRATED,
        at_a_poll({"kind": "status", "status": 200, "body": {"status": "Bananas"}}, 2),
        None,
    ),
]
OPERATIONS: list[Row] = [
    (
        "operation at a foreign host",
        EITHER,
        at_a_foreign_host("PUT", ITEM + "$", phase="enabling"),
        None,
    ),
    ("enabling fails", ROLLED_BACK, at(failing("150097"), "PUT", ITEM + "$", phase="enabling"), None),
    ("enabling fails without a word", ROLLED_BACK, at(failing(""), "PUT", ITEM + "$", phase="enabling"), None),
    ("enabling ends with an unknown word", EITHER, at(ending_as("Bananas"), "PUT", ITEM + "$", phase="enabling"), None),
    ("failover fails", ROLLED_BACK, at(failing("150000"), *_FAIL_OVER, phase="failing_over"), None),
    ("failover fails without a word", ROLLED_BACK, at(failing(""), *_FAIL_OVER, phase="failing_over"), None),
    ("failover ends with an unknown word", EITHER, at(ending_as("Bananas"), *_FAIL_OVER, phase="failing_over"), None),
    ("commit fails once", MIGRATED, at(failing("150000"), "POST", ITEM + "/failoverCommit$", phase="committing"), None),
    ("disabling fails once", MIGRATED, at(failing("150000"), "DELETE", ITEM + "$", phase="disabling"), None),
    (
        "500 after it took effect, on the way back",
        ROLLED_BACK,
        at(after(500), "POST", ITEM + "/remove$", phase="rolling_back"),
        reject,
    ),
    (
        "connection reset after, on the way back",
        ROLLED_BACK,
        at({"kind": "reset_after"}, "POST", "/virtualMachines/vm/start$", phase="rolling_back"),
        reject,
    ),
    (
        "start fails once, on the way back",
        ROLLED_BACK,
        at(failing("AllocationFailed"), "POST", "/virtualMachines/vm/start$", phase="rolling_back"),
        reject,
    ),
]
DRAWN: list[Row] = [*ANSWERS, *THROTTLING, *ACCESS, *POLLS]
"""What strikes a request that is drawn from those of a clean run; what strikes a certain call is in `OPERATIONS`."""
BEHAVIOUR: list[tuple[str, frozenset[str], dict[str, Any]]] = [
    ("failover ends well, no machine is there", ROLLED_BACK, _ABSENT),
]
"""What a machine's copy lacks, whatever the job says."""
