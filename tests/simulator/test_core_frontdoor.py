"""What the front door refuses, in Azure's words, and what it adds to every answer."""

from collections.abc import Iterator

import pytest
from requests import Response

from tests.support.sim import Simulator

SUBSCRIPTION = "20000000-0000-0000-0000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Rg-Apps"
LOCKED = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-locked"
FROZEN = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-frozen"
UNREGISTERED = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Storage"


def principal(name: str, role: object, scope: str) -> dict[str, object]:
    """A service principal with one role."""
    roles = [{"role": role, "scope": scope}]
    return {"client_id": name, "secret": f"{name}-secret", "object_id": f"oid-{name}", "roles": roles}


SEED = {
    "resources": [
        {"id": GROUP, "location": "westeurope"},
        {"id": LOCKED, "location": "westeurope"},
        {"id": FROZEN, "location": "westeurope"},
        {"id": f"{LOCKED}/providers/Microsoft.Authorization/locks/keep", "level": "CanNotDelete"},
        {"id": f"{FROZEN}/PROVIDERS/microsoft.authorization/locks/frozen", "properties": {"level": "ReadOnly"}},
        {
            "id": f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/ra-1",
            "properties": {
                "principalId": "oid-assigned",
                "roleDefinitionId": "/x/roleDefinitions/ACDD72A7-3385-48ef-bd42-f606fba81ae7",
            },
        },
        {
            "id": f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/ra-2",
            "properties": {"principalId": "the-readers", "roleDefinitionId": "acdd72a7-3385-48ef-bd42-f606fba81ae7"},
        },
    ],
    "identities": [
        {"client_id": "owner", "secret": "owner-secret", "object_id": "oid-owner"},
        principal("reader", "reader", f"/subscriptions/{SUBSCRIPTION.upper()}"),
        principal("grouped", "Contributor", GROUP.lower()),
        principal("custom", {"actions": ["*/read", "*/write"], "notActions": ["Microsoft.Resources/*/write"]}, "/"),
        {"client_id": "assigned", "secret": "assigned-secret", "object_id": "oid-assigned", "roles": []},
        {
            "client_id": "member",
            "secret": "member-secret",
            "object_id": "oid-member",
            "roles": [],
            "groups": ["the-readers"],
        },
    ],
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Simulator]:
    """A simulator with groups, locks and principals of every kind."""
    with Simulator(seed=SEED) as simulator:
        yield simulator


def error_of(answer: Response) -> tuple[int, str, str]:
    """Status, code and message of a refusal."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


def put_tags(cloud: Simulator, group: str, who: str = "owner") -> Response:
    """Try to write to a group."""
    token = cloud.token(who, f"{who}-secret")
    return cloud.arm("PATCH", group, {"tags": {"by": who}}, token=token)


def test_unknown_subscription(cloud: Simulator) -> None:
    """A subscription that does not exist gives 404 SubscriptionNotFound."""
    answer = cloud.arm("GET", "/subscriptions/99999999-0000-4000-8000-000000000000/resourceGroups")

    assert (
        404,
        "SubscriptionNotFound",
        "The subscription '99999999-0000-4000-8000-000000000000' could not be found.",
    ) == error_of(answer)


def test_absent_group(cloud: Simulator) -> None:
    """Anything in an absent group gives 404 ResourceGroupNotFound."""
    path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/gone/providers/Microsoft.Compute/virtualMachines/vm"

    assert (404, "ResourceGroupNotFound", "Resource group 'gone' could not be found.") == error_of(
        cloud.arm("GET", path)
    )
    assert "ResourceGroupNotFound" == error_of(cloud.arm("PUT", path, {"location": "westeurope"}))[1]


def test_absent_resource(cloud: Simulator) -> None:
    """An absent resource gives the gateway's 404 in the recorded words."""
    answer = cloud.arm("GET", f"{GROUP}/providers/Microsoft.Compute/virtualMachines/gone")

    expected = (
        "The Resource 'Microsoft.Compute/virtualMachines/gone' under resource group 'Rg-Apps' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    assert (404, "ResourceNotFound", expected) == error_of(answer)
    assert "gateway" == answer.headers["x-ms-failure-cause"]


def test_unknown_namespace_and_type(cloud: Simulator) -> None:
    """Namespaces and types that nobody offers give ARM's own 404s."""
    one = cloud.arm("GET", f"{GROUP}/providers/Microsoft.Nowhere/things/x")
    other = cloud.arm("GET", f"{GROUP}/providers/Microsoft.Compute/things/x")

    assert (404, "InvalidResourceNamespace") == error_of(one)[:2]
    assert (404, "InvalidResourceType") == error_of(other)[:2]


def test_wrong_method(cloud: Simulator) -> None:
    """A method that a path does not have gives 405 and names those that it has."""
    answer = cloud.arm("DELETE", f"/subscriptions/{SUBSCRIPTION}/locations")

    assert 405 == answer.status_code
    assert "GET" == answer.headers["Allow"]


def test_missing_api_version(cloud: Simulator) -> None:
    """Without api-version ARM answers 400."""
    headers = {"Authorization": f"Bearer {cloud.token()}"}
    answer = cloud.http.get(f"{cloud.endpoint}/subscriptions", headers=headers)

    assert (400, "MissingApiVersionParameter") == error_of(answer)[:2]


def test_malformed_body(cloud: Simulator) -> None:
    """A body that is no JSON gives 400 InvalidRequestContent."""
    headers = {"Authorization": f"Bearer {cloud.token()}"}
    answer = cloud.http.put(f"{cloud.endpoint}{GROUP}?api-version=2022-09-01", data="{", headers=headers)

    assert (400, "InvalidRequestContent") == error_of(answer)[:2]


def test_reader_may_not_write(cloud: Simulator) -> None:
    """A missing permission gives 403 with client, object id, action and scope."""
    answer = put_tags(cloud, GROUP, "reader")

    expected = (
        "The client 'reader' with object id 'oid-reader' does not have authorization to perform action "
        f"'Microsoft.Resources/subscriptions/resourceGroups/write' over scope '{GROUP}' or the scope is invalid. "
        "If access was recently granted, please refresh your credentials."
    )
    assert (403, "AuthorizationFailed", expected) == error_of(answer)


@pytest.mark.parametrize("who", ["reader", "member"])
def test_roles_of_the_seed_and_of_groups_count(cloud: Simulator, who: str) -> None:
    """Roles come from the seed's identities and from role assignments to a group of the caller."""
    answer = cloud.arm("GET", f"/subscriptions/{SUBSCRIPTION}/resourceGroups", token=cloud.token(who, f"{who}-secret"))

    assert 200 == answer.status_code


def test_role_assignment_counts_at_its_scope_alone(cloud: Simulator) -> None:
    """A seeded role assignment on a group opens that group, and nothing beside it."""
    token = cloud.token("assigned", "assigned-secret")

    assert 200 == cloud.arm("GET", GROUP, token=token).status_code
    assert 403 == cloud.arm("GET", LOCKED, token=token).status_code


def test_contributor_of_a_group_writes_there_alone(cloud: Simulator) -> None:
    """A scope covers what lies under it, in any case."""
    assert 200 == put_tags(cloud, GROUP.upper().replace("SUBSCRIPTIONS", "subscriptions"), "grouped").status_code
    assert 403 == put_tags(cloud, FROZEN, "grouped").status_code


def test_not_actions_take_away(cloud: Simulator) -> None:
    """A custom role's notActions take actions away."""
    assert 200 == cloud.arm("GET", GROUP, token=cloud.token("custom", "custom-secret")).status_code
    assert 403 == put_tags(cloud, GROUP, "custom").status_code


def test_subscriptions_are_listed_for_those_who_have_a_role(cloud: Simulator) -> None:
    """A role on one group is enough to see the subscription."""
    answer = cloud.arm("GET", "/subscriptions", token=cloud.token("grouped", "grouped-secret"))

    assert [SUBSCRIPTION] == [found["subscriptionId"] for found in answer.json()["value"]]


def test_lock_against_deletion(cloud: Simulator) -> None:
    """A CanNotDelete lock refuses DELETE and lets writes pass."""
    assert 200 == put_tags(cloud, LOCKED).status_code
    status, code, message = error_of(cloud.arm("DELETE", LOCKED))

    assert (409, "ScopeLocked") == (status, code)
    assert f"following scope(s) are locked: '{LOCKED}'" in message


def test_lock_against_writing(cloud: Simulator) -> None:
    """A ReadOnly lock, its id in any case, refuses writes and deletion and lets reads pass."""
    assert 200 == cloud.arm("GET", FROZEN).status_code
    assert (409, "ScopeLocked") == error_of(put_tags(cloud, FROZEN))[:2]
    assert (409, "ScopeLocked") == error_of(cloud.arm("DELETE", FROZEN))[:2]


def test_refused_requests_are_not_accepted(cloud: Simulator) -> None:
    """The request log tells writes that changed something from those that did not."""
    put_tags(cloud, GROUP, "reader")
    cloud.arm("PATCH", GROUP, {"tags": {"n": "1"}})
    refused, done = cloud.requests()[-2:]

    assert (True, False, 403, "reader") == (
        refused["write"],
        refused["accepted"],
        refused["status"],
        refused["identity"],
    )
    assert (True, True, 200, "owner") == (done["write"], done["accepted"], done["status"], done["identity"])
    assert (GROUP, "api-version=2024-03-01") == (done["path"], done["query"])


def test_every_answer_names_its_request(cloud: Simulator) -> None:
    """Answers carry request ids, what remains of the budget, and the caller's own id when asked."""
    answer = cloud.arm(
        "GET", GROUP, headers={"x-ms-client-request-id": "mine-1", "x-ms-return-client-request-id": "true"}
    )

    assert "mine-1" == answer.headers["x-ms-client-request-id"]
    assert int(answer.headers["x-ms-ratelimit-remaining-subscription-reads"]) < 250
    for name in ("x-ms-request-id", "x-ms-correlation-request-id", "x-ms-routing-request-id", "Date"):
        assert answer.headers[name]
    assert "mine-1" == cloud.requests()[-1]["client_request_id"]


def test_failed_write_is_answered_again_for_the_same_request_id(sim: Simulator) -> None:
    """A repeated client request id on a failed write gives the old payload, until a few minutes have passed."""
    group = f"/subscriptions/{sim.subscription_id}/resourceGroups/late"
    repeated = {"x-ms-client-request-id": "again"}
    first = sim.arm("PATCH", group, {"tags": {}}, headers=repeated)
    sim.arm("PUT", group, {"location": "westeurope"})

    assert [404, 404] == [first.status_code, sim.arm("PATCH", group, {"tags": {}}, headers=repeated).status_code]
    assert 200 == sim.arm("PATCH", group, {"tags": {}}, headers={"x-ms-client-request-id": "fresh"}).status_code
    sim.advance(301)
    assert 200 == sim.arm("PATCH", group, {"tags": {}}, headers=repeated).status_code


def test_provider_must_be_registered_before_it_is_written_to(sim: Simulator) -> None:
    """An unregistered provider refuses writes with 409 until its registration, which takes a while, is done."""
    subscription = f"/subscriptions/{sim.subscription_id}"
    provider = f"{subscription}/providers/Microsoft.Storage"
    account = f"{subscription}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acc"
    sim.arm("PUT", f"{subscription}/resourceGroups/g", {"location": "westeurope"})
    sim.arm("POST", f"{provider}/unregister")
    sim.advance(60)

    assert "NotRegistered" == sim.arm("GET", provider).json()["registrationState"]
    refused = sim.arm("DELETE", account)
    assert (409, "MissingSubscriptionRegistration") == error_of(refused)[:2]
    assert "Microsoft.Storage" == refused.json()["error"]["details"][0]["target"]
    assert "Registering" == sim.arm("POST", f"{provider}/register").json()["registrationState"]
    sim.advance(60)
    assert "Registered" == sim.arm("GET", provider).json()["registrationState"]
    assert 409 != sim.arm("DELETE", account).status_code


@pytest.mark.parametrize(("state", "status"), [("Disabled", 409), ("Warned", 409), ("PastDue", 201), ("Enabled", 201)])
def test_a_subscription_that_is_not_active_takes_no_writes(sim: Simulator, state: str, status: int) -> None:
    """What it has may be read and deleted; one past due still takes writes."""
    subscription = f"/subscriptions/{sim.subscription_id}"
    sim.arm("PUT", f"{subscription}/resourceGroups/old", {"location": "westeurope"})
    named = {"subscriptionId": sim.subscription_id, "displayName": "Ours"}
    sim.seed({"subscriptions": [{**named, "state": state}], "resources": []})
    try:
        answer = sim.arm("PUT", f"{subscription}/resourceGroups/{state}", {"location": "westeurope"})

        assert state == sim.arm("GET", subscription).json()["state"]
        assert (status, 200) == (answer.status_code, sim.arm("GET", f"{subscription}/resourceGroups/old").status_code)
        assert status == 201 or "ReadOnlyDisabledSubscription" == error_of(answer)[1]
        assert 202 == sim.arm("DELETE", f"{subscription}/resourceGroups/old").status_code
    finally:
        sim.seed({"subscriptions": [{**named, "state": "Enabled"}], "resources": []})
        sim.advance(600)


def test_throttling_answers_429_and_refills(sim: Simulator) -> None:
    """An empty bucket gives 429 with Retry-After, nothing happens, and time fills the bucket again."""
    group = f"/subscriptions/{sim.subscription_id}/resourceGroups/g"
    sim.clock(throttling={"limits": {"writes": [2, 0.1], "reads": [250, 25]}})
    answers = [sim.arm("PUT", group, {"location": "westeurope"}) for _ in range(3)]

    assert [201, 200, 429] == [answer.status_code for answer in answers]
    assert "SubscriptionRequestsThrottled" == error_of(answers[2])[1]
    assert "10" == answers[2].headers["Retry-After"]
    assert 200 == sim.arm("GET", group).status_code
    sim.advance(10)
    assert 200 == sim.arm("PUT", group, {"location": "westeurope"}).status_code


def test_throttling_by_the_wall_ignores_virtual_time(sim: Simulator) -> None:
    """With the wall as its clock a bucket does not fill by an advance of virtual time; it may be switched off."""
    group = f"/subscriptions/{sim.subscription_id}/resourceGroups/g"
    sim.clock(throttle_clock="wall", throttling={"limits": {"writes": [1, 0.001]}})
    sim.arm("PUT", group, {"location": "westeurope"})
    sim.advance(10_000)

    assert 429 == sim.arm("PUT", group, {"location": "westeurope"}).status_code
    sim.clock(throttling={"enabled": False})
    assert {200} == {sim.arm("PUT", group, {"location": "westeurope"}).status_code for _ in range(5)}
