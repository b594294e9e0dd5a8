"""What workflows tell each other: by signal, and to one that was flooded with signals by an update."""

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.courier import CourierActivities
    from migration.delivery import Deliver, Delivered, DeliveryAnswer
from workflows import policies

_FULL = "signal limit"
"""What the error says of a workflow that a server lets have no more signals."""


async def tell(workflow_id: str, signal: str, content: BaseModel | None = None) -> bool:
    """Tell a workflow something, addressed without a run id; return False where none runs that takes it."""
    handle = workflow.get_external_workflow_handle(workflow_id)
    try:
        await handle.signal(signal, args=[] if content is None else [content])
    except ApplicationError as error:
        if _FULL not in error.message.lower():
            return False
    else:
        return True
    word = Delivered(signal=signal, content=None if content is None else content.model_dump(mode="json"))
    try:
        answer: DeliveryAnswer = await workflow.execute_activity_method(
            CourierActivities.deliver_message,
            Deliver(workflow_id=workflow_id, word=word),
            summary=f"Deliver {signal} to {workflow_id}, which takes no more signals",
            **policies.DELIVERY,
        )
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        workflow.logger.warning("A flooded workflow was not told", extra={"signal": signal, "of": workflow_id})
        return False
    return answer.delivered
