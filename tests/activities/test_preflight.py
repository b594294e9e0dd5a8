"""Preflight through the real SDKs: sound estates pass, and nothing is written to find out; who may not ask is told."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceResponseError
from temporalio.testing import ActivityEnvironment

from activities.preflight import PreflightActivities, check
from arm.clients import AzureClients
from migration.capping import MAX_ANSWER_BYTES, capped
from migration.findings import PlanCheck, VmFindings
from migration.models import Finding
from migration.plan_file import load_plan
from migration.plan_notifications import Notification
from migration.wires import Wires
from tests.activities.contoso import CONTOSO, PLANS, READER, STRANGER, told
from tests.activities.stage import access_to
from tests.support.sim import Simulator


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("contoso", set()),
        ("fabrikam", {("size-differs", "note"), ("cutover-window", "note")}),
        ("wingtip", {("size-differs", "note"), ("accelerated-networking", "warning")}),
    ],
)
async def test_example_estates_are_sound(name: str, expected: set[tuple[str, str]]) -> None:
    """Nothing stands against an example plan on its estate, and no request of the check is a write."""
    plan = load_plan(PLANS / f"{name}.yaml")
    with Simulator(seed=PLANS / f"{name}.estate.yaml", speed=60) as sim:
        async with AzureClients(access_to(sim)) as azure:
            answer = await check(azure, plan)

        assert expected == told(answer)
        assert [vm.name for vm in load_plan(PLANS / f"{name}.yaml").vms] == [vm.name for vm in answer.vms]
        assert all(vm.network_ids for vm in answer.vms)
        asked = [line["path"].lower() for line in sim.requests() if line["write"] and line["accepted"]]
        sources = sorted(f"{plan.source_id(vm)}/runCommand".lower() for vm in plan.vms)
        assert sources == sorted(asked)


async def test_reader_lacks_what_the_move_does(estate: Simulator) -> None:
    """An identity that may only read is told what it lacks, at each place."""
    estate.reset()
    access = access_to(estate)
    reader = type(access)(**{**vars(access), "client_id": READER["client_id"], "client_secret": READER["secret"]})
    async with AzureClients(reader) as azure:
        answer = await check(azure, CONTOSO)

    places = ("vault", "source", "target", "network")
    assert {(f"permissions-{place}", "blocking") for place in places} == told(answer)


async def test_what_may_not_be_asked_is_unknown(estate: Simulator) -> None:
    """An identity that may not even read the target gets findings that say so; none of these rules passes."""
    estate.reset()
    access = access_to(estate)
    stranger = type(access)(**{**vars(access), "client_id": STRANGER["client_id"], "client_secret": STRANGER["secret"]})
    async with AzureClients(stranger) as azure:
        answer = await check(azure, CONTOSO)

    unknown = {part for rule, severity in told(answer) if severity == "unknown" for part in rule.split(", ")}
    assert {"quota", "size-offered", "target-network", "target-name-free", "providers-registered"} <= unknown
    others = {rule for rule, severity in told(answer) if severity != "unknown"}
    assert {f"permissions-{place}" for place in ("vault", "target", "network", "subscription")} == others


async def test_wrong_secret_ends_the_check(estate: Simulator) -> None:
    """A wrong secret is no finding about a virtual machine."""
    access = access_to(estate)
    async with AzureClients(type(access)(**{**vars(access), "client_secret": "wrong"})) as azure:
        with pytest.raises(ClientAuthenticationError):
            await check(azure, CONTOSO)


async def test_outage_refuses_nobody(contoso: tuple[Simulator, AzureClients]) -> None:
    """While a part of Azure is out of order the activity fails, to be tried again; a check alone tells the rest."""
    sim, azure = contoso
    sim.fault({"kind": "status", "status": 503}, method="GET", path="/usages$", times=0)
    try:
        with pytest.raises(ServiceResponseError):
            await ActivityEnvironment().run(PreflightActivities(azure).check_plan, CONTOSO)
        answer = await check(azure, CONTOSO)
    finally:
        sim.clear_faults()

    assert {(f"quota{part}", "unknown") for part in ("", "-network", "-storage")} | {
        ("subnet-space", "unknown")
    } == told(answer)


async def test_activity_answers_as_the_check(contoso: tuple[Simulator, AzureClients]) -> None:
    """The activity gives what the check gives."""
    _, azure = contoso

    assert await check(azure, CONTOSO) == await ActivityEnvironment().run(
        PreflightActivities(azure).check_plan, CONTOSO
    )


def test_large_answers_are_capped() -> None:
    """A flood of findings is cut to what a history takes: notes go first, blocking ones last, and all are counted."""

    def finding(severity: Any, number: int) -> Finding:
        return Finding(rule=f"r{number}", severity=severity, subject="s" * 100, evidence="e" * 300, remedy="r" * 100)

    vms = [
        VmFindings(name=f"vm-{n}", findings=[finding("blocking", n), *(finding("note", i) for i in range(40))])
        for n in range(50)
    ]

    answer = capped(PlanCheck(vms=vms))

    assert len(answer.model_dump_json()) <= MAX_ANSWER_BYTES
    assert 50 == len(answer.blocking)
    assert 50 * 40 - answer.omitted == sum(f.severity == "note" for vm in answer.vms for f in vm.findings)


async def test_the_check_knows_how_its_worker_reaches_people(contoso: tuple[Simulator, AzureClients]) -> None:
    """A channel that the plan names and the worker lacks is a warning; with the channel, or with nobody asked, none."""
    _, azure = contoso
    rule = Notification.model_validate({"on": ["needs_action"], "webhook": {"channel": "ops"}})
    plan = CONTOSO.model_copy(update={"notifications": [rule]})

    answers = [await check(azure, plan, wires=wires) for wires in (Wires(), Wires(frozenset({"ops"})), None)]

    assert [1, 0, 0] == [sum(rule == "channels-set-up" for rule, _ in told(answer)) for answer in answers]
