"""Reading what a person sends to move on a virtual machine that waits for one."""

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from migration.report import Resolution

_EXAMPLE = '{"action": "retry", "by": "...", "reason": "..."}'


def read_resolution(payload: RawValue) -> Resolution:
    """Return the resolution that *payload* holds.

    Raises:
        ValueError: it holds none; the text says what to send.
    """
    try:
        resolution: Resolution = workflow.payload_converter().from_payload(payload.payload, Resolution)
    except (ValidationError, ValueError, RuntimeError) as error:
        raise ValueError(f"the message is malformed; send {_EXAMPLE}") from error
    return resolution
