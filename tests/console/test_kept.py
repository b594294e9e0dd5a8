"""What is told of the costs of what stays."""

from console.reporting import kept_lines
from migration import ids
from migration.report import Report, ReportedResource, VmReport


def _left(name: str) -> ReportedResource:
    disk = ids.disk_id("s", "g", name)
    return ReportedResource(id=disk, type="Microsoft.Compute/disks", created_by="site recovery", state="left", why="")


def test_a_sum_with_a_part_that_nobody_can_tell_is_at_least_so_much() -> None:
    """A snapshot whose size is not known may cost anything: a bare 0.00 would say that it costs nothing."""
    report = Report(plan="shop", vms=[VmReport(name="a", id="", resources=[_left("a-os")])])

    assert [line[:44] for line in kept_lines(report)[:1]] == ["what stays costs at least 0.00 USD a month, "]
    assert [line.split()[0] for line in kept_lines(report)[1:]] == ["unknown"]
