"""What the simulator can do on this machine: memory of a large estate, reads a second, a long list in pages.

``python -m benchmarks.simulator`` starts simulators of its own and prints what it measured, beside the goals. Every
client is a process with one TLS connection that is kept alive, so that the load costs little of the cores that the
simulator needs too. ``--json`` prints the same for programs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[1]
API_VERSION = "api-version=2024-03-01"
GOALS = {"memory_mib": 1024, "reads_per_second": 1500, "list_seconds": 1.0}


class Connection:
    """One TLS connection that is kept alive, with as little work for each request as Python allows."""

    def __init__(self, endpoint: str, ca_file: str) -> None:
        """Connect."""
        host, _, port = endpoint.removeprefix("https://").partition(":")
        plain = socket.create_connection((host, int(port)))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = ssl.create_default_context(cafile=ca_file).wrap_socket(plain, server_hostname=host)
        self._host = host

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> tuple[int, bytes]:
        """Send one request; its status and body."""
        given = {"Host": self._host, "Content-Length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        return self.send_raw(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body)

    def send_raw(self, request: bytes) -> tuple[int, bytes]:
        """Send a request that is written already; its status and body."""
        stream = self._stream
        stream.sendall(request)
        answer = stream.recv(65_536)
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += stream.recv(65_536)
        found = answer.lower().index(b"content-length:", 0, end)
        length = int(answer[found + 15 : answer.index(b"\r", found)])
        parts, missing = [answer[end + 4 :]], length - (len(answer) - end - 4)
        while missing > 0:
            parts.append(stream.recv(1 << 20))
            missing -= len(parts[-1])
        return int(answer[9:12]), b"".join(parts)

    def close(self) -> None:
        """Close it."""
        self._stream.close()


def expect(found: object, expected: object, what: str) -> None:
    """End the measurement where the simulator did not answer as it should."""
    if found != expected:
        message = f"{what}: {found!r} instead of {expected!r}"
        raise SystemExit(message)


class Simulator:
    """A simulator process; a context manager that ends it."""

    def __init__(self, seed: Path, folder: Path) -> None:
        """Start one with the estate of *seed*."""
        command = [sys.executable, "-m", "simulator", "--seed", str(seed), "--state-dir", str(folder)]
        started = time.perf_counter()
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline() if self.process.stdout else ""
        expect(bool(line), True, "the simulator's ready line")  # noqa: FBT003 - what is expected
        self.ready: dict[str, str] = json.loads(line)
        self.seconds_to_start = time.perf_counter() - started
        self.connection = self.connect()
        self.token = self._sign_in()
        self.control("clock", {"throttling": {"enabled": False}})

    def __enter__(self) -> Self:
        """The running simulator."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)

    def connect(self) -> Connection:
        """Another connection."""
        return Connection(self.ready["endpoint"], self.ready["ca_file"])

    def _sign_in(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.ready["client_id"],
            "client_secret": self.ready["client_secret"],
            "scope": f"{self.ready['endpoint']}/.default",
        }
        target = f"/{self.ready['tenant_id']}/oauth2/v2.0/token"
        _, body = self.connection.send("POST", target, {}, urlencode(form).encode())
        return str(json.loads(body)["access_token"])

    def control(self, name: str, body: Any) -> None:
        """Send a control call."""
        status, text = self.connection.send("POST", f"/_simulator/{name}", {}, json.dumps(body).encode())
        expect(status, 200, f"{name}: {text!r}")

    def read(self, target: str) -> bytes:
        """The body of a path."""
        status, body = self.connection.send("GET", target, {"Authorization": f"Bearer {self.token}"})
        expect(status, 200, target)
        return body

    @property
    def resident_mib(self) -> float:
        """What the process holds in memory, at its most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        lines = dict(line.split(":", 1) for line in status.splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024

    @property
    def cpu_seconds(self) -> float:
        """The processor time that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """What every client does."""

    endpoint: str
    ca_file: str
    token: str
    targets: tuple[str, ...]
    seconds: float


def client(load: Load, counts: multiprocessing.Queue[int]) -> None:
    """Read the targets in turn, as quickly as answers come; how many were read."""
    connection = Connection(load.endpoint, load.ca_file)
    headers = f"Host: localhost\r\nAuthorization: Bearer {load.token}\r\nAccept: application/json\r\n\r\n"
    written = [f"GET {target} HTTP/1.1\r\n{headers}".encode() for target in load.targets]
    count, end = 0, time.perf_counter() + load.seconds
    while time.perf_counter() < end:
        status, _ = connection.send_raw(written[count % len(written)])
        expect(status, 200, "a read")
        count += 1
    counts.put(count)


def reads_per_second(simulator: Simulator, targets: list[str], clients: int, seconds: float) -> dict[str, float]:
    """How many single reads a second so many clients get, and how much processor time each costs the simulator."""
    counts: multiprocessing.Queue[int] = multiprocessing.Queue()
    ready = simulator.ready
    load = Load(ready["endpoint"], ready["ca_file"], simulator.token, tuple(targets), seconds)
    processes = [multiprocessing.Process(target=client, args=(load, counts)) for _ in range(clients)]
    used, start = simulator.cpu_seconds, time.perf_counter()
    for process in processes:
        process.start()
    total = sum(counts.get(timeout=seconds + 60) for _ in processes)
    elapsed, used = time.perf_counter() - start, simulator.cpu_seconds - used
    for process in processes:
        process.join()
    return {"reads_per_second": total / elapsed, "processor_microseconds_per_read": used / total * 1e6}


def pages(simulator: Simulator, target: str) -> dict[str, float]:
    """Read a list to its end: its entries and pages, the seconds it took and those of the simulator's processor."""
    entries, count, start, used = 0, 0, time.perf_counter(), simulator.cpu_seconds
    next_target: str | None = target
    while next_target:
        body = simulator.read(next_target)
        entries, count = entries + body.count(b'"protectionStateDescription"'), count + 1
        link = re.search(rb'"nextLink":"https://[^/"]*([^"]*)"\}$', body)
        next_target = link[1].decode() if link else None
    took, used = time.perf_counter() - start, simulator.cpu_seconds - used
    return {"entries": entries, "list_pages": count, "list_seconds": took, "list_processor_seconds": used}


def estate(folder: Path, machines: int, items: int) -> tuple[Path, str, list[str]]:
    """An estate of so many machines, of which *items* replicate in one vault: its file, the vault, some machines."""
    file = folder / f"{machines}.json"
    command = [sys.executable, "-m", "simulator.estates", "generate", str(machines), "-o", str(file)]
    subprocess.run(command, cwd=ROOT, check=True)
    seed = json.loads(file.read_text(encoding="utf-8"))
    found = [r["id"] for r in seed["resources"] if r["id"].split("/")[-2] == "virtualMachines"]
    group = f"/subscriptions/{seed['subscriptions'][0]['subscriptionId']}/resourceGroups/vault-rg"
    vault = f"{group}/providers/Microsoft.RecoveryServices/vaults/vault"
    seed["resources"] += [{"id": vault, "location": "northeurope", "properties": {}}, *protection(vault, found[:items])]
    file.write_text(json.dumps(seed), encoding="utf-8")
    return file, vault, found


def protection(vault: str, machines: list[str]) -> list[dict[str, Any]]:
    """What a vault holds that replicates *machines*."""
    policy = f"{vault}/replicationPolicies/daily"
    containers = {}
    made: list[dict[str, Any]] = [{"id": policy, "properties": {"providerSpecificDetails": {}}}]
    for region in ("westeurope", "northeurope"):
        fabric = f"{vault}/replicationFabrics/{region}"
        containers[region] = f"{fabric}/replicationProtectionContainers/all"
        details = {"instanceType": "Azure", "location": region}
        made += [{"id": fabric, "properties": {"customDetails": details}}, {"id": containers[region]}]
    for machine in machines:
        name = machine.rpartition("/")[2]
        shown = {
            "policyId": policy,
            "recoveryContainerId": containers["northeurope"],
            "providerSpecificDetails": {"instanceType": "A2A", "fabricObjectId": machine},
        }
        id_ = f"{containers['westeurope']}/replicationProtectedItems/{name}"
        made.append({"id": id_, "properties": shown})
    return made


def measure(machines: int, items: int, clients: int, seconds: float) -> dict[str, float]:
    """Every figure, by name."""
    with tempfile.TemporaryDirectory(prefix="simulator-benchmark-") as scratch:
        file, vault, found = estate(Path(scratch), machines, items)
        with Simulator(file, Path(scratch) / "state") as simulator:
            figures = {"seconds_to_start": simulator.seconds_to_start}
            targets = [f"{machine}?{API_VERSION}" for machine in found[:: max(1, len(found) // 100)]]
            figures |= reads_per_second(simulator, targets, clients, seconds)
            listed = [pages(simulator, f"{vault}/replicationProtectedItems?{API_VERSION}") for _ in range(5)]
            expect({one.pop("entries") for one in listed}, {items}, "entries of the list")
            figures |= min(listed, key=lambda one: one["list_seconds"])
            figures["memory_mib"] = simulator.resident_mib
    return figures


def met(figures: dict[str, float]) -> bool:
    """Whether every goal is met."""
    quick = figures["reads_per_second"] >= GOALS["reads_per_second"] and figures["list_seconds"] < GOALS["list_seconds"]
    return quick and figures["memory_mib"] < GOALS["memory_mib"]


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 0 where every goal is met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulator", description=__doc__)
    parser.add_argument("--machines", type=int, default=10_000, help="machines of the estate (default 10,000)")
    parser.add_argument("--items", type=int, default=5_000, help="of which replicate (default 5,000)")
    parser.add_argument("--clients", type=int, default=4, help="clients at once (default 4)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long they read (default 5)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(argv)
    figures = measure(given.machines, given.items, given.clients, given.seconds)
    if given.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return 0 if met(figures) else 1
    cost = figures["processor_microseconds_per_read"]
    lines = [
        f"{given.machines} machines loaded in {figures['seconds_to_start']:.1f} s",
        f"memory at most: {figures['memory_mib']:.0f} MiB (goal: under {GOALS['memory_mib']:.0f})",
        f"single reads a second by {given.clients} clients: {figures['reads_per_second']:.0f} (goal: 1500)",
        f"processor time of the simulator for each: {cost:.0f} us",
        f"seconds to list {given.items} replicated items: {figures['list_seconds']:.2f} (goal: under 1)",
        f"processor time of the simulator for that: {figures['list_processor_seconds']:.2f} s",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if met(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
