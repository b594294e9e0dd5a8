"""Whose decision it is, by the keys that the simulator's tenant publishes: the activity as a worker runs it."""

import base64
import dataclasses
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.approval import ApprovalActivities, ApprovalDesk
from arm import tokens
from arm.credentials import AzureAccess
from arm.tokens import TenantKeys
from migration.approvals import OpenDesk, Statement, Verified, VerifyApproval
from migration.sealing import SealingKey, seal
from tests.support.sim import Simulator
from tests.support.tenant import GROUP, rsa_key

ANNA = {
    "kind": "user",
    "user_name": "anna@contoso.example",
    "password": "correct horse",
    "object_id": "6e0f1c5a-0000-4000-8000-000000000001",
    "display_name": "Anna Berg",
}
MALLORY = {
    "kind": "user",
    "user_name": "mallory@contoso.example",
    "password": "x",
    "object_id": "6e0f1c5a-0000-4000-8000-000000000666",
    "groups": [GROUP],
}
JOINER = {
    "kind": "user",
    "user_name": "joiner@contoso.example",
    "password": "x",
    "object_id": "6e0f1c5a-0000-4000-8000-000000000777",
    "groups": [GROUP, *(f"6e0f1c5a-0000-4000-8000-{number:012}" for number in range(250))],
}
DESK_APP = {"kind": "service_principal", "client_id": "6e0f1c5a-0000-4000-8000-00000000a0d1", "secret": "desk"}
SEED = {"resources": [], "identities": [DESK_APP, ANNA, MALLORY, JOINER]}
APP = f"api://{DESK_APP['client_id']}"


class Tokens:
    """Signs in at the simulator's tenant, and makes tokens that only look like its own."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim

    def of(self, user: dict[str, Any], audience: str = "", version: str = "/v2.0") -> str:
        """Return a token of a person."""
        form = {"grant_type": "password", "username": user["user_name"], "password": user["password"]}
        asked = {"scope": f"{audience or self.sim.endpoint}/.default"} if version else {"resource": audience}
        address = f"{self.sim.endpoint}/{self.sim.tenant_id}/oauth2{version}/token"
        return str(self.sim.http.post(address, data=form | asked, timeout=10).json()["access_token"])

    def of_the_app(self) -> str:
        """Return a token of the application itself."""
        return self.sim.credential().get_token(f"{self.sim.endpoint}/.default").token

    def forged(self, key: Any, algorithm: str = "RS256", *, kid: str | None = None, **differing: Any) -> str:
        """Return the claims of a sound token, signed by somebody else."""
        sound = self.of(ANNA)
        claims = jwt.decode(sound, options={"verify_signature": False}) | differing
        name = kid or jwt.get_unverified_header(sound)["kid"]
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": name})

    def confused(self) -> str:
        """Return a token signed with HS256, the tenant's public key as its secret; libraries refuse to make one."""
        sound = self.of(ANNA)
        address = f"{self.sim.endpoint}/{self.sim.tenant_id}/discovery/v2.0/keys"
        key: Any = jwt.PyJWK(self.sim.http.get(address, timeout=10).json()["keys"][0]).key
        secret = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        header = {"alg": "HS256", "typ": "JWT", "kid": jwt.get_unverified_header(sound)["kid"]}
        signed = f"{_part(json.dumps(header).encode())}.{sound.split('.')[1]}"
        return f"{signed}.{_part(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """Run a simulator whose tenant has people."""
    with Simulator(seed=SEED) as running:
        yield running


@pytest.fixture(scope="module")
def people(sim: Simulator) -> Tokens:
    """Return who signs in."""
    return Tokens(sim)


@dataclasses.dataclass
class Worker:
    """The activity with a worker's desk."""

    activities: ApprovalActivities
    desk: ApprovalDesk
    sim: Simulator

    async def verify(self, token: str | None = None, *, at: float | None = None, **differing: Any) -> Verified:
        """Ask whose decision it is, at a time of Temporal's server."""
        asked: dict[str, Any] = {
            "plan": "shop",
            "vm": "web-01",
            "decision": "approve",
            "evidence": uuid.uuid4().hex,
            "tenant": None,
            "audience": None,
            "approvers": [ANNA["object_id"], f"group:{GROUP}"],
            "token": token,
        }
        moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, current_attempt_scheduled_time=moment)
        answer: Verified = await environment.run(
            self.activities.verify_approval, VerifyApproval.model_validate(asked | differing)
        )
        return answer


@pytest.fixture
async def worker(sim: Simulator, client: Client) -> AsyncIterator[Worker]:
    """Return a worker that has just started."""
    access = AzureAccess(endpoint=sim.endpoint, authority=sim.endpoint, tenant_id=sim.tenant_id, ca_bundle=sim.ca_file)
    desk = ApprovalDesk(
        TenantKeys(access), SealingKey(), authority=sim.endpoint, tenant=sim.tenant_id, audience=sim.endpoint
    )
    yield Worker(ApprovalActivities(desk, client), desk, sim)
    sim.clear_faults()


@pytest.mark.parametrize("version", ["/v2.0", ""], ids=["v2", "v1"])
async def test_a_person_is_proved_by_the_tenants_keys(worker: Worker, people: Tokens, version: str) -> None:
    """Tokens of both versions of the protocol prove who it is; the answer holds nothing of them."""
    token = people.of(ANNA, worker.sim.endpoint, version)
    answer = await worker.verify(token)
    assert answer.person is not None, answer.refusal
    assert (ANNA["object_id"], ANNA["display_name"], ANNA["user_name"]) == (
        answer.person.object_id,
        answer.person.name,
        answer.person.user_name,
    )
    assert [] == [part for part in token.split(".") if part in answer.model_dump_json()]


async def test_tokens_for_an_application_of_its_own(worker: Worker, people: Tokens) -> None:
    """Tokens for an application that the plan names open nothing else, and those for anything else do not count."""
    mine = people.of(ANNA, APP)
    assert (await worker.verify(mine, audience=APP)).person is not None
    assert "for another application" in (await worker.verify(people.of(ANNA), audience=APP)).refusal
    assert "for another application" in (await worker.verify(mine)).refusal
    assert (
        401
        == worker.sim.http.get(
            f"{worker.sim.endpoint}/subscriptions?api-version=2022-12-01",
            headers={"Authorization": f"Bearer {mine}"},
            timeout=10,
        ).status_code
    )


FORGED: dict[str, tuple[Any, str]] = {
    "a foreign key under the tenant's name": (lambda p: p.forged(rsa_key("thief")), "signature is not the tenant's"),
    "a foreign key": (lambda p: p.forged(rsa_key("thief"), kid="thief"), "a key that is not the tenant's"),
    "no signature": (lambda p: p.forged(None, "none"), "not signed with RS256"),
    "HS256 with the public key": (lambda p: p.confused(), "not signed with RS256"),
    "RS512": (lambda p: p.forged(rsa_key("thief"), "RS512"), "not signed with RS256"),
    "PS256": (lambda p: p.forged(rsa_key("thief"), "PS256"), "not signed with RS256"),
    "another version": (lambda p: p.forged(rsa_key("thief"), ver="3.0"), "of no known version"),
    "the other version's issuer": (
        lambda p: p.forged(rsa_key("thief"), ver="1.0", kid=jwt.get_unverified_header(p.of(ANNA))["kid"]),
        "signature is not the tenant's",
    ),
    "claims that were changed": (
        lambda p: ".".join([*p.of(MALLORY).split(".")[:1], p.of(ANNA).split(".")[1], p.of(MALLORY).split(".")[2]]),
        "signature is not the tenant's",
    ),
    "an application": (lambda p: p.of_the_app(), "an application's"),
    "nothing": (lambda _: "", "no access token"),
}


@pytest.mark.parametrize(("make", "reason"), FORGED.values(), ids=FORGED)
async def test_forged_tokens_are_refused_with_the_reason(
    worker: Worker, people: Tokens, make: Any, reason: str
) -> None:
    """Whatever a token asks for, only RS256 by the tenant's own keys counts, and only a person."""
    answer = await worker.verify(make(people))
    assert answer.person is None
    assert reason in answer.refusal
    assert answer.refusal.startswith("refused: ")


async def test_the_issuer_is_that_of_the_tokens_version(worker: Worker, people: Tokens) -> None:
    """A token that the tenant signed as one version, and that claims the other one, was not issued so."""
    issuer = worker.desk.keys
    await worker.verify(people.of(ANNA))
    issuer._issuers[worker.sim.tenant_id, "2.0"].name += "x"
    assert "not issued by the tenant" in (await worker.verify(people.of(ANNA))).refusal


async def test_times_are_judged_by_the_servers_clock(worker: Worker, people: Tokens) -> None:
    """A token that is fresh by the worker's clock is old by that of Temporal's server, and that one counts."""
    token, now = people.of(ANNA), time.time()
    assert "more than 15 minutes ago" in (await worker.verify(token, at=now + 1_100)).refusal
    assert "has expired" in (await worker.verify(token, at=now + 4_000)).refusal
    assert "of the future" in (await worker.verify(token, at=now - 3_600)).refusal
    assert (await worker.verify(token, at=now + 600)).person is not None


async def test_groups_and_their_overage(worker: Worker, people: Tokens) -> None:
    """A member of the plan's group counts; one with more groups than a token lists is told what to do."""
    assert (await worker.verify(people.of(MALLORY))).person is not None
    assert "is not an approver" in (await worker.verify(people.of(MALLORY), approvers=[ANNA["object_id"]])).refusal
    assert "in too many groups" in (await worker.verify(people.of(JOINER))).refusal
    assert (await worker.verify(people.of(JOINER), approvers=[str(JOINER["user_name"]).upper()])).person is not None


async def test_new_keys_are_learnt_and_unknown_ones_cost_one_reading(worker: Worker, people: Tokens) -> None:
    """After the tenant has changed its key both count; made-up names of keys do not make it be asked each time."""
    before = people.of(ANNA)
    assert (await worker.verify(before)).person is not None
    assert 200 == worker.sim.http.post(f"{worker.sim.endpoint}/_simulator/keys", timeout=10).status_code
    worker.desk.keys._issuers[worker.sim.tenant_id, "2.0"].tried = None
    after = people.of(ANNA)
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    assert (await worker.verify(after)).person is not None
    assert (await worker.verify(people.forged(rsa_key("thief"), kid="x"))).person is None
    reads = 0

    async def counted(*_: Any) -> Any:
        nonlocal reads
        reads += 1
        return {}

    worker.desk.keys._json = counted  # type: ignore[method-assign, assignment]
    for number in range(20):
        assert "not the tenant's" in (await worker.verify(people.forged(rsa_key("thief"), kid=f"{number}"))).refusal
    assert 0 == reads


@pytest.mark.parametrize("status", [500, 302])
async def test_keys_that_cannot_be_read_leave_it_unknown(
    worker: Worker, people: Tokens, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """An outage of the directory refuses nobody for ever: it says unknown; keys that are known serve on."""
    token = people.of(ANNA)
    effect: dict[str, Any] = {"kind": "status", "status": status}
    fault: dict[str, Any] = {"match": {"path": "openid-configuration", "times": 0}, "effect": effect}
    assert 200 == worker.sim.http.post(f"{worker.sim.endpoint}/_simulator/faults", json=fault, timeout=10).status_code
    assert (await worker.verify(token)).refusal.startswith("unknown: the tenant's keys cannot be read")
    assert "a moment ago" in (await worker.verify(token)).refusal
    worker.sim.clear_faults()
    monkeypatch.setattr(tokens, "PAUSE_SECONDS", 0)
    assert (await worker.verify(token)).person is not None


async def test_a_token_decides_once(worker: Worker, people: Tokens) -> None:
    """The same decision again, as after a lost answer, is none; any other one by the same token is a replay."""
    token, evidence = people.of(ANNA), uuid.uuid4().hex
    for _ in range(2):
        assert (await worker.verify(token, evidence=evidence)).person is not None
    others: list[dict[str, Any]] = [{"vm": "web-02"}, {"decision": "reject"}, {"evidence": "other"}, {"plan": "other"}]
    for other in others:
        assert "refused: replayed" in (await worker.verify(token, **({"evidence": evidence} | other))).refusal
    assert (await worker.verify(people.of(ANNA), vm="web-02")).person is not None


async def test_a_sealed_statement_is_about_what_it_names(worker: Worker, people: Tokens) -> None:
    """One token approves what one statement names, and no copy of it anything else."""
    desk = await ActivityEnvironment().run(worker.activities.open_desk, OpenDesk(tenant=None, audience=None))
    token = people.of(ANNA)
    said = Statement(
        id=uuid.uuid4().hex, plan="shop", decision="approve", evidence={"web-01": "e1", "web-02": "e2"}, token=token
    )
    sealed = seal(said, desk.public_key)
    for vm, evidence in said.evidence.items():
        assert (await worker.verify(sealed=sealed, vm=vm, evidence=evidence)).person is not None
    wrong: dict[str, dict[str, Any]] = {
        "about other virtual machines": {"vm": "web-03", "evidence": "e1"},
        "the sealed decision is about other": {"plan": "other", "evidence": "e1"},
        "is to approve": {"decision": "reject", "evidence": "e1"},
        "the evidence changed": {"evidence": "e9"},
    }
    for reason, differing in wrong.items():
        assert reason in (await worker.verify(sealed=sealed, **differing)).refusal
    again = seal(said.model_copy(update={"id": uuid.uuid4().hex}), desk.public_key)
    assert "replayed" in (await worker.verify(sealed=again, evidence="e1")).refusal
    foreign = await worker.verify(sealed=seal(said, SealingKey().public), evidence="e1")
    assert (True, None) == (foreign.wrong_key, foreign.person)
    assert "broken" in (await worker.verify(sealed=sealed[:-6] + "AAAAAA", evidence="e1")).refusal


async def test_a_desk_without_a_tenant_says_what_to_set(worker: Worker, people: Tokens) -> None:
    """A plan for another tenant than the worker's, or none at all, is told before anybody signs in."""
    other = OpenDesk(tenant="6e0f1c5a-0000-4000-8000-00000000dead", audience=None)
    desk = await ActivityEnvironment().run(worker.activities.open_desk, other)
    assert ("", True) == (desk.public_key, "MIGRATION_APPROVAL_TENANT" in desk.problem)
    assert "MIGRATION_APPROVAL_TENANT" in (await worker.verify(people.of(ANNA), tenant=other.tenant)).refusal
    worker.desk.tenant = None
    assert "approval.tenant" in (await worker.verify(people.of(ANNA))).refusal


async def test_a_token_is_in_no_log(worker: Worker, people: Tokens, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever becomes of a token, neither the log nor the answer tells it."""
    for token in (people.of(ANNA), people.forged(rsa_key("thief")), people.of_the_app()):
        with caplog.at_level("DEBUG"):
            answer = await worker.verify(token)
        told = caplog.text + answer.model_dump_json()
        assert [] == [part for part in token.split(".") if part in told]
