"""Storage accounts through the real SDK."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.simulator.compute_estate import GROUP, SCOPE, SUBSCRIPTION, network, seed, storage
from tests.support.sim import Simulator

ACCOUNTS = f"{SCOPE}/providers/Microsoft.Storage/storageAccounts"
BODY: Any = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "location": "westeurope"}


@pytest.fixture(scope="module")
def estate() -> Iterator[Simulator]:
    """A group, and another group in another subscription with an account."""
    foreign = "/subscriptions/99999999-2222-4333-8444-555555555555/resourceGroups/other/providers"
    account = {"id": f"{foreign}/Microsoft.Storage/storageAccounts/takenname", "location": "westeurope"}
    with Simulator(seed=seed(network(), account, subscriptions=[{"subscriptionId": SUBSCRIPTION}])) as simulator:
        yield simulator


def test_creation_is_polled_by_its_location(estate: Simulator) -> None:
    """A new account: 202 with a Location (monitor=true), 202 while it is made, 200 with the account."""
    answer = estate.arm("PUT", f"{ACCOUNTS}/cacheone", BODY)
    during = estate.arm("GET", answer.headers["Location"])
    estate.advance(30)
    ended = estate.arm("GET", answer.headers["Location"])
    again = estate.arm("PUT", f"{ACCOUNTS}/cacheone", BODY)

    assert (202, b"") == (answer.status_code, answer.content)
    assert "/providers/Microsoft.Storage/locations/westeurope/asyncoperations/" in answer.headers["Location"]
    assert "monitor=true" in answer.headers["Location"]
    assert 202 == during.status_code
    assert (200, "Succeeded") == (ended.status_code, ended.json()["properties"]["provisioningState"])
    assert (200, ended.json()["id"]) == (again.status_code, again.json()["id"])


def test_account_has_the_recorded_shape(estate: Simulator, shared_dir: Path) -> None:
    """An account's body has the recorded keys."""
    file = shared_dir / "azure/recordings/cli/flow_A2A_scenarios.jsonl"
    lines = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    recorded = next(entry for entry in lines if "/storageAccounts/" in entry["url"])["responseBody"]
    estate.arm("PUT", f"{ACCOUNTS}/cacheshape", BODY)
    estate.advance(30)

    shown = estate.arm("GET", f"{ACCOUNTS}/cacheshape").json()

    assert list(recorded) == list(shown)
    assert set(recorded["properties"]) == set(shown["properties"])


def test_sdk_creates_lists_and_deletes(estate: Simulator) -> None:
    """The SDK's poller ends with the account, which is then listed, changed and deleted."""
    client = storage(estate)
    estate.clock(speed=600)

    made = client.storage_accounts.begin_create(GROUP, "cachetwo", BODY).result()
    tags: Any = {"tags": {"use": "cache"}}
    changed = client.storage_accounts.update(GROUP, "cachetwo", tags)
    listed = [account.name for account in client.storage_accounts.list_by_resource_group(GROUP)]
    client.storage_accounts.delete(GROUP, "cachetwo")
    estate.clock(speed=1)

    assert "Standard_LRS" == (made.sku.name if made.sku else None)
    assert {"use": "cache"} == changed.tags
    assert "cachetwo" in listed
    with pytest.raises(ResourceNotFoundError):
        client.storage_accounts.get_properties(GROUP, "cachetwo")


def test_names_are_unique_in_the_world(estate: Simulator) -> None:
    """A name that another subscription has is refused, and the availability check says so."""
    client = storage(estate)
    question: Any = {"name": "takenname", "type": "Microsoft.Storage/storageAccounts"}
    other: Any = {**question, "name": "nobodyhasit"}

    with pytest.raises(ResourceExistsError) as caught:
        client.storage_accounts.begin_create(GROUP, "takenname", BODY)
    taken = client.storage_accounts.check_name_availability(question)
    free = client.storage_accounts.check_name_availability(other)

    assert caught.value.error is not None
    assert "StorageAccountAlreadyTaken" == caught.value.error.code
    assert (False, "AlreadyExists") == (taken.name_available, taken.reason)
    assert free.name_available


def test_bad_name_is_refused(estate: Simulator) -> None:
    """Upper case and hyphens are no name."""
    with pytest.raises(HttpResponseError, match="AccountNameInvalid"):
        storage(estate).storage_accounts.begin_create(GROUP, "Bad-Name", BODY)


def test_account_stays_in_its_region(estate: Simulator) -> None:
    """A PUT that names another region is refused."""
    estate.arm("PUT", f"{ACCOUNTS}/cachestay", BODY)
    estate.advance(30)

    answer = estate.arm("PUT", f"{ACCOUNTS}/cachestay", {**BODY, "location": "northeurope"})

    assert (409, "InvalidResourceLocation") == (answer.status_code, answer.json()["error"]["code"])


def test_keys_are_canaries(estate: Simulator) -> None:
    """The keys open nothing and can be recognised wherever they leak."""
    estate.arm("PUT", f"{ACCOUNTS}/cachekeys", BODY)
    estate.advance(30)

    keys = storage(estate).storage_accounts.list_keys(GROUP, "cachekeys").keys_property or []

    assert [True, True] == [(key.value or "").startswith("canary") for key in keys]
    assert not any(entry["write"] for entry in estate.requests() if entry["path"].endswith("listKeys"))
