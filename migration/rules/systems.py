"""Does Site Recovery replicate the operating system, and the way in which it boots?

`Support matrix, replicated machine operating systems
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-support-matrix#replicated-machine-operating-systems>`_
of June 2025, and `Trusted launch VMs <https://learn.microsoft.com/azure/site-recovery/concepts-trusted-vm>`_.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from migration.facts import UnaskedError
from migration.ids import describe
from migration.inventory import Machine
from migration.models import VmSpec
from migration.rules.case import Case, Hit, VmCheck
from migration.rules.sizes import specification

_WINDOWS_SERVERS = ("2008 r2", "2012", "2012 r2", "2016", "2019", "2022", "2025")
_WINDOWS_CLIENTS = ("7", "8", "8.1", "10", "11")
_LINUX: dict[str, tuple[str, ...]] = {
    "rhel": ("6", "7", "8", "9"),
    "ubuntu": ("14.04", "16.04", "18.04", "20.04", "22.04", "24.04"),
    "debian": ("7", "8", "9", "10", "11", "12"),
    "sles": ("11", "12", "15"),
    "oracle": ("6", "7", "8", "9"),
    "rocky": ("8", "9"),
    "almalinux": ("8", "9"),
    "centos": ("6", "7", "8"),
}
"""Supported versions, by their beginning."""
_TRUSTED_LINUX: dict[str, tuple[str, ...]] = {
    "ubuntu": ("18.04", "20.04", "22.04", "24.04"),
    "rhel": ("8", "9"),
    "sles": ("15",),
    "almalinux": ("8.10", "9.4"),
    "debian": ("12",),
}
_NVME_LINUX: dict[str, tuple[str, ...]] = {"rhel": ("9",), "ubuntu": ("24.04",), "sles": ("15",)}
_ALIASES = {
    "redhat": "rhel",
    "red hat enterprise linux": "rhel",
    "ol": "oracle",
    "oracle linux": "oracle",
    "oraclelinux": "oracle",
    "suse": "sles",
    "suse linux enterprise server": "sles",
    "alma": "almalinux",
}


def os_supported(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to an operating system that the support matrix does not have; warn where Site Recovery itself does not."""
    machine = _told(case, vm)
    if machine is None or _is_supported(machine):
        return
    answer = case.inventory.eligibility.about(vm.source_id)
    is_taken = answer is not None and not answer
    evidence = f"it runs {machine.os_name} {machine.os_version}".rstrip() + ", which is not in the support matrix"
    evidence += "; Site Recovery's own check raises no objection" if is_taken else ""
    yield Hit(describe(vm.source_id), evidence, severity="warning" if is_taken else None)


def security_type(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to confidential machines, and to Trusted Launch with a system that is not taken with it."""
    machine = case.machine(vm)
    if machine is None or machine.security_type.lower() in {"", "standard"}:
        return
    subject = describe(vm.source_id)
    if machine.security_type.lower() != "trustedlaunch":
        yield Hit(subject, f"its security type is {machine.security_type}, which is not replicated")
        return
    if machine.generation == "V1":
        yield Hit(subject, "it has Trusted Launch, but its generation is V1")
    told = _told(case, vm)
    if told is not None and told.os_type.lower() != "windows" and not _is_in(_TRUSTED_LINUX, told):
        yield Hit(subject, f"it has Trusted Launch, which is not replicated with {told.os_name} {told.os_version}")


def disk_controller(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to disks behind an NVMe controller, but for the few systems with which they are replicated."""
    machine = case.machine(vm)
    sku = specification(case, vm, machine.size) if machine else None
    if machine is None or not _has_nvme(machine.disk_controller, sku.controllers if sku else ()):
        return
    told = _told(case, vm)
    if told is not None and (told.os_type.lower() == "windows" or not _is_in(_NVME_LINUX, told)):
        yield Hit(
            describe(vm.source_id),
            f"its size {machine.size} has an NVMe disk controller, which is not taken with {told.os_name} "
            f"{told.os_version}",
        )


def _has_nvme(controller: str, offered: tuple[str, ...]) -> bool:
    return controller == "NVMe" or (not controller and offered == ("NVMe",))


def _told(case: Case, vm: VmSpec) -> Machine | None:
    """Return the machine if its agent tells the operating system; None where other rules object to its silence."""
    machine = case.machine(vm)
    if machine is None or machine.power_state != "PowerState/running" or not machine.agent_ready:
        return None
    if not machine.os_name:
        raise UnaskedError(f"reading {describe(vm.source_id)}: its agent does not tell the operating system")
    return machine


def _is_supported(machine: Machine) -> bool:
    name = machine.os_name.lower()
    if machine.os_type.lower() != "windows" and "windows" not in name:
        return _is_in(_LINUX, machine)
    server = re.search(r"server (20\d\d(?: r2)?)", name)
    if server:
        return server[1] in _WINDOWS_SERVERS
    client = re.search(r"windows (\d+(?:\.\d)?)\b", name)
    return client is not None and client[1] in _WINDOWS_CLIENTS


def _is_in(table: dict[str, tuple[str, ...]], machine: Machine) -> bool:
    name = machine.os_name.lower().strip()
    family = _ALIASES.get(name) or _ALIASES.get(name.split(" ")[0]) or name.split(" ")[0]
    actual = machine.os_version.lower()
    return any(actual == version or actual.startswith(f"{version}.") for version in table.get(family, ()))


CHECKS: dict[str, VmCheck] = {
    "os-supported": os_supported,
    "security-type": security_type,
    "disk-controller": disk_controller,
}
