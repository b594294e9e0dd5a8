"""The mark that a token has decided: its workflow id is taken, and stays taken for longer than the token lives."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration import names


@workflow.defn(name=names.SPENT_APPROVAL)
class SpentApproval:
    """Ends at once. Its memo tells what the token was used for."""

    @workflow.run
    async def run(self) -> None:
        """Be started: nothing else matters."""
