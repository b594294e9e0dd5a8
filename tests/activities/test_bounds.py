"""No answer of an activity is too large for a history."""

import json
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from temporalio.exceptions import ApplicationError

from activities.bounds import MOST_BYTES, MOST_CHARACTERS, bounded
from activities.registry import interceptors
from arm import items, jobs
from arm.errors import classify
from migration.findings import VmCheck
from migration.hooks import HookRan
from migration.models import Finding
from migration.proofs import quoted

MEGABYTES = "x" * 5_000_000
CANARY = "Zq8XKc0canary3-71Aa"
SAID = f"{MEGABYTES} AccountKey={CANARY};"


def finding(evidence: str) -> Finding:
    """Return a finding."""
    return Finding(rule="a", severity="blocking", subject="vm", evidence=evidence, remedy="r")


def test_long_texts_of_a_large_answer_are_cut_with_a_note() -> None:
    """The answer stays what it was otherwise; a small one is not touched."""
    small, large = VmCheck(findings=[finding("e")]), VmCheck(findings=[finding("e"), finding(MEGABYTES)])
    cut = bounded(large, "check_vm")

    assert small is bounded(small, "check_vm")
    assert finding("e") == cut.findings[0]
    assert MOST_CHARACTERS == len(cut.findings[1].evidence)
    assert cut.findings[1].evidence.endswith("x... (5000000 characters, cut)")
    assert None is bounded(None, "delete_resources")


def test_an_answer_that_stays_too_large_holds() -> None:
    """It is told how large it is, and nothing is undone by it."""
    with pytest.raises(ApplicationError, match="keeping the answer of check_vm: it has 1") as caught:
        bounded(VmCheck(findings=[finding("e" * 100)] * 6_000), "check_vm")

    assert ("EnvironmentFailure", True) == (caught.value.type, caught.value.non_retryable)
    assert f"a history takes {MOST_BYTES // 1000} KB" in str(caught.value)
    assert "BoundedAnswers" in [type(one).__name__ for one in interceptors()]


class Answer:
    """An answer of Azure as azure-core keeps it."""

    status_code, reason, headers = 400, "Bad Request", {"x-ms-correlation-request-id": MEGABYTES}

    def __init__(self, body: Any) -> None:
        self._body = body

    def text(self) -> str:
        """Return the body."""
        return json.dumps(self._body)


def test_errors_of_many_megabytes_are_short_and_hold_no_secret() -> None:
    """Code, message, causes and what is recommended, of an answer and of a job."""
    secret = f"Bearer {CANARY} was refused for DefaultEndpointsProtocol=https;AccountKey={CANARY};{MEGABYTES}"
    error = HttpResponseError("x")
    words = {"code": MEGABYTES, "message": secret, "possibleCauses": SAID, "recommendedAction": secret}
    error.response = Answer({"error": words})  # type: ignore[assignment]
    answered = classify(error)
    service = {"code": MEGABYTES, "message": secret, "possibleCauses": secret, "recommendedAction": secret}
    task = {"friendlyName": MEGABYTES, "state": MEGABYTES, "errors": [{"serviceErrorDetails": service}]}
    job = {"id": "j", "name": "j", "properties": {"tasks": [task] * 3_000, "state": "Failed"}}
    health = {"errorCode": "1", "errorMessage": secret}
    item = {"properties": {"healthErrors": [health] * 5_000, "providerSpecificDetails": {}}}
    told = (repr(answered), jobs.failure(job).model_dump_json(), items.state_of(item).model_dump_json())

    assert [] == [text[:80] for text in told if CANARY in text]
    assert [] == [len(text) for text in told if len(text) > 150_000]
    assert "characters, cut)" in answered.message
    assert "Bearer *** was refused" in answered.message


def test_megabytes_that_a_machine_prints_are_short_and_hold_no_secret() -> None:
    """Their end is kept, cut at a blank: half of a secret has no name by which it could be known."""
    printed = HookRan(output=quoted(SAID + " done", 400)).output

    assert len(printed) <= 400
    assert printed.endswith("*** done")
    assert CANARY not in quoted("token=" + CANARY * 2_000 + " the end")
    assert "the end" == quoted("token=" + CANARY * 2_000 + " the end")
