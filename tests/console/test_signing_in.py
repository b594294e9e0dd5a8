"""Where an approver's token comes from, and what is told about one that would not count."""

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.errors import InputError, RefusedError, UnreachableError
from console.proving import Proof, prove, with_desk
from console.session import Session
from console.signing_in import Wanted, token_for, who_starts
from console.view import VmView
from migration.approvals import ApprovalState, Desk
from migration.sealing import SealingKey
from tests.support.tenant import ANNA, AUDIENCE, Tenant

TENANT = Tenant()
WANTED = Wanted(TENANT.id, AUDIENCE)
FakeAz = Callable[[str], None]


def session(**environment: str) -> Session:
    """Return a call without a terminal."""
    return Session(environment | {"MIGRATION_APPROVAL_AUDIENCE": AUDIENCE})


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAz:
    """Put an Azure CLI on the path that gives out one token, and no other programs but the shell's."""

    def gives(token: str) -> None:
        answer = json.dumps(
            {"accessToken": token, "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4_070_908_800}
        )
        script = tmp_path / "az"
        script.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return gives


@pytest.fixture(autouse=True)
def _no_az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


async def test_a_token_comes_from_a_file_standard_input_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that is named goes first; blanks around it are no part of it."""
    token = TENANT.token()
    file = tmp_path / "token"
    file.write_text(f"\n{token}\n")
    assert token == await token_for(session(MIGRATION_APPROVER_TOKEN="x"), WANTED, str(file), "auto")
    assert token == await token_for(session(MIGRATION_APPROVER_TOKEN=token), WANTED, None, "auto")
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    assert token == await token_for(session(), WANTED, "-", "auto")
    assert token not in repr(session(MIGRATION_APPROVER_TOKEN=token).settings)


async def test_what_would_not_count_is_told_before_it_is_sent(tmp_path: Path) -> None:
    """A missing file, one that holds something else, a token that is too old: each says what to do instead."""
    wrong = {"": "there is no terminal to sign in at; give --token-file FILE", "nonsense": "this is no access token"}
    wrong[TENANT.token(now=time.time() - 1_800)] = "it was issued 30 minutes ago, and counts for 15; sign in again"
    for token, told in wrong.items():
        environment = {"MIGRATION_APPROVER_TOKEN": token} if token else {}
        with pytest.raises(InputError) as refused:
            await token_for(session(**environment), WANTED, None, "auto")
        assert told in str(refused.value)
        assert not token or token not in str(refused.value) or token == "nonsense"
    with pytest.raises(InputError, match="No such file or directory"):
        await token_for(session(), WANTED, str(tmp_path / "absent"), "auto")
    with pytest.raises(InputError, match="run `az login`"):
        await token_for(session(), WANTED, None, "az")


async def test_the_azure_clis_token_is_taken_while_it_is_fresh(az: FakeAz) -> None:
    """It keeps a token for an hour; an old one is not sent, and without a terminal nobody can sign in anew."""
    fresh, old = TENANT.token(), TENANT.token(now=time.time() - 870)
    az(fresh)
    assert fresh == await token_for(session(), WANTED, None, "auto")
    assert ANNA == await who_starts(session(), TENANT.id, None)
    az(old)
    with pytest.raises(InputError, match="there is no terminal to sign in at"):
        await token_for(session(), WANTED, None, "auto")
    assert old == await token_for(session(), WANTED, None, "az")


async def test_who_starts_is_told_where_it_can_be(tmp_path: Path) -> None:
    """By a token's object id; without one nobody is asked, and one that is none is a mistake."""
    file = tmp_path / "token"
    file.write_text(TENANT.token(ANNA.upper()))
    assert ANNA == await who_starts(session(), None, str(file))
    assert await who_starts(session(), None, None) is None
    file.write_text("nonsense")
    with pytest.raises(InputError, match="reading the token of who starts"):
        await who_starts(session(), None, str(file))


def waiting(**desk: Any) -> VmView:
    """Return a virtual machine that waits for a decision."""
    open_desk = {"tenant": TENANT.id, "audience": AUDIENCE, "public_key": SealingKey().public, "key_id": "1"} | desk
    state = ApprovalState(identity="entra", evidence="ab", desk=Desk.model_validate(open_desk))
    return VmView("web-01", workflow_id="migrate-vm/shop/web-01", approval=state)


async def test_nobody_signs_in_for_what_a_workflow_asks() -> None:
    """Who can write to Temporal could ask for tokens that open something else: the own settings say for what."""
    asked = waiting(audience="https://graph.microsoft.com")
    with pytest.raises(InputError, match=r"set MIGRATION_APPROVAL_AUDIENCE=https://graph\.microsoft\.com"):
        await prove(session(MIGRATION_APPROVER_TOKEN=TENANT.token()), "shop", "approve", [asked], None, "auto")
    proof = await prove(session(MIGRATION_APPROVER_TOKEN=TENANT.token()), "shop", "approve", [waiting()], None, "auto")
    assert ({"web-01": "ab"}, "approve") == (proof.statement.evidence, proof.statement.decision)
    many = proof.statement.model_copy(update={"evidence": {f"vm-{n}": "0" * 64 for n in range(1_000)}})
    with pytest.raises(RefusedError, match="decide wave by wave"):
        Proof(many).sealed_for(waiting())


async def test_a_desk_that_cannot_verify_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """A problem of the worker's settings is told as it is, and a key that never comes within seconds."""
    link: Any = None
    with pytest.raises(RefusedError, match="no tenant is configured"):
        await with_desk(link, waiting(problem="no tenant is configured"))
    assert waiting().name == (await with_desk(link, waiting())).name
    monkeypatch.setattr("console.proving._DESK_SECONDS", -1.0)
    with pytest.raises(UnreachableError, match="no worker has told the key"):
        await with_desk(link, waiting(), other_than="1")
