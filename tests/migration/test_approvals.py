"""Whose decision a token proves, by its claims: each kind of wrong token, and what is sealed."""

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.approvals import Rules, Statement, UnacceptableError, audiences_of, judge, unverified
from migration.sealing import SealingKey, WrongKeyError, seal, secret_of
from tests.support.tenant import ANNA, AUDIENCE, BERT, GROUP, MALLORY, NAMES, Tenant

TENANT = Tenant()
NOW = 1_800_000_000.0
RULES = Rules(approvers=[ANNA.upper(), NAMES[BERT].title()], tenant=TENANT.id, audiences=audiences_of(AUDIENCE))
OF_A_GROUP = RULES.model_copy(update={"approvers": [f"group:{GROUP}"]})

SOUND: dict[str, dict[str, Any]] = {
    "by object id": {},
    "by user name": {"oid": BERT, "preferred_username": NAMES[BERT]},
    "by user name of version 1": {"oid": BERT, "preferred_username": None, "upn": NAMES[BERT], "ver": "1.0"},
    "for the bare id of the application": {"aud": AUDIENCE.removeprefix("api://")},
    "at the end of its age": {"iat": NOW - 900, "nbf": NOW - 900},
    "expired within the skew": {"iat": NOW - 600, "exp": NOW - 119},
    "of a clock that is a little ahead": {"iat": NOW + 119, "nbf": NOW + 119},
    "without the kind of its subject": {"idtyp": None},
}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another tenant": ({"tid": "6e0f1c5a-0000-4000-8000-00000000dead"}, "of another tenant"),
    "no tenant": ({"tid": None}, "of another tenant"),
    "another application": ({"aud": "https://graph.microsoft.com"}, "for another application"),
    "several applications": ({"aud": [AUDIENCE]}, "for another application"),
    "expired": ({"iat": NOW - 600, "exp": NOW - 121}, "has expired"),
    "no expiry": ({"exp": None}, "does not say when"),
    "an expiry that is no time": ({"exp": float("inf")}, "does not say when"),
    "no issue": ({"iat": None}, "does not say when"),
    "true as a time": ({"iat": True}, "does not say when"),
    "not yet": ({"nbf": NOW + 121}, "of the future"),
    "issued in the future": ({"iat": NOW + 121}, "of the future"),
    "too old": ({"iat": NOW - 1021}, "more than 15 minutes ago"),
    "an application": ({"idtyp": "app", "scp": None, "roles": ["Approver"]}, "an application's"),
    "an application that says nothing of it": ({"idtyp": None, "scp": None, "roles": ["Approver"]}, "an application's"),
    "an application with a scope": ({"idtyp": "app"}, "an application's"),
    "nobody": ({"oid": None}, "does not tell whose"),
    "a stranger": ({"oid": MALLORY, "preferred_username": NAMES[MALLORY]}, "is not an approver"),
    "a stranger with an approver's mail": (
        {"oid": MALLORY, "preferred_username": NAMES[MALLORY], "email": NAMES[BERT], "name": NAMES[BERT]},
        "is not an approver",
    ),
    "a user name that anybody may choose in version 1": (
        {"oid": MALLORY, "preferred_username": NAMES[BERT], "ver": "1.0"},
        "is not an approver",
    ),
    "no id of its own": ({"uti": None}, "has no id"),
}


@pytest.mark.parametrize("differing", SOUND.values(), ids=SOUND)
def test_a_sound_token_proves_its_person(differing: dict[str, Any]) -> None:
    """People are known by object id; names are compared without regard to case."""
    claims = TENANT.claims(now=NOW, **differing)
    person = judge(claims, RULES, NOW)
    assert (claims["oid"], 32) == (person.object_id, len(person.token_id))
    assert claims["uti"] not in person.model_dump_json()


@pytest.mark.parametrize(("differing", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_token_proves_nobody(differing: dict[str, Any], reason: str) -> None:
    """Whatever is wrong is told by its reason."""
    with pytest.raises(UnacceptableError, match=reason):
        judge(TENANT.claims(now=NOW, **differing), RULES, NOW)


def test_members_of_a_group_approve() -> None:
    """A group of the plan lets its members in, in any case, and nobody else."""
    stranger = {"oid": MALLORY, "preferred_username": NAMES[MALLORY]}
    assert MALLORY == judge(TENANT.claims(now=NOW, **stranger, groups=[GROUP.upper()]), OF_A_GROUP, NOW).object_id
    for groups in ([], ["6e0f1c5a-0000-4000-8000-0000000000bb"], GROUP, None):
        with pytest.raises(UnacceptableError, match="is not an approver"):
            judge(TENANT.claims(now=NOW, **stranger, groups=groups), OF_A_GROUP, NOW)


@pytest.mark.parametrize("overage", [{"_claim_names": {"groups": "src1"}}, {"hasgroups": True}])
def test_a_token_with_too_many_groups_says_what_to_do(overage: dict[str, Any]) -> None:
    """Where the groups are not listed nobody can tell; a person who is named is let in all the same."""
    with pytest.raises(UnacceptableError, match=r"it is unknown whether.*name the person in the plan by object id"):
        judge(TENANT.claims(now=NOW, **overage), OF_A_GROUP, NOW)
    assert ANNA == judge(TENANT.claims(now=NOW, **overage), RULES, NOW).object_id


@pytest.mark.parametrize(
    ("audience", "spelling"),
    [
        ("https://management.azure.com", "https://management.core.windows.net/"),
        ("https://localhost:8443", "https://localhost:8443/"),
        (AUDIENCE, AUDIENCE.removeprefix("api://")),
        (AUDIENCE.removeprefix("api://"), AUDIENCE),
    ],
)
def test_one_application_has_several_spellings(audience: str, spelling: str) -> None:
    """Tokens of both versions of the protocol name the same application, and no other one."""
    assert {audience, spelling} <= set(audiences_of(audience))
    assert "https://graph.microsoft.com" not in audiences_of(audience)


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c.d.e",
        f"{_part({'alg': 'none', 'kid': 'x'})}.{_part({})}.",
        f"{_part({'alg': 'HS256', 'kid': 'x'})}.{_part({})}.c2ln",
        f"{_part({'alg': 'RS256'})}.{_part({})}.c2ln",
        f"{_part({'alg': 'RS256', 'kid': 'x', 'crit': ['exp']})}.{_part({})}.c2ln",
        f"{_part({'alg': 'RS256', 'kid': 'x'})}.{_part([])}.c2ln",
        f"{_part({'alg': 'RS256', 'kid': 'x'})}.{_part({})}.",
        "x" * 20_000,
    ],
)
def test_what_is_no_token_is_seen_without_a_key(token: str) -> None:
    """Another algorithm, none, an unnamed key, an extension, an unsigned or an encrypted one."""
    with pytest.raises(UnacceptableError):
        unverified(token)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever a stranger sends is refused, and breaks nothing."""
    for token in (text, f"{text}.{text}.{text}"):
        with pytest.raises(UnacceptableError):
            unverified(token)


STATEMENT = Statement(
    id="1", plan="shop", decision="approve", evidence={"web-01": "ab"}, token="eyJhbGciOiJSUzI1NiJ9.x.y"
)


def test_a_sealed_statement_is_read_by_its_worker_alone() -> None:
    """What was sealed opens with that key, and shows nothing of the token to anybody else."""
    key, other = SealingKey(), SealingKey()
    sealed = seal(STATEMENT, key.public)
    assert STATEMENT == key.open(sealed)
    assert "eyJ" not in sealed
    assert sealed != seal(STATEMENT, key.public)
    assert "eyJ" not in repr(STATEMENT)
    with pytest.raises(WrongKeyError, match="the key of a worker that is gone"):
        other.open(sealed)


@pytest.mark.parametrize("change", [lambda text: text[:-4] + "AAAA", lambda text: text[:40], lambda text: text + "!"])
def test_a_broken_seal_says_nothing_of_what_was_inside(change: Any) -> None:
    """A statement that was changed on its way is refused without a word of its content."""
    key = SealingKey()
    with pytest.raises(UnacceptableError, match="the sealed decision is broken") as refused:
        key.open(change(seal(STATEMENT, key.public)))
    assert refused.value.__suppress_context__


def test_workers_of_a_fleet_share_a_key() -> None:
    """A key from a file is the same in every worker; what is no key is refused."""
    text = base64.b64encode(bytes(range(32))).decode() + "\n"
    assert SealingKey(secret_of(text)).public == SealingKey(secret_of(text)).public
    for wrong in ("", "short", base64.b64encode(b"x" * 31).decode(), "not base64 at all!"):
        with pytest.raises(ValueError, match=r"."):
            secret_of(wrong)


def test_a_statement_that_is_too_long_is_not_sealed() -> None:
    """A message has a limit, which is told before it is sent."""
    many = {f"virtual-machine-{number}": "0" * 64 for number in range(1_000)}
    with pytest.raises(ValueError, match="decide wave by wave"):
        seal(STATEMENT.model_copy(update={"evidence": many}), SealingKey().public)


def test_the_tests_tokens_are_sound_now() -> None:
    """The tests' own tenant makes tokens that count, so that the wrong ones fail for what is wrong in them."""
    assert ANNA == judge(unverified(TENANT.token()), RULES, time.time()).object_id
