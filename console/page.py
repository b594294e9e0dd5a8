"""The report as a page: one file, no script, nothing fetched, readable by keyboard and by a screen reader."""

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console.pictures import HEAD, ROW, WIDTH, of_vm, of_waves
from console.sections import bundle, other_facts, sections
from console.texts import local_time, printable, span, words
from console.timeline import axis
from migration.chain import sealed
from migration.report import Report, as_json

DIGEST = re.compile(r'<meta name="page-digest" content="([0-9a-f]{64})">')
"""What the page says its own digest is: of the page with zeros in this place."""
_HEAD = re.compile(r'<meta name="report-head" content="([0-9a-f]{64})">')
_NO_DIGEST = "0" * 64
_FOLDER = Path(__file__).parent


def render(report: Report, body: dict[str, Any] | None = None) -> str:
    """Return the page of *report*. All that it says is escaped and printable: others wrote it.

    *body* is its JSON as it is written, where that has more in it; its chain is the one that the page names.
    """
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters.update(local_time=local_time, span=span, words=words)
    chain = sealed(body or as_json(report))
    page = environment.get_template("report.html.j2").render(
        report=report,
        head=chain["head"],
        links=len(chain["chain"]),
        waves=of_waves(report),
        vms=[
            {
                "report": vm,
                "pictures": of_vm(vm),
                "bars": axis(report).bars(vm.phases),
                "facts": other_facts(vm),
                "bundle": bundle(vm),
                "sections": sections(vm, vm.name),
            }
            for vm in report.vms
        ],
        shared=sections(report, "the plan"),
        size={"width": WIDTH, "row": ROW, "head": HEAD},
        no_digest=_NO_DIGEST,
        written=datetime.now(UTC),
    )
    return DIGEST.sub(lambda found: found[0].replace(found[1], page_digest(page)), page, count=1)


def page_digest(page: str) -> str:
    """Return the digest that a page has to carry."""
    blank = DIGEST.sub(lambda found: found[0].replace(found[1], _NO_DIGEST), page, count=1)
    return hashlib.sha256(blank.encode(errors="replace")).hexdigest()


def head_of(page: str) -> str:
    """Return the head of the chain of the report that a page shows, empty where it tells none."""
    found = _HEAD.search(page)
    return found[1] if found else ""
