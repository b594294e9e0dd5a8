"""What runs inside a machine: its operating system, its way out to the internet, its certificates and services.

The seed's `behaviour` of a VM describes the guest; everything is optional (a sound guest is the default)::

    behaviour:
      "/subscriptions/.../virtualMachines/web01":
        os: "Ubuntu 22.04"                  # or {name, version, kernel}
        hostname: web01
        outbound: blocked                   # no way out at all; or by endpoint (patterns such as *.example.com):
        outbound: {"login.microsoftonline.com": blocked, "*.servicebus.windows.net": timeout}
                                            # tls: something between opens the connection, with a certificate of its own
        dns: broken                         # names do not resolve; or a list of the names that do not
        proxy: authenticated                # none (default), open, authenticated (Site Recovery does not support it)
        certificates: missing               # trusted roots are missing, or expired; or a list of the missing roots'
                                            # names; or by name: {"DigiCert Global Root G2": expired}
        agent: not_ready                    # ready (default), not_ready, missing, never (not after a boot either)
        services: {nginx: failed}           # of a service that is not named: active (Windows: Running); disabled
        ports: [443, 8080]                  # what listens, besides 22 (Windows: 3389); a mapping: {8080: closed}
        grub: /dev/sda1                     # a device that the boot configuration names instead of a UUID
        boot_seconds: 300                   # from power to the agent's first word (60)
        serves_after_seconds: 240           # from power to what listens besides 22 (3389): nothing before (0)
        http: {443: 503, 8080: {/health: {status: 200, body: "all well"}}}   # what a port answers: listens, too
        commands: {"pg_isready": {exit_code: 2, output: "no response"}}      # of scripts that hold the words
        serial_log: panic                   # panic, emergency, login (default), or the text of the log itself
        target: {agent: never}              # how the machine differs that a failover makes from this one's disks
        after_failover: {http: {443: 503}}  # the same, and not the one of a test failover; it may have
        in_test: {agent: never}             # without_nics, without_disks (names), size, boot_diagnostics: managed,
                                            # and but for in_test: absent (no machine is made)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from simulator.compute import machines

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

REQUIRED_ROOTS = ("DigiCert Global Root CA", "DigiCert Global Root G2", "Microsoft RSA Root Certificate Authority 2017")
"""The roots that Azure's endpoints need in a guest's trust store."""

_KERNELS = {"ubuntu": "5.15.0-1053-azure", "debian": "6.1.0-18-cloud-amd64", "rhel": "4.18.0-513.el8.x86_64"}


@dataclass(frozen=True)
class Guest:
    """A guest operating system as the platform, Site Recovery and run command meet it."""

    os_type: str
    os_name: str
    os_version: str
    kernel: str
    hostname: str
    proxy: str = "none"
    blocked: dict[str, str] = field(default_factory=dict)
    """How an endpoint fails, by pattern: `blocked`, `timeout`, ... (`ok`: an exception from a wider pattern)."""
    unresolved: tuple[str, ...] = ()
    missing_roots: tuple[str, ...] = ()
    expired_roots: tuple[str, ...] = ()
    """The required roots of which the guest has an expired copy alone."""
    services: dict[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    """The TCP ports on which something listens."""
    grub: str = ""
    """The device that the boot configuration names instead of a UUID, if any."""
    uninitialised_luns: tuple[int, ...] = ()
    """The LUNs of data disks that nothing is on."""
    sites: dict[int, Any] = field(default_factory=dict)
    """What a port answers by HTTP: a status, or by path a status and a body."""
    commands: dict[str, Any] = field(default_factory=dict)
    """How scripts end that hold these words."""

    def page(self, port: int, path: str) -> tuple[int, str] | None:
        """What a port answers to a request, where the seed says so: status and body."""
        given = self.sites.get(port)
        if isinstance(given, dict) and "status" not in given and "body" not in given:
            given = given.get(path.partition("?")[0], 404)
        if isinstance(given, dict):
            return int(given.get("status", 200)), str(given.get("body", ""))
        return None if given is None else (int(given), "")

    def command(self, script: str) -> tuple[int, str] | None:
        """How a script ends, where the seed says so: exit code and output."""
        given = next((end for words, end in self.commands.items() if words in script), None)
        if isinstance(given, dict):
            return int(given.get("exit_code", 0)), str(given.get("output", ""))
        return None if given is None else (int(given), "")

    def service(self, name: str) -> str:
        """The seeded state of a service in any case; `active` where the seed says nothing."""
        return next((state for known, state in self.services.items() if known.lower() == name.lower()), "active")

    def resolves(self, host: str) -> bool:
        """Whether the guest's DNS finds the host."""
        return not any(fnmatch(host.lower(), pattern) for pattern in self.unresolved)

    def reaches(self, host: str) -> str:
        """How a connection to the host on port 443 goes: `ok`, `dns`, `proxy`, or how it is stopped."""
        if not self.resolves(host):
            return "dns"
        if self.proxy == "authenticated":
            return "proxy"
        matches = [pattern for pattern in self.blocked if fnmatch(host.lower(), pattern)]
        return self.blocked[max(matches, key=len)] if matches else "ok"


def guest_of(world: World, vm_id: str) -> Guest:
    """Describe the guest of a machine that exists."""
    machine = world.store.require(vm_id)
    seed = machines.behaviour(world, machine.id)
    os_type = machines.os_type(machine)
    name, version, kernel = _system(seed.get("os"), os_type, machine)
    profile = machine.properties.get("osProfile") or {}
    return Guest(
        os_type=os_type,
        os_name=name,
        os_version=version,
        kernel=kernel,
        hostname=str(seed.get("hostname") or profile.get("computerName") or machine.name),
        proxy=str(seed.get("proxy") or "none"),
        blocked=_outbound(seed.get("outbound")),
        unresolved=_patterns(seed.get("dns"), word="broken", everything=("*",)),
        missing_roots=_roots(seed.get("certificates"), "missing"),
        expired_roots=_roots(seed.get("certificates"), "expired"),
        services={str(key): str(value) for key, value in (seed.get("services") or {}).items()},
        ports=_ports(_listening(world, machine, seed), os_type),
        sites={int(port): given for port, given in (_sites(world, machine, seed)).items()},
        commands={str(words): end for words, end in (seed.get("commands") or {}).items()},
        grub=str(seed.get("grub") or ""),
        uninitialised_luns=tuple(int(lun) for lun in seed.get("uninitialised_luns") or ()),
    )


def _has_come_up(world: World, machine: Resource, seed: dict[str, Any]) -> bool:
    since = machines.running_since(machine)
    return since is None or (world.now - since).total_seconds() >= float(seed.get("serves_after_seconds") or 0)


def _sites(world: World, machine: Resource, seed: dict[str, Any]) -> dict[Any, Any]:
    return dict(seed.get("http") or {}) if _has_come_up(world, machine, seed) else {}


def _listening(world: World, machine: Resource, seed: dict[str, Any]) -> Any:
    if not _has_come_up(world, machine, seed):
        return ()
    states = seed.get("ports") or {}
    named = states if isinstance(states, dict) else dict.fromkeys(states, "open")
    return {**dict.fromkeys(seed.get("http") or {}, "open"), **named}


def _ports(given: Any, os_type: str) -> tuple[int, ...]:
    usual = 3389 if os_type == "Windows" else 22
    if isinstance(given, dict):
        states = {usual: "open", **{int(port): str(state) for port, state in given.items()}}
        return tuple(sorted(port for port, state in states.items() if state not in {"closed", "False"}))
    return tuple(sorted({usual, *(int(port) for port in given or ())}))


def _outbound(given: Any) -> dict[str, str]:
    if isinstance(given, str) and given not in {"ok", "open"}:
        return {"*": given}
    if isinstance(given, list):
        return {str(pattern).lower(): "blocked" for pattern in given}
    return {str(key).lower(): str(value) for key, value in given.items()} if isinstance(given, dict) else {}


def _patterns(given: Any, *, word: str, everything: tuple[str, ...]) -> tuple[str, ...]:
    if given == word:
        return everything
    return tuple(str(entry).lower() for entry in given) if isinstance(given, list) else ()


def _roots(given: Any, state: str) -> tuple[str, ...]:
    if given == state:
        return REQUIRED_ROOTS
    if isinstance(given, dict):
        return tuple(str(root) for root, told in given.items() if told == state)
    return tuple(str(root) for root in given) if isinstance(given, list) and state == "missing" else ()


def _system(given: Any, os_type: str, machine: Resource) -> tuple[str, str, str]:
    if isinstance(given, dict):
        name, version = str(given.get("name", os_type)), str(given.get("version", ""))
        return name, version, str(given.get("kernel") or _kernel(os_type, name))
    if isinstance(given, str):
        name, version = _split_os(given, os_type)
        return name, version, _kernel(os_type, name)
    if machine.meta.get("os_name"):
        name = str(machine.meta["os_name"])
        return name, str(machine.meta.get("os_version") or ""), _kernel(os_type, name)
    name, version = _from_image((machine.properties.get("storageProfile") or {}).get("imageReference") or {}, os_type)
    return name, version, _kernel(os_type, name)


def _split_os(text: str, os_type: str) -> tuple[str, str]:
    match = re.match(r"(.*?)[ -]?(\d[\w.]*)$", text)
    if os_type == "Linux" and match:
        return match[1].strip().lower(), match[2]
    return text, "10.0.14393.5582" if "2016" in text else "10.0.17763.5329"


def _from_image(image: dict[str, Any], os_type: str) -> tuple[str, str]:
    sku, offer = str(image.get("sku", "")), str(image.get("offer", ""))
    if os_type == "Windows":
        year = next((word for word in re.split(r"[-_]", sku) if re.fullmatch(r"20\d\d", word)), "2019")
        return f"Windows Server {year} Datacenter", {
            "2012": "6.2.9200", "2016": "10.0.14393.5582", "2019": "10.0.17763.5329", "2022": "10.0.20348.2227",
        }.get(year, "10.0.17763.5329")  # fmt: skip
    if "ubuntu" in offer.lower() or "ubuntu" in sku.lower():
        found = re.search(r"(\d\d)[._](\d\d)", f"{sku} {offer}")
        return "ubuntu", f"{found[1]}.{found[2]}" if found else "22.04"
    family = next((name for name in ("rhel", "debian", "sles", "centos", "oracle") if name in offer.lower()), "")
    version = re.search(r"\d+([._]\d+)?", sku)
    return (family, version[0].replace("_", ".")) if family and version else ("ubuntu", "22.04")


def _kernel(os_type: str, name: str) -> str:
    return "" if os_type == "Windows" else _KERNELS.get(name.lower(), "5.15.0-1053-azure")
