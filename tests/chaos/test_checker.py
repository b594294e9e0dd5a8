"""The checker itself: it passes what is sound, and sees each invariant that is broken."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import checker
from tests.chaos import sound as made
from tests.chaos.checker import INVARIANTS, Evidence, Look, judge
from tests.chaos.checker.histories import History
from tests.chaos.sound import ITEM, RUNNING, SOURCE, SOURCE_DISK, STOPPED, TARGET, WORKFLOW, event, line, shown, signal

Break = Callable[[Evidence], object]
BOTH = {SOURCE.lower(): RUNNING, TARGET.lower(): RUNNING}


def vm(evidence: Evidence) -> dict[str, Any]:
    """Return the machine's part of the report."""
    return dict.__getitem__(evidence.report, "vms")[0]  # type: ignore[no-any-return]


def tell(evidence: Evidence, events: list[dict[str, Any]]) -> None:
    """Replace the history of the machine's workflow."""
    evidence.histories[WORKFLOW] = History(WORKFLOW, {"events": events})


def look(evidence: Evidence, *moments: str) -> None:
    """See both copies run at some moments."""
    evidence.looks += [Look(f"2026-01-01T{moment}:00Z", BOTH) for moment in moments]


def rolled_back(evidence: Evidence) -> None:
    """Tell the same machine as rolled back, soundly."""
    vm(evidence).update(outcome="rolled_back", resources=[{"id": TARGET, "state": "deleted"}])
    evidence.log = [each for each in evidence.log if not each["path"].endswith("failoverCommit")]
    evidence.log.append(line(8, "DELETE", TARGET))
    evidence.after = [made.resource(SOURCE, RUNNING), made.resource(SOURCE_DISK), made.resource(made.VAULT)]
    ended = [event(8, "WORKFLOW_EXECUTION_CANCEL_REQUESTED"), event(9, "WORKFLOW_EXECUTION_CANCELED")]
    tell(evidence, [each for each in made.events() if each["eventId"] not in {"8", "9", "10"}] + ended)


def recorded_for_long(evidence: Evidence) -> None:
    """Let two copies run, told, but for an hour."""
    look(evidence, "10:11", "11:11")
    vm(evidence)["incidents"] = ["two running copies: after the failover"]


def source_of_one_undone_is_off(evidence: Evidence) -> None:
    """Leave the source off after the way back."""
    rolled_back(evidence)
    evidence.after[0] = made.resource(SOURCE, STOPPED)


def leftover_of_one_undone(evidence: Evidence) -> None:
    """Tell what was made as made, after the way back."""
    rolled_back(evidence)
    vm(evidence)["resources"] = [{"id": f"{TARGET}-x", "state": "created"}]
    evidence.after.append(made.resource(f"{TARGET}-x"))


def target_of_one_undone_stays(evidence: Evidence) -> None:
    """Leave the target there after the way back."""
    rolled_back(evidence)
    evidence.after.append(made.resource(TARGET, STOPPED))
    vm(evidence)["resources"] = [{"id": TARGET, "state": "left"}]


def rejected_first(evidence: Evidence) -> None:
    """Let a rejection come before the approval that was followed."""
    events = made.events()
    events[6:6] = [signal(7, "reject_commit", approver="anna@contoso.example")]
    events[7] = signal(8, "approve_commit", approver="anna@contoso.example")
    for number, each in enumerate(events, 1):
        each["eventId"] = str(number)
    events[9]["someEventAttributes"]["scheduledEventId"] = "9"
    tell(evidence, events)


def approved_by(evidence: Evidence, **given: Any) -> None:
    """Replace who approved."""
    tell(evidence, [signal(7, "approve_commit", **given) if e["eventId"] == "7" else e for e in made.events()])


def unverified(evidence: Evidence) -> None:
    """Take the verification away."""
    tell(evidence, [each for each in made.events() if each["eventId"] not in {"4", "5"}])


def mismatched(evidence: Evidence) -> None:
    """Let the verification find something."""
    answer = made.activity(4, "verify_target", {"mismatches": [{"field": "size"}]})
    tell(evidence, [*made.events()[:3], *answer, *made.events()[5:]])


def without(evidence: Evidence, n: int) -> None:
    """Take a request out of the log."""
    evidence.log = [each for each in evidence.log if each["n"] != n]


def again(evidence: Evidence, repeated: dict[str, Any]) -> None:
    """Let a write come again while what it made is there."""
    without(evidence, 7)
    evidence.log.append(repeated)


def never_ending(evidence: Evidence) -> None:
    """Leave the workflow open, and nobody asked."""
    tell(evidence, [*made.events()[:-1], shown(9, NeedsAction=False)])


def second_vm(evidence: Evidence) -> None:
    """Let another machine of the plan end badly, whom no fault concerns."""
    evidence.plan["waves"][0]["vms"].append({"name": "db"})
    other = {"name": "db", "outcome": "rolled_back", "resources": []}
    evidence.report["vms"].append(other)
    evidence.faults = [{"vm": "web", "match": {}, "effect": {"kind": "reset_before"}}]


def unbounded_activity(evidence: Evidence) -> None:
    """Schedule an activity without a deadline."""
    events = made.events()
    events[1]["someEventAttributes"]["startToCloseTimeout"] = "0s"
    tell(evidence, events)


def timed_workflow(evidence: Evidence) -> None:
    """Give the workflow a timeout."""
    events = made.events()
    events[0]["someEventAttributes"]["workflowRunTimeout"] = "3600s"
    tell(evidence, events)


def long_history(evidence: Evidence) -> None:
    """Make the history long."""
    events = made.events()
    more = [event(10 + number, "WORKFLOW_TASK_SCHEDULED") for number in range(2_000)]
    tell(evidence, [*events[:-1], *more, events[-1]])


BREAKS: list[tuple[str, str, Break]] = [
    ("I1", "no incident says so", lambda e: look(e, "10:11")),
    ("I1", "both copies ran for 3600 s", recorded_for_long),
    ("I2", "deletes", lambda e: e.log.append(line(8, "DELETE", SOURCE_DISK))),
    ("I2", "deletes", lambda e: e.log.append(line(8, "DELETE", SOURCE.upper()))),
    ("I2", "stops the source", lambda e: e.log.append(line(8, "POST", f"{SOURCE}/deallocate"))),
    ("I3", "the source was PowerState/running and is", source_of_one_undone_is_off),
    ("I3", "neither removed nor told", leftover_of_one_undone),
    ("I3", "the target is still there", target_of_one_undone_stays),
    ("I4", "request 8 repeats 4", lambda e: again(e, line(8, "POST", f"{ITEM}/unplannedFailover"))),
    ("I4", "request 8 repeats 3", lambda e: again(e, line(8, "PUT", ITEM))),
    ("I4", "request 8 repeats 2", lambda e: e.log.append(line(8, "PUT", made.VAULT.lower()))),
    ("I5", "without a verification", unverified),
    ("I5", "although the verification found", mismatched),
    ("I5", "nobody read the target", lambda e: without(e, 5)),
    ("I6", "is not in the report", lambda e: e.after.append(made.resource(f"{TARGET}-nic"))),
    ("I6", "reported as being there", lambda e: e.after.pop()),
    ("I6", "is gone", lambda e: e.after.pop(1)),
    ("I6", "reported as deleted", lambda e: vm(e)["resources"].append({"id": SOURCE, "state": "deleted"})),
    ("I7", "outside the plan", lambda e: e.log.append(line(8, "PUT", f"{made.GROUPS}/shop/providers/X/y/z"))),
    ("I7", "outside the plan", lambda e: e.log.append(line(8, "DELETE", f"{SOURCE}-2"))),
    ("I8", "without a decision", lambda e: approved_by(e, approver="eve@contoso.example")),
    ("I8", "without a decision", lambda e: approved_by(e, approver=e.requester)),
    ("I8", "after a rejection", rejected_first),
    ("I9", "does not tell what was lost", lambda e: vm(e).update(data_loss_seconds=None)),
    ("I9", "older than", lambda e: vm(e)["fence"].update(recovery_point_time="2026-01-01T09:00:00Z")),
    ("I10", "the history of", lambda e: approved_by(e, approver="anna@contoso.example", comment="s3cr3t-canary")),
    ("I10", "output 0", lambda e: setattr(e, "outputs", ("with s3cr3t-canary",))),
    ("I11", "no commit was accepted", lambda e: without(e, 6)),
    ("I11", "told as migrated, but the source is", lambda e: e.after.__setitem__(0, made.resource(SOURCE, RUNNING))),
    ("I11", "the failover is committed", lambda e: vm(e).update(outcome="rolled_back")),
    ("I12", "neither ended nor waits", never_ending),
    ("I12", "60 s are allowed", lambda e: setattr(e, "seconds", 61)),
    ("I13", "db: no fault concerned it", second_vm),
    ("I14", "the second start wrote", lambda e: setattr(e, "log_again", [line(9, "PUT", made.VAULT)])),
    ("I15", "may take for ever", unbounded_activity),
    ("I15", "workflowRunTimeout", timed_workflow),
    ("I16", "events", long_history),
]


def test_sound_evidence_passes() -> None:
    """Nothing is said against a sound move, nor against a sound way back."""
    back = made.sound()
    rolled_back(back)
    assert {} == judge(made.sound())
    assert {} == judge(back)


@pytest.mark.parametrize("name", ["web2", "web-2"])
def test_a_commit_belongs_to_one_machine(name: str) -> None:
    """A neighbour whose name begins alike is committed before this one's target is read: nothing is said."""
    evidence = made.sound()
    theirs = ITEM.replace("/web-", f"/{name}-")
    evidence.log.insert(0, line(0, "POST", f"{theirs}/failoverCommit"))
    assert {} == judge(evidence)


@pytest.mark.parametrize(("invariant", "told", "broken"), BREAKS)
def test_a_broken_invariant_is_seen(invariant: str, told: str, broken: Break) -> None:
    """Each way to break an invariant is told by that invariant."""
    evidence = made.sound()
    broken(evidence)
    assert told in " ".join(judge(evidence).get(invariant, []))


def test_every_invariant_is_broken_once() -> None:
    """No invariant is without a log that breaks it."""
    assert set(INVARIANTS) == {invariant for invariant, _, _ in BREAKS}


@pytest.mark.parametrize(
    "between",
    [line(8, "DELETE", ITEM), line(8, "POST", f"{ITEM}/remove"), line(8, "DELETE", made.VAULT)],
    ids=["deleted", "removed", "with its vault"],
)
def test_what_was_undone_may_be_made_again(between: dict[str, Any]) -> None:
    """A write that follows the end of what it made is a new one."""
    evidence = made.sound()
    without(evidence, 7)
    evidence.log += [between, line(9, "PUT", ITEM), line(10, "DELETE", ITEM)]
    assert "I4" not in judge(evidence)


def test_what_somebody_else_made_is_told_apart() -> None:
    """Where somebody had a hand in it, the report need not call theirs ours: it names what its ledger does not."""
    meddled, alone = made.sound(), made.sound()
    for evidence in (meddled, alone):
        evidence.after.append(made.resource(f"{TARGET}-theirs"))
        vm(evidence)["ledger_proof"] = {"proved": False, "unlisted": [f"{TARGET}-theirs".upper()]}
    meddled.meddled = True
    assert ("I6" in judge(meddled), "I6" in judge(alone)) == (False, True)


def test_a_copy_that_a_person_accepted_lets_the_source_be_stopped() -> None:
    """After a recorded decision for the copy, or with `accept`, the source may be deallocated."""
    decided, accepting = made.sound(), made.sound()
    for evidence in (decided, accepting):
        evidence.log.append(line(8, "POST", f"{SOURCE}/deallocate"))
    tell(decided, [*made.events()[:3], signal(4, "resolve", action="skip", by="anna", reason="r"), *made.events()[3:]])
    accepting.plan["failover"] = {"if_shutdown_fails": "accept"}
    assert ("I2" in judge(decided), "I2" in judge(accepting)) == (False, False)


def test_the_checker_knows_nothing_of_the_product() -> None:
    """It imports itself and the standard library, so that no belief of ours is shared with it."""
    folder = Path(checker.__file__).parent
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in folder.glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    foreign = {name for name in plain | named if name.split(".")[0] not in sys.stdlib_module_names}
    assert len(trees) > 5
    assert all(name.startswith("tests.chaos.checker") for name in foreign)
