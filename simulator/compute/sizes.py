"""The catalogue of VM sizes: what each offers and which quota family it counts against.

Numbers are Azure's own (`sizes.csv`, from a recorded `vmSizes` answer); family names and capabilities follow
Azure's naming rules for series (https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(
    r"Standard_(?P<series>[A-Z]+)(?P<number>\d+)(?P<features>[a-z]*)(_(?P<accelerator>A\d+))?(_(?P<version>v\d+))?$"
)
_PREMIUM_WITHOUT_S = {"DS"}
_ARM64_SERIES = {"B", "D", "E"}


@dataclass(frozen=True)
class VmSize:
    """One VM size as Azure's SKU list describes it."""

    name: str
    vcpus: int
    memory_mb: int
    max_data_disks: int
    resource_disk_mb: int
    series: str
    features: str
    version: str
    accelerator: str

    @property
    def family(self) -> str:
        """The name of the quota that its vCPUs count against, such as `standardDSv3Family`."""
        if self.series == "B":
            infix = self.features.translate(str.maketrans("", "", "lmt")) or "s"
            return f"standardB{infix}{self.version}Family" if self.version else "standardBSFamily"
        if self.series == "M":
            return f"standardM{'DS' if 'd' in self.features else 'S'}{self.version}Family"
        if self.accelerator:
            return f"Standard{self.series}ADS{self.accelerator}{self.version}Family"
        if self.series == "DC" and self.features == "ds":
            return f"standardDDCS{self.version}Family"
        return f"standard{self.series}{self.features.replace('m', '').upper()}{self.version}Family"

    @property
    def generation(self) -> int:
        """The number of its version: 5 for `v5`, 1 without."""
        return int(self.version[1:]) if self.version else 1

    @property
    def premium_io(self) -> bool:
        """Whether it takes premium SSDs."""
        return "s" in self.features or self.series in _PREMIUM_WITHOUT_S or self.name.startswith("Standard_B")

    @property
    def arm64(self) -> bool:
        """Whether its processor is Arm."""
        return self.series in _ARM64_SERIES and "p" in self.features

    @property
    def hyperv_generations(self) -> str:
        """The Hyper-V generations it boots: `V1`, `V2` or `V1,V2`."""
        if self.series in {"DC", "EC"} or self.arm64 or self.generation >= 6:
            return "V2"
        return "V1,V2" if self.premium_io or self.generation >= 4 else "V1"

    @property
    def disk_controllers(self) -> str:
        """The disk controllers it offers: `SCSI`, `NVMe` or `SCSI, NVMe`."""
        if self.generation >= 6:
            return "NVMe"
        return "SCSI, NVMe" if self.series == "E" and "b" in self.features else "SCSI"

    @property
    def accelerated_networking(self) -> bool:
        """Whether its NICs may use accelerated networking."""
        if self.series == "B":
            return self.vcpus >= (12 if not self.version else 2)
        return self.vcpus > 1 and self.series != "A" and (self.series == "F" or self.generation > 1)

    @property
    def max_nics(self) -> int:
        """How many network interfaces it carries."""
        steps = (2, 2), (4, 2 if self.generation > 2 or self.version == "" else 4), (8, 4)
        return next((nics for vcpus, nics in steps if self.vcpus <= vcpus), 8)

    @property
    def trusted_launch(self) -> bool:
        """Whether it boots with trusted launch."""
        return "V2" in self.hyperv_generations and not self.arm64 and self.series not in {"DC", "EC", "M", "NV"}


def _read(path: Path) -> dict[str, VmSize]:
    sizes = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name = row.pop("name")
            match = _NAME.match(name)
            if match is None:
                message = f"reading {path}: {name!r} does not follow Azure's naming of sizes"
                raise ValueError(message)
            parts = {key: match[key] or "" for key in ("series", "features", "version", "accelerator")}
            sizes[name.lower()] = VmSize(name, **{key: int(value) for key, value in row.items()}, **parts)  # type: ignore[arg-type]
    return sizes


SIZES: dict[str, VmSize] = _read(Path(__file__).with_name("sizes.csv"))
"""Every size by its name in lower case."""


def find_size(name: str) -> VmSize | None:
    """Return the size of that name in any case, or None."""
    return SIZES.get(name.lower())


def families() -> list[str]:
    """Return the names of all quota families, sorted."""
    return sorted({size.family for size in SIZES.values()}, key=str.lower)
