"""Machines asked from inside through the real SDKs: each cause that stops Site Recovery there is found before.

All machines are in one plan, and asked by one check, so that each also shows that it spoils nobody else's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from temporalio.testing import ActivityEnvironment

from activities.guest import SCRIPTS, script_for
from activities.guests import GuestActivities, _ask, _endpoints, _Unrecorded
from activities.preflight import check
from arm.clients import AzureClients
from migration import ids
from migration.facts import Fact
from migration.findings import CheckGuest, PlanCheck, VmFindings
from migration.guests import GuestAnswer
from migration.models import Finding
from migration.plan import GuestProbes, Plan
from migration.specs import vm_specs
from tests.activities.estate import SOURCE_GROUP, SOURCE_REGION, SUBSCRIPTION, TARGET_GROUP, machine_of, seed
from tests.activities.stage import access_to
from tests.support.sim import Simulator
from tests.workflows.scenes import finding

GROUP = ids.resource_group_id(SUBSCRIPTION, SOURCE_GROUP)


@dataclass(frozen=True)
class Cause:
    """What is wrong inside a machine, and the finding that tells it: rule, code, a part of its remedy."""

    behaviour: dict[str, Any]
    rule: str
    code: str
    remedy: str


CAUSES = {
    "blocked": Cause({"outbound": "blocked"}, "outbound-path", "151192", "NAT gateway"),
    "timeout": Cause({"outbound": "timeout"}, "outbound-path", "151192", "NAT gateway"),
    "no-dns": Cause({"dns": "broken"}, "outbound-dns", "151195", "DNS"),
    "login": Cause({"proxy": "authenticated"}, "outbound-proxy", "151072", "ProxyInfo.conf"),
    "entra": Cause({"outbound": ["login.microsoftonline.com"]}, "outbound-entra", "151196", "AzureActiveDirectory"),
    "recovery": Cause(
        {"outbound": ["*.hypervrecoverymanager.windowsazure.com"]}, "outbound-site-recovery", "151197", "AzureSiteRec"
    ),
    "bus": Cause({"outbound": {"*.servicebus.windows.net": "timeout"}}, "outbound-site-recovery", "151197", "EventHub"),
    "cache": Cause({"outbound": ["*.blob.core.windows.net"]}, "outbound-storage", "151037", "Storage.westeurope"),
    "roots": Cause({"certificates": "missing"}, "roots-present", "151066", "disconnected"),
    "root": Cause({"certificates": ["DigiCert Global Root G2"]}, "roots-present", "151066", "update-ca-certificates"),
    "rhel": Cause(
        {"os": {"name": "rhel", "version": "9.4"}, "certificates": "missing"}, "roots-present", "151066", "/etc/pki"
    ),
    "windows": Cause({"certificates": "missing"}, "roots-present", "151066", "certutil"),
    "expired": Cause({"certificates": {"DigiCert Global Root G2": "expired"}}, "roots-current", "151066", "update-ca-"),
    "inspected": Cause({"outbound": {"login.microsoftonline.com": "tls"}}, "outbound-tls", "151066", "inspects"),
    "kernel": Cause(
        {"os": {"name": "ubuntu", "version": "22.04", "kernel": "6.14.0-x"}}, "kernel-supported", "151141", "support"
    ),
}
SOUND = ("sound", "busy")
DENY_ALL = {"access": "Deny", "destinationAddressPrefix": "*"}
ALL = {"151196", "151197", "151037"}
RULES: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
    "all": ([DENY_ALL], ALL),
    "cloud": ([{"access": "Allow", "destinationAddressPrefix": "AzureCloud"}, DENY_ALL], set()),
    "sign-in": ([{"access": "Allow", "destinationAddressPrefix": "AzureActiveDirectory"}, DENY_ALL], ALL - {"151196"}),
    "storage": ([{"access": "Allow", "destinationAddressPrefix": "Storage.WestEurope"}, DENY_ALL], ALL - {"151037"}),
    "other": ([{"access": "Allow", "destinationAddressPrefix": "Storage.EastUS"}, DENY_ALL], ALL),
    "hub": ([{"access": "Deny", "destinationAddressPrefix": "EventHub"}], {"151197"}),
    "port": ([{**DENY_ALL, "destinationPortRange": "80"}], set()),
    "ports": ([{**DENY_ALL, "destinationPortRange": "", "destinationPortRanges": ["22", "400-500"]}], ALL),
    "udp": ([{**DENY_ALL, "protocol": "Udp"}], set()),
    "inside": ([{"access": "Deny", "destinationAddressPrefix": "10.0.0.0/8"}], set()),
    "inbound": ([{**DENY_ALL, "direction": "Inbound"}], set()),
}


def plan_of(names: tuple[str, ...], **probes: Any) -> Plan:
    """Return a plan that moves machines of the estate."""
    return Plan.model_validate(
        {
            "version": 1,
            "name": "guests",
            "subscription": SUBSCRIPTION,
            "source": {"region": SOURCE_REGION, "resource_group": SOURCE_GROUP},
            "target": {
                "region": "northeurope",
                "resource_group": TARGET_GROUP,
                "network": "vnet-ne",
                "subnet": "servers",
            },
            "vault": {"name": "vault-ne", "resource_group": "recovery", "region": "northeurope"},
            "approval": {"approvers": ["ada@contoso.example"]},
            "guest_probes": probes,
            "waves": [{"name": "all", "vms": [{"name": name} for name in names]}],
        }
    )


def resources() -> list[dict[str, Any]]:
    """Return the machines, the one named so with Windows, those of RULES under a security group each."""
    found = []
    for number, name in enumerate((*CAUSES, *SOUND, *RULES)):
        parts = machine_of(name, number)
        if name == "windows":
            parts[-1]["properties"]["storageProfile"]["osDisk"]["osType"] = "Windows"
        if name in RULES:
            group = security_group(name, RULES[name][0])
            parts[-2]["properties"]["networkSecurityGroup"] = {"id": group["id"]}
            found.append(group)
        found += parts
    return found


def security_group(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a security group with rules in their order."""
    common = {"direction": "Outbound", "protocol": "*", "sourceAddressPrefix": "*", "sourcePortRange": "*"}
    listed = [
        {"name": f"r{n}", "properties": {**common, "priority": 100 + n, "destinationPortRange": "*", **rule}}
        for n, rule in enumerate(rules)
    ]
    kind = "Microsoft.Network/networkSecurityGroups"
    group_id = f"{GROUP}/providers/{kind}/{name}"
    return {"id": group_id, "type": kind, "location": SOURCE_REGION, "properties": {"securityRules": listed}}


@dataclass(frozen=True)
class Asked:
    """What a check of all machines found, and what it wrote to find out."""

    answer: PlanCheck
    writes: list[dict[str, Any]]
    adopted: Fact[GuestAnswer] = field(default_factory=Fact)
    repeated: int = 0

    def about(self, name: str) -> list[Finding]:
        """Return what blocks a machine."""
        [found] = [vm.findings for vm in self.answer.vms if vm.name == name]
        return [finding for finding in found if finding.blocks]


@pytest.fixture(scope="module")
async def asked() -> AsyncIterator[Asked]:
    """Ask all machines once; somebody else's command runs all the time on the one that is busy."""
    behaviour = {ids.vm_id(SUBSCRIPTION, SOURCE_GROUP, name): cause.behaviour for name, cause in CAUSES.items()}
    busy = {"error": {"code": "Conflict", "message": "Run command extension execution is in progress."}}
    estate = {**seed(), "behaviour": behaviour}
    with Simulator(seed={**estate, "resources": [*estate["resources"], *resources()]}, speed=600) as sim:
        effect = {"kind": "status", "status": 409, "body": busy, "headers": {"Retry-After": "1"}}
        sim.fault(effect, method="POST", path="virtualMachines/busy/runCommand", times=0)
        async with AzureClients(access_to(sim)) as azure:
            plan = plan_of((*CAUSES, *SOUND), concurrency=30, timeout="8s")
            found = await check(azure, plan)
            writes = [line for line in sim.requests() if line["write"]]
            adopted, repeated = await adopt(sim, azure)
        yield Asked(found, writes, adopted, repeated)


async def adopt(sim: Simulator, azure: AzureClients) -> tuple[Fact[GuestAnswer], int]:
    """Go on with a command that an attempt sent before it died; return the answer, and what was sent for it."""
    request = CheckGuest(
        vm=vm_specs(plan_of(("sound",)))[0], os_type="Linux", vault_id="", cache_account="cache", timeout_seconds=30
    )
    hosts = ",".join(endpoint.host for endpoint in _endpoints(request))
    command = {
        "commandId": "RunShellScript",
        "script": script_for("Linux")[1],
        "parameters": [{"name": "endpoints", "value": hosts}],
    }
    sent = sim.arm("POST", f"{request.vm.source_id}/runCommand", command)
    begun = len(sim.requests())
    operation = urlsplit(sent.headers["Azure-AsyncOperation"]).path
    fact = await _ask(azure, request, _Unrecorded(), operation)
    return fact, len([line for line in sim.requests(begun) if line["write"]])


@pytest.mark.parametrize("name", CAUSES)
def test_what_is_wrong_inside_is_found_before_azure_does(asked: Asked, name: str) -> None:
    """The rule that is there for it blocks, and no other, with Site Recovery's code and what to do on that system."""
    cause = CAUSES[name]

    found = asked.about(name)

    assert [(cause.rule, "blocking", cause.code)] == [(one.rule, one.severity, one.prevents) for one in found]
    assert cause.remedy in found[0].remedy


def test_a_machine_that_cannot_be_asked_is_unknown_and_blocks(asked: Asked) -> None:
    """One that runs somebody else's command all the time is not passed by any of the rules, and told once."""
    found = asked.about("busy")

    assert ["unknown"] == [finding.severity for finding in found]
    assert {"outbound-path", "roots-present", "kernel-supported"} <= set(found[0].rule.split(", "))
    assert "in progress" in found[0].evidence
    assert [] == asked.about("sound")


def test_the_run_commands_are_the_only_writes(asked: Asked) -> None:
    """Each machine is asked by one accepted run command; nothing else is written."""
    accepted = sorted(line["path"].lower() for line in asked.writes if line["accepted"])

    machines = [ids.vm_id(SUBSCRIPTION, SOURCE_GROUP, name) for name in (*CAUSES, "sound")]
    assert sorted(f"{machine}/runCommand".lower() for machine in machines) == accepted
    assert {"POST"} == {line["method"] for line in asked.writes}


def test_the_command_of_an_attempt_that_died_is_adopted(asked: Asked) -> None:
    """Where its progress can be read is all that an attempt leaves behind; the next one reads on and sends nothing."""
    assert asked.adopted.value is not None, asked.adopted.unasked
    assert (0, {"ok"}) == (asked.repeated, {reach.result for reach in asked.adopted.value.reached})


@pytest.fixture(scope="module")
async def read_only() -> AsyncIterator[Asked]:
    """Check with guest probes switched off; the subnet is private and has no NAT gateway."""
    estate = seed()
    home = next(one for one in estate["resources"] if one["location"] == SOURCE_REGION)
    home["properties"]["subnets"][0]["properties"]["defaultOutboundAccess"] = False
    with Simulator(seed={**estate, "resources": [*estate["resources"], *resources()]}, speed=600) as sim:
        async with AzureClients(access_to(sim)) as azure:
            found = await check(azure, plan_of(tuple(RULES), enabled=False))
        yield Asked(found, [line for line in sim.requests() if line["write"]])


@pytest.mark.parametrize("name", RULES)
def test_security_groups_speak_where_no_machine_is_asked(read_only: Asked, name: str) -> None:
    """Outbound rules are read as Azure reads them, by priority and service tag; and a private subnet has no way out."""
    found = {finding.prevents for finding in read_only.about(name) if finding.rule == "outbound-rules"}

    assert RULES[name][1] | {"151192"} == found
    notes = [one for vm in read_only.answer.vms for one in vm.findings if one.rule == "guest-asked"]
    assert ["note"] * len(RULES) == [one.severity for one in notes]
    assert [] == read_only.writes


@pytest.mark.parametrize("system", SCRIPTS)
def test_the_scripts_are_fixed(system: Any) -> None:
    """What is sent is the file of the package, line by line; it has a marker and nothing to be filled in."""
    command, script = script_for(system)
    text = "\n".join(script) + "\n"

    assert text == (Path(__file__).parents[2] / "activities" / "guest" / SCRIPTS[system][1]).read_text(encoding="utf-8")
    assert command in {"RunShellScript", "RunPowerShellScript"}
    assert any("probe: outbound, proxy, certificates, system" in line for line in script[:3])


def test_the_plan_bounds_the_probes() -> None:
    """How many at once and how long is the plan's to say, and it may switch them off."""
    probes = plan_of(("sound",), enabled=False, concurrency=3, timeout="90s").guest_probes

    assert GuestProbes(enabled=False, concurrency=3, timeout="90s") == probes  # type: ignore[arg-type] # as written
    assert 90 == probes.timeout


async def test_a_run_does_not_ask_again_what_a_check_just_found_sound() -> None:
    """Only what was sound, was asked so recently, and would be asked the same; a check itself always asks."""
    guests = GuestActivities(None)  # type: ignore[arg-type] # it asks nobody
    vm = vm_specs(plan_of(("sound",)))[0]
    request = CheckGuest(vm=vm, os_type="Linux", vault_id="", cache_account="cache", max_age_seconds=600)
    guests.remember(request, VmFindings(name="sound"))

    assert [] == (await ActivityEnvironment().run(guests.check_guest, request)).findings
    for other in (
        request.model_copy(update={"max_age_seconds": 0}),
        request.model_copy(update={"cache_account": "other"}),
    ):
        with pytest.raises(AttributeError):
            await ActivityEnvironment().run(guests.check_guest, other)
    guests.remember(request, VmFindings(name="sound", findings=[finding()]))
    with pytest.raises(AttributeError):
        await ActivityEnvironment().run(guests.check_guest, request)
