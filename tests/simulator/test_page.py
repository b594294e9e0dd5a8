"""The page at the simulator's address: what it shows, and that nothing in the estate can break out of it."""

import re
from html.parser import HTMLParser

from requests import Session

from simulator import page
from tests.simulator.siterecovery_estate import Lab, item_id, machine, seed, vm_id
from tests.support.cloud import Cloud
from tests.support.sim import Simulator

EVIL = '<script>alert("x")</script>'


class Reader(HTMLParser):
    """Collects tags and text of a page, and refuses tags that are never closed."""

    VOID = frozenset({"meta", "link", "br"})

    def __init__(self, text: str) -> None:
        """Read *text*."""
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert [] == self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close a tag, which has to be the one that was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text.append(data)


def words(text: str) -> str:
    """The page's text in one line."""
    return " ".join(" ".join(Reader(text).text).split())


def test_the_page_shows_regions_machines_items_and_jobs() -> None:
    """A machine that replicates is in its region with power, address and size; its job runs; its item has a state."""
    with Cloud(seed("web", "db", behaviour={"web": {}, "db": {"power_state": "deallocated"}})) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        lab.protect("web")
        lab.accepted("POST", f"{item_id('web')}/unplannedFailover", lab.failover_body())
        cloud.advance(20)
        cloud.arm("GET", f"{vm_id('web')}/galleries")
        shown = words(page.page(cloud.world))

    assert "2 virtual machines 0 running 1 replicated item 1 running job" in shown
    assert "West Europe 2 virtual machines" in shown
    assert re.search(r"web ◐ deallocating Standard_D2s_v3 10\.1\.0\.10 2 shop-we seed yes", shown)
    assert re.search(r"db ○ deallocated Standard_D2s_v3 10\.1\.0\.11 2 shop-we seed no", shown)
    assert "web West Europe North Europe Failover is in progress ● Normal" in shown
    assert "Failover web ◐ InProgress 20" in shown
    assert "Asked for and not simulated" in shown


def test_nothing_breaks_out_of_the_page() -> None:
    """Names, tags and ids are text, whatever they are, and no script is on the page."""
    with Cloud(seed("web", resources=[{**machine("evil"), "id": vm_id("evil"), "name": EVIL}])) as cloud:
        cloud.arm("GET", f"/subscriptions/x/providers/Microsoft.Nothing/{EVIL}")
        text = page.page(cloud.world, refresh='5"><script>')

    assert "script" not in Reader(text).tags
    assert EVIL not in text
    assert EVIL in "".join(Reader(text).text)
    assert "http-equiv" not in text


def test_an_empty_cloud_has_a_page_too() -> None:
    """Without an estate the page says what there is none of; asked to, it refreshes."""
    with Cloud() as cloud:
        text = page.page(cloud.world, refresh="5")

    assert "No running jobs." in words(text)
    assert '<meta http-equiv="refresh" content="5">' in text


def test_a_large_estate_is_shortened() -> None:
    """A region's table ends after some rows and says how many more there are."""
    many = [machine(f"vm{number}") for number in range(page.MOST_ROWS + 5)]
    with Cloud({"resources": many}) as cloud:
        assert "… and 5 more." in words(page.page(cloud.world))


def test_browsers_get_the_page_and_clients_azures_answer(shared_sim: Simulator) -> None:
    """The page is for who asks for HTML, without token, never cached, and is not in the request log."""
    before = len(shared_sim.requests())
    with Session() as session:
        session.verify, session.trust_env = shared_sim.ca_file, False
        browser = session.get(f"{shared_sim.endpoint}/?refresh=7", headers={"Accept": "text/html,*/*"}, timeout=30)
        logged = len(shared_sim.requests())
        client = session.get(f"{shared_sim.endpoint}/", timeout=30)

    assert (200, "text/html; charset=utf-8") == (browser.status_code, browser.headers["Content-Type"])
    assert "default-src 'none'" in browser.headers["Content-Security-Policy"]
    assert 'content="7"' in browser.text
    assert before == logged
    assert 401 == client.status_code
