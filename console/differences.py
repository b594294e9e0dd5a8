"""The difference between source and target, as the person sees it who decides."""

from console.connection import Link
from console.parity import summary
from console.reading import query
from console.texts import clean, counted
from console.view import VmView
from migration import names
from migration.parity.values import ParityRow, counts, in_words
from migration.report import VmReport

_SHOWN = 30


async def rows_to_decide_on(link: Link, vm: VmView) -> list[str]:
    """Return what an approver has to see of a virtual machine: its rows but those that are simply carried."""
    if vm.parity is None:
        return []
    try:
        report = await query(link.client.get_workflow_handle(vm.workflow_id), names.QUERY_REPORT, VmReport)
    except TimeoutError:
        report = None
    rows = [row for row in report.parity if row.state != "carried"] if report else vm.parity.open_rows
    lines = [f"  {row.state}: {in_words(row)}{_answer(row)}" for row in rows[:_SHOWN]]
    more = [f"  and {counted(len(rows) - _SHOWN, 'row')} more (see `report`)"] if len(rows) > _SHOWN else []
    total = summary(counts(report.parity)) if report else summary(vm.parity)
    return [clean(f"{vm.name}: {total}"), *(line.rstrip() for line in map(_safe, lines)), *more]


def _answer(row: ParityRow) -> str:
    return f"; {row.by}" if row.by else f"; {row.remedy}" if row.remedy else ""


def _safe(line: str) -> str:
    return "  " + clean(line)
