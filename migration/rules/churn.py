"""Does the virtual machine write no faster than Site Recovery copies?

`Limits and data change rates
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-support-matrix#limits-and-data-change-rates>`_.
"""

from __future__ import annotations

from collections.abc import Iterator

from migration.facts import UnaskedError
from migration.ids import describe
from migration.models import VmSpec
from migration.rules.case import Case, Hit, VmCheck

_MB = 1_000_000
MACHINE_LIMIT_MB = 54
_STANDARD_MB, _PREMIUM_128_MB, _PREMIUM_512_MB = 2, 8, 20


def churn(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn where the average of the last hour is above what the machine, or its disks together, are copied with."""
    machine = case.machine(vm)
    if machine is None or machine.power_state != "PowerState/running":
        return
    measured = case.inventory.churn.about(vm.source_id)
    if measured is None:
        raise UnaskedError(f"reading {describe(vm.source_id)}: Azure Monitor has no figures of its disks")
    written = measured.average / _MB
    disks = sum(_disk_limit(case, vm))
    limit = min(MACHINE_LIMIT_MB, disks)
    if written > limit:
        whose = "a machine" if limit == MACHINE_LIMIT_MB else "its disks together"
        yield Hit(
            describe(vm.source_id),
            f"it writes {written:.0f} MB/s on average (peak {measured.peak / _MB:.0f}); Site Recovery copies {limit} "
            f"MB/s of {whose}",
        )


def _disk_limit(case: Case, vm: VmSpec) -> Iterator[int]:
    """Yield what is copied of each disk at best, in MB/s."""
    for attached in case.kept_disks(vm):
        disk = case.inventory.disks.about(attached.id) if attached.id else None
        size = (disk.size_gib if disk else attached.size_gib) or 0
        kind = (vm.disk_type(attached.name) or (disk.type if disk else attached.type) or "").lower()
        if not kind.startswith("premium"):
            yield _STANDARD_MB
        else:
            yield _PREMIUM_512_MB if size >= 512 else _PREMIUM_128_MB


CHECKS: dict[str, VmCheck] = {"churn": churn}
