"""What every answer has in common with Azure's: how bodies are written, versions, and the front door's own errors."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.siterecovery_estate import PRIMARY, SOURCE, SUBSCRIPTION, VAULT, Lab, seed, vm_id
from tests.support.cloud import Cloud

ROOT = f"/subscriptions/{SUBSCRIPTION}"
GATEWAY = {"x-ms-failure-cause": "gateway"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A vault that Site Recovery was never used in, and one machine."""
    with Cloud(seed("web")) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.vault()
        yield lab


def test_bodies_are_written_without_spaces(lab: Lab) -> None:
    """An empty list has the 28 bytes that recordings count."""
    answer = lab.sim.arm("GET", f"{VAULT}/replicationFabrics")

    assert (b'{"value":[],"nextLink":null}', 28) == (answer.content, len(answer.content))


@pytest.mark.parametrize("version", ["2015-01-01", "2099-12-31", "2024-01-01-preview", "2018-01-10-privatepreview"])
def test_any_version_is_taken_and_echoed(lab: Lab, version: str) -> None:
    """Whatever date a caller names, the URLs of the operation that it starts have it."""
    body = {"properties": {"customDetails": {"instanceType": "Azure", "location": "westeurope"}}}
    answer = lab.sim.arm("PUT", f"{PRIMARY}-{version}", body, api_version=version)
    lab.finish(answer)

    assert [f"?api-version={version}"] * 2 == [
        answer.headers[name][-len(f"?api-version={version}") :] for name in ("Azure-AsyncOperation", "Location")
    ]


REFUSED: dict[str, tuple[str, str, int, str]] = {
    "no version": ("GET", f"{ROOT}/resourceGroups?api-version=", 400, "MissingApiVersionParameter"),
    "odd version": ("GET", f"{ROOT}/resourceGroups?api-version=latest", 400, "InvalidApiVersionParameter"),
    "odd subscription": ("GET", "/subscriptions/mine/resourceGroups", 400, "InvalidSubscriptionId"),
    "other subscription": (
        "GET",
        f"/subscriptions/{SUBSCRIPTION[:-1]}0/resourceGroups",
        404,
        "SubscriptionNotFound",
    ),
    "no group": ("GET", f"{vm_id('web', SOURCE + 'x')}", 404, "ResourceGroupNotFound"),
    "no machine": ("GET", vm_id("nobody"), 404, "ResourceNotFound"),
    "no vault": ("GET", f"{VAULT}x/replicationFabrics/f", 404, "ResourceNotFound"),
    "no namespace": ("GET", f"{SOURCE}/providers/Contoso.Things/things/t", 404, "InvalidResourceNamespace"),
    "no type": ("GET", f"{SOURCE}/providers/Microsoft.Compute/things/t", 404, "InvalidResourceType"),
    "no method": ("PATCH", f"{VAULT}/replicationJobs", 405, "HttpMethodNotSupported"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_front_door_refuses_by_itself(lab: Lab, case: str) -> None:
    """Its errors have their code and a message, and say that no provider was asked."""
    method, path, status, code = REFUSED[case]
    answer = lab.sim.arm(method, path)
    error = answer.json()["error"]

    assert (status, code) == (answer.status_code, error["code"])
    assert error["message"]
    assert GATEWAY.items() <= dict(answer.headers).items()


def test_site_recovery_refuses_in_its_own_words(lab: Lab) -> None:
    """Its 404 names the object with causes and ids of the request; a vault that it never worked in is a 400."""
    sent = {"x-ms-client-request-id": "11111111-aaaa-4bbb-8ccc-dddddddddddd"}
    with Cloud(seed("web")) as fresh:
        Lab(fresh).vault()  # type: ignore[arg-type]
        never = fresh.arm("GET", PRIMARY)
    answer: Any = lab.sim.arm("DELETE", f"{PRIMARY}-none", headers=sent)
    error = answer.json()["error"]
    detail = error["details"][0]

    assert (404, "NotFound", "ArmResourceDoesNotExist") == (answer.status_code, error["code"], detail["code"])
    assert error["message"] == detail["message"] == "Specified resource with name 'westeurope-none' does not exist."
    assert sent["x-ms-client-request-id"] == detail["clientRequestId"]
    assert {"code", "message", "possibleCauses", "recommendedAction", "clientRequestId", "activityId"} == set(detail)
    assert "x-ms-failure-cause" not in answer.headers
    assert (400, "SubscriptionIdNotRegisteredWithSrs") == (
        never.status_code,
        never.json()["error"]["details"][0]["code"],
    )


def test_an_accepted_request_says_what_it_began(lab: Lab) -> None:
    """The 202 has no body, the caller's request id, the job's id, and where and when to ask again."""
    sent = {"x-ms-client-request-id": "22222222-aaaa-4bbb-8ccc-dddddddddddd"}
    answer = lab.sim.arm("POST", f"{VAULT}/replicationVaultHealth/default/refresh", headers=sent)
    job = answer.headers["x-ms-request-id"]

    assert (202, b"") == (answer.status_code, answer.content)
    assert sent["x-ms-client-request-id"] == answer.headers["x-ms-client-request-id"]
    assert job.startswith(f"/Subscriptions/{SUBSCRIPTION}/resourceGroups/shop-ne/")
    assert f"/replicationOperationStatus/{job.rpartition('/')[2]}?" in answer.headers["Azure-AsyncOperation"]
    assert "30" == answer.headers["Retry-After"]
    assert "x-ms-ratelimit-remaining-subscription-writes" in answer.headers


def test_paths_are_read_in_any_case(lab: Lab) -> None:
    """Whatever case a path is written in, it is the same object, shown in Azure's own."""
    shown = lab.get(VAULT)

    assert shown == lab.get(VAULT.upper()) == lab.get(VAULT.lower()) == lab.get(f"{VAULT}/")
