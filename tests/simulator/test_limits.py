"""The clouds' own limits: Compute's buckets beside Resource Manager's, and how much Site Recovery protects."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from requests import Response

from tests.simulator.compute_estate import SCOPE, SUBSCRIPTION, VM, machine, network, seed
from tests.simulator.siterecovery_estate import PRIMARY, RECOVERY, VAULT, Lab, item_id
from tests.simulator.siterecovery_estate import seed as shop
from tests.support.cloud import Answer, Cloud
from tests.support.sim import Simulator

LEFT = "x-ms-ratelimit-remaining-resource"
READS = "x-ms-ratelimit-remaining-subscription-reads"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """Two machines in a cloud whose clock stands (buckets fill in virtual time)."""
    with Cloud(seed(network(), machine("web"), machine("db"))) as made:
        made.world.clock.speed = 1e-9
        yield made


def left(answer: Answer | Response) -> dict[str, int]:
    """What remains in Compute's buckets, as the header says."""
    parts = (part.split(";") for part in answer.headers[LEFT].split(","))
    return {name.removeprefix("Microsoft.Compute/"): int(count) for name, count in parts}


def test_reads_of_a_machine_have_its_own_bucket(cloud: Cloud) -> None:
    """36 reads are free, then 12 a minute; another machine is not touched, nor is anything read twice."""
    first = left(cloud.arm("GET", f"{VM}/web"))
    answers = [cloud.arm("GET", f"{VM}/WEB/instanceView") for _ in range(36)]
    other = cloud.arm("GET", f"{VM}/db")

    assert {"LowCostGetSubscriptionMaximum": 23_999, "LowCostGetResource": 35} == first
    assert [200] * 35 + [429] == [answer.status_code for answer in answers]
    assert 200 == other.status_code
    cloud.advance(5)
    assert [200, 429] == [cloud.arm("GET", f"{VM}/web").status_code for _ in range(2)]


def test_the_refusal_is_computes(cloud: Cloud) -> None:
    """Its 429 names the policy in a JSON text, and when to come again."""
    answer = [cloud.arm("POST", f"{VM}/web/restart") for _ in range(13)][-1]
    cloud.world.clock.speed = 1
    later = cloud.arm("POST", f"{VM}/web/restart")
    error = later.json()["error"]

    assert (429, 429) == (answer.status_code, later.status_code)
    assert ("OperationNotAllowed", "TooManyRequests") == (error["code"], error["details"][0]["code"])
    assert "UpdateVM" == json.loads(error["details"][0]["message"])["operationGroup"]
    assert "15" == later.headers["Retry-After"]
    assert not any(line["accepted"] for line in cloud.requests() if line["status"] == 429)


@pytest.mark.parametrize(
    ("method", "path", "policies"),
    [
        ("GET", VM, {"HighCostGetSubscriptionMaximum"}),
        ("DELETE", f"{VM}/web", {"DeleteVMSubscriptionMaximum", "DeleteVMResource"}),
        ("POST", f"{VM}/web/deallocate", {"DeleteVMSubscriptionMaximum", "DeleteVMResource"}),
        ("DELETE", f"{VM}/web/extensions/none", {"UpdateVMSubscriptionMaximum", "UpdateVMResource"}),
    ],
)
def test_every_kind_of_operation_has_its_policy(cloud: Cloud, method: str, path: str, policies: set[str]) -> None:
    """Listings are dear, deletions and deallocations share a bucket, extensions are updates."""
    assert policies == set(left(cloud.arm(method, path)))


def test_polling_an_operation_is_limited_for_its_machine(cloud: Cloud) -> None:
    """45 polls are free, whichever operation of the machine they are about."""
    url = cloud.arm("POST", f"{VM}/web/restart").headers["Azure-AsyncOperation"]

    assert [200] * 45 + [429] == [cloud.arm("GET", url).status_code for _ in range(46)]


def test_the_machine_that_waits_may_go_on_at_high_speed(cloud: Cloud) -> None:
    """Buckets fill in virtual time, so that a quick rehearsal is not held up; off means off."""
    cloud.world.throttle.configure(enabled=False)

    assert {200} == {cloud.arm("GET", f"{VM}/web").status_code for _ in range(50)}


def test_a_kill_fills_no_bucket(tmp_path: Path) -> None:
    """Buckets that only reads have drawn from are as empty after SIGKILL as before, and the log has every read."""
    web = seed(network(), machine("web"))
    with Simulator(seed=web, speed=0, state_dir=tmp_path / "state") as sim:
        before = [sim.arm("GET", f"{VM}/web") for _ in range(5)][-1]
        log = sim.requests()
        last = sim.arm("GET", f"{VM}/web")
        sim.kill()
        sim.restart()
        after = sim.arm("GET", f"{VM}/web")
        again = sim.requests()

    assert (5, 7) == tuple(249 + 1 - int(answer.headers[READS]) for answer in (before, after))
    assert (31, 29) == tuple(left(answer)["LowCostGetResource"] for answer in (before, after))
    assert log == again[: len(log)]
    assert last.headers["x-ms-request-id"] != after.headers["x-ms-request-id"]
    assert [200] * 8 == [line["status"] for line in again]


def test_all_principals_together_are_limited_too(cloud: Cloud) -> None:
    """The header counts what all principals of the subscription may still ask; it is fifteen times one's own."""
    answer = cloud.arm("GET", VM)

    assert "249" == answer.headers["x-ms-ratelimit-remaining-subscription-reads"]
    assert "3749" == answer.headers["x-ms-ratelimit-remaining-subscription-global-reads"]


@pytest.mark.parametrize(
    ("kind", "method", "path", "code"),
    [
        ("reads", "GET", f"/subscriptions/{SUBSCRIPTION}/resourceGroups", "SubscriptionRequestsThrottled"),
        ("writes", "PUT", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g", "SubscriptionRequestsThrottled"),
        ("deletes", "DELETE", f"{VM}/nothing", "SubscriptionRequestsThrottled"),
        ("reads", "GET", "/tenants", "TenantRequestsThrottled"),
    ],
)
def test_each_kind_has_a_bucket_of_its_own(cloud: Cloud, kind: str, method: str, path: str, code: str) -> None:
    """The bucket empties one by one, the 429 has Azure's words, and the other kinds are not touched."""
    size = 250 if kind == "reads" else 200
    cloud.world.throttle.configure(limits={kind: [5, 1]})
    scope = "tenant" if path == "/tenants" else "subscription"
    header = f"x-ms-ratelimit-remaining-{scope}-{kind}"
    answers = [cloud.arm(method, path, {"location": "westeurope"}) for _ in range(6)]
    error = answers[-1].json()["error"]
    whose = f"tenant '{cloud.world.tenant_id}'" if scope == "tenant" else f"subscription '{SUBSCRIPTION}'"

    assert ["4", "3", "2", "1", "0", "0"] == [answer.headers[header] for answer in answers]
    assert (429, code) == (answers[-1].status_code, error["code"])
    assert error["message"].startswith(f"Number of '{kind[:-1]}' requests for {whose} actor '")
    assert answers[-1].headers["Retry-After"] in error["message"]
    assert not cloud.requests()[-1]["accepted"]
    cloud.world.throttle.configure(limits={})
    assert str(size - 1) == cloud.arm(method, path, {"location": "westeurope"}).headers[header]


def test_a_throttled_principal_leaves_the_others_their_share(cloud: Cloud) -> None:
    """Refused requests take nothing from what all principals share."""
    cloud.world.throttle.configure(limits={"reads": [5, 1]})
    for _ in range(100):
        cloud.arm("GET", VM)
    taken = cloud.world.throttle.take(SUBSCRIPTION, "somebody-else", "GET")

    assert (4, 15 * 5 - 6) == taken


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("network_reads_per_5_minutes", "Microsoft.Network/virtualNetworks"),
        ("storage_lists_per_5_minutes", "Microsoft.Storage/storageAccounts"),
        ("storage_reads_per_5_minutes", "Microsoft.Storage/storageAccounts/none"),
        ("site_recovery_requests_per_minute", "Microsoft.RecoveryServices/vaults"),
    ],
)
def test_other_providers_have_buckets_too(cloud: Cloud, setting: str, path: str) -> None:
    """As many as the setting says, then the provider's own 429, and more as time goes by."""
    cloud.world.change_settings({setting: 3})
    answers = [cloud.arm("GET", f"{SCOPE}/providers/{path}") for _ in range(4)]
    cloud.advance(100)

    assert [429] == [answer.status_code for answer in answers if answer.status_code not in {200, 404}]
    assert ("TooManyRequests", "service") == (
        answers[-1].json()["error"]["code"],
        answers[-1].headers["x-ms-failure-cause"],
    )
    assert 429 != cloud.arm("GET", f"{SCOPE}/providers/{path}").status_code


def test_vaults_and_recovery_plans_have_their_limits() -> None:
    """The vault too many, and the plan with too many machines or groups, are refused."""
    with Cloud(shop("one", "two", behaviour={"one": {}, "two": {}})) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        cloud.world.change_settings(
            {"vaults_per_subscription": 1, "machines_per_recovery_plan": 1, "groups_per_recovery_plan": 2}
        )
        vault = {"location": "northeurope", "sku": {"name": "Standard"}, "properties": {}}
        second = cloud.arm("PUT", f"{VAULT}2", vault)
        again = cloud.arm("PUT", VAULT, vault)

        def plan(*sizes: int) -> Answer:
            groups = [
                {"groupType": "Boot", "replicationProtectedItems": [{"id": item_id(f"vm{n}")} for n in range(size)]}
                for size in sizes
            ]
            body = {"primaryFabricId": PRIMARY, "recoveryFabricId": RECOVERY, "groups": groups}
            return cloud.arm("PUT", f"{VAULT}/replicationRecoveryPlans/all", {"properties": body})

        refused = [plan(2), plan(1, 1), plan(0, 0, 0)]

        assert (409, 200) == (second.status_code, again.status_code)
        assert [400, 400, 400] == [answer.status_code for answer in refused]
        assert "can't have more than 1 machines" in refused[0].text
        assert "can't have more than 2 groups" in refused[2].text
        assert 202 == plan(0, 0).status_code


def test_a_machine_with_too_many_data_disks_cannot_be_replicated() -> None:
    """The data disk too many fails the job, which says the limit."""
    with Cloud(shop("one", behaviour={"one": {}})) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        cloud.world.change_settings({"data_disks_per_machine": 0})
        status = lab.status("PUT", item_id("one"), lab.enable_body("one"))
        cloud.world.change_settings({"data_disks_per_machine": 1})
        lab.status("POST", f"{item_id('one')}/remove", {"properties": {}})
        lab.enable("one")

    assert ("Failed", "150176") == (status["status"], status["error"]["code"])
    assert "more than 0 data disks" in status["error"]["message"]


def test_site_recovery_protects_so_many_disks_and_no_more() -> None:
    """The disk beyond the limit fails the job of its machine; the others go on."""
    with Cloud(shop("one", "two", behaviour={"one": {}, "two": {}})) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        cloud.world.change_settings({"protected_disks_per_subscription": 3})
        lab.enable("one")
        status = lab.status("PUT", item_id("two"), lab.enable_body("two"))

        assert ("Failed", "150174") == (status["status"], status["error"]["code"])
        assert "EnablingFailed" == lab.item("two")["protectionState"]
        cloud.world.change_settings({"protected_disks_per_subscription": 4})
        lab.status("POST", f"{item_id('two')}/remove", {"properties": {}})
        lab.enable("two")


def test_a_consistency_group_has_so_many_machines_and_no_more() -> None:
    """The machine beyond the limit of a named group is refused; unnamed groups are each machine's own."""
    names = ("one", "two", "three")
    with Cloud(shop(*names, behaviour={name: {} for name in names})) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        cloud.world.change_settings({"machines_per_consistency_group": 1})
        lab.enable("one", multiVmGroupName="shop")
        body = lab.enable_body("two", multiVmGroupName="shop")

        assert "150175" == lab.status("PUT", item_id("two"), body)["error"]["code"]
        lab.enable("three")
