"""What going back costs: writes made on the target since the failover exist nowhere else."""

from datetime import UTC, datetime

from console.connection import Link
from console.reading import query
from console.texts import clean, local_time, span
from console.view import VmView
from migration import names
from migration.phases import Phase
from migration.report import VmReport
from migration.times import parse_azure_time

RUNS_IN_TARGET = {Phase.VERIFYING, Phase.AWAITING_APPROVAL}


async def what_is_lost(link: Link, vm: VmView) -> str:
    """Return the sentence that says which writes going back discards or keeps, since when and for how long made."""
    report = await _report(link, vm)
    since, ended = _running_since(report), _failover_ended(report)
    when = f"since {local_time(since or ended)}" if since or ended else "since its failover"
    lasted = f" (for {span((datetime.now(UTC) - ended).total_seconds())})" if ended else ""
    writes = report.target_writes if report else None
    if writes is not None and writes.keep_seconds is not None:
        kept = f"keeps what was written on the target {when}{lasted} as snapshots for {span(writes.keep_seconds)}"
        return clean(f"{vm.name}: going back to the source {kept}, and no longer")
    return clean(f"{vm.name}: going back to the source loses what was written on the target {when}{lasted}")


async def _report(link: Link, vm: VmView) -> VmReport | None:
    try:
        return await query(link.client.get_workflow_handle(vm.workflow_id), names.QUERY_REPORT, VmReport)
    except TimeoutError:
        return None


def _running_since(report: VmReport | None) -> str | None:
    """Return since when the target runs, by Azure; None where it did not say so."""
    if report is None:
        return None
    if report.target_writes and report.target_writes.since:
        return report.target_writes.since
    return report.fence.target_running_since if report.fence else None


def _failover_ended(report: VmReport | None) -> datetime | None:
    """Return when the failover ended, by Temporal's clock: since then the target takes writes."""
    phases = report.phases if report else []
    ended = [phase.ended for phase in phases if phase.name is Phase.FAILING_OVER and phase.ended]
    return parse_azure_time(ended[-1]) if ended else None
