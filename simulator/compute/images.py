"""Images of the marketplace: the few that the Azure CLI's tests and its short names ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.provider import ArmError, Reply
from simulator.resources import locations

if TYPE_CHECKING:
    from simulator.provider import Call

VHD_OVERHEAD_BYTES = 2**20 + 512
"""What an image's file has beyond its whole gibibytes: padding and the footer."""


@dataclass(frozen=True)
class Image:
    """One image: who offers it, its newest version, its system and the size of its disk."""

    publisher: str
    offer: str
    sku: str
    version: str
    system: str = "Linux"
    size_gb: int = 30
    generation: str = "V1"


IMAGES = (
    Image("Canonical", "UbuntuServer", "18.04-LTS", "18.04.202306070"),
    Image("Canonical", "0001-com-ubuntu-server-jammy", "22_04-lts-gen2", "22.04.202501150", generation="V2"),
    Image("Canonical", "ubuntu-24_04-lts", "server", "24.04.202501150", generation="V2"),
    Image("Debian", "debian-12", "12-gen2", "0.20250115.1993", generation="V2"),
    Image("RedHat", "RHEL", "9-lvm-gen2", "9.5.2025011510", size_gb=64, generation="V2"),
    Image("MicrosoftWindowsServer", "WindowsServer", "2012-Datacenter", "9200.22092.220711", "Windows", 127),
    Image("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter", "14393.7699.250109", "Windows", 127),
    Image("MicrosoftWindowsServer", "WindowsServer", "2019-Datacenter", "17763.6775.250109", "Windows", 127),
    Image("MicrosoftWindowsServer", "WindowsServer", "2022-datacenter-g2", "20348.3091.250109", "Windows", 127, "V2"),
)


def find(reference: dict[str, Any]) -> Image | None:
    """The image that a machine's ``imageReference`` means, or None where it is not known."""
    for image in IMAGES:
        names = (image.publisher, image.offer, image.sku)
        if [name.lower() for name in names] == [
            str(reference.get(key) or "").lower() for key in ("publisher", "offer", "sku")
        ]:
            return image
    return None


def _require(call: Call) -> Image:
    image = find(call.params)
    if image is None:
        path = "/".join(call.params[key] for key in ("publisher", "offer", "sku"))
        raise ArmError(404, "NotFound", f"Artifact: VMImage was not found: {path}.")
    return image


def _place(call: Call) -> str:
    return locations.display_name(call.params["location"].lower()).replace(" ", "")


def _id(call: Call, image: Image) -> str:
    return (
        f"/Subscriptions/{call.subscription}/Providers/Microsoft.Compute/Locations/{_place(call)}"
        f"/Publishers/{image.publisher}/ArtifactTypes/VMImage/Offers/{image.offer}/Skus/{image.sku}"
        f"/Versions/{image.version}"
    )


def virtual_machine_images_list(call: Call) -> Reply:
    """List the versions of an image: the newest; the list is no object."""
    image = _require(call)
    return Reply(200, [{"location": _place(call), "name": image.version, "id": _id(call, image)}])


def virtual_machine_images_get(call: Call) -> Reply:
    """Show a version of an image."""
    image = _require(call)
    if call.params["version"].lower() not in {image.version, "latest"}:
        raise ArmError(404, "NotFound", f"Artifact: VMImage version '{call.params['version']}' was not found.")
    features = dict.fromkeys(("IsAcceleratedNetworkSupported", "DiskControllerTypes", "IsHibernateSupported"), "True")
    features["DiskControllerTypes"] = "SCSI, NVMe"
    properties = {
        "hyperVGeneration": image.generation,
        "architecture": "x64",
        "replicaType": "Unmanaged",
        "disallowed": {"vmDiskType": "None"},
        "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": True},
        "imageDeprecationStatus": {"imageState": "Active"},
        "features": [{"name": name, "value": value} for name, value in features.items()],
        "osDiskImage": {
            "operatingSystem": image.system,
            "sizeInGb": image.size_gb + 1,
            "sizeInBytes": image.size_gb * 2**30 + VHD_OVERHEAD_BYTES,
        },
        "dataDiskImages": [],
    }
    shown = {"properties": properties, "location": _place(call), "name": image.version, "id": _id(call, image)}
    return Reply(200, shown)
