"""An approval that a token proves, as a person types it: signing in, one word about two machines, the way back."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.clone import Answer, Clone
from tests.e2e.estates import Case
from tests.e2e.stack import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ANNA = {
    "kind": "user",
    "user_name": "anna@contoso.example",
    "password": "correct horse",
    "object_id": "6e0f1c5a-0000-4000-8000-000000000001",
}
MALLORY = {
    "kind": "user",
    "user_name": "mallory@contoso.example",
    "password": "x",
    "object_id": "6e0f1c5a-0000-4000-8000-000000000666",
}
CASE = Case(
    "proved",
    vms=("one", "two", "three"),
    extra=(("approval", {"identity": "entra", "approvers": [ANNA["object_id"]]}),),
)


@dataclass
class Story:
    """What the commands answered, and the tokens that were used."""

    answers: dict[str, Answer] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)


def sign_in(clone: Clone, user: dict[str, str], story: Story) -> str:
    """Return the name of a file with a token of a person."""
    sim = clone.simulator
    form = {"grant_type": "password", "username": user["user_name"], "password": user["password"]}
    form |= {"scope": f"{sim.endpoint}/.default"}
    answer = sim.http.post(f"{sim.endpoint}/{sim.tenant_id}/oauth2/v2.0/token", data=form, timeout=10)
    story.tokens.append(str(answer.json()["access_token"]))
    file = f"token-{len(story.tokens)}"
    (clone.path / file).write_text(story.tokens[-1] + "\n")
    return file


async def approve_by_device_code(clone: Clone, command: str, user: dict[str, str]) -> Answer:
    """Type a command that asks to sign in on another device, and do that."""
    shown = clone.path / "device.err"
    typing = asyncio.create_task(clone.starter(f"{command} --sign-in device-code 2> device.err"))

    async def asked() -> bool:
        return typing.done() or (shown.exists() and "enter the code" in shown.read_text())

    await until(asked, "a code was shown", seconds=60)
    found = re.search(r"open (\S+) and enter the code (\S+)", shown.read_text())
    assert found, shown.read_text()
    form = {"user_code": found[2], "username": user["user_name"], "password": user["password"], "decision": "approve"}
    assert 200 == clone.simulator.http.post(found[1], data=form, timeout=10).status_code
    return await typing


@pytest.fixture(scope="module")
async def story(clone: Clone) -> Story:
    """Move three machines whose plan believes no names."""
    story = Story()
    file = clone.add(CASE)
    clone.simulator.seed({"resources": [], "identities": [ANNA, MALLORY]})
    story.answers["start"] = await clone.starter(f"start {file} --json")
    await clone.reach("proved", "awaiting_approval", *CASE.vms)
    story.answers["by name"] = await clone.starter(f"approve proved --approver {ANNA['user_name']}")
    story.answers["stranger"] = await clone.starter(f"approve proved --token-file {sign_in(clone, MALLORY, story)}")
    story.answers["no token"] = await clone.starter("approve proved --token-file plans/proved.yaml")
    token = sign_in(clone, ANNA, story)
    story.answers["approve"] = await clone.starter(f"approve proved --vm one --token-file {token} --json")
    story.answers["again"] = await clone.starter(f"approve proved --vm two --token-file {token} --json")
    story.answers["rest"] = await approve_by_device_code(clone, "approve proved --json", ANNA)
    story.answers["watch"] = await clone.starter("watch proved --json")
    return story


def test_a_name_proves_nothing(story: Story) -> None:
    """Without a token nobody decides, and what to do is said; a file that holds none is seen at once."""
    assert 2 == story.answers["by name"].code
    assert "there is no terminal to sign in at; give --token-file FILE" in story.answers["by name"].err
    assert 2 == story.answers["no token"].code
    assert "this is no access token" in story.answers["no token"].err


def test_a_stranger_with_a_token_is_refused(story: Story) -> None:
    """Who is proved to be somebody else decides nothing."""
    answer = story.answers["stranger"]
    assert 1 == answer.code
    assert 3 == answer.out.count(f"refused: {MALLORY['user_name']} is not an approver of this plan")


def test_a_token_decides_once_and_a_command_about_all_that_wait(story: Story) -> None:
    """One command spends its token; the next needs another one, and signing in gives it, for both that are left."""
    first, again, rest = (story.answers[key] for key in ("approve", "again", "rest"))
    assert (0, [True]) == (first.code, [one["counted"] for one in first.json["decisions"]])
    assert "fence     held" in first.err
    assert first.json["decisions"][0]["evidence"] in first.err
    assert (1, [False]) == (again.code, [one["counted"] for one in again.json["decisions"]])
    assert "replayed: this token has decided something else already" in again.json["decisions"][0]["reason"]
    assert (0, ["two", "three"]) == (rest.code, [one["vm"] for one in rest.json["decisions"] if one["counted"]])
    assert (0, "migrated") == (story.answers["watch"].code, story.answers["watch"].json["outcome"])


def test_the_report_tells_who_it_was_and_on_what(story: Story, clone: Clone) -> None:
    """Object id, name and hash of the evidence are in report.json and report.html."""
    page = (clone.path / "out/proved/report.html").read_text()
    vms = {vm["name"]: vm for vm in clone.report("proved")["vms"]}
    assert set(CASE.vms) == set(vms)
    for vm in vms.values():
        expected = ("entra", ANNA["object_id"], ANNA["user_name"], vm["evidence_hash"])
        approval: dict[str, Any] = vm["approval"]
        assert expected == tuple(approval[key] for key in ("identity", "object_id", "approver", "evidence"))
        assert None not in {vm["evidence"][side]["vm_id"] for side in ("source", "target")}
        assert vm["evidence_hash"] in page
    assert f"proved by a token of Entra ID (object id {ANNA['object_id']})" in page
    assert story.answers["approve"].json["decisions"][0]["evidence"] == vms["one"]["evidence_hash"]


async def test_the_tokens_are_nowhere(story: Story, clone: Clone) -> None:
    """No history, log or report holds a part of a token that was sent."""
    told = "".join(log.read_text(errors="replace") for log in (clone.state / "logs").iterdir() if log.is_file())
    told += (clone.path / "out/proved/report.json").read_text()
    async for execution in clone.client.list_workflows("MigrationPlan = 'proved'"):
        told += (await clone.client.get_workflow_handle(execution.id).fetch_history()).to_json()
    parts = [part for token in story.tokens for part in token.split(".")[1:]]
    assert [] == [part for part in parts if part in told]
    assert "verify_approval" in told
