"""The report as a page: safe whatever it holds, whole by itself, readable without a mouse and without eyes."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from console import reporting
from console.bundles import lines
from console.page import render
from console.pictures import of_vm
from console.reporting import made_lines
from console.timeline import WIDTH, axis
from migration.copies import TargetWrites, TaskVerdict, TwoCopies
from migration.evidence import CopyEvidence, Evidence
from migration.models import FenceEvidence, Mismatch
from migration.phases import Outcome, Phase
from migration.proofs import Boot, Comparison, Isolation, ProbeResult, Proof, TestFailoverReport
from migration.report import Decision, PhaseSpan, Report, ReportedResource, VmReport
from migration.resolutions import Resolved
from migration.steering import Part, Steered
from tests.console.standins import finding

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember a tag."""
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]


def proof(text: str) -> Proof:
    """Return a verification in which every field that a machine fills says *text*."""
    return Proof(
        vm_id=text,
        compared=[Comparison(field=text, expected=text, actual=text, ok=True)],
        boot=Boot(ok=None, evidence=text, agent=text),
        probes=[ProbeResult(name=text, kind="tcp", ok=False, attempts=2, evidence=text, ended="2026-03-01T10:05:00Z")],
    )


def full_report(text: str = "text") -> Report:
    """Return a report in which every field that people or Azure fill says *text*."""
    decision = Decision(
        approver=text, decision="approve", comment=text, at="2026-03-01T10:02:00Z", counted=True, reason=text
    )
    verdict = TaskVerdict(name=text, state=text, description=text, verdict="unknown")
    vm = VmReport(
        name=text,
        id=text,
        wave=text,
        outcome=Outcome.MIGRATED,
        reason=text,
        downtime_seconds=185,
        data_loss_seconds=0,
        phases=[
            PhaseSpan(name=Phase.REPLICATING, started="2026-03-01T09:00:00Z", ended="2026-03-01T10:00:00Z"),
            PhaseSpan(name=Phase.FAILING_OVER, started="2026-03-01T10:00:00Z", ended="2026-03-01T10:03:00Z"),
            PhaseSpan(name=Phase.DONE, started="2026-03-01T10:03:00Z"),
        ],
        approval=decision,
        decisions=[decision, decision.model_copy(update={"counted": False, "decision": ""})],
        findings=[finding("warning", text)],
        mismatches=[Mismatch(field=text, expected=text, actual=text)],
        verification=proof(text),
        source_probes=proof(text).probes,
        test_failover=TestFailoverReport(
            vm_id=text,
            isolation=Isolation(network_id=text, isolated=True, reasons=[text], evidence=[text], remarks=[text]),
            second_copy="isolated",
            started="2026-03-01T09:30:00Z",
            ended="2026-03-01T09:40:00Z",
            verification=proof(text),
        ),
        fence=FenceEvidence(held=None, reason=text, shutdown_started="2026-03-01T10:00:10Z", tasks=[verdict]),
        resources=[ReportedResource(id=text, type=text, created_by=text, state="left", why=text)],
        incidents=[text],
        serving_again_seconds=95,
        target_writes=TargetWrites(since=text, fate="kept", keep_until=text, snapshots=[text]),
        two_copies=[TwoCopies(where=text, clock="azure", seen=text, noticed=text, contained=text, seconds=61)],
        resolutions=[Resolved(at=text, action="give_up", by=text, reason=text, question=text)],
    )
    return Report(
        plan=text,
        outcome=Outcome.MIXED,
        started="2026-03-01T09:00:00Z",
        reason=text,
        findings=[finding("note", text)],
        resolutions=[Resolved(at=text, action="retry", by=text, reason=text, question=text)],
        steered=[Steered(at=text, action="pause", part=Part(kind="wave", name=text), by=text, reason=text, told=text)],
        resources=[ReportedResource(id=text, type=text, created_by=text, state="deleted", why=text)],
        vms=[vm, VmReport(name="b", id="", outcome=Outcome.REFUSED)],
    )


def test_escapes_everything_that_others_wrote() -> None:
    """A comment or a name with markup in it is text on the page, in every field."""
    page = Page(render(full_report(EVIL)))

    assert page.all("script") == []
    assert page.all("img") == []
    assert [name for _, attributes in page.tags for name in attributes if name.startswith("on")] == []


def test_shows_no_control_characters() -> None:
    """A comment of several lines, or with colours for a terminal, is one line of plain text."""
    page = render(full_report("login\x1b[31m\nfails\u202e"))

    assert "login [31m fails" in page
    assert not set("\x1b\u202e") & set(page)


def test_needs_nothing_but_itself() -> None:
    """The page fetches nothing and runs nothing, so that it opens offline."""
    text = render(full_report())

    assert not re.search(r"https?://|url\(|@import|<link|<script| src=", text)
    assert "default-src 'none'" in text


def test_shows_every_part_of_the_report() -> None:
    """Downtime, loss, decisions that did not count, findings, resources with their state, incidents: all are there."""
    text = render(full_report("Größe"))

    wanted = ["3 min 05 s", "<dd>0 s</dd>", "unreadable", "warning", "deleted", "left", "Incident", "Not as the plan"]
    wanted += [
        "Moved on by a person",
        "Steered by a person",
        "give up",
        "1 min 35 s",
        "Two copies ran",
        "1 min 01 s",
        "Writes on the target",
    ]
    assert [shown for shown in wanted if shown not in text] == []
    assert {"◆", "◇"} <= set(text)
    assert text.count("Größe") > 20


def test_pictures_have_texts_and_tables_have_headings() -> None:
    """A screen reader gets each timeline as a sentence and each table with a caption and scoped headings."""
    text = render(full_report())
    page = Page(text)

    pictures = [one for one in page.all("svg") if one.get("aria-hidden") != "true"]
    assert {"img"} == {one["role"] for one in pictures}
    told = [str(one["aria-label"]) for one in pictures]
    assert "Timeline of text: replicating 1 h 00 min, failing over 3 min 00 s" in told
    assert any(one.startswith("Wave text, ") and one.endswith(": text: migrated") for one in told)
    assert "Downtime of text: text 3 min 05 s, data loss 0 s" in told
    assert all("scope" in heading for heading in page.all("th"))
    assert len(page.all("table")) == len(page.all("caption"))
    assert page.all("html")[0]["lang"] == "en"
    assert all(one.get("tabindex") == "0" for one in page.all("div") if one.get("class") == "wide")
    assert 'href="#vms"' in text


def test_links_lead_to_what_is_there() -> None:
    """Every link of the page ends at an element of it."""
    page = Page(render(full_report()))
    ids = {attributes.get("id") for _, attributes in page.tags}

    assert {str(link["href"]).removeprefix("#") for link in page.all("a")} <= ids


def test_report_of_nothing_yet_is_a_page() -> None:
    """Before anything has happened the page says that nothing has ended."""
    text = render(Report(plan="contoso"))

    assert "not ended" in text
    assert "Nothing shared was made" in text


def test_timeline_lies_within_its_axis() -> None:
    """Bars are in order, on the axis, and a short phase is still seen."""
    report = full_report()
    bars = axis(report).bars(report.vms[0].phases)

    assert [bar.name for bar in bars] == ["replicating", "failing over"]
    assert bars[0].x == 0
    assert bars[1].x + bars[1].width <= WIDTH
    assert min(bar.width for bar in bars) >= 3
    assert bars[0].width > bars[1].width


def test_tells_the_verification_and_the_isolated_copy() -> None:
    """The page says of each probe whether it held, and that the second copy of a test ran isolated."""
    page = render(full_report("text"))
    assert "a second copy ran, isolated, from" in page
    assert 3 == page.count('<th scope="row">text (tcp)</th>')
    assert "The source of text when it was asked last" in page
    assert 2 == page.count("1 fields held against the plan")


class Later(VmReport):
    """A report with what a later version tells."""

    novelties: list[dict[str, Any]]
    ready_again_seconds: int


def test_lists_and_facts_without_a_line_of_their_own_are_shown() -> None:
    """What is added to a report shows at once, in the words of its fields."""
    later = Later(
        name="a",
        id="",
        novelties=[{"what": "tags", "state": "restored", "at": "2026-03-01T10:02:00Z", "undone": False, "by": None}],
        ready_again_seconds=185,
    )
    text = render(Report(plan="contoso", vms=[later]))

    assert "Novelties of a</caption>" in text
    assert ["What", "State", "At", "Undone"] == re.findall('<th scope="col">(What|State|At|Undone|By)<', text)
    assert "<td>restored</td>" in text
    assert "<td>no</td>" in text
    assert "<dt>Ready again</dt><dd>3 min 05 s</dd>" in text


def test_a_hatched_bar_says_that_a_person_is_needed_and_long_waits_are_enlarged() -> None:
    """Colour is not alone; what follows the failover can be read beside hours of copying; all rows share an axis."""
    times = [("replicating", 9, 13), ("needs_action", 13, 14), ("failing_over", 14, 15), ("awaiting_approval", 15, 16)]
    phases = [
        PhaseSpan(name=Phase(n), started=f"2026-03-01T{a:02}:00:00Z", ended=f"2026-03-01T{b:02}:00:00Z")
        for n, a, b in times
    ]
    report = Report(plan="contoso", vms=[VmReport(name="a", id="", wave="one", phases=phases)])
    text = render(report)
    whole, close = of_vm(report.vms[0])

    assert text.count("url(#hatch)") == 2  # of the wave and of the machine; not in the enlarged ones
    assert ["replicating", "needs action", "failing over", "awaiting approval"] == [row.label for row in whole.rows]
    assert ["failing over", "awaiting approval"] == [row.label for row in close.rows]
    assert close.rows[1].shapes[0].bar.width > 3 * whole.rows[3].shapes[0].bar.width
    assert "Wave one, from the first failover on" in text
    assert [tick.label[-3:] for tick in whole.ticks] == [":00"] * len(whole.ticks)
    assert 3 <= len(whole.ticks) <= 8


def test_what_comes_before_a_long_approval_is_enlarged_and_words_do_not_cover_each_other() -> None:
    """Hours of work are read beside days of waiting; a phase entered twice tells both its times at one place."""
    spans = [
        ("checking", "01T09:00:00", "01T09:00:20"),
        ("checking", "01T09:00:21", "01T09:00:22"),
        ("replicating", "01T09:01:00", "01T11:00:00"),
        ("failing_over", "01T11:00:00", "01T11:05:00"),
        ("awaiting_approval", "01T11:05:00", "03T09:00:00"),
        ("committing", "03T09:00:00", "03T09:02:00"),
    ]
    phases = [PhaseSpan(name=Phase(n), started=f"2026-03-{a}Z", ended=f"2026-03-{b}Z") for n, a, b in spans]
    vm = VmReport(name="a", id="", wave="one", phases=phases)
    whole, early, close = of_vm(vm)

    assert ("Timeline of a, until its approval was asked for", "Timeline of a, from its failover on") == (
        early.heading,
        close.heading,
    )
    assert ["checking", "replicating", "failing over"] == [row.label for row in early.rows]
    assert ["failing over"] == [row.label for row in close.rows]
    assert early.rows[1].shapes[0].bar.width > 10 * whole.rows[1].shapes[0].bar.width
    assert ["", "20 s + 1 s"] == [shape.words for shape in whole.rows[0].shapes]
    told = render(Report(plan="contoso", vms=[vm]))
    assert "Wave one, until the approvals were asked for" in told
    assert "Wave one, from the first failover on" in told


def test_the_bundle_of_evidence_is_a_table_that_one_opens() -> None:
    """What was approved is told once, a fact a line; the rows of parity are counted, since they have a table."""
    rows: list[JsonValue] = [{"aspect": "tags", "state": state} for state in ("carried", "carried", "open")]
    evidence = Evidence(
        plan="contoso",
        plan_hash="beef",
        vm="a",
        wave="one",
        source=CopyEvidence(id="/s"),
        target=CopyEvidence(id="/t"),
        parts={"parity": rows, "verification": {"boot": True}},
    )
    vm = VmReport(name="a", id="", evidence=evidence, evidence_hash=evidence.digest)
    page = render(Report(plan="contoso", vms=[vm]))

    assert "<tr><td>Parity</td><td>2 carried, 1 open</td></tr>" in page
    assert "<tr><td>Verification</td><td>boot: true</td></tr>" in page
    assert 1 == page.count("<dt>Evidence</dt><dd>beef") + page.count(f"<dt>Evidence</dt><dd>{evidence.digest}")
    assert "<dt>Evidence hash</dt>" not in page
    assert any("parity    2 carried, 1 open" == line for line in lines(evidence))


def test_before_the_end_nothing_is_said_to_stay() -> None:
    """What a running plan has made is not told as left, nor as a cost of keeping it."""
    made = [ReportedResource(id="/a/b", type="Microsoft.Storage/storageAccounts", created_by="plan", state="created")]
    running = Report(plan="contoso", resources=made)
    assert ["made 1 resource so far, of which 1 are not removed yet; the report lists each, and why"] == made_lines(
        running
    )
    ended = made_lines(running.model_copy(update={"outcome": Outcome.MIGRATED}))
    assert "made 1 resource, of which 1 stay; the report lists each, and why" == ended[0]


def test_the_report_of_an_earlier_run_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new run's report does not take the place of an older one's, which is evidence; the same run's does."""
    monkeypatch.setattr(reporting, "OUTPUT_FOLDER", tmp_path)
    first, second = (Report(plan="contoso", run_id=f"01a21559-0271-7ec3-837f-4df9ff688c9{n}") for n in range(2))
    for report in (first, first, second, second):
        reporting.write_report(report)

    folder = tmp_path / "contoso"
    kept = [f"report-{first.run_id}.html", f"report-{first.run_id}.json", "report.html", "report.json"]
    assert kept == sorted(file.name for file in folder.iterdir())
    assert first.run_id == json.loads((folder / kept[1]).read_text())["run_id"]
    assert second.run_id == json.loads((folder / "report.json").read_text())["run_id"]
