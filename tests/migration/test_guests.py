"""What a machine says from inside, judged: each rule objects to what it is there for, and to nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from migration.access import Denial, Permission
from migration.facts import Fact
from migration.findings import CheckGuest
from migration.guests import Endpoint, GuestAnswer, Reach, answer_of, endpoints
from migration.ids import resource_group_id
from migration.inventory import Network, Subnet
from migration.perimeter import RouteTable, SecurityGroup, SecurityRule
from migration.plan import Waiver
from migration.rules.case import Case
from migration.rules.engine import judge
from migration.rules.guest_case import judged, silent
from migration.rules.kernels import unsupported_kernel
from migration.rules.perimeter import RUN_COMMAND, asks_guest
from tests.migration.sound import (
    HOME,
    HOME_NETWORK,
    MACHINE,
    NIC,
    PROTECTED,
    SPEC,
    SUBSCRIPTION,
    VAULT,
    VM_ID,
    starting,
)

ASKED = endpoints("westeurope", "northeurope", "cache", cache_is_there=True)
REQUEST = CheckGuest(vm=SPEC, os_type="Linux", vault_id=VAULT, cache_account="cache", cache_is_there=True, luns=[0, 2])


def said(default: str = "ok", **changes: Any) -> GuestAnswer:
    """Return an answer: *by_service* tells what differs from the result of all others."""
    by_service: dict[str, str] = changes.pop("by_service", {})
    reached = tuple(Reach(endpoint, by_service.get(endpoint.service, default)) for endpoint in ASKED)
    system = {"os": "ubuntu", "version": "22.04", "kernel": "6.8.0-1015-azure"}
    nothing: dict[str, Any] = dict.fromkeys(("boot_devices", "absent_volumes", "raw_luns", "disabled_services"), ())
    return GuestAnswer(reached=reached, **{**system, **nothing, **changes})


def found(answer: GuestAnswer | None) -> dict[str, str]:
    """Return severity by rule of what an answer leads to."""
    return {finding.rule: finding.severity for finding in judged(REQUEST, Fact(answer)).findings}


FROM_INSIDE: list[tuple[str, GuestAnswer]] = [
    ("outbound-path", said("blocked")),
    ("outbound-path", said("timeout", by_service={"entra": "blocked"})),
    ("outbound-dns", said("dns")),
    ("outbound-dns", said(by_service={"entra": "dns"})),
    ("outbound-proxy", said("proxy", proxy="authenticated")),
    ("outbound-proxy", said(proxy="authenticated")),
    ("outbound-proxy", said("proxy", proxy="open")),
    ("outbound-entra", said(by_service={"entra": "timeout"})),
    ("outbound-site-recovery", said(by_service={"site-recovery": "blocked"})),
    ("outbound-site-recovery", said(by_service={"event-hub": "timeout"})),
    ("outbound-storage", said(by_service={"storage": "blocked"})),
    ("outbound-tls", said(by_service={"storage": "tls"})),
    ("roots-present", said(missing_roots=("DigiCert Global Root G2",))),
    ("roots-current", said(expired_roots=("DigiCert Global Root G2",))),
    ("kernel-supported", said(kernel="6.14.0-1004-azure")),
    ("kernel-supported", said(os="debian", kernel="6.5.0")),
    ("kernel-supported", said(os="gentoo", kernel="2.4.1")),
    ("boot-devices", said(boot_devices=("/dev/sda1",))),
    ("boot-volumes", said(absent_volumes=("/dev/mapper/rhel-root",))),
    ("disks-initialised", said(raw_luns=(2,))),
    ("snapshot-services", said(os_type="Windows", os="Windows Server 2022", kernel="", disabled_services=("VSS",))),
]


@pytest.mark.parametrize(
    ("rule", "answer"), FROM_INSIDE, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(FROM_INSIDE)]
)
def test_each_rule_objects_to_what_it_is_there_for(rule: str, answer: GuestAnswer) -> None:
    """It blocks, and it alone."""
    assert {rule: "blocking"} == found(answer)


@pytest.mark.parametrize(
    "answer",
    [
        said(),
        said(proxy="open"),
        said(os_type="Windows", os="Windows Server 2022", kernel=""),
        said(kernel="custom"),
        said(roots_unread="there is no openssl"),
        said(raw_luns=(7,)),
        said(os_type="Windows", os="Windows Server 2022", kernel="", boot_devices=None, absent_volumes=None),
        said(disabled_services=None),
    ],
)
def test_a_sound_machine_passes(answer: GuestAnswer) -> None:
    """Also with a proxy without a login, roots proved by TLS alone, and an empty disk that stays behind."""
    assert {} == found(answer)


def test_a_guessed_name_that_does_not_resolve_only_warns() -> None:
    """Azure gives each machine names of its own; that another does not resolve is no proof."""
    assert {"outbound-dns": "warning"} == found(said(by_service={"event-hub": "dns"}))


@pytest.mark.parametrize(
    ("answer", "unknown"),
    [
        (None, {"outbound-path", "roots-present", "kernel-supported", "outbound-tls"}),
        (said("unknown"), {"outbound-entra", "outbound-site-recovery", "outbound-storage"}),
        (said("blocked", roots_unread="there is no openssl"), {"roots-present", "roots-current"}),
        (
            said(boot_devices=None, absent_volumes=None, raw_luns=None),
            {"boot-devices", "boot-volumes", "disks-initialised"},
        ),
    ],
)
def test_what_a_machine_does_not_say_is_unknown(answer: GuestAnswer | None, unknown: set[str]) -> None:
    """No rule passes without an answer."""
    rules = {rule for told, severity in found(answer).items() if severity == "unknown" for rule in told.split(", ")}

    assert unknown <= rules


def test_a_silent_machine_blocks_unless_waived() -> None:
    """A machine that gave no answer stops the plan, unless somebody answers for each of its rules."""
    findings = silent(REQUEST, "it did not answer").findings
    rules = [rule for finding in findings for rule in finding.rule.split(", ")]
    waivers = [Waiver(rule=rule, by="ada@contoso.example", reason="a pilot") for rule in rules]
    waived = REQUEST.model_copy(update={"vm": SPEC.model_copy(update={"waivers": waivers})})

    assert [("unknown", True)] == [(finding.severity, finding.blocks) for finding in findings]
    assert [False] == [finding.blocks for finding in silent(waived, "it did not answer").findings]


@pytest.mark.parametrize(
    ("system", "os_type", "words"),
    [
        ("ubuntu", "Linux", ("update-ca-certificates", "/usr/local/share/ca-certificates")),
        ("debian", "Linux", ("apt-get",)),
        ("rhel", "Linux", ("yum update", "/etc/pki/ca-trust/source/anchors")),
        ("ol", "Linux", ("/etc/pki/ca-trust/source/anchors",)),
        ("sles", "Linux", ("zypper", "/etc/pki/trust/anchors", "c_rehash")),
        ("arch", "Linux", ("distribution",)),
        ("Windows Server 2019", "Windows", ("Windows updates", "certutil -addstore")),
    ],
)
def test_the_remedy_is_that_of_the_distribution(system: str, os_type: Any, words: tuple[str, ...]) -> None:
    """How the roots get there on this system, and how where it is disconnected."""
    answer = said(os=system, os_type=os_type, kernel="", missing_roots=("DigiCert Global Root CA",))
    [finding] = judged(REQUEST, Fact(answer)).findings

    assert [] == [
        word for word in (*words, "disconnected", "DigiCert") if word not in finding.remedy + finding.evidence
    ]


LINES: list[dict[str, Any]] = [
    *({"endpoint": f"{endpoint.host}:443", "result": "ok", "milliseconds": 23} for endpoint in ASKED),
    {"proxy": "none"},
    {"missing": ["DigiCert Global Root CA"], "expired": []},
    {"hostname": "x", "os": "ubuntu", "version": "22.04", "kernel": "5.15.0-1053-azure", "uptime_seconds": 9},
]


def printed(*lines: Any) -> str:
    """Return lines as a script prints them, in what run command puts around."""
    return "Enable succeeded: \n[stdout]\n" + "\n".join(map(json.dumps, lines)) + "\n\n[stderr]\n"


def test_an_answer_is_read_from_what_run_command_puts_around_it() -> None:
    """All of it, in the order of the questions."""
    answer = answer_of(printed(*LINES), ASKED, "Linux")

    assert answer is not None
    assert [endpoint.host for endpoint in ASKED] == [reach.endpoint.host for reach in answer.reached]
    assert (("DigiCert Global Root CA",), "ubuntu", "5.15.0-1053-azure") == (
        answer.missing_roots,
        answer.os,
        answer.kernel,
    )


@pytest.mark.parametrize(
    "output",
    [
        "",
        "bash: no such file",
        printed(),
        printed(*LINES[1:]),
        printed(*LINES[:-2]),
        printed({**LINES[0], "result": "splendid"}, *LINES[1:]),
        printed([1], "x", None, *LINES[2:]),
    ],
)
def test_half_an_answer_is_none(output: str) -> None:
    """What lacks an endpoint or the roots, or says what no probe says, is not believed."""
    assert answer_of(output, ASKED, "Linux") is None


def test_a_machine_cannot_say_more_than_it_is_asked() -> None:
    """Of what a hostile machine prints only plain words of some length are kept, and the first of each."""
    shout: dict[str, Any] = {
        "os": "\x1b[31m<b>ubuntu\n",
        "kernel": "k" * 9_000,
        "missing": ["a" * 900, *[f"r{n}" for n in range(99)]],
    }
    answer = answer_of(printed(*LINES[:-2], {"os": "first"}, shout)[-4096:], ASKED, "Linux")
    assert answer is None  # 9,000 characters push everything else out of what run command returns

    quiet = {**shout, "kernel": "5.15", "missing": ["a" * 900]}
    answer = answer_of(printed(*LINES[:-2], quiet, {"os": "second"}), ASKED, "Linux")
    assert answer is not None
    assert ("31mbubuntu", 100) == (answer.os.replace(" ", ""), len(answer.missing_roots[0]))


@pytest.mark.parametrize(
    ("region", "hosts"),
    [
        (
            "westeurope",
            {"login.microsoftonline.com", "cache.blob.core.windows.net", "pod01-rcm1.servicebus.windows.net"},
        ),
        ("usgovvirginia", {"login.microsoftonline.us", "cache.blob.core.usgovcloudapi.net"}),
        ("chinaeast2", {"login.chinacloudapi.cn", "cache.blob.core.chinacloudapi.cn"}),
    ],
)
def test_each_cloud_has_its_endpoints(region: str, hosts: set[str]) -> None:
    """Public and sovereign clouds; the regions and the cache account of the plan are in the names and tags."""
    asked = endpoints(region, "elsewhere", "cache", cache_is_there=False)

    assert hosts <= {endpoint.host for endpoint in asked}
    assert {f"Storage.{region}", "EventHub.elsewhere", "AzureActiveDirectory"} <= {one.tag for one in asked}
    assert ["entra"] == [endpoint.service for endpoint in asked if not endpoint.sample]


@pytest.mark.parametrize(
    ("system", "kernel", "taken"),
    [
        ("ubuntu", "6.11.0-1012-azure", True),
        ("ubuntu", "6.14.0-1004-azure", False),
        ("debian", "6.1.0-18-cloud-amd64", True),
        ("rhel", "5.14.0-427.el9.x86_64", True),
        ("rhel", "6.12.0-55.el10.x86_64", False),
        ("sles", "6.4.0-150600", True),
        ("unheard-of", "6.6.1", True),
        ("ubuntu", "", True),
    ],
)
def test_kernels_by_series(system: str, kernel: str, taken: bool) -> None:
    """Within the series of the support matrix, by distribution."""
    assert taken == (unsupported_kernel(system, "1", kernel) == "")


def around(case: Case, **subnet: Any) -> Case:
    """Give the source a home network that was read, with a subnet that differs."""
    home = Network(HOME_NETWORK, "westeurope", (Subnet("servers", ("10.10.1.0/24",), **subnet),))
    case.inventory.networks.note(HOME_NETWORK, Fact(home))
    return case


def perimeter(case: Case) -> dict[str, tuple[str, str | None]]:
    """Return severity and code by rule of what is said about the machine's surroundings."""
    [vm] = judge(case)[1]
    rules = {"guest-asked", "outbound-rules"}
    return {finding.rule: (finding.severity, finding.prevents) for finding in vm.findings if finding.rule in rules}


GROUP = resource_group_id(SUBSCRIPTION, HOME)
REASONS: list[tuple[str, Any]] = [
    ("run", lambda case: case.inventory.machines.note(VM_ID, Fact(replace(MACHINE, power_state="PowerState/stopped")))),
    ("agent", lambda case: case.inventory.machines.note(VM_ID, Fact(replace(MACHINE, agent="Not Ready")))),
    ("may not", lambda case: case.inventory.permissions.note(GROUP, Fact((Permission(("*",), (RUN_COMMAND,)),)))),
    ("may not", lambda case: case.inventory.deny_assignments.note(GROUP, Fact((Denial("d", GROUP, (RUN_COMMAND,)),)))),
]


@pytest.mark.parametrize(("word", "change"), REASONS, ids=[f"{n}" for n in range(len(REASONS))])
def test_a_machine_that_may_not_be_asked_is_told(word: str, change: Any) -> None:
    """With the reason, as a warning; its network speaks for it, and nobody runs a command in it."""
    case = around(starting(asks_guests=True))
    assert asks_guest(case, SPEC)
    change(case)

    [told] = [finding for finding in judge(case)[1][0].findings if finding.rule == "guest-asked"]
    assert ("warning", True) == (told.severity, word in told.evidence)
    assert not asks_guest(case, SPEC)


def test_a_machine_that_is_asked_needs_no_reading() -> None:
    """What is read of security groups counts only where the machine itself does not speak."""
    case = around(starting(asks_guests=True), default_outbound=False)

    assert {} == perimeter(case)
    case.inventory.items.note(VAULT, Fact((PROTECTED,)))
    assert (False, {}) == (asks_guest(case, SPEC), perimeter(case))


def test_the_right_to_run_commands_is_no_must() -> None:
    """A missing right to run commands warns; all other missing rights block."""
    case = around(starting(asks_guests=True))
    case.inventory.permissions.note(GROUP, Fact((Permission(("*",), (RUN_COMMAND,)),)))

    shared, _ = judge(case)

    assert [("permissions-source", "warning")] == [(finding.rule, finding.severity) for finding in shared]


def closed(*rules: SecurityRule, **subnet: Any) -> Any:
    """Put the machine's interface under a security group."""
    group = f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/fence"

    def change(case: Case) -> None:
        around(case, **subnet)
        case.inventory.nics.note(NIC.id, Fact(replace(NIC, security_group_id=group)))
        case.inventory.security_groups.note(group, Fact(SecurityGroup(group, rules)))

    return change


def routed(hop: str | None) -> Any:
    """Give the machine's subnet a route table."""
    table = f"{GROUP}/providers/Microsoft.Network/routeTables/out"

    def change(case: Case) -> None:
        around(case, route_table_id=table)
        case.inventory.route_tables.note(table, Fact(RouteTable(table, hop)))

    return change


AROUND: list[tuple[str, Any, tuple[str, str | None] | None]] = [
    ("outbound-rules", closed(SecurityRule("no", 100, allows=False)), ("blocking", "151037")),
    ("outbound-rules", lambda case: around(case, default_outbound=False), ("blocking", "151192")),
    ("outbound-rules", routed("None"), ("blocking", "151192")),
    ("outbound-rules", routed("VirtualAppliance"), ("warning", "151192")),
    ("outbound-rules", routed("Internet"), None),
    ("outbound-rules", lambda case: around(case, default_outbound=False, nat_gateway_id="/nat"), None),
    ("outbound-rules", closed(SecurityRule("yes", 100, allows=True), SecurityRule("no", 200, allows=False)), None),
    ("guest-asked", around, ("note", None)),
]


@pytest.mark.parametrize(("rule", "change", "expected"), AROUND, ids=[f"{n}" for n in range(len(AROUND))])
def test_the_network_speaks_where_the_plan_asks_nobody(
    rule: str, change: Any, expected: tuple[str, str | None] | None
) -> None:
    """Security groups and routes are judged as Azure applies them; that nobody was asked is noted."""
    case = starting(asks_guests=False)
    change(case)

    assert expected == perimeter(case).get(rule)
    assert ("note", None) == perimeter(case)["guest-asked"]


def test_an_unread_security_group_is_unknown() -> None:
    """What could not be read does not pass."""
    case = starting(asks_guests=False)
    closed()(case)
    case.inventory.security_groups.clear()

    assert ("unknown", "151192") == perimeter(case)["outbound-rules"]


def test_a_sample_is_no_certainty() -> None:
    """Only names that surely exist count as such."""
    assert Endpoint("a", "storage", "Storage") != Endpoint("a", "storage", "Storage", sample=True)
    assert {"entra", "storage"} == {endpoint.service for endpoint in ASKED if not endpoint.sample}
