"""I6, I10 and I11: the report and the cloud agree, and no secret is told."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checker.evidence import DEALLOCATED, RUNNING, Evidence


def all_that_was_made_is_told(evidence: Evidence) -> Iterator[str]:
    """I6: what is there and was not before is reported as being there, and what is reported so is there.

    What somebody else made meanwhile is no part of ours, and the report's proof of the ledger names it.
    """
    before = {each["id"].lower() for each in evidence.before}
    there = {each["id"].lower() for each in evidence.after}
    parts = [
        *(evidence.report.get("resources") or []),
        *(one for vm in evidence.report["vms"] for one in vm["resources"]),
    ]
    kept = {one["id"].lower() for one in parts if one["state"] in {"created", "left"}}
    gone = {one["id"].lower() for one in parts if one["state"] == "deleted"}
    for each in sorted(there - before - kept - _of_others(evidence)):
        yield f"{each} was made and is not in the report"
    if evidence.meddled:
        return
    for each in sorted(kept - there):
        yield f"{each} is reported as being there, and is not"
    for each in sorted((gone - kept) & there):
        yield f"{each} is reported as deleted, and is there"
    for each in sorted(before - there):
        yield f"{each} was there before the run, and is gone"


def _of_others(evidence: Evidence) -> set[str]:
    """Return what the report says is there, and not by the run, where somebody had a hand in it."""
    proofs = [part.get("ledger_proof") or {} for part in (evidence.report, *evidence.report["vms"])]
    named = {each.lower() for proof in proofs for each in proof.get("unlisted") or []}
    return named if evidence.meddled else set()


def no_secret_is_told(evidence: Evidence) -> Iterator[str]:
    """I10: a planted secret is in no history, no report and no log."""
    for canary in evidence.canaries:
        for history in evidence.histories.values():
            if any(canary in text for text in history.texts()):
                yield f"the history of {history.workflow_id} holds a planted secret"
        for index, text in enumerate(evidence.outputs):
            if canary in text:
                yield f"output {index} holds a planted secret"


def report_tells_the_truth(evidence: Evidence) -> Iterator[str]:
    """I11: an outcome is what the cloud shows."""
    for vm in evidence.vms:
        outcome = evidence.reported(vm).get("outcome")
        source, target = evidence.power_after.get(vm.source), evidence.power_after.get(vm.target)
        if outcome == "migrated" and not evidence.meddled and (source, target) != (DEALLOCATED, RUNNING):
            yield f"{vm.name}: told as migrated, but the source is {source} and the target {target}"
        if outcome == "migrated" and not evidence.item_writes(vm, "failoverCommit"):
            yield f"{vm.name}: told as migrated, but no commit was accepted"
        if outcome in {"rolled_back", "refused"} and evidence.item_writes(vm, "failoverCommit"):
            yield f"{vm.name}: told as {outcome}, but the failover is committed"
        history = evidence.history(vm)
        result = history.result if history else None
        if isinstance(result, dict) and result.get("outcome") != outcome:
            yield f"{vm.name}: its workflow returned {result.get('outcome')}, and the report tells {outcome}"
