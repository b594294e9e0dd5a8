"""Replays recordings of real traffic against the simulator and prints what matches: `python -m tests.simulator.replay`.

Held: status codes, the headers of long-running operations, the key sets in their order, the types of values, literal
states, sentinels, misspellings, and the percentages of the copying. Let through: identifiers, times, versions.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.simulator import cassettes, recorded_estates
from tests.support.cloud import Cloud

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.cloud import Answer

OPERATION = re.compile(
    r"/(?:replicationOperationStatus|operations|operationStatuses)/([0-9a-f-]{36}|\d{20})", re.IGNORECASE
)
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b|_[0-9a-f]{32}\b", re.IGNORECASE)
DEPLOYMENT = re.compile(r"/deployments/[^/?]+(/operationStatuses/\d+)?")
RUNNING = {"InProgress", "Accepted", "Running"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
PRECISION = re.compile(r"\.\d{4,7}(?=Z|\+|$)")
SENTINELS = ("0001-01-01T00:00:00", "1753-01-01T01:01:01Z", "9999-12-31T23:59:59.9999999")
VARYING = {
    "agentVersion",
    "duration",
    "dataPendingAtSourceAgentInMB",
    "etag",
    "internalDomainNameSuffix",
    "ipAddress",
    "macAddress",
    "rpoInSeconds",
    "templateHash",
}
"""Values that depend on the moment, on chance, or on the version of Azure: only their kind is held."""


@dataclass
class Outcome:
    """What became of the replay of one recording."""

    name: str
    matching: int = 0
    differences: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    excused: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """What to print."""
        total = self.matching + len({line.partition(":")[0] for line in self.differences}) + len(self.exceptions)
        yield f"{self.name}: {self.matching} of {total} interactions match"
        yield from (f"  differs   {line}" for line in self.differences)
        yield from (f"  exception {line}" for line in self.exceptions)
        yield from (f"  excused   {line}" for line in self.excused)


class Flow:
    """One recording of the Azure CLI, replayed request by request by the server's own operation URLs."""

    def __init__(self, file: Path) -> None:
        """Read *file* and found a cloud with the estate that it began with."""
        self.entries = cassettes.entries(file)
        self.estate = recorded_estates.of(file.name, self.entries)
        self.outcome = Outcome(file.name)
        self._urls: dict[str, str] = {}
        self._clock: float | None = None

    def run(self, start: Callable[[dict[str, Any]], Cloud] = Cloud) -> Outcome:
        """Replay all of it, in a cloud that *start* makes of a seed."""
        with start(self.estate.seed) as cloud:
            for entry in self.entries:
                reason = self.estate.exceptions.get(entry["index"])
                if reason is None:
                    self._replay(cloud, entry)
                else:
                    self.outcome.exceptions.append(f"{_label(entry)}: {reason}")
                    cloud.seed({"resources": self.estate.made_by_exceptions})
        return self.outcome

    def _replay(self, cloud: Cloud, entry: dict[str, Any]) -> None:
        answer = self._send(cloud, entry)
        found = []
        if entry["status"] != answer.status_code:
            found.append(f"status: {entry['status']} != {answer.status_code}: {answer.text[:200]}")
        else:
            found += differences(entry["responseBody"], answer.json() if answer.content else None)
        recorded, actual = operation_headers(entry["responseHeaders"]), operation_headers(answer.headers)
        if recorded != actual:
            found.append(f"headers: {recorded} != {actual}")
        excused = [line for line in found if any(pattern.match(line) for pattern, _ in self.estate.excused)]
        for pattern, reason in self.estate.excused:
            lines = [line for line in excused if pattern.match(line)]
            if lines:
                more = f" and {len(lines) - 1} more" if lines[1:] else ""
                self.outcome.excused.append(f"{_label(entry)}: {lines[0]}{more} ({reason})")
        rest = [line for line in found if line not in excused]
        self.outcome.differences += [f"{_label(entry)}: {line}" for line in rest]
        self.outcome.matching += not rest

    def _send(self, cloud: Cloud, entry: dict[str, Any]) -> Answer:
        """Send the entry's request at its time; polls follow the URLs that the server gave."""
        operation = OPERATION.search(entry["url"])
        url = (operation and self._urls.get(operation[1])) or entry["url"]
        self._let_time_pass(cloud, entry)
        answer = cloud.arm(entry["method"], url, entry["requestBody"])
        if operation and entry["responseBody"]["status"] in {"Succeeded", "Running"}:
            while answer.json().get("status") in RUNNING - {entry["responseBody"]["status"]}:
                cloud.advance(5)
                answer = cloud.arm("GET", url)
        recorded = OPERATION.search(entry["responseHeaders"].get("azure-asyncoperation", ""))
        if recorded:
            self._urls[recorded[1]] = answer.headers.get("Azure-AsyncOperation", "")
        return answer

    def _let_time_pass(self, cloud: Cloud, entry: dict[str, Any]) -> None:
        """Keep the recorded distance in time between two reads of the replicated item."""
        moment = parsedate_to_datetime(entry["responseHeaders"]["date"]).timestamp()
        if "/replicationProtectedItems/" in entry["url"] and entry["method"] == "GET" and self._clock is not None:
            cloud.advance(moment - self._clock)
        self._clock = moment


def _label(entry: Mapping[str, Any]) -> str:
    return f"#{entry['index']} {entry['command']} {entry['method']}"


def differences(recorded: Any, actual: Any, path: str = "") -> Iterator[str]:
    """What of the answer is not as recorded: keys and their order, types, literal values."""
    if isinstance(recorded, dict) and isinstance(actual, dict):
        if list(recorded) != list(actual):
            yield f"{path}: keys {list(recorded)} != {list(actual)}"
        for key in [key for key in recorded if key in actual]:
            yield from differences(recorded[key], actual[key], f"{path}/{key}")
    elif isinstance(recorded, list) and isinstance(actual, list):
        if len(recorded) != len(actual):
            yield f"{path}: {len(recorded)} entries != {len(actual)}"
        for index, (one, other) in enumerate(zip(recorded, actual, strict=False)):
            yield from differences(one, other, f"{path}[{index}]")
    elif not _alike(path.rpartition("/")[2].partition("[")[0], recorded, actual):
        yield f"{path}: {recorded!r} != {actual!r}"


def _alike(name: str, recorded: Any, actual: Any) -> bool:
    return type(recorded) is type(actual) and (name in VARYING or plain(recorded) == plain(actual))


def plain(value: Any) -> Any:
    """A value without what no two runs share; sentinels, and how precise a time is, stay."""
    if not isinstance(value, str) or value in SENTINELS:
        return value
    if TIME.match(value):
        return PRECISION.sub(".fraction", TIME.sub("time", value))
    return DEPLOYMENT.sub("/deployments/name", GUID.sub("guid", value))


def operation_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a long-running operation, as paths without identifiers."""
    lowered = {key.lower(): value for key, value in headers.items()}
    found = {key: lowered[key] for key in ("azure-asyncoperation", "location") if key in lowered}
    return {key: plain(re.sub(r"^https://[^/]+", "", value)) for key, value in found.items()}


def recordings() -> Path:
    """The folder of the recordings."""
    shared = Path(os.environ.get("SHARED_DIR") or Path(__file__).resolve().parents[3] / "shared")
    return shared / "azure" / "recordings"


def replay(folder: Path) -> list[Outcome]:
    """Replay every recording of *folder*."""
    from tests.simulator import recorded_excerpts

    files = (file for kind in ("*.jsonl", "*.yaml") for file in sorted((folder / "cli").glob(kind)))
    flows = [Flow(file).run() for file in files]
    return [*flows, *recorded_excerpts.replay(folder)]


def main(arguments: list[str]) -> int:
    """Print what matches; 0 where everything does but what is excepted by name."""
    folder = Path(arguments[0]) if arguments else recordings()
    if not folder.is_dir():
        sys.stderr.write(f"replaying recordings: {folder} is not there; give their folder, or set SHARED_DIR\n")
        return 2
    outcomes = replay(folder)
    for outcome in outcomes:
        sys.stdout.write("".join(f"{line}\n" for line in outcome.lines()))
    return 1 if any(outcome.differences for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
