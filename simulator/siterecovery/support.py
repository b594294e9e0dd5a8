"""What Site Recovery supports: operating systems, kernels, disks and disk controllers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator.compute.sizes import find_size

if TYPE_CHECKING:
    from simulator.compute.guest import Guest

_EDITIONS = ("Standard", "Datacenter")
_WINDOWS: dict[str, tuple[str, ...]] = {
    "6.1": ("Server 2008 R2 Datacenter", "Server 2008 R2 Enterprise", "Server 2008 R2 Standard", "7"),
    "6.2": ("Server 2012 Standard", "Server 2012 Datacenter", "8"),
    "6.3": ("Server 2012 R2 Datacenter", "Server 2012 R2 Standard", "8.1"),
    "10.0": (*(f"Server {year} {kind}" for year in (2016, 2019, 2022, 2025) for kind in _EDITIONS), "10", "11"),
}
_LINUX: dict[str, tuple[str, ...]] = {
    "centos": ("6", "7", "8"),
    "redhat": ("6", "7", "8", "9"),
    "rhel": ("6", "7", "8", "9"),
    "oracle": ("6", "7", "8", "9"),
    "rocky": ("8", "9"),
    "alma": ("8", "9"),
    "almalinux": ("8", "9"),
    "suse": ("11", "12"),
    "sles": ("12", "15"),
    "debian": ("8", "9", "10", "11", "12"),
    "ubuntu": ("14.04", "16.04", "18.04", "20.04", "22.04", "24.04"),
}
SUPPORTED_OS: dict[str, tuple[str, tuple[str, ...]]] = {
    **{name: ("linux", versions) for name, versions in _LINUX.items()},
    **{f"Windows {name}": ("windows", (version,)) for version, names in _WINDOWS.items() for name in names},
}
"""Supported systems: name, family, versions (a Linux version by its beginning)."""

SNAPSHOT_SERVICES = ("VSS", "COMSysApp")
"""The Windows services without which there are no application-consistent snapshots, and no agent."""
NEWEST_KERNEL = (6, 11)
OLDEST_KERNEL = (3, 10)
NVME_SYSTEMS = (("rhel", "9"), ("ubuntu", "24.04"), ("sles", "15"))
LARGEST_OS_DISK_GB = 4095
LARGEST_DATA_DISK_GB = 32767
UNSUPPORTED_SKUS = {"ultrassd_lrs"}


def os_supported(guest: Guest) -> bool:
    """Whether Site Recovery replicates the operating system."""
    name = guest.os_name.lower()
    if guest.os_type == "Windows":
        known = [system.lower() for system, (family, _) in SUPPORTED_OS.items() if family == "windows"]
        return bool(name) and any(name.startswith(system) or system.startswith(name) for system in known)
    family, versions = SUPPORTED_OS.get(name.split()[0] if name else "", ("", ()))
    return family == "linux" and any(_is_version(guest.os_version, version) for version in versions)


def _is_version(actual: str, supported: str) -> bool:
    return actual == supported or actual.startswith(f"{supported}.")


def kernel_supported(guest: Guest) -> bool:
    """Whether the mobility agent has a driver for the kernel (Windows needs none)."""
    numbers = re.match(r"(\d+)\.(\d+)", guest.kernel)
    if guest.os_type == "Windows" or numbers is None:
        return True
    return OLDEST_KERNEL <= (int(numbers[1]), int(numbers[2])) <= NEWEST_KERNEL


def controller_supported(guest: Guest, size: str) -> bool:
    """Whether disks behind the size's controller can be replicated: NVMe only with some systems."""
    known = find_size(size)
    if known is None or known.disk_controllers != "NVMe":
        return True
    return any(guest.os_name.lower().startswith(name) and _is_version(guest.os_version, version)
               for name, version in NVME_SYSTEMS)  # fmt: skip
