"""Preflight of single machines: at the start, right before the failover, and of those that were moved before."""

from __future__ import annotations

from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.failover import FailoverActivities
from activities.preflight import PreflightActivities
from activities.replication import ReplicationActivities
from migration import makings
from migration.findings import CheckVm, VmCheck
from migration.ids import id_key
from migration.ledger_proof import Surroundings
from migration.requests import DisableReplication, StartFailover
from migration.severities import Moment
from tests.activities.contoso import stop
from tests.activities.estate import SOURCE_GROUP, TARGET_GROUP
from tests.activities.stage import Case, Stage


async def ask(stage: Stage, case: Case, moment: Moment, **more: Any) -> VmCheck:
    """Check a virtual machine of the stage."""
    request = CheckVm(task=case.task, moment=moment, **more)
    return await ActivityEnvironment().run(PreflightActivities(stage.azure).check_vm, request)


def rules(answer: VmCheck) -> set[str]:
    """Return the rules that did not pass, notes aside."""
    return {finding.rule for finding in answer.findings if finding.severity != "note"}


async def test_source_is_described(stage: Stage) -> None:
    """The check of one virtual machine passes, and tells all that the move needs to know of the source."""
    case = stage.arrange()

    answer = await ask(stage, case, "start")

    assert set() == rules(answer)
    assert case.source == answer.source


async def test_many_machines_ask_once_for_what_they_share(stage: Stage) -> None:
    """Machines share the reads of what they share; before a failover quotas are read anew, and all once held."""
    cases = [stage.arrange() for _ in range(3)]
    activities, since = PreflightActivities(stage.azure), stage.mark
    run = ActivityEnvironment().run

    def paths(ending: str) -> int:
        return sum(line["path"].endswith(ending) for line in stage.sim.requests(since))

    compute, policy = "northeurope/usages", "/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"

    answers = [await run(activities.check_vm, CheckVm(task=case.task, moment="start")) for case in cases]
    assert [case.source for case in cases] == [answer.source for answer in answers]
    seen = [answer.fingerprint for answer in answers]
    assert (1, 2) == (paths("/skus"), paths(compute)), "Compute's and Network's, once"
    assert 1 == sum(paths(f"/virtualMachines/{case.task.vm.name}") for case in cases[:1])
    asked = paths(f"{TARGET_GROUP}{policy}"), paths(f"{SOURCE_GROUP}{policy}")
    assert (3 + 3, 1) == asked, "each machine by its name; two kinds of disks, interfaces and the extension once"

    permissions, found = "Microsoft.Authorization/permissions", [paths("Microsoft.Authorization/permissions")]
    for case, print_ in zip(cases[:2], seen, strict=False):
        await run(activities.check_vm, CheckVm(task=case.task, moment="cutover", fingerprint=print_))
        found.append(paths(permissions))
    assert (1, 4) == (paths("/skus"), paths(compute)), "Compute's, twice more"
    assert found[0] < found[1] == found[2], "anew after the start, then once for all that are about to fail over"

    held = CheckVm(task=cases[1].task, moment="cutover", fingerprint=seen[1], again=True)
    await run(activities.check_vm, held)
    assert found[2] + (found[1] - found[0]) == paths(permissions), "all anew for one that was held"


async def test_cutover_of_a_protected_machine(stage: Stage) -> None:
    """A protected virtual machine may fail over; drift, a stopped source and another job are told."""
    case = stage.arrange()
    start = await ask(stage, case, "start")
    await stage.protect(case)
    assert set() == rules(await ask(stage, case, "cutover", recorded=start.source, fingerprint=start.fingerprint))

    grown = case.source.disks[1]
    stage.sim.arm("PATCH", grown.id, {"properties": {"diskSizeGB": 128}})
    stop(stage.sim, case.source.id)
    answer = await ask(stage, case, "cutover", recorded=start.source, fingerprint=start.fingerprint)

    assert {"source-running", "no-drift"} <= rules(answer)
    assert answer.source == start.source


async def test_cutover_of_an_unprotected_machine(stage: Stage) -> None:
    """A virtual machine that lost its protection is not failed over."""
    case = stage.arrange()

    start = await ask(stage, case, "start")

    assert {"still-protected"} == rules(await ask(stage, case, "cutover", fingerprint=start.fingerprint))


async def test_protected_machine_is_taken_up_again(stage: Stage) -> None:
    """A new start finds our own item and replica disks, and objects to neither."""
    case = stage.arrange()
    await stage.protect(case)

    assert set() == rules(await ask(stage, case, "start"))


async def test_moved_machine_is_recognised(stage: Stage) -> None:
    """Failed over: gone on with. Committed, and after the replication is disabled: counts as migrated."""
    case = stage.arrange()
    await stage.fail_over(case)
    answer = await ask(stage, case, "start")
    assert not answer.already_migrated
    assert set() == rules(answer)
    assert "failed_over" == answer.adoption.stage
    proved = {id_key(one) for one in answer.adoption.own_ids}
    assert {id_key(case.task.item_id), id_key(case.task.vm.target_id)} <= proved

    await stage.begin(FailoverActivities.commit_failover, StartFailover(task=case.task))
    assert (await ask(stage, case, "start")).already_migrated
    await stage.begin(ReplicationActivities.disable_replication, DisableReplication(task=case.task))
    answer = await ask(stage, case, "start")

    assert answer.already_migrated
    assert ["already-migrated"] == [finding.rule for finding in answer.findings]


async def test_a_check_looks_at_what_the_next_step_will_make(stage: Stage) -> None:
    """Asked to, it tells what is there of it: nothing before enabling and before the failover."""
    case = stage.arrange()
    replicas = [entry.id for entry in makings.replication_entries(case.task, case.source)]
    answer = await ask(stage, case, "start", ahead=True)
    assert answer.ahead is not None
    assert dict.fromkeys(replicas, False) == {one.id: one.exists for one in answer.ahead.seen}
    assert answer.ahead.around == Surroundings()
    assert (await ask(stage, case, "start")).ahead is None, "nobody asked"

    await stage.protect(case)
    made = [entry.id for entry in makings.failover_entries(case.task, case.source)]
    known = {"recorded": answer.source, "fingerprint": answer.fingerprint, "own_ids": replicas}
    found = await ask(stage, case, "cutover", ahead=True, **known)
    assert found.ahead is not None
    [agent] = [one for one in replicas if "/extensions/" in one]
    assert {**dict.fromkeys(made, False), agent: True} == {one.id: one.exists for one in found.ahead.seen}


async def test_a_check_does_not_look_ahead_where_something_is_in_the_way(stage: Stage) -> None:
    """What is refused costs no more reads, and an earlier run's protection is read once it is known what it made."""
    case = stage.arrange()
    stop(stage.sim, case.source.id)
    refused = await ask(stage, case, "start", ahead=True)
    assert refused.blocking
    assert refused.ahead is None

    kept = stage.arrange()
    await stage.protect(kept)
    again = await ask(stage, kept, "start", ahead=True)
    assert ("replicating", None) == (again.adoption.stage, again.ahead)
