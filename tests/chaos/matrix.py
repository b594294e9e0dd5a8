"""The faults of Azure and of people, a trial for each."""

from __future__ import annotations

import uuid
from dataclasses import replace

from tests.chaos import azure, people
from tests.chaos.trials import Trial
from tests.e2e.estates import Case


def drawn() -> list[Trial]:
    """Return a trial for every fault that strikes a request of a clean run, drawn by the dice."""
    return [Trial(fault, case_of(fault), expected, arm, act) for fault, expected, arm, act in azure.DRAWN]


def certain() -> list[Trial]:
    """Return a trial for every fault that strikes a certain call, and for what people do."""
    rows = [Trial(fault, at_home(fault), expected, arm, act) for fault, expected, arm, act in azure.OPERATIONS]
    for fault, expected, behaviour in azure.BEHAVIOUR:
        rows.append(Trial(fault, at_home(fault), expected, behaviour=behaviour, phase="failing_over"))
    for fault, expected, act, phase, meddled in people.ALL:
        rows.append(Trial(fault, at_home(fault), expected, None, act, meddled=meddled, phase=phase))
    return rows


def case_of(fault: str, vms: tuple[str, ...] = ("vm",)) -> Case:
    """Return the plan of a fault, in groups called after it and a subscription with limits of its own."""
    words = "".join(letter if letter.isalnum() else " " for letter in fault.lower()).split()
    name = "x-" + "-".join(words)[:32].strip("-")
    return Case(name, vms, subscription=str(uuid.uuid5(uuid.NAMESPACE_URL, name)))


def at_home(fault: str, vms: tuple[str, ...] = ("vm",)) -> Case:
    """Return the plan of a fault that meets the move itself: what machines share is there before."""
    return replace(case_of(fault, vms), ready=True)
