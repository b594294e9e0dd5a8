"""A workflow that logs, in a module of its own since the sandbox imports it again."""

from datetime import timedelta

from temporalio import workflow


@workflow.defn
class Story:
    @workflow.run
    async def run(self, vm: str) -> None:
        """Log, and run an activity that does."""
        workflow.logger.info("begun")
        await workflow.execute_activity("speak", vm, start_to_close_timeout=timedelta(seconds=10))
        workflow.logger.info("ended")
