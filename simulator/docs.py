"""Writes ``docs/simulator.md`` from the route table and the facts beside it: ``python -m simulator.docs``."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator import evidence, paths
from simulator.control import Control
from simulator.faults import EFFECT_FIELDS
from simulator.registry import ROUTES
from simulator.settings import SETTINGS
from simulator.signin import ADDRESSES
from simulator.siterecovery.causes import CAUSES
from simulator.siterecovery.durations import RANGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from simulator.provider import Handler, Route

FILE = Path(__file__).parents[1] / "docs" / "simulator.md"
GUIDE = Path(__file__).with_name("guide.md")
PROVIDERS = {
    "siterecovery": "Microsoft.RecoveryServices",
    "compute": "Microsoft.Compute",
    "network": "Microsoft.Network",
    "storage": "Microsoft.Storage",
    "authorization": "Microsoft.Authorization",
    "resources": "Microsoft.Resources",
    "graph": "Microsoft Graph",
    "insights": "Microsoft.Insights",
    "devtestlab": "Microsoft.DevTestLab",
    "managedidentity": "Microsoft.ManagedIdentity",
    "policyinsights": "Microsoft.PolicyInsights",
}
INTRODUCTION = """\
# The simulated Azure

Written by `python -m simulator.docs`; do not change it by hand.

`python -m simulator [--port N] [--seed FILE] [--speed X] [--state-dir DIR]` is a cloud on this machine that the real
SDKs and the Azure CLI talk to. What it answers and where that comes from is listed here, so that nobody takes an
assumption for a fact. Any `api-version` is taken and echoed. What is not in these tables answers as Azure Resource
Manager answers for resource types that it does not have, and `GET /_simulator/unknown` lists it. A browser at its
address sees the estate: regions, machines with their power, replicated items, jobs. `python -m simulator.estates`
imports what the Azure CLI and Resource Graph export, exports a cloud as a seed, and generates estates from a number.

How well each operation is founded:

- **recorded**: recordings of real traffic show it (the Azure CLI's tests of its Site Recovery extension,
  `Azure/azure-cli-extensions`, 2023); `python -m tests.simulator.replay` replays them request by request and prints
  what matches and every difference (where the recordings are at hand);
- **excerpt**: parts of other recordings are known (Azure PowerShell's and the .NET SDK's tests);
- **example**: Microsoft's specification has an example of it (`Azure/azure-rest-api-specs`), hand-written by Microsoft;
- **page**: it follows Microsoft's documentation, named under the table; shapes are those of the SDK's models.
"""


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            INTRODUCTION,
            GUIDE.read_text(encoding="utf-8"),
            *_operations(),
            *_signing_in(),
            *_behaviour(),
            *_causes(),
            *_assumptions(),
            *_settings(),
            *_durations(),
            *_control(),
        ]
    )


def key_of(route: Route) -> str:
    """The name by which :mod:`simulator.evidence` knows a route's operation (with its type where many share it)."""
    name = route.handler.__name__
    if route.handler.__module__.endswith(".crud"):
        name += "/" + paths.parse(route.template).type.rpartition("/")[2]
    return f"{_provider(route)}.{name}"


def _provider(route: Route) -> str:
    """The package whose route table has it (some handlers serve several)."""
    if not route.versioned:
        return "graph"
    found = re.search(r"/providers/(Microsoft\.\w+)(?!.*/providers/)", route.template)
    namespace = found[1] if found else "Microsoft.Resources"
    return next(package for package, known in PROVIDERS.items() if known == namespace)


def foundation(route: Route) -> str:
    """How well an operation is founded."""
    key = key_of(route)
    for word, known in (
        ("recorded", evidence.RECORDED),
        ("excerpt", evidence.EXCERPTS),
        ("example", evidence.EXAMPLES),
    ):
        if key in known:
            return word
    return "page"


def _operations() -> Iterator[str]:
    yield "An ellipsis stands for the path to what follows it: `…{item}/remove` is an action of a replicated item.\n"
    for package, namespace in PROVIDERS.items():
        yield f"## {namespace}\n"
        routes = [route for route in ROUTES if _provider(route) == package]
        yield from _table(("Request", "What it does", "Founded by"), map(_row, _by_handler(routes)))
        yield "Pages: " + ", ".join(f"<{url}>" for url in evidence.PAGES[package]) + "\n"


def _by_handler(routes: list[Route]) -> list[list[Route]]:
    grouped: dict[tuple[Handler, str], list[Route]] = {}
    for route in routes:
        grouped.setdefault((route.handler, foundation(route)), []).append(route)
    return list(grouped.values())


def _row(routes: list[Route]) -> tuple[str, str, str]:
    requests = "<br>".join(f"`{route.method} {_short(route.template)}`" for route in routes)
    return requests, _what(routes[0].handler), foundation(routes[0])


def _short(template: str) -> str:
    """A template without the path to the object that it is about."""
    start, found, rest = template.partition("/providers/Microsoft.")
    tail = rest.partition("/")[2] if found else ""
    in_tail = list(re.finditer(r"\{(\w+)\*?\}", tail))
    if tail.endswith("}"):
        in_tail.pop()
    if in_tail:
        return "…" + tail[in_tail[-1].start() :]
    if not tail or "{" not in start:
        return template
    return f"…{start[start.rindex('{') :]}/…/{tail}"


def _what(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0].replace("|", "\\|").replace("``", "`")


def _signing_in() -> Iterator[str]:
    yield "## Signing in, and the cloud itself\n"
    yield "Outside Resource Manager; tokens are RS256 and live an hour of wall time.\n"
    rows = (
        (f"`{'' if one.method == '*' else one.method + ' '}{one.template}`", _what(one.handler)) for one in ADDRESSES
    )
    yield from _table(("Address", "What it does"), rows)


def _behaviour() -> Iterator[str]:
    yield "## Where behaviour comes from\n"
    yield from _table(("Behaviour", "Source"), evidence.BEHAVIOUR)


def _causes() -> Iterator[str]:
    yield "## Why Site Recovery fails\n"
    yield "Each cause is a state of the estate; once it is mended, the failed job can be restarted.\n"
    rows = (
        (
            f"`{it.code}`" + (f" (`{it.inner}`)" if it.inner else ""),
            f"{it.scenario}: {it.task or 'the request is refused'}",
            it.brought_about_by,
            it.mended_by,
        )
        for it in CAUSES
    )
    yield from _table(("Code", "Where", "Brought about by", "Mended by"), rows)


def _assumptions() -> Iterator[str]:
    yield "## Assumptions\n"
    yield "No recording, example or page says these; real Azure may differ.\n"
    for package, namespace in PROVIDERS.items():
        yield from (f"- {namespace}: {text}" for text in evidence.ASSUMPTIONS[package])
    yield ""


def _settings() -> Iterator[str]:
    yield "## Settings\n"
    yield "Changed by `POST /_simulator/settings` with an object of names and whole numbers.\n"
    rows = ((f"`{name}`", str(it.default), it.meaning, it.source or "**assumption**") for name, it in SETTINGS.items())
    yield from _table(("Setting", "Default", "Meaning", "Source"), rows)


def _durations() -> Iterator[str]:
    yield "## How long Site Recovery takes\n"
    yield "Seconds of virtual time. Each object's own share of a range follows from its id, the same in every run.\n"
    rows = ((f"`{kind}`", f"{low:g}", f"{high:g}") for kind, (low, high) in RANGES.items())
    yield from _table(("What", "From", "To"), rows)


def _control() -> Iterator[str]:
    yield "## Control calls\n"
    yield "Under `/_simulator/`, without a token, not in the request log.\n"
    calls = [name for name in vars(Control) if re.match(r"_(get|post|delete)_[a-z]+$", name)]
    rows = ((_call(name), _what(getattr(Control, name))) for name in calls)
    yield from _table(("Call", "What it does"), rows)
    yield "Effects of a fault: " + ", ".join(f"`{kind}`" for kind in EFFECT_FIELDS) + "."
    yield ""


def _call(name: str) -> str:
    _, method, rest = name.split("_")
    return f"`{method.upper()} /_simulator/{rest}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    yield from ("| " + " | ".join(row) + " |" for row in rows)
    yield ""


def main() -> int:
    """Write the page; the exit code."""
    FILE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
