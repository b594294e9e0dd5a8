"""I1 to I3: one running copy, a source that nobody stops or deletes, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tests.chaos.checker.evidence import RUNNING, Evidence, Vm
from tests.chaos.checker.histories import History

_RESOLVE = "resolve"


def one_running_copy(evidence: Evidence) -> Iterator[str]:
    """I1: two copies never run unless that is recorded and bounded."""
    for vm in evidence.vms:
        both = [
            look
            for look in evidence.looks
            if look.power.get(vm.source) == RUNNING and look.power.get(vm.target) == RUNNING
        ]
        if not both:
            continue
        told = " ".join(evidence.reported(vm).get("incidents") or [])
        if "two running copies" not in told:
            yield f"{vm.name}: both copies ran at {both[0].virtual}, and no incident says so"
        seconds = (_time(both[-1].virtual) - _time(both[0].virtual)).total_seconds()
        if seconds > evidence.copies_seconds_allowed:
            yield f"{vm.name}: both copies ran for {seconds:.0f} s"


def source_left_alone(evidence: Evidence) -> Iterator[str]:
    """I2: nothing of the source is deleted, and we stop it only where a person, or the plan, accepted the copy.

    Beyond the commit a source that somebody starts is the copy too many, and the report says that it was stopped.
    """
    for vm in evidence.vms:
        group = vm.source.split("/providers/")[0]
        parts = {each["id"].lower() for each in evidence.before if each["id"].lower().startswith(f"{group}/")}
        for line in evidence.accepted:
            path = line["path"].lower()
            if line["method"] == "DELETE" and path in parts and not _is_finalised(evidence, vm):
                yield f"{vm.name}: request {line['n']} deletes {path}"
            stops = line["method"] == "POST" and path in {f"{vm.source}/{verb}" for verb in _STOPS}
            committed = any(commit["n"] < line["n"] for commit in evidence.item_writes(vm, "failoverCommit"))
            contained = committed and _source_was_too_many(evidence, vm)
            if stops and not contained and not _copy_was_accepted(evidence, vm):
                yield f"{vm.name}: request {line['n']} stops the source, and nobody had accepted the copy"


def source_runs_again(evidence: Evidence) -> Iterator[str]:
    """I3: whoever did not move has the source as it was, and nothing is left over that nobody names."""
    for vm in evidence.vms:
        report = evidence.reported(vm)
        if report.get("outcome") not in {"rolled_back", "refused"}:
            continue
        was, now = evidence.power_before.get(vm.source), evidence.power_after.get(vm.source)
        if was != now and not evidence.meddled:
            yield f"{vm.name}: {report['outcome']}, but the source was {was} and is {now}"
        if vm.target in evidence.power_after and vm.target not in evidence.power_before:
            yield f"{vm.name}: {report['outcome']}, but the target is still there"
        for one in report.get("resources") or []:
            if one["state"] == "created":
                yield f"{vm.name}: {report['outcome']}, and {one['id']} was neither removed nor told as left"


_STOPS = ("deallocate", "poweroff")


def _copy_was_accepted(evidence: Evidence, vm: Vm) -> bool:
    policy = (evidence.plan.get("failover") or {}).get("if_shutdown_fails", "roll_back")
    history = evidence.history(vm)
    if policy == "accept":
        return True
    return history is not None and any(_is_skip(message) for message in _resolutions(history))


def _source_was_too_many(evidence: Evidence, vm: Vm) -> bool:
    return any(moment["stopped"] == "source" for moment in evidence.reported(vm).get("two_copies") or [])


def _resolutions(history: History) -> Iterator[object]:
    return (given for _, name, given in history.messages() if name == _RESOLVE)


def _is_skip(message: object) -> bool:
    return isinstance(message, dict) and message.get("action") == "skip"


def _is_finalised(evidence: Evidence, vm: Vm) -> bool:
    finalise = evidence.histories.get(vm.workflow_id.replace("migrate-vm/", "finalise-vm/"))
    return finalise is not None and any("approve" in f"{name} {given}" for _, name, given in finalise.messages())


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
