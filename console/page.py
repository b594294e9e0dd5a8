"""The report as a page: one file, no script, nothing fetched, readable by keyboard and by a screen reader."""

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console.texts import local_time, printable, span, words
from console.timeline import WIDTH, axis
from migration.report import Report

_FOLDER = Path(__file__).parent


def render(report: Report) -> str:
    """Return the page of *report*. All that it says is escaped and printable: names and comments are other people's."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters.update(local_time=local_time, span=span, words=words)
    page = environment.get_template("report.html.j2")
    time_axis = axis(report)
    return page.render(
        report=report,
        bars={vm.name: time_axis.bars(vm.phases) for vm in report.vms},
        width=WIDTH,
        begins=time_axis.begins,
        ends=time_axis.ends,
        written=datetime.now(UTC),
    )
