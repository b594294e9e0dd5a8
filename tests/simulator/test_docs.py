"""The page about the simulator: written from the route table, current, and honest about what it claims."""

import re
from pathlib import Path
from urllib.parse import unquote

from simulator import docs, evidence
from simulator.registry import ROUTES
from simulator.router import Router
from tests.simulator import cassettes
from tests.support.cloud import Cloud

KEYS = {docs.key_of(route) for route in ROUTES}
GROUP = "/subscriptions/{}/resourceGroups/{}/providers"


def test_the_page_is_current() -> None:
    """`python -m simulator.docs` would write what is committed."""
    assert docs.page() == docs.FILE.read_text(encoding="utf-8")


def test_every_operation_says_what_it_does() -> None:
    """No row of the tables is empty, and nothing is founded twice or unknown."""
    assert [] == [docs.key_of(route) for route in ROUTES if not route.handler.__doc__]
    assert set() == (evidence.RECORDED | evidence.EXAMPLES | evidence.EXCERPTS) - KEYS


def test_what_is_called_recorded_is(shared_dir: Path) -> None:
    """The recordings show every operation that the page calls recorded, and no other."""
    router, found = Router(ROUTES), set()
    for file in sorted((shared_dir / "azure/recordings/cli").iterdir()):
        for entry in cassettes.entries(file):
            match = router.find(entry["method"], unquote(entry["url"].partition("?")[0]))
            if match is not None:
                found.add(docs.key_of(match[0]))

    assert evidence.RECORDED == found


def test_what_is_called_an_example_is(shared_dir: Path) -> None:
    """Microsoft's specification has a file for every Site Recovery operation that the page calls an example."""
    files = (shared_dir / "azure/recordings/spec/siterecovery").glob("*.json")
    names = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", file.stem).lower() for file in files}
    ours = {key.partition(".")[2] for key in evidence.EXAMPLES if key.startswith("siterecovery.replication_")}

    assert set() == ours - names - {"replication_usages_list"}


def test_what_is_asked_for_and_missing_is_listed() -> None:
    """A hole answers as ARM answers for unknown types, and the control call counts it."""
    with Cloud() as cloud:
        base = GROUP.format(cloud.subscription_id, "g")
        cloud.arm("PUT", f"/subscriptions/{cloud.subscription_id}/resourceGroups/g", {"location": "westeurope"})
        answers = [
            cloud.arm("GET", f"{base}/Microsoft.Compute/galleries/{name}", api_version="2022-03-03") for name in "ab"
        ]
        cloud.arm("POST", f"{base}/Microsoft.Sql/servers/s/import")
        listed = {f"{one['method']} {one['type']}": one for one in cloud.world.unknown.all()}

    assert [(404, "InvalidResourceType")] * 2 == [(a.status_code, a.json()["error"]["code"]) for a in answers]
    assert {"GET Microsoft.Compute/galleries", "POST Microsoft.Sql/servers/import"} == set(listed)
    gallery = listed["GET Microsoft.Compute/galleries"]
    assert (2, "2022-03-03") == (gallery["count"], gallery["api_version"])
    assert gallery["example"].endswith("/galleries/b")
