"""Signing in: tokens, keys, metadata and the certificate, through the clients that people use."""

import json
import ssl
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from requests import Response

from simulator import identity
from simulator.resources.locations import LOCATIONS
from tests.support.sim import Simulator

SUBSCRIPTION = "10000000-0000-0000-0000-000000000001"
USER = {"kind": "user", "user_name": "ada@contoso.example", "password": "engine", "object_id": "user-1"}
SEED = {
    "subscriptions": [{"subscriptionId": SUBSCRIPTION, "displayName": "Contoso"}],
    "resources": [],
    "identities": [
        {"kind": "service_principal", "client_id": "app-1", "secret": "s3cret", "object_id": "oid-1"},
        {**USER, "roles": [{"role": "Reader", "scope": f"/SUBSCRIPTIONS/{SUBSCRIPTION}"}]},
    ],
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Simulator]:
    """A simulator with a named principal and a user."""
    with Simulator(seed=SEED) as simulator:
        yield simulator


def post_token(cloud: Simulator, path: str, **form: str) -> Response:
    """Ask the token endpoint."""
    return cloud.http.post(f"{cloud.endpoint}/{cloud.tenant_id}/{path}", data=form, timeout=10)


def test_a_made_up_secret_can_be_an_argument_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """`az login -p -6zh…` takes the secret for an option; one of 64 would begin so."""
    drawn = iter(["-6zhG6DfkDAntC0L", "--", "bG6-fkDAntC0L"])
    monkeypatch.setattr("simulator.identity.secrets.token_urlsafe", lambda _size: next(drawn))

    assert "bG6-fkDAntC0L" == identity._new_secret()


def test_credential_gets_a_token_that_the_key_set_verifies(cloud: Simulator) -> None:
    """azure-identity signs in, and the published keys prove the token's claims."""
    token = cloud.credential().get_token(f"{cloud.endpoint}/.default").token
    keys = cloud.http.get(f"{cloud.endpoint}/{cloud.tenant_id}/discovery/v2.0/keys").json()
    key = jwt.PyJWK(keys["keys"][0])

    claims = jwt.decode(token, key.key, algorithms=["RS256"], audience=cloud.endpoint)

    assert "oid-1" == claims["oid"]
    assert "app-1" == claims["appid"] == claims["azp"]
    assert cloud.tenant_id == claims["tid"]
    assert "app" == claims["idtyp"]
    assert f"{cloud.endpoint}/{cloud.tenant_id}/v2.0" == claims["iss"]
    assert claims["nbf"] <= time.time() < claims["exp"]


async def test_asynchronous_credential_gets_a_token(cloud: Simulator) -> None:
    """The asynchronous azure-identity signs in as well."""
    async with cloud.async_credential() as credential:
        token = await credential.get_token("https://management.azure.com/.default")

    assert 200 == cloud.arm("GET", "/subscriptions", token=token.token).status_code


def test_ready_line_names_the_first_principal_of_the_seed(cloud: Simulator) -> None:
    """The ready line's principal is the seed's first, and its subscription the seed's first."""
    assert ("app-1", "s3cret", SUBSCRIPTION) == (cloud.client_id, cloud.client_secret, cloud.subscription_id)


def test_principal_without_roles_owns_every_subscription(cloud: Simulator) -> None:
    """Where the seed names no roles of the ready line's principal, it owns all."""
    answer = cloud.arm("PUT", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/owned", {"location": "westeurope"})

    assert 201 == answer.status_code


def test_wrong_secret_is_refused_in_the_words_of_entra(cloud: Simulator) -> None:
    """A wrong secret gives AADSTS7000215 and 401."""
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        cloud.credential(secret="wrong").get_token(f"{cloud.endpoint}/.default")

    answer = post_token(
        cloud,
        "oauth2/v2.0/token",
        grant_type="client_credentials",
        client_id="app-1",
        client_secret="wrong",
        scope=f"{cloud.endpoint}/.default",
    )
    assert 401 == answer.status_code
    assert ("invalid_client", [7000215]) == (answer.json()["error"], answer.json()["error_codes"])


def test_unknown_client_is_refused(cloud: Simulator) -> None:
    """A client that nobody registered gives AADSTS700016."""
    with pytest.raises(ClientAuthenticationError, match="AADSTS700016"):
        cloud.credential(client_id="nobody").get_token(f"{cloud.endpoint}/.default")


def test_foreign_audience_is_refused(cloud: Simulator) -> None:
    """No token is given for an audience that this cloud does not have."""
    with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
        cloud.credential().get_token("https://vault.azure.net/.default")


def test_foreign_tenant_is_refused(cloud: Simulator) -> None:
    """The token endpoint of another tenant answers AADSTS90002."""
    answer = cloud.http.post(f"{cloud.endpoint}/other/oauth2/v2.0/token", data={"grant_type": "client_credentials"})

    assert [90002] == answer.json()["error_codes"]


def test_old_token_endpoint_takes_a_resource(cloud: Simulator) -> None:
    """The first version of the protocol names a resource and writes numbers as texts."""
    answer = post_token(
        cloud,
        "oauth2/token",
        grant_type="client_credentials",
        client_id="app-1",
        client_secret="s3cret",
        resource="https://management.core.windows.net/",
    ).json()

    assert "https://management.core.windows.net/" == answer["resource"]
    assert "3599" == answer["expires_in"]
    assert 200 == cloud.arm("GET", "/subscriptions", token=answer["access_token"]).status_code


def test_user_signs_in_by_password_and_refreshes(cloud: Simulator) -> None:
    """A user gets a token by password and another by the refresh token, and acts under the user's name."""
    scope = f"{cloud.endpoint}/.default offline_access openid"
    first = post_token(
        cloud,
        "oauth2/v2.0/token",
        grant_type="password",
        username="Ada@contoso.example",
        password="engine",
        scope=scope,
    ).json()
    second = post_token(
        cloud, "oauth2/v2.0/token", grant_type="refresh_token", refresh_token=first["refresh_token"], scope=scope
    ).json()

    answer = cloud.arm("GET", "/subscriptions", token=second["access_token"])

    assert [SUBSCRIPTION] == [found["subscriptionId"] for found in answer.json()["value"]]
    assert "ada@contoso.example" == cloud.requests()[-1]["identity"]


def test_user_with_a_wrong_password_is_refused(cloud: Simulator) -> None:
    """A wrong password gives AADSTS50126."""
    answer = post_token(
        cloud,
        "oauth2/v2.0/token",
        grant_type="password",
        username="ada@contoso.example",
        password="no",
        scope=f"{cloud.endpoint}/.default",
    )

    assert [50126] == answer.json()["error_codes"]


def forged(cloud: Simulator, **changes: object) -> str:
    """A token signed with the tenant's own key, with some claims changed."""
    claims = jwt.decode(cloud.token(), options={"verify_signature": False})
    key = (cloud.state_dir / "signing.pem").read_text()
    return jwt.encode({**claims, **changes}, key, algorithm="RS256")


def test_expired_token_is_refused(cloud: Simulator) -> None:
    """A token past its (wall) time gives 401 ExpiredAuthenticationToken."""
    answer = cloud.arm("GET", "/subscriptions", token=forged(cloud, exp=int(time.time()) - 1))

    assert (401, "ExpiredAuthenticationToken") == (answer.status_code, answer.json()["error"]["code"])


def test_tampered_token_is_refused(cloud: Simulator) -> None:
    """A token whose signature does not fit gives 401 InvalidAuthenticationToken."""
    head, payload, signature = cloud.token().split(".")
    answer = cloud.arm("GET", "/subscriptions", token=f"{head}.{payload}.{signature[::-1]}")

    assert (401, "InvalidAuthenticationToken") == (answer.status_code, answer.json()["error"]["code"])


def test_token_for_something_else_is_refused(cloud: Simulator) -> None:
    """A token for another audience gives 401 InvalidAuthenticationTokenAudience."""
    answer = cloud.arm("GET", "/subscriptions", token=forged(cloud, aud="https://graph.microsoft.com"))

    assert "InvalidAuthenticationTokenAudience" == answer.json()["error"]["code"]


def test_request_without_a_token_is_challenged(cloud: Simulator) -> None:
    """Without Authorization header ARM answers 401 with a challenge that names the tenant."""
    answer = cloud.http.get(f"{cloud.endpoint}/subscriptions?api-version=2022-12-01")

    assert (401, "AuthenticationFailed") == (answer.status_code, answer.json()["error"]["code"])
    assert f"{cloud.endpoint}/{cloud.tenant_id}" in answer.headers["WWW-Authenticate"]


def test_openid_configuration_leads_to_token_endpoint_and_keys(cloud: Simulator) -> None:
    """The configuration names addresses that answer."""
    base = f"{cloud.endpoint}/{cloud.tenant_id}"
    found = cloud.http.get(f"{base}/v2.0/.well-known/openid-configuration").json()

    assert f"{base}/oauth2/v2.0/token" == found["token_endpoint"]
    assert 200 == cloud.http.get(found["jwks_uri"]).status_code


@pytest.mark.parametrize(("version", "many"), [("2015-01-01", False), ("2019-05-01", True), ("2022-09-01", False)])
def test_metadata_suits_the_command_line(cloud: Simulator, version: str, many: bool) -> None:
    """The metadata is one short object in old versions, then a list of clouds, then one cloud (`az cloud register`)."""
    found = cloud.http.get(f"{cloud.endpoint}/metadata/endpoints?api-version={version}").json()

    one = found[0] if many else found
    assert cloud.endpoint == one["authentication"]["loginEndpoint"]
    assert cloud.endpoint == one["authentication"]["audiences"][0]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_certificate_passes_strict_verification(cloud: Simulator, host: str) -> None:
    """The authority and the server's certificate satisfy OpenSSL's strict rules."""
    strict = ssl.create_default_context(cafile=cloud.ca_file)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    url = cloud.endpoint.replace("localhost", host) + "/_simulator/clock"

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=strict))
    with opener.open(url) as answer:
        assert "speed" in json.load(answer)


def test_keys_are_readable_by_their_owner_alone(cloud: Simulator) -> None:
    """Private files and the database of the state folder have mode 0600, the folder 0700."""
    modes = {
        name: (cloud.state_dir / name).stat().st_mode & 0o777
        for name in ("signing.pem", "server.pem", "ca-key.pem", "state.sqlite")
    }

    assert dict.fromkeys(modes, 0o600) == modes
    assert 0o700 == cloud.state_dir.stat().st_mode & 0o777


def test_secrets_stay_out_of_log_and_request_log(cloud: Simulator) -> None:
    """Neither the request log nor the process's own log holds a secret or a token."""
    cloud.arm("GET", f"/subscriptions/{SUBSCRIPTION}/resources?sig=abc123secret&$filter=name eq 'x'")

    text = json.dumps(cloud.requests()) + Path(cloud.log_file).read_text()
    assert [] == [word for word in ("s3cret", "engine", "abc123secret", cloud.token()) if word in text]


def test_every_region_has_a_pair_that_exists_or_none() -> None:
    """The list of regions is consistent and has all public ones (more than 50)."""
    names = {row["name"] for row in LOCATIONS}

    assert set() == {row["pair"] for row in LOCATIONS if row["pair"]} - names
    assert len(names) > 50
