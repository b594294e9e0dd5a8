"""What keeps oversized answers out of histories, whatever Azure or a machine said.

Each answer is bounded where it is made, where it is known what may go. This is the last line behind that: texts in a
large answer are cut, with a note; one that stays too large does not become a result, since Temporal could neither take
2 MB nor would anybody find what matters in it.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.failures import ENVIRONMENT_FAILURE
from migration.redaction import shortened

QUIET_BYTES = 32_000
"""No answer of this size is looked into."""
MOST_CHARACTERS = 2_000
"""Of one text in a larger answer."""
MOST_BYTES = 512_000
MOST_BYTES_OF_PLANS = 5_000_000
"""Of an answer about a whole plan, which may have 5,000 virtual machines: compressed, a tenth of it is kept."""
_OF_PLANS = {"check_plan", "survey_plan", "find_leftovers"}


class BoundedAnswers(Interceptor):
    """Bounds what every activity of a worker answers."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's
        """Put the bounds around an activity."""
        return _Bounds(next)


class _Bounds(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        """Run the activity, and bound what it answers."""
        answer = await super().execute_activity(input)
        kind = activity.info().activity_type
        return bounded(answer, kind, MOST_BYTES_OF_PLANS if kind in _OF_PLANS else MOST_BYTES)


def bounded(answer: Any, kind: str, most_bytes: int = MOST_BYTES) -> Any:
    """Return an answer with its long texts cut, if it is large.

    Raises:
        ApplicationError: it is larger than a history should take; of the environment, so that nothing is undone by it.
    """
    if not isinstance(answer, BaseModel):
        return answer
    text = answer.model_dump_json()
    if len(text) <= QUIET_BYTES:
        return answer
    whole = json.loads(text)
    cut = _cut(whole)
    small = text if cut == whole else json.dumps(cut, ensure_ascii=False)
    if (size := len(small.encode())) > most_bytes:
        raise ApplicationError(
            f"keeping the answer of {kind}: it has {size // 1000} KB, and a history takes {most_bytes // 1000} KB; see "
            "what Azure lists there: what is no longer needed may go, then ask again",
            type=ENVIRONMENT_FAILURE,
            non_retryable=True,
        )
    return answer if cut == whole else type(answer).model_validate_json(small)


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return shortened(value, MOST_CHARACTERS)
    if isinstance(value, dict):
        return {name: _cut(one) for name, one in value.items()}
    return [_cut(one) for one in value] if isinstance(value, list) else value
