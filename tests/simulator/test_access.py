"""Who gets in and how far: signing in on another device, custom roles, tokens of other tenants and other times."""

import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from azure.identity import DeviceCodeCredential
from requests import Session

from tests.simulator.compute_estate import SCOPE, SUBSCRIPTION, VM, machine, network, seed
from tests.support.cloud import Answer, Cloud
from tests.support.sim import Simulator

ADA = {
    "kind": "user",
    "user_name": "ada@contoso.example",
    "password": "engine",
    "object_id": "aaaaaaaa-0000-4000-8000-000000000003",
    "roles": [{"role": "Reader", "scope": f"/subscriptions/{SUBSCRIPTION}"}],
}
OWNER: dict[str, Any] = {"kind": "service_principal"}
WORKER = {
    "kind": "service_principal",
    "client_id": "aaaaaaaa-0000-4000-8000-000000000001",
    "object_id": "aaaaaaaa-0000-4000-8000-000000000002",
    "secret": "for-the-simulator-only",
    "roles": [],
}
ESTATE = seed(network(), machine("web"), identities=[OWNER, ADA, WORKER])
ROLES = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
ROLE = f"{ROLES}/cccccccc-0000-4000-8000-cccccccccccc"
ASSIGNED = f"{SCOPE}/providers/Microsoft.Authorization/roleAssignments/dddddddd-0000-4000-8000-dddddddddddd"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A machine, a user who reads, and a principal without any role."""
    with Cloud(ESTATE) as made:
        yield made


def post(cloud: Cloud, path: str, **form: str) -> Answer:
    """Post a form to the tenant."""
    return cloud.send("POST", f"/{cloud.world.tenant_id}/{path}", urlencode(form).encode())


def start(cloud: Cloud) -> dict[str, Any]:
    """Begin to sign in on another device."""
    scope = f"{cloud.endpoint}/.default offline_access openid"
    return dict(post(cloud, "oauth2/v2.0/devicecode", client_id="some-tool", scope=scope).json())


def redeem(cloud: Cloud, flow: dict[str, Any]) -> Answer:
    """Ask for the tokens of a device code."""
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    return post(cloud, "oauth2/v2.0/token", grant_type=grant, client_id="some-tool", device_code=flow["device_code"])


def decide(cloud: Cloud, code: str, **changes: str) -> str:
    """Send the page's form; what the page says then."""
    form = {"user_code": code, "username": "Ada@contoso.example", "password": "engine", "decision": "approve"}
    text = post(cloud, "oauth2/deviceauth", **{**form, **changes}).text
    return str(re.findall(r'role="status">([^<]*)<', text)[0])


def test_the_real_credential_signs_in_on_another_device() -> None:
    """DeviceCodeCredential prompts, the person types the code into the page, and the token acts under their name."""
    with Simulator(seed=ESTATE) as sim, Session() as browser:
        browser.verify, browser.trust_env = sim.ca_file, False

        def prompt(address: str, code: str, expires: datetime) -> None:
            page = browser.get(address, timeout=30)
            assert "form-action 'self'" in page.headers["Content-Security-Policy"]
            assert expires.timestamp() > time.time()
            form = {"user_code": code, "username": "ada@contoso.example", "password": "engine"}
            assert "You are signed in" in browser.post(address, data=form, timeout=30).text

        credential = DeviceCodeCredential(
            tenant_id=sim.tenant_id,
            authority=sim.endpoint,
            disable_instance_discovery=True,
            connection_verify=sim.ca_file,
            prompt_callback=prompt,
        )
        token = credential.get_token(f"{sim.endpoint}/.default").token

        assert 200 == sim.arm("GET", f"{VM}/web", token=token).status_code
        assert 403 == sim.arm("POST", f"{VM}/web/start", token=token).status_code
        assert {"ada@contoso.example"} == {line["identity"] for line in sim.requests() if "/web" in line["path"]}
        assert not [line for line in sim.requests() if "oauth2" in line["path"] and line["write"]]


def test_a_device_code_waits_works_once_and_is_gone(cloud: Cloud) -> None:
    """Before the decision it is pending, after it there are tokens, and then the code is worth nothing."""
    flow = start(cloud)
    pending = redeem(cloud, flow)
    said = decide(cloud, flow["user_code"].lower())
    tokens = redeem(cloud, flow)
    again = redeem(cloud, flow)

    assert (400, "authorization_pending") == (pending.status_code, pending.json()["error"])
    assert "You are signed in on the other device. You may close this page." == said
    assert {"access_token", "refresh_token", "id_token"} <= set(tokens.json())
    assert "invalid_grant" == again.json()["error"]


def test_a_device_code_may_be_declined_and_expires(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person may say no; after a quarter of an hour nobody may say anything."""
    declined, late = start(cloud), start(cloud)
    said = decide(cloud, declined["user_code"], decision="decline")
    assert "authorization_declined" == redeem(cloud, declined).json()["error"]
    now = time.time()
    monkeypatch.setattr("simulator.devicecode.time.time", lambda: now + late["expires_in"] + 1)

    assert "You declined. You may close this page." == said
    assert "expired_token" == redeem(cloud, late).json()["error"]
    assert "That code is not known, or has expired." == decide(cloud, late["user_code"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "no"}, "Error validating credentials due to invalid username or password."),
        ({"username": "<b>"}, "The user account &lt;b&gt; does not exist in the directory."),
        ({"user_code": "NOTACODE1"}, "That code is not known, or has expired."),
    ],
)
def test_the_page_refuses_what_is_wrong(cloud: Cloud, changes: dict[str, str], words: str) -> None:
    """A wrong password, user or code is said, as text, and the code goes on waiting."""
    flow = start(cloud)

    assert words == decide(cloud, flow["user_code"], **changes)
    assert "authorization_pending" == redeem(cloud, flow).json()["error"]


def define(cloud: Cloud, *permissions: dict[str, Any], name: str = "Starter") -> Answer:
    """Define a custom role."""
    scopes = [f"/subscriptions/{SUBSCRIPTION}"]
    body = {"properties": {"roleName": name, "assignableScopes": scopes, "permissions": list(permissions)}}
    return cloud.arm("PUT", ROLE, body)


def test_a_custom_role_is_defined_assigned_and_obeyed(cloud: Cloud) -> None:
    """What one block of a role takes away another may give; wildcards and scopes count; without assignment nothing."""
    made = define(
        cloud,
        {"actions": ["Microsoft.Compute/*"], "notActions": ["Microsoft.Compute/virtualMachines/*/action"]},
        {"actions": ["Microsoft.Compute/virtualMachines/start/action"]},
    )
    token = cloud.token(str(WORKER["client_id"]))
    before = cloud.arm("GET", f"{VM}/web", token=token)
    assignment = {"properties": {"roleDefinitionId": ROLE, "principalId": WORKER["object_id"]}}
    assert 201 == cloud.arm("PUT", ASSIGNED, assignment).status_code
    outside = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/elsewhere/providers/Microsoft.Compute/disks"

    assert (201, 403) == (made.status_code, before.status_code)
    assert "does not have authorization to perform action 'Microsoft.Compute/virtualMachines/read'" in before.text
    assert 200 == cloud.arm("GET", f"{VM}/web", token=token).status_code
    assert 202 == cloud.arm("POST", f"{VM}/web/start", token=token).status_code
    assert 403 == cloud.arm("POST", f"{VM}/web/deallocate", token=token).status_code
    assert 403 == cloud.arm("GET", outside, token=token).status_code
    permissions = cloud.arm("GET", f"{SCOPE}/providers/Microsoft.Authorization/permissions", token=token).json()
    assert [1, 0] == [len(block["notActions"]) for block in permissions["value"]]


def test_custom_roles_are_listed_and_end(cloud: Cloud) -> None:
    """A role in use cannot be deleted, nor can another take its name, nor a built-in one be changed."""
    define(cloud, {"actions": ["*/read"]})
    cloud.arm("PUT", ASSIGNED, {"properties": {"roleDefinitionId": ROLE, "principalId": WORKER["object_id"]}})
    listed = cloud.arm("GET", f"{ROLES}?$filter=roleName eq 'Starter'").json()["value"]
    reader = cloud.arm("GET", f"{ROLES}?$filter=roleName eq 'Reader'").json()["value"][0]
    changed = cloud.arm("PUT", f"{ROLES}/{reader['name']}", {"properties": listed[0]["properties"]})
    same_name = cloud.arm(
        "PUT", f"{ROLES}/eeeeeeee-0000-4000-8000-eeeeeeeeeeee", {"properties": listed[0]["properties"]}
    )

    assert ["CustomRole"] == [role["properties"]["type"] for role in listed]
    assert (400, "RoleDefinitionHasAssignments") == _error(cloud.arm("DELETE", ROLE))
    assert (400, "RoleDefinitionIsBuiltIn") == _error(changed)
    assert (409, "RoleDefinitionWithSameNameExists") == _error(same_name)
    cloud.arm("DELETE", ASSIGNED)
    assert [200, 204] == [cloud.arm("DELETE", ROLE).status_code for _ in range(2)]
    assert (400, "RoleDefinitionInvalid") == _error(cloud.arm("PUT", ROLE, {"properties": {"roleName": "x"}}))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tid": "99999999-0000-4000-8000-000000000000"}, "InvalidAuthenticationTokenTenant"),
        ({"exp": 1_000_000_000}, "ExpiredAuthenticationToken"),
        ({"nbf": 4_000_000_000}, "InvalidAuthenticationToken"),
        ({"oid": "99999999-0000-4000-8000-000000000000"}, "InvalidAuthenticationToken"),
        ({"aud": "https://vault.azure.net"}, "InvalidAuthenticationTokenAudience"),
        ({"typ": "refresh"}, "InvalidAuthenticationTokenAudience"),
    ],
)
def test_tokens_of_other_tenants_times_and_people_are_refused(cloud: Cloud, changes: dict[str, Any], code: str) -> None:
    """401 with a challenge, by the name that Azure gives each."""
    claims = jwt.decode(cloud.token(), options={"verify_signature": False})
    answer = cloud.arm("GET", "/subscriptions", token=cloud.world.identities.sign({**claims, **changes}))

    assert (401, code) == _error(answer)
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


def test_a_token_that_somebody_else_signed_is_refused(cloud: Cloud) -> None:
    """The right claims are not enough."""
    claims = jwt.decode(cloud.token(), options={"verify_signature": False})
    token = jwt.encode(claims, "a secret of thirty-two characters!", algorithm="HS256")

    assert (401, "InvalidAuthenticationToken") == _error(cloud.arm("GET", "/subscriptions", token=token))


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "AuthenticationFailed"),
        ("Basic YTpi", "AuthenticationFailedInvalidHeader"),
        ("Bearer", "AuthenticationFailedInvalidHeader"),
        ("Bearer not.a.token", "InvalidAuthenticationToken"),
        ("Bearer {unsigned}", "InvalidAuthenticationToken"),
        ("Bearer {changed}", "InvalidAuthenticationToken"),
    ],
)
def test_what_is_no_token_is_refused(cloud: Cloud, header: str | None, code: str) -> None:
    """No header, another scheme, rubbish, a token without signature or with another's: 401 and where to sign in."""
    token = cloud.token()
    claims = jwt.decode(token, options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", algorithm="none")
    changed = ".".join((token.split(".")[0], unsigned.split(".")[1][:-2] + "AA", token.split(".")[2]))
    sent = {} if header is None else {"Authorization": header.format(unsigned=unsigned, changed=changed)}
    answer = cloud.send("GET", "/subscriptions?api-version=2022-12-01", headers=sent)

    assert (401, code) == _error(answer)
    assert f'authorization_uri="{cloud.endpoint}/{cloud.world.tenant_id}"' in answer.headers["WWW-Authenticate"]
    assert None is cloud.requests()[-1]["identity"]


def _error(answer: Answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]
