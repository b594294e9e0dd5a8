"""Eventual consistency: for a while after its creation, reads and lists do not show a resource."""

import pytest

from tests.simulator.siterecovery_estate import SUBSCRIPTION, TARGET, VAULT, seed, vm_id
from tests.support.cloud import Cloud

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/new"


@pytest.fixture
def cloud() -> Cloud:
    """A cloud whose reads are half a minute late to see what is new."""
    made = Cloud(seed("web"), speed=0)
    made.world.change_settings({"created_visible_after_seconds": 30})
    return made


def test_what_was_just_created_is_not_found_yet(cloud: Cloud) -> None:
    """A read and a list miss it, a write does not; what was there before is seen as it is now."""
    created = cloud.arm("PUT", GROUP, {"location": "westeurope"})
    first = cloud.arm("GET", GROUP)
    names = [
        group["name"] for group in cloud.arm("GET", f"/subscriptions/{SUBSCRIPTION}/resourceGroups").json()["value"]
    ]
    again = cloud.arm("PUT", GROUP, {"location": "westeurope", "tags": {"a": "b"}})
    cloud.arm("PATCH", vm_id("web"), {"tags": {"seen": "at once"}})
    cloud.advance(29)
    late = cloud.arm("GET", GROUP)
    cloud.advance(2)

    assert (201, 404, 200, 404) == tuple(answer.status_code for answer in (created, first, again, late))
    assert "new" not in names
    assert {"seen": "at once"} == cloud.arm("GET", vm_id("web")).json()["tags"]
    assert {"a": "b"} == cloud.arm("GET", GROUP).json()["tags"]


def test_its_operation_is_seen_at_once(cloud: Cloud) -> None:
    """The URL of the operation answers from the start; what is deleted and made again is new again."""
    body = {"location": "northeurope", "sku": {"name": "Standard"}, "properties": {}}
    cloud.arm("PUT", TARGET, {"location": "northeurope"})
    started = cloud.arm("PUT", VAULT, body)
    polled = cloud.arm("GET", started.headers["Azure-AsyncOperation"])
    vault = cloud.arm("GET", VAULT).status_code
    cloud.advance(60)
    seen = cloud.arm("GET", VAULT).status_code
    cloud.follow(cloud.arm("DELETE", VAULT))
    cloud.advance(60)
    cloud.arm("PUT", VAULT, body)

    assert (201, 200, 404, 200) == (started.status_code, polled.status_code, vault, seen)
    assert 404 == cloud.arm("GET", VAULT).status_code
