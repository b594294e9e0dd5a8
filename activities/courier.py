"""Deliver what one workflow tells another where Temporal takes no more signals: a run may have 10,000 of them."""

from __future__ import annotations

from temporalio import activity
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from migration import names
from migration.delivery import Deliver, DeliveryAnswer


class CourierActivities:
    """Updates to workflows; only one that was flooded gets them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def deliver_message(self, request: Deliver) -> DeliveryAnswer:
        """Send an update, the same one at each attempt, and wait until it is taken."""
        info = activity.info()
        handle = self._client.get_workflow_handle(request.workflow_id)
        try:
            await handle.execute_update(
                names.UPDATE_DELIVER, request.word, id=f"{info.workflow_run_id}/{info.activity_id}"
            )
        except WorkflowUpdateFailedError:  # it ended meanwhile, or is of a release that takes no such update
            return DeliveryAnswer(delivered=False)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return DeliveryAnswer(delivered=False)
            raise
        return DeliveryAnswer(delivered=True)
