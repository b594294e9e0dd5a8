"""Microsoft's examples of the operations of Azure, sent one by one to a simulated cloud and held against it.

Held: the status is one of the example's; an accepted operation has the example's headers and ends well; each key of
the example is in the answer, with a value of the same type. Not held: values, the headers of a plain 200 (recordings
show none of those in the examples), and the details of another kind of replication than Azure-to-Azure, which most
examples of Site Recovery are about.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.cloud import Answer, Cloud

OPERATION_HEADERS = ("Azure-AsyncOperation", "Location", "Retry-After")


@dataclass(frozen=True)
class Example:
    """One example: its file's name, its parameters, and what it says of each status."""

    name: str
    parameters: Mapping[str, Any]
    responses: Mapping[int, Mapping[str, Any]]

    @property
    def operation(self) -> str:
        """The operation as the SDK names it: ``ReplicationFabrics_Get`` is ``replication_fabrics_get``."""
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.name)
        return re.sub(r"_+", "_", words).lower()

    @property
    def body(self) -> Any:
        """The request's body: the one parameter that is an object."""
        return next((value for value in self.parameters.values() if isinstance(value, dict)), None)

    @property
    def shown(self) -> Any:
        """What the operation shows at its end, or None."""
        return self.responses.get(200, {}).get("body")


def read(folder: Path) -> dict[str, Example]:
    """The examples of a folder by name."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        responses = {int(status): answer for status, answer in content["responses"].items()}
        found[file.stem] = Example(file.stem, content["parameters"], responses)
    return found


def send(cloud: Cloud, example: Example, method: str, path: str, body: Any = None, *, ends: str = "") -> list[str]:
    """Send the example's request, follow what it starts, and tell what is not as the example has it.

    *ends*: where the operation's object is to be read at the end (default: at its ``Location``).
    """
    answer = cloud.arm(method, path, body)
    if answer.status_code not in example.responses:
        return [f"status: {sorted(example.responses)} != {answer.status_code}: {answer.text[:300]}"]
    recorded = example.responses[answer.status_code]
    begun = answer.status_code in {201, 202}
    found = [f"header {name} is missing" for name in _headers(recorded) if begun and name not in answer.headers]
    if recorded.get("body") is not None:
        found += differences(recorded["body"], answer.json())
    if begun:
        found += _ends(cloud, example, answer, ends or (path if method in {"PUT", "PATCH"} else ""))
    return found


def _headers(recorded: Mapping[str, Any]) -> list[str]:
    given = {name.lower() for name in recorded.get("headers") or {}}
    return [name for name in OPERATION_HEADERS if name.lower() in given]


def _ends(cloud: Cloud, example: Example, answer: Answer, path: str) -> Iterator[str]:
    last = cloud.follow(answer, step_seconds=20)
    status = last.json().get("status", "Succeeded") if last.content else "Succeeded"
    if status != "Succeeded":
        yield f"the operation ended as {last.text[:400]}"
        return
    url = path or answer.headers.get("Location")
    result = cloud.arm("GET", url) if url else last
    if example.shown is not None and example.responses.keys() & {200, 201}:
        if result.status_code == 200:
            yield from differences(example.shown, result.json())
        else:
            yield f"the end's status: 200 != {result.status_code}: {result.text[:200]}"


def differences(example: Any, actual: Any, path: str = "") -> Iterator[str]:
    """The keys of the example that the answer lacks, and the values that are of another type."""
    if isinstance(example, dict) and isinstance(actual, dict):
        if example.get("instanceType", actual.get("instanceType")) != actual.get("instanceType"):
            return
        for key, value in example.items():
            if key in actual:
                yield from differences(value, actual[key], f"{path}/{key}")
            else:
                yield f"{path}/{key} is missing"
    elif isinstance(example, list) and isinstance(actual, list):
        if example and actual:
            yield from differences(example[0], _partner(example[0], actual), f"{path}[0]")
    elif None not in (example, actual) and type(example) is not type(actual):
        yield f"{path}: {example!r} and {actual!r} are of different types"


def _partner(entry: Any, actual: list[Any]) -> Any:
    """The entry of an answer's list to compare with: one about the same type of resource, or the first."""
    same = [one for one in actual if isinstance(entry, dict) and one.get("resourceType") == entry.get("resourceType")]
    return same[0] if same else actual[0]


class Session:
    """Sends examples of one folder to one cloud and remembers what became of them."""

    def __init__(self, cloud: Cloud, examples: Mapping[str, Example]) -> None:
        """Hold *examples* against *cloud*."""
        self.cloud = cloud
        self.examples = examples
        self.outcomes: dict[str, list[str]] = {}

    def hold(self, name: str, method: str, path: str, body: Any = None, *, ends: str = "") -> None:
        """Send an example; without a *body* its own."""
        example = self.examples[name]
        self.outcomes[name] = send(self.cloud, example, method, path, example.body if body is None else body, ends=ends)
