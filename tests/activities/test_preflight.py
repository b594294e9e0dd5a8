"""Preflight through the real SDKs: what is wrong with an estate is told, and nothing is written to find out."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.core.exceptions import ClientAuthenticationError, ServiceResponseError
from temporalio.testing import ActivityEnvironment

from activities.failover import FailoverActivities
from activities.preflight import PreflightActivities, check
from activities.replication import ReplicationActivities
from arm.clients import AzureClients
from migration import ids
from migration.capping import MAX_ANSWER_BYTES, capped
from migration.findings import CheckVm, PlanCheck, VmFindings
from migration.models import Finding, VmCheck
from migration.plan import GuestProbes
from migration.plan_file import load_plan
from migration.requests import DisableReplication, StartFailover
from migration.severities import Moment
from tests.activities.stage import Case, Stage, access_to
from tests.support.sim import Simulator

PLANS = Path(__file__).parents[2] / "plans"
CONTOSO = load_plan(PLANS / "contoso.yaml").model_copy(update={"guest_probes": GuestProbes(enabled=False)})
SUBSCRIPTION, AWAY = CONTOSO.subscription, CONTOSO.target.resource_group
TARGET_GROUP = ids.resource_group_id(SUBSCRIPTION, AWAY)
SOURCE_GROUP = ids.resource_group_id(SUBSCRIPTION, CONTOSO.source.resource_group)
VAULT_GROUP = ids.resource_group_id(SUBSCRIPTION, CONTOSO.vault.resource_group)
DB = ids.vm_id(SUBSCRIPTION, CONTOSO.source.resource_group, "db-01")
READER = {
    "kind": "service_principal",
    "client_id": str(uuid.UUID(int=7)),
    "secret": "reader",
    "object_id": str(uuid.UUID(int=8)),
    "roles": [{"role": "Reader", "scope": f"/subscriptions/{SUBSCRIPTION}"}],
}
STRANGER = {
    "kind": "service_principal",
    "client_id": str(uuid.UUID(int=17)),
    "secret": "stranger",
    "object_id": str(uuid.UUID(int=18)),
    "roles": [{"role": "Owner", "scope": SOURCE_GROUP}],
}


@pytest.fixture(scope="module")
def estate() -> Any:
    """Return a simulator with the estate of Contoso."""
    seed = yaml.safe_load((PLANS / "contoso.estate.yaml").read_text(encoding="utf-8"))
    owner = {
        "kind": "service_principal",
        "client_id": str(uuid.UUID(int=1)),
        "secret": "owner",
        "object_id": str(uuid.UUID(int=2)),
        "roles": [{"role": "Owner", "scope": f"/subscriptions/{SUBSCRIPTION}"}],
    }
    with Simulator(seed={**seed, "identities": [owner, READER, STRANGER]}, speed=60) as sim:
        yield sim


@pytest.fixture
async def contoso(estate: Simulator) -> AsyncIterator[tuple[Simulator, AzureClients]]:
    """Return the estate as it was seeded, with clients of its owner."""
    estate.reset()
    async with AzureClients(access_to(estate)) as azure:
        yield estate, azure


def told(answer: PlanCheck) -> set[tuple[str, str]]:
    """Return rule and severity of everything that did not pass; but not that these tests ask no machine from inside."""
    findings = [*answer.findings, *(finding for vm in answer.vms for finding in vm.findings)]
    return {(finding.rule, finding.severity) for finding in findings if finding.rule != "guest-asked"}


def resource(resource_id: str, location: str = "northeurope", **properties: Any) -> dict[str, Any]:
    """Return a resource for a seed."""
    kind = ids.ResourceId.parse(resource_id).type
    return {"id": resource_id, "type": kind, "location": location, "properties": properties}


def nic_at(address: str) -> dict[str, Any]:
    """Return an interface that has an address in the target subnet."""
    subnet = f"{TARGET_GROUP}/providers/Microsoft.Network/virtualNetworks/contoso-vnet-ne/subnets/servers"
    ip = {"privateIPAddress": address, "privateIPAllocationMethod": "Static", "primary": True, "subnet": {"id": subnet}}
    taken = ids.nic_id(SUBSCRIPTION, AWAY, "somebody")
    return resource(taken, ipConfigurations=[{"id": f"{taken}/ipConfigurations/a", "name": "a", "properties": ip}])


def disk(name: str) -> dict[str, Any]:
    """Return a disk in the target group."""
    return {**resource(ids.disk_id(SUBSCRIPTION, AWAY, name), diskSizeGB=64), "sku": {"name": "Premium_LRS"}}


def lock(scope: str, level: str) -> dict[str, Any]:
    """Return a lock."""
    lock_id = f"{scope}/providers/Microsoft.Authorization/locks/keep"
    return {"id": lock_id, "type": "Microsoft.Authorization/locks", "properties": {"level": level}}


def machine(**changes: Any) -> dict[str, Any]:
    """Return a seed in which the database machine differs."""
    estate = yaml.safe_load((PLANS / "contoso.estate.yaml").read_text(encoding="utf-8"))
    return {"resources": [{**next(each for each in estate["resources"] if each["id"] == DB), **changes}]}


def keyed_disk() -> dict[str, Any]:
    """Return the database's data disk under the customer's own key."""
    keys = f"{SOURCE_GROUP}/providers/Microsoft.Compute/diskEncryptionSets/keys"
    disk_id = ids.disk_id(SUBSCRIPTION, CONTOSO.source.resource_group, "db-01-data")
    return {
        **resource(disk_id, "westeurope", diskSizeGB=256, encryption={"diskEncryptionSetId": keys}),
        "sku": {"name": "Premium_LRS"},
    }


def role_on(scope: str) -> dict[str, Any]:
    """Return a role that somebody has on a resource."""
    role = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.UUID(int=5)}"
    properties = {"principalId": str(uuid.UUID(int=6)), "roleDefinitionId": "/x", "scope": scope}
    return {"id": role, "type": "Microsoft.Authorization/roleAssignments", "properties": properties}


def backup_of(vm: str) -> list[dict[str, Any]]:
    """Return a vault of the source region with a backup item."""
    vault = f"{SOURCE_GROUP}/providers/Microsoft.RecoveryServices/vaults/backups"
    item = f"{vault}/backupFabrics/Azure/protectionContainers/c/protectedItems/db"
    return [
        {**resource(vault, "westeurope"), "sku": {"name": "Standard"}},
        resource(item, "westeurope", virtualMachineId=vm.upper(), backupManagementType="AzureIaasVM"),
    ]


def extension(name: str, state: str) -> dict[str, Any]:
    """Return an extension of the database machine."""
    return resource(f"{DB}/extensions/{name}", "westeurope", provisioningState=state, publisher="Contoso", type=name)


def around_nic(**settings: Any) -> dict[str, Any]:
    """Return a seed in which the database's interface has something more."""
    nic_id = ids.nic_id(SUBSCRIPTION, CONTOSO.source.resource_group, "db-01-nic")
    subnet = f"{SOURCE_GROUP}/providers/Microsoft.Network/virtualNetworks/contoso-vnet/subnets/servers"
    group = settings.pop("networkSecurityGroup", None)
    ip = {
        "privateIPAddress": "10.10.1.20",
        "privateIPAllocationMethod": "Static",
        "primary": True,
        "subnet": {"id": subnet},
    }
    more = {"networkSecurityGroup": group} if group else {}
    return {
        "resources": [
            resource(nic_id, "westeurope", ipConfigurations=[{"name": "a", "properties": {**ip, **settings}}], **more)
        ]
    }


def quota(**limits: Any) -> dict[str, Any]:
    """Return a seed of quotas in the target region."""
    return {"resources": [], "quotas": {SUBSCRIPTION: {"northeurope": limits}}}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("contoso", set()),
        ("fabrikam", {("size-differs", "note")}),
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


TROUBLES: list[tuple[str, Any]] = [
    ("source-running", lambda sim: stop(sim, DB)),
    ("source-exists", lambda sim: remove(sim, DB)),
    ("source-agent-ready", {"resources": [], "behaviour": {DB: {"agent": "not_ready"}}}),
    ("quota", quota(cores=9)),
    ("quota", quota(standardESv5Family=3)),
    ("size-offered", quota(Standard_E4s_v5=0)),
    ("size-offered", quota(Standard_E4s_v5=None)),
    ("target-disk-free", {"resources": [disk("DB-01-Data")]}),
    ("replica-disk-free", {"resources": [disk("db-01-os-ASRReplica")]}),
    ("target-address", {"resources": [nic_at("10.20.1.20")]}),
    ("locks-target", {"resources": [lock(TARGET_GROUP, "CanNotDelete")]}),
    ("locks-source", {"resources": [lock(DB, "ReadOnly")]}),
    ("locks-target", {"resources": [lock(f"/subscriptions/{SUBSCRIPTION}", "ReadOnly")]}),
    ("locks-vault", {"resources": [resource(VAULT_GROUP), lock(VAULT_GROUP, "CanNotDelete")]}),
    ("vault-place", {"resources": [{**resource(CONTOSO.vault_id, "westus2"), "sku": {"name": "Standard"}}]}),
    ("providers-registered", lambda sim: unregister(sim, "Microsoft.RecoveryServices")),
    ("quota-network", quota(NetworkInterfaces=2)),
    ("quota-storage", {"resources": [], "quotas": {SUBSCRIPTION: {"westeurope": {"StorageAccounts": 0}}}}),
    ("quota", quota(PremiumDiskCount=3)),
    ("dedicated-host", machine(host={"id": f"{SOURCE_GROUP}/providers/Microsoft.Compute/hostGroups/g/hosts/h"})),
    ("security-type", machine(securityProfile={"securityType": "ConfidentialVM"})),
    ("customer-keys", {"resources": [keyed_disk()]}),
    ("os-supported", {"resources": [], "behaviour": {DB: {"os": {"name": "flatcar", "version": "4081.2"}}}}),
    ("eligible", {"resources": [], "behaviour": {DB: {"os": {"name": "flatcar", "version": "4081.2"}}}}),
]
HANGING_ON: list[tuple[str, Any]] = [
    (
        "availability-set",
        machine(availabilitySet={"id": f"{SOURCE_GROUP}/providers/Microsoft.Compute/availabilitySets/a"}),
    ),
    (
        "proximity-group",
        machine(
            proximityPlacementGroup={"id": f"{SOURCE_GROUP}/providers/Microsoft.Compute/proximityPlacementGroups/p"}
        ),
    ),
    (
        "scale-set",
        machine(virtualMachineScaleSet={"id": f"{SOURCE_GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/s"}),
    ),
    ("zone", machine(zones=["2"])),
    ("encryption-at-host-carried", machine(securityProfile={"encryptionAtHost": True})),
    ("identities-carried", machine(identity={"type": "SystemAssigned", "principalId": str(uuid.UUID(int=99))})),
    ("roles-carried", {"resources": [role_on(DB)]}),
    ("backup-carried", {"resources": backup_of(DB)}),
    ("churn", {"resources": [], "behaviour": {DB: {"churn_mb_per_second": 60}}}),
    ("other-extensions-sound", {"resources": [extension("OmsAgent", "Failed")]}),
    ("source-extension-sound", {"resources": [extension("SiteRecovery-Linux", "Succeeded")]}),
    ("extensions-carried", {"resources": [extension("OmsAgent", "Succeeded")]}),
    (
        "public-addresses-carried",
        around_nic(publicIPAddress={"id": f"{SOURCE_GROUP}/providers/Microsoft.Network/publicIPAddresses/p"}),
    ),
    (
        "load-balancers-carried",
        around_nic(
            loadBalancerBackendAddressPools=[
                {"id": f"{SOURCE_GROUP}/providers/Microsoft.Network/loadBalancers/l/backendAddressPools/p"}
            ]
        ),
    ),
    (
        "security-groups-carried",
        around_nic(networkSecurityGroup={"id": f"{SOURCE_GROUP}/providers/Microsoft.Network/networkSecurityGroups/n"}),
    ),
]


def stop(sim: Simulator, vm: str) -> None:
    """Deallocate a virtual machine."""
    assert sim.arm("POST", f"{vm}/deallocate").status_code == 202
    sim.advance(600)


def remove(sim: Simulator, vm: str) -> None:
    """Delete a virtual machine."""
    assert sim.arm("DELETE", vm).status_code == 202
    sim.advance(600)


def unregister(sim: Simulator, namespace: str) -> None:
    """Unregister a resource provider."""
    assert sim.arm("POST", f"/subscriptions/{SUBSCRIPTION}/providers/{namespace}/unregister").status_code == 200
    sim.advance(600)


@pytest.mark.parametrize(("rule", "trouble"), HANGING_ON, ids=[rule for rule, _ in HANGING_ON])
async def test_what_does_not_block_is_told(
    contoso: tuple[Simulator, AzureClients], rule: str, trouble: dict[str, Any]
) -> None:
    """What hangs on a machine and will not follow is told, of that machine alone, and stops nobody."""
    sim, azure = contoso
    sim.seed(trouble)

    answer = await check(azure, CONTOSO)

    assert {rule} <= {finding.rule for vm in answer.vms if vm.name == "db-01" for finding in vm.findings}
    others = {finding.rule for vm in answer.vms if vm.name != "db-01" for finding in vm.findings}
    assert {"guest-asked"} == others
    assert [] == answer.blocking


@pytest.mark.parametrize(("rule", "trouble"), TROUBLES, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(TROUBLES)])
async def test_trouble_is_found(
    contoso: tuple[Simulator, AzureClients], rule: str, trouble: dict[str, Any] | Callable[[Simulator], None]
) -> None:
    """What is wrong with the estate blocks, by the rule that is there for it."""
    sim, azure = contoso
    if callable(trouble):
        trouble(sim)
    else:
        sim.seed(trouble)

    answer = await check(azure, CONTOSO)

    assert (rule, "blocking") in told(answer)


async def test_look_alike_is_a_collision(contoso: tuple[Simulator, AzureClients]) -> None:
    """A virtual machine that has the target's name was there before us: it blocks, and is not taken for the move's."""
    sim, azure = contoso
    other = yaml.safe_load((PLANS / "contoso.estate.yaml").read_text(encoding="utf-8"))
    source = next(each for each in other["resources"] if each["id"] == DB)
    stranger = {
        **source,
        "id": ids.vm_id(SUBSCRIPTION, AWAY, "DB-01"),
        "location": "northeurope",
        "resourceGroup": AWAY,
    }
    stranger["storageProfile"] = {"osDisk": {"osType": "Linux", "name": "other-os", "createOption": "FromImage"}}
    stranger["networkProfile"] = {"networkInterfaces": []}
    sim.seed({"resources": [stranger]})
    stop(sim, DB)

    answer = await check(azure, CONTOSO)

    assert ("target-name-free", "blocking") in told(answer)
    assert not any(vm.already_migrated for vm in answer.vms)


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
    """Virtual machines that start together share the reads of what they share; before a failover each reads anew."""
    cases = [stage.arrange() for _ in range(3)]
    activities, since = PreflightActivities(stage.azure), stage.mark
    run = ActivityEnvironment().run

    def paths(ending: str) -> int:
        return sum(line["path"].endswith(ending) for line in stage.sim.requests(since))

    compute = "northeurope/usages"

    answers = [await run(activities.check_vm, CheckVm(task=case.task, moment="start")) for case in cases]
    assert [case.source for case in cases] == [answer.source for answer in answers]
    seen = [answer.fingerprint for answer in answers]
    assert (1, 2) == (paths("/skus"), paths(compute)), "Compute's and Network's, once"
    assert 1 == sum(paths(f"/virtualMachines/{case.task.vm.name}") for case in cases[:1])

    for case, print_ in zip(cases[:2], seen, strict=False):
        await run(activities.check_vm, CheckVm(task=case.task, moment="cutover", fingerprint=print_))
    assert (1, 4) == (paths("/skus"), paths(compute)), "Compute's, twice more"


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
    """Failed over: blocks a new start. Committed, and after the replication is disabled: counts as migrated."""
    case = stage.arrange()
    await stage.fail_over(case)
    answer = await ask(stage, case, "start")
    assert not answer.already_migrated
    assert {"item-usable", "target-name-free"} <= rules(answer)

    await stage.begin(FailoverActivities.commit_failover, StartFailover(task=case.task))
    assert (await ask(stage, case, "start")).already_migrated
    await stage.begin(ReplicationActivities.disable_replication, DisableReplication(task=case.task))
    answer = await ask(stage, case, "start")

    assert answer.already_migrated
    assert ["already-migrated"] == [finding.rule for finding in answer.findings]


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
