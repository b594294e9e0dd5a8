"""Reading what a person sends to move on what waits for one."""

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from migration.report import Resolution
from workflows.messages import read_message

_EXAMPLE = '{"action": "retry", "by": "...", "reason": "..."}'


def read_resolution(payload: RawValue) -> Resolution:
    """Return the resolution that *payload* holds.

    Raises:
        ValueError: it holds none; the text says what to send.
    """
    return read_message(payload, Resolution, _EXAMPLE)
