"""I5, I8 and I9: verified before committed, one decision by an allowed person, and a recovery point that is fresh."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.chaos.checker.evidence import Evidence, Vm
from tests.chaos.checker.histories import History

_POINT_AGE_SECONDS = 900
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def verified_before_committed(evidence: Evidence) -> Iterator[str]:
    """I5: the commit follows a verification of the machine that the failover made, without a mismatch."""
    for vm in evidence.vms:
        history, commits = evidence.history(vm), evidence.item_writes(vm, "failoverCommit")
        if not commits or history is None:
            continue
        scheduled = min(history.scheduled("commit_failover"), default=0)
        verdicts = [answer for number, answer in history.completed("verify_target") if number < scheduled]
        if not verdicts:
            yield f"{vm.name}: committed by request {commits[0]['n']} without a verification"
        elif (verdicts[-1] or {}).get("mismatches"):
            yield f"{vm.name}: committed although the verification found {verdicts[-1]['mismatches']}"
        if not _was_read(evidence, vm, commits[0]["n"]):
            yield f"{vm.name}: committed, but nobody read the target between failover and commit"


def decided_by_an_allowed_person(evidence: Evidence) -> Iterator[str]:
    """I8: a commit needs an approval by an approver, and no rejection before it, once the gate was open."""
    for vm in evidence.vms:
        commits, history = evidence.item_writes(vm, "failoverCommit"), evidence.history(vm)
        if not commits:
            continue
        if history is None:
            yield f"{vm.name}: committed without a workflow"
            continue
        verdicts = _verdicts(evidence, history)
        if (evidence.plan.get("approval") or {}).get("at_deadline") == "commit" and not verdicts:
            continue
        if not verdicts:
            yield f"{vm.name}: committed without a decision by an approver"
        elif verdicts[0] != "approve":
            yield f"{vm.name}: committed after a rejection"


def point_is_fresh(evidence: Evidence) -> Iterator[str]:
    """I9: the recovery point is as young as the plan wants, and what was lost is told."""
    limit = _seconds((evidence.plan.get("failover") or {}).get("max_recovery_point_age"))
    for vm in evidence.vms:
        report = evidence.reported(vm)
        fence = report.get("fence") or {}
        if report.get("outcome") != "migrated" or not evidence.item_writes(vm, "unplannedFailover"):
            continue
        if report.get("data_loss_seconds") is None and fence.get("held") is not None:
            yield f"{vm.name}: the report does not tell what was lost"
        point, stopped = fence.get("recovery_point_time"), fence.get("shutdown_started")
        if point and stopped and (_time(stopped) - _time(point)).total_seconds() > limit:
            yield f"{vm.name}: the recovery point of {point} is older than {limit} s at the stop of {stopped}"


def _verdicts(evidence: Evidence, history: History) -> list[str]:
    """Return the decisions of allowed people, once the gate was open, in their order, until the commit began."""
    opened = min((number for number, phase in history.shown("MigrationPhase") if phase == _GATE), default=None)
    if opened is None:
        return []
    until = min(history.scheduled("commit_failover"), default=None)
    found = []
    for number, name, given in history.messages():
        verdict = _verdict(name, given)
        if verdict and opened < number < (until or number + 1) and _is_allowed(evidence, given):
            found.append(verdict)
    return found


_GATE = "awaiting_approval"


def _verdict(name: str, given: Any) -> str:
    if name == "decide_commit":
        return str(given.get("decision")) if isinstance(given, dict) else ""
    return {"approve_commit": "approve", "reject_commit": "reject"}.get(name, "")


def _is_allowed(evidence: Evidence, given: Any) -> bool:
    approval = evidence.plan["approval"]
    if not isinstance(given, dict):
        return False
    if approval.get("identity", "trusted_network") != "trusted_network":
        return True  # who it was stands in the token; the activity's answer is judged by the tests of the approval
    who = str(given.get("approver", "")).strip().casefold()
    known = {str(one).strip().casefold() for one in approval["approvers"]}
    own = who == evidence.requester.strip().casefold() and not approval.get("allow_self_approval")
    return who in known and not own


def _was_read(evidence: Evidence, vm: Vm, commit: int) -> bool:
    failovers = [line["n"] for line in evidence.item_writes(vm, "unplannedFailover") if line["n"] < commit]
    return any(
        line["method"] == "GET" and line["path"].lower().startswith(vm.target) and line["status"] == 200
        for line in evidence.log
        if max(failovers, default=0) < line["n"] < commit
    )


def _seconds(text: Any) -> int:
    if text is None:
        return _POINT_AGE_SECONDS
    return int(text) if isinstance(text, int) else int(text[:-1]) * _UNIT_SECONDS[text[-1]]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
