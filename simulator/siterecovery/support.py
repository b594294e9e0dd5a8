"""What Site Recovery supports: operating systems, kernels, disks and disk controllers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator.compute.sizes import find_size

if TYPE_CHECKING:
    from simulator.compute.guest import Guest

SUPPORTED_OS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Windows Server 2012": ("windows", ("6.2",)),
    "Windows Server 2012 R2": ("windows", ("6.3",)),
    "Windows Server 2016": ("windows", ("10.0.14393",)),
    "Windows Server 2019": ("windows", ("10.0.17763",)),
    "Windows Server 2022": ("windows", ("10.0.20348",)),
    "Windows Server 2025": ("windows", ("10.0.26100",)),
    "ubuntu": ("linux", ("18.04", "20.04", "22.04", "24.04")),
    "rhel": ("linux", ("7", "8", "9")),
    "centos": ("linux", ("7", "8")),
    "rocky": ("linux", ("8", "9")),
    "alma": ("linux", ("8", "9")),
    "almalinux": ("linux", ("8", "9")),
    "oracle": ("linux", ("7", "8", "9")),
    "sles": ("linux", ("12", "15")),
    "debian": ("linux", ("10", "11", "12")),
}
"""Supported systems: name, family, versions (a Linux version by its beginning)."""

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
        client = re.match(r"windows (10|11)\b", name)
        year = re.search(r"20\d\d", name)
        return client is not None or (year is not None and f"Windows Server {year[0]}" in SUPPORTED_OS)
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
