"""What going back costs: writes made on the target since the failover exist nowhere else."""

from console.connection import Link
from console.reading import query
from console.texts import clean, local_time
from console.view import VmView
from migration import names
from migration.phases import Phase
from migration.report import VmReport

RUNS_IN_TARGET = {Phase.VERIFYING, Phase.AWAITING_APPROVAL}


async def what_is_lost(link: Link, vm: VmView) -> str:
    """Return the sentence that says which writes going back discards, and since when they were made."""
    since = await _running_since(link, vm)
    when = f"since {local_time(since)}" if since else "since its failover"
    return clean(f"{vm.name}: going back to the source loses what was written on the target {when}")


async def _running_since(link: Link, vm: VmView) -> str | None:
    """Return when the target began to run: by Azure where it said so, else when its failover ended."""
    try:
        report = await query(link.client.get_workflow_handle(vm.workflow_id), names.QUERY_REPORT, VmReport)
    except TimeoutError:
        return None
    if report is None:
        return None
    if report.fence and report.fence.target_running_since:
        return report.fence.target_running_since
    ended = [phase.ended for phase in report.phases if phase.name is Phase.FAILING_OVER]
    return ended[-1] if ended else None
