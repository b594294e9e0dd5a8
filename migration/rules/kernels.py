"""For which Linux kernels Site Recovery's agent has a driver.

`Support matrix, supported kernel versions
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-support-matrix#linux-operating-systems>`_ of June 2025,
by series: within one, the agent follows the distribution's updates after some weeks.
"""

from __future__ import annotations

import re

_SERIES: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "ubuntu": ((3, 13), (6, 11)),
    "debian": ((3, 2), (6, 1)),
    "sles": ((3, 0), (6, 4)),
    "rhel": ((2, 6), (5, 14)),
}
_ANY = ((2, 6), (6, 11))
"""Of distributions that bring kernels of others."""


def unsupported_kernel(system: str, version: str, kernel: str) -> str:
    """Return why a kernel is not replicated, nothing where it is, or cannot be told from what it is called."""
    numbers = re.match(r"(\d+)\.(\d+)", kernel)
    if numbers is None:
        return ""
    oldest, newest = _SERIES.get(system.lower(), _ANY)
    series = (int(numbers[1]), int(numbers[2]))
    if oldest <= series <= newest:
        return ""
    known = f"{oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}"
    return f"its kernel is {kernel}; on {' '.join((system or 'Linux', version)).strip()} the agent knows {known}"
