"""How the simulated cloud is laid out: a folder for each provider, an index in each, handlers by ARM's names."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from simulator import docs
from simulator.registry import ROUTES
from simulator.router import Router
from tests.simulator.sdk_operations import SDKS, operations
from tests.simulator.test_siterecovery_operations import path_of

SIMULATOR = Path(docs.__file__).parent
PROVIDERS = sorted(file.parent.name for file in SIMULATOR.glob("*/routes.py"))
SHARED = {
    "absent",
    "empty_list",
    "not_supported",
    "unsupported",
    "deleted_vaults_get",
}
"""Handlers that answer for several operations: what is empty, absent or refused here."""


def test_every_provider_is_a_folder_with_an_index() -> None:
    """The registry joins the route tables of all folders, and nothing else; the page describes each of them."""
    tables = [importlib.import_module(f"simulator.{name}.routes").ROUTES for name in PROVIDERS]

    assert len(PROVIDERS) >= 6
    assert sorted(docs.PROVIDERS) == PROVIDERS
    assert {id(route) for table in tables for route in table} == {id(route) for route in ROUTES}


def test_handlers_are_plain_functions_with_a_sentence() -> None:
    """Each takes the call, says in a sentence what it does, and lies in a provider's folder."""
    handlers = {route.handler for route in ROUTES}

    assert all(list(inspect.signature(handler).parameters)[1:] == [] for handler in handlers)
    assert [] == [handler.__name__ for handler in handlers if not (handler.__doc__ or "").split("\n")[0].endswith(".")]
    assert {handler.__module__.split(".")[1] for handler in handlers} <= set(PROVIDERS)


@pytest.mark.parametrize("sdk", SDKS)
def test_handlers_have_the_names_of_their_operations(sdk: str) -> None:
    """Who knows an operation's name in the SDK finds its handler by it."""
    router = Router(ROUTES)
    strange = {}
    for operation in operations(sdk).values():
        found = router.find(operation.method, path_of(operation))
        name = found[0].handler.__name__ if found else "none"
        if name not in {operation.name, *SHARED}:
            strange[operation.name] = name

    assert {} == strange


def test_no_provider_reads_a_clock_or_keeps_state_of_its_own() -> None:
    """Time comes from the world, and what is remembered lies in its store: no module has either."""
    sources = [file for name in PROVIDERS for file in (SIMULATOR / name).glob("*.py")]
    clock = re.compile(r"datetime\.now|time\.time\(|monotonic\(|utcnow|\bglobal \w")

    assert [] == [file.name for file in sources if clock.search(file.read_text(encoding="utf-8"))]


def test_modules_stay_small() -> None:
    """No module of the simulated cloud has more than 400 lines."""
    long = {str(file): count for file in SIMULATOR.rglob("*.py") if (count := _lines(file)) > 400}

    assert {} == long


def _lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())
