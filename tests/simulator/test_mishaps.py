"""What must not go wrong by halves: defects, seeds that end in an error, groups that hold a vault in use, locks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.provider import Call, Reply, Route
from simulator.registry import ROUTES
from simulator.schedule import event_handler
from simulator.seedfile import SeedError
from simulator.world import World
from tests.simulator.compute_estate import NETWORK, SCOPE, VM, machine, network, seed
from tests.simulator.siterecovery_estate import (
    POLICY,
    PRIMARY,
    PRIMARY_CONTAINER,
    RECOVERY,
    RECOVERY_CONTAINER,
    SUBSCRIPTION,
    TARGET,
    VAULT,
    Lab,
    item_id,
    vm_id,
)
from tests.simulator.siterecovery_estate import seed as shop
from tests.support.cloud import Cloud

BROKEN = f"{SCOPE}/providers/Microsoft.Compute/broken/{{name}}"
LEFT = f"{SCOPE}/providers/Microsoft.Compute/disks/left"


def breaks_half_way(call: Call) -> Reply:
    """Write, schedule, and then fall over."""
    call.world.store.put({"id": LEFT, "location": "westeurope"})
    call.world.schedule.after(1, "test.mishap", {})
    raise ZeroDivisionError


@event_handler("test.mishap")
def mishap(world: World, payload: dict[str, Any]) -> None:
    """Write and fall over, or only write."""
    world.store.put({"id": f"{LEFT}-by-event-{payload.get('n')}", "location": "westeurope"})
    if payload.get("n") == 1:
        raise ZeroDivisionError


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A machine, and an operation with a defect."""
    routes = [Route("PUT", BROKEN, breaks_half_way), *ROUTES]
    with Cloud(seed(network(), machine("web")), routes=routes) as made:
        yield made


def test_a_defect_answers_azures_500_and_leaves_nothing_behind(cloud: Cloud) -> None:
    """What a handler wrote before it fell over is gone from lists and schedule, and the request was not accepted."""
    before = cloud.resources()
    answer = cloud.arm("PUT", BROKEN.format(name="it"), {})
    cloud.advance(5)

    assert (500, "InternalServerError") == (answer.status_code, answer.json()["error"]["code"])
    assert answer.json()["error"]["message"].startswith("Encountered internal server error. Diagnostic information: ")
    assert before == cloud.resources()
    assert 1 == len(cloud.arm("GET", f"{VM}").json()["value"])
    assert [False] == [line["accepted"] for line in cloud.requests() if line["method"] == "PUT"]


def test_an_event_that_breaks_leaves_nothing_behind_and_others_run(cloud: Cloud) -> None:
    """A defect in one event undoes that event alone."""
    for n in (1, 2):
        cloud.world.schedule.after(n, "test.mishap", {"n": n})
    cloud.advance(10)

    assert {f"{LEFT}-by-event-2".lower()} == {id_ for id_ in cloud.resource_ids() if "-by-event-" in id_}


def test_a_rolled_back_world_is_the_same_after_a_restart(tmp_path: Path) -> None:
    """Memory and database agree after a defect, also in the order of lists."""
    routes = [Route("PUT", BROKEN, breaks_half_way), *ROUTES]
    with Cloud(
        seed(network(), machine("web"), machine("db"), machine("app")), state_dir=tmp_path, routes=routes
    ) as one:
        one.arm("PUT", BROKEN.format(name="it"), {})
        before = one.arm("GET", VM).json()
    with Cloud(state_dir=tmp_path) as other:
        assert before == other.arm("GET", VM).json()
    assert ["web", "db", "app"] == [machine["name"] for machine in before["value"]]


def test_a_seed_that_breaks_half_way_leaves_nothing_behind(cloud: Cloud) -> None:
    """Neither resources nor subscriptions, quotas or identities of a refused seed stay."""
    network_without_room = network("tiny", prefix="10.1.0.0/29")
    wants = [
        {"name": f"n{n}", "properties": {"subnet": {"id": f"{NETWORK}/virtualNetworks/tiny/subnets/front"}}}
        for n in range(9)
    ]
    nic = {
        "id": f"{NETWORK}/networkInterfaces/full",
        "location": "westeurope",
        "properties": {"ipConfigurations": wants},
    }
    before, known = cloud.resources(), cloud.world.subscriptions

    words = "seeding .*/networkInterfaces/full: Subnet front .* does not have enough"
    with pytest.raises(SeedError, match=words), cloud.world.guarded():
        cloud.seed({"resources": [network_without_room, nic], "quotas": {"cores": 1}})

    assert (before, known, {}) == (cloud.resources(), cloud.world.subscriptions, cloud.world.quotas)


def test_lone_nics_are_made_whole(cloud: Cloud) -> None:
    """A seeded NIC that no machine has gets address, ids and subnet, and its network shows it."""
    subnet = f"{NETWORK}/virtualNetworks/shop-vnet/subnets/front"
    given = {"ipConfigurations": [{"name": "one", "properties": {"subnet": {"id": subnet}}}]}
    id_ = f"{NETWORK}/networkInterfaces/lone"
    cloud.seed({"resources": [{"id": id_, "location": "westeurope", "properties": given}]})

    nic = cloud.arm("GET", id_).json()
    configuration = nic["properties"]["ipConfigurations"][0]
    [front] = cloud.arm("GET", f"{NETWORK}/virtualNetworks/shop-vnet").json()["properties"]["subnets"]
    assert "10.1.0.5" == configuration["properties"]["privateIPAddress"]
    assert f"{id_}/ipConfigurations/one" == configuration["id"]
    assert {"id": configuration["id"]} in front["properties"]["ipConfigurations"]


def test_a_read_only_lock_forbids_the_keys_of_an_account(cloud: Cloud) -> None:
    """Listing keys is a POST: it gives write access to data, and Azure's ReadOnly lock forbids it."""
    account = f"{SCOPE}/providers/Microsoft.Storage/storageAccounts/shopkeys"
    lock = {"id": f"{account}/providers/Microsoft.Authorization/locks/l", "properties": {"level": "ReadOnly"}}
    cloud.seed({"resources": [{"id": account, "location": "westeurope", "properties": {}}]})
    before = cloud.arm("POST", f"{account}/listKeys")
    cloud.seed({"resources": [lock]})
    answer = cloud.arm("POST", f"{account}/listKeys")

    assert (200, 409, "ScopeLocked") == (before.status_code, answer.status_code, answer.json()["error"]["code"])
    assert 200 == cloud.arm("GET", account).status_code
    assert [False, False] == [line["write"] for line in cloud.requests() if "listKeys" in line["path"]]


def test_a_group_stays_while_its_vault_is_in_use() -> None:
    """The deletion is accepted, takes what it can, and fails with the vault's refusal; the group is there again."""
    with Cloud(shop("web")) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        cloud.seed({"resources": [{"id": vm_id("other", TARGET), "location": "northeurope", "properties": {}}]})
        answer = cloud.arm("DELETE", TARGET)
        last = cloud.follow(answer)

        error = last.json()["error"]
        assert (202, 409, "ResourceGroupDeletionBlocked") == (answer.status_code, last.status_code, error["code"])
        assert "Microsoft.RecoveryServices/vaults/shop-vault" in error["message"]
        assert ["ServiceResourceNotEmptyWithBackendMessage"] == [detail["code"] for detail in error["details"]]
        assert "Succeeded" == cloud.arm("GET", TARGET).json()["properties"]["provisioningState"]
        assert 200 == cloud.arm("GET", RECOVERY_CONTAINER).status_code
        assert 404 == cloud.arm("GET", vm_id("other", TARGET)).status_code


def test_disks_elsewhere_are_free_when_the_group_of_their_machine_goes(cloud: Cloud) -> None:
    """Deleting a group deletes its machines as such: their disks in other groups are unattached then."""
    far = SCOPE.replace("Shop-RG", "far") + "/providers/Microsoft.Compute"
    os_disk = {"osType": "Linux", "managedDisk": {"id": f"{SCOPE}/providers/Microsoft.Compute/disks/kept"}}
    moved = {
        "id": f"{far}/virtualMachines/far",
        "location": "westeurope",
        "properties": {"storageProfile": {"osDisk": os_disk}},
    }
    cloud.seed({"resources": [moved]})
    cloud.follow(cloud.arm("DELETE", SCOPE.replace("Shop-RG", "far")))

    disk = cloud.arm("GET", f"{SCOPE}/providers/Microsoft.Compute/disks/kept").json()
    assert ("Unattached", False) == (disk["properties"]["diskState"], "managedBy" in disk)


def test_protection_can_be_seeded_later() -> None:
    """Site Recovery's objects in a posted seed are taken over beside those that requests made."""
    with Cloud(shop("web")) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        lab.protect("web")
        ids = [VAULT, PRIMARY, RECOVERY, POLICY, PRIMARY_CONTAINER, RECOVERY_CONTAINER, item_id("web")]
        shown = [lab.get(id_) for id_ in ids]
    with Cloud(shop("web", "db")) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        cloud.seed({"resources": shown})
        first = lab.item("web")
        cloud.seed({"resources": [{**shown[-1], "id": item_id("late"), "name": "late"}]})

        assert "Protected" == first["protectionState"]
        assert first == lab.item("web")
        assert "Protected" == lab.item("late")["protectionState"]


def test_a_seeded_item_without_its_policy_is_refused() -> None:
    """What a seeded object must have and lacks is named."""
    with Cloud(shop("web")) as cloud, pytest.raises(SeedError, match=r"/web: properties\.policyId: missing"):
        cloud.seed({"resources": [{"id": item_id("web"), "properties": {"friendlyName": "web"}}]})


def test_a_machine_that_a_person_stops_makes_no_recovery_points() -> None:
    """An hour after the stop replication is critical (153007); after a start it is sound again."""
    with Cloud(shop("web")) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        lab.protect("web")
        lab.status("POST", f"{vm_id('web')}/deallocate")
        stopped = len(lab.get(f"{item_id('web')}/recoveryPoints")["value"])
        cloud.advance(4000)
        later = lab.item("web")
        points = len(lab.get(f"{item_id('web')}/recoveryPoints")["value"])
        lab.status("POST", f"{vm_id('web')}/start")
        cloud.advance(400)
        sound = lab.item("web")

    assert stopped == points
    assert ("Critical", ["161011", "153007"]) == (
        later["replicationHealth"],
        [error["errorCode"] for error in later["healthErrors"]],
    )
    assert ("Normal", ["161011"]) == (
        sound["replicationHealth"],
        [error["errorCode"] for error in sound["healthErrors"]],
    )


def test_site_recovery_operator_follows_what_it_started() -> None:
    """Who may fail over may poll the operation and read its result by the URLs of the answer."""
    estate = shop("web")
    scope = f"/subscriptions/{SUBSCRIPTION}"
    estate["identities"] = [
        {"kind": "service_principal", "client_id": "owner", "roles": [{"role": "Owner", "scope": scope}]},
        {
            "kind": "service_principal",
            "client_id": "operator",
            "roles": [{"role": "Site Recovery Operator", "scope": VAULT}],
        },
    ]
    with Cloud(estate) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        lab.protect("web")
        token = cloud.token("operator")
        answer = cloud.arm("POST", f"{item_id('web')}/unplannedFailover", lab.failover_body(), token=token)
        urls = [answer.headers[name] for name in ("Azure-AsyncOperation", "Location")]

        assert (202, [200, 202]) == (
            answer.status_code,
            [cloud.arm("GET", url, token=token).status_code for url in urls],
        )
