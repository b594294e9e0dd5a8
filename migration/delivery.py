"""What workflows tell each other where a server takes no more signals: the same words, in an update."""

from pydantic import Field, JsonValue

from migration.base import Value


class Delivered(Value):
    """What the update `deliver` carries: what the signal would have."""

    signal: str
    content: JsonValue = None


class Deliver(Value):
    """Sends a workflow an update in place of a signal."""

    workflow_id: str
    word: Delivered


class DeliveryAnswer(Value):
    """Whether the workflow has it."""

    delivered: bool = Field(description="False: nobody runs under that id.")
