"""What is asked inside a machine before its replication is enabled, and what it answers.

The endpoints: `Networking in Azure VM disaster recovery
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-about-networking>`_.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from migration.regions import SOVEREIGN

Service = Literal["entra", "site-recovery", "event-hub", "storage"]
MAX_OUTPUT_BYTES = 4096
"""Of what a script prints, run command returns the last so many."""
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_SAID = (
    *("proxy", "missing", "expired", "unread", "os", "version", "kernel"),
    *("boot_devices", "absent_volumes", "raw_luns", "disabled_services"),
)
_RESULTS = {"ok", "dns", "blocked", "timeout", "proxy", "tls", "unknown"}


@dataclass(frozen=True)
class Endpoint:
    """A host that Site Recovery's agent talks to on port 443.

    A *sample* stands for many hosts of which Azure names one to each machine: that it does not resolve proves nothing.
    """

    host: str
    service: Service
    tag: str
    """The service tag that a network security group allows it by."""
    sample: bool = False


@dataclass(frozen=True)
class Reach:
    """How the machine reached an endpoint: ok, dns, blocked, timeout, proxy, tls, or unknown."""

    endpoint: Endpoint
    result: str
    via_proxy: bool = False


@dataclass(frozen=True)
class GuestAnswer:
    """What a machine said about itself. `roots_unread`: why its trusted roots could not be looked at."""

    os_type: Literal["Linux", "Windows"] = "Linux"
    reached: tuple[Reach, ...] = ()
    proxy: str = "none"
    missing_roots: tuple[str, ...] = ()
    expired_roots: tuple[str, ...] = ()
    roots_unread: str = ""
    os: str = ""
    version: str = ""
    kernel: str = ""
    boot_devices: tuple[str, ...] | None = None
    """Disks that its boot configuration names as the kernel does, such as `/dev/sda1`; None: it could not tell."""
    absent_volumes: tuple[str, ...] | None = None
    """Volumes that its boot configuration names and that are not there."""
    raw_luns: tuple[int, ...] | None = None
    """The LUNs of data disks that nothing is on."""
    disabled_services: tuple[str, ...] | None = None
    """Of the Windows services that snapshots need, those that are disabled."""


@dataclass
class _Lines:
    """Collects an answer line by line; what is not understood, or said twice, is passed over."""

    reached: dict[str, tuple[str, bool]] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)

    def take(self, line: dict[str, Any]) -> None:
        host = str(line.get("endpoint", "")).partition(":")[0]
        result = line.get("result")
        if _HOST.fullmatch(host) and result in _RESULTS:
            self.reached.setdefault(host.lower(), (str(result), line.get("via") == "proxy"))
        for key in _SAID:
            if key in line:
                self.said.setdefault(key, line[key])


def endpoints(source_region: str, target_region: str, cache_account: str, *, cache_is_there: bool) -> list[Endpoint]:
    """Return what a machine of *source_region* has to reach while it is replicated to *target_region*."""
    cloud = _CLOUDS[_cloud_of(source_region)]
    recovery, bus = cloud["site-recovery"], cloud["event-hub"]
    return [
        Endpoint(cloud["entra"], "entra", "AzureActiveDirectory"),
        *(
            Endpoint(f"pod01-id1.{region}.{recovery}", "site-recovery", "AzureSiteRecovery", sample=True)
            for region in (source_region, target_region)
        ),
        Endpoint(f"pod01-rcm1.{bus}", "event-hub", f"EventHub.{target_region}", sample=True),
        Endpoint(
            f"{cache_account}.blob.{cloud['storage']}", "storage", f"Storage.{source_region}", sample=not cache_is_there
        ),
    ]


def answer_of(output: str, asked: list[Endpoint], os_type: Literal["Linux", "Windows"]) -> GuestAnswer | None:
    """Return what a probe printed, None where it is no answer. It comes from the machine, so that nothing is believed.

    Only what was asked is kept, in bounds; whatever else stands there is left out.
    """
    lines = _Lines()
    for text in output[-MAX_OUTPUT_BYTES:].splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            lines.take(line)
    if "missing" not in lines.said or any(endpoint.host.lower() not in lines.reached for endpoint in asked):
        return None
    return GuestAnswer(
        os_type=os_type,
        reached=tuple(Reach(endpoint, *lines.reached[endpoint.host.lower()]) for endpoint in asked),
        proxy=_word(lines.said.get("proxy")) or "none",
        missing_roots=_words(lines.said.get("missing")),
        expired_roots=_words(lines.said.get("expired")),
        roots_unread=_word(lines.said.get("unread")),
        os=_word(lines.said.get("os")),
        version=_word(lines.said.get("version")),
        kernel=_word(lines.said.get("kernel")),
        boot_devices=_told(lines, "boot_devices"),
        absent_volumes=_told(lines, "absent_volumes"),
        raw_luns=_numbers(lines.said.get("raw_luns")),
        disabled_services=_told(lines, "disabled_services"),
    )


def _word(value: object) -> str:
    return re.sub(r"[^\w .:/+~-]", "", value)[:100] if isinstance(value, str) else ""


def _words(value: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_word, value[:20]))) if isinstance(value, list) else ()


def _told(lines: _Lines, key: str) -> tuple[str, ...] | None:
    value = lines.said.get(key)
    return _words(value) if isinstance(value, list) else None


def _numbers(value: object) -> tuple[int, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(each for each in value[:64] if isinstance(each, int) and 0 <= each <= 63)


def _cloud_of(region: str) -> str:
    if region not in SOVEREIGN:
        return "public"
    return "china" if region.startswith("china") else "government"


_CLOUDS = {
    "public": {
        "entra": "login.microsoftonline.com",
        "site-recovery": "hypervrecoverymanager.windowsazure.com",
        "event-hub": "servicebus.windows.net",
        "storage": "core.windows.net",
    },
    "government": {
        "entra": "login.microsoftonline.us",
        "site-recovery": "hypervrecoverymanager.windowsazure.us",
        "event-hub": "servicebus.usgovcloudapi.net",
        "storage": "core.usgovcloudapi.net",
    },
    "china": {
        "entra": "login.chinacloudapi.cn",
        "site-recovery": "hypervrecoverymanager.windowsazure.cn",
        "event-hub": "servicebus.chinacloudapi.cn",
        "storage": "core.chinacloudapi.cn",
    },
}
