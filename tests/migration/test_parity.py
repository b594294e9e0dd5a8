"""The three-way difference, aspect by aspect and state by state, and how small it stays."""

from __future__ import annotations

from typing import Any

import pytest

from migration.errors import PlanFileError
from migration.models import VmSpec
from migration.parity import page
from migration.parity.aspects import ASPECTS, BY_ITSELF, RESTORABLE, TABLE, Aspect
from migration.parity.compare import differences, needed
from migration.parity.making import made_id
from migration.parity.requests import RestoreAnswer
from migration.parity.security_rules import parts_of
from migration.parity.values import MOST_ROWS, MOST_TRAITS, ParityRow, Side, Trait, counts, shortened, side_of
from migration.plan import Plan
from migration.plan_file import parse_plan
from migration.report import VmReport
from migration.rules.catalogue import BY_ID
from migration.specs import vm_specs

GROUP = "/subscriptions/6b1f6e0a-52c4-4a8e-9d0b-3f5c8a7e2d11/resourceGroups/ne/providers/Microsoft.Network"
SECURITY, ADDRESS = f"{GROUP}/networkSecurityGroups/web-ne", f"{GROUP}/publicIPAddresses/web-ne"
POOL = f"{GROUP}/loadBalancers/lb-ne/backendAddressPools/web"
OLD = "/subscriptions/s/resourceGroups/we/providers/Microsoft.Network/networkSecurityGroups/web"

HAD: dict[Aspect, list[tuple[str, str, str]]] = {
    "tags": [("owner", "shop", "")],
    "security-groups": [
        ("nic0", "web", OLD),
        ("nic0#subnet", "subnet-group", OLD),
        ("nic0/config0#application/a", "a", OLD),
    ],
    "security-rules": [],
    "public-addresses": [("nic0/config0", "web-ip", "/old/ip")],
    "load-balancer-pools": [("nic0/config0#web", "pool", "/old/pool")],
    "ip-configurations": [("nic0/config1", "a further IPv4 address", ""), ("nic0#forwarding", "on", "")],
    "dns-labels": [("nic0/config0#label", "shop", ""), ("nic0#servers", "10.0.0.4", "")],
    "extensions": [("microsoft.azure.monitor.azuremonitorlinuxagent", "Monitor", "")],
    "managed-identities": [("own", "an identity of its own", ""), ("/identities/app", "app", "/identities/app")],
    "role-assignments": [("on/p/r/Group", "role r on the machine", "r"), ("own/r//scope", "role r", "/scope")],
    "diagnostics": [("boot", "on", ""), ("workspace/all", "to logs", "/s/all"), ("setting/hub", "to a hub", "/s/hub")],
    "backup": [("backup", "vault", "/vault/item")],
    "encryption-at-host": [("host", "on", "")],
    "licence-type": [("licence", "RHEL_BYOS", "")],
    "locks": [("keep", "CanNotDelete", "")],
    "auto-shutdown": [("schedule", "19:30 UTC, enabled", "")],
}
"""What the source had of each aspect: key, value, id."""
BY_HAND = {
    "security-groups:nic0#subnet",
    "security-groups:nic0/config0#application/a",
    "ip-configurations:nic0/config1",
    "dns-labels:nic0/config0#label",
    "diagnostics:setting/hub",
}
"""What stays open of aspects that are restored."""
BY_PLAN: tuple[Aspect, ...] = ("security-groups", "public-addresses", "load-balancer-pools")


def spec(*, waivers: list[dict[str, Any]] | None = None, target: dict[str, Any] | None = None, **parity: Any) -> VmSpec:
    """Return a virtual machine of a plan with these keys about parity."""
    content = {
        "version": 1,
        "name": "shop",
        "subscription": "6b1f6e0a-52c4-4a8e-9d0b-3f5c8a7e2d11",
        "source": {"region": "westeurope", "resource_group": "we"},
        "target": {"region": "northeurope", "resource_group": "ne", "network": "vnet", "subnet": "servers"},
        "vault": {"name": "vault", "resource_group": "recovery", "region": "northeurope"},
        "approval": {"approvers": ["anna@contoso.example"]},
        "parity": parity,
        "waivers": waivers or [],
        "waves": [{"name": "only", "vms": [{"name": "web-01", "target": target or {}}]}],
    }
    return vm_specs(Plan.model_validate(content))[0]


def side(aspect: Aspect, *, without: int | None = None) -> Side:
    """Return a side that has all of an aspect, or all but one thing."""
    kept = [one for index, one in enumerate(HAD[aspect]) if index != without]
    return Side(traits=[Trait(aspect=aspect, key=k, subject=k, value=v, ref=r) for k, v, r in kept])


def restored_if(vm: VmSpec, row: ParityRow) -> bool:
    """Tell whether the table says that a row is restored for a virtual machine."""
    mapped = row.aspect not in BY_PLAN or row.ref in {SECURITY, ADDRESS, POOL}
    return row.aspect in vm.parity.restore and row.key not in BY_HAND and mapped


@pytest.mark.parametrize("aspect", [one for one in ASPECTS if HAD[one]])
def test_each_aspect_in_each_state(aspect: Aspect) -> None:
    """Carried where the target has it; else restored or open as the plan and the table say, waived where it says so."""
    vm, everything = spec(), side(aspect)
    assert {"carried"} == {row.state for row in differences(vm, everything, everything)}

    lost = differences(vm, everything, Side())
    assert len(HAD[aspect]) == len(lost)
    for row in lost:
        later = aspect == "auto-shutdown"
        assert ("restored" if later else "open") == row.state, row
        assert ("after_commit" if later else "now" if restored_if(vm, row) else "") == row.restore, row
        assert later or TABLE[aspect].remedy == row.remedy

    keys = frozenset(row.key for row in lost)
    assert {"restored"} == {row.state for row in differences(vm, everything, everything, restored=keys)}
    refused = differences(vm, everything, Side(), failures=dict.fromkeys(keys, "Azure said no"))
    assert {("open", "Azure said no")} == {(row.state, row.reason) for row in refused}
    for rule in filter(None, (f"parity/{aspect}", TABLE[aspect].finding)):
        answered = spec(waivers=[{"rule": rule, "by": "bo@contoso.example", "reason": "known"}])
        waived = differences(answered, everything, Side())
        assert {("waived", "bo@contoso.example", "known", "")} == {
            (row.state, row.by, row.reason, row.restore) for row in waived
        }
    unread = differences(vm, everything, Side(unread={aspect: "403"}))
    assert [("open", "403", "")] == [(row.state, row.reason, row.restore) for row in unread]


@pytest.mark.parametrize(
    ("restore", "expected"), [("none", set()), ("auto", BY_ITSELF), (["auto", "locks"], {*BY_ITSELF, "locks"})]
)
def test_what_a_plan_lets_be_restored(restore: object, expected: set[str]) -> None:
    """`auto` stands for what is safe, a list for what it names; what nobody can restore cannot be named."""
    assert expected == set(spec(restore=restore).parity.restore)
    rows = [row for aspect in ASPECTS for row in differences(spec(restore=restore), side(aspect), Side())]
    assert {row.aspect for row in rows if row.restore} <= expected
    assert {"backup", "extensions", "encryption-at-host", "security-rules"} == set(ASPECTS) - RESTORABLE


def test_what_the_plan_names_in_the_target_region() -> None:
    """A group, a public address and pools of the plan are wanted, also where the source had none, and nothing else."""
    vm = spec(target={"network_security_group": "web-ne", "public_ip": ADDRESS, "load_balancer_pools": [POOL]})
    assert (SECURITY, ADDRESS) == (vm.parity.network_security_group, vm.parity.public_ip)
    assert set(BY_PLAN) == needed(vm, Side())
    for aspect in BY_PLAN:
        ref = {"security-groups": SECURITY, "public-addresses": ADDRESS, "load-balancer-pools": POOL}[aspect]
        for had in (Side(), side(aspect)):
            rows = [row for row in differences(vm, had, Side()) if row.aspect == aspect and row.restore]
            assert [("open", "now", ref)] == [(row.state, row.restore, row.ref) for row in rows]
            assert "web" in rows[0].wanted
            key = rows[0].key.partition(":")[2]
            there = Side(traits=[Trait(aspect=aspect, key=key, subject="", value="x", ref=ref.upper())])
            found = [row for row in differences(vm, had, there) if row.ref == ref]
            assert ["carried"] == [row.state for row in found]
            other = Side(traits=[Trait(aspect=aspect, key=key, subject="", value="x", ref="/other")])
            assert "open" in {row.state for row in differences(vm, had, other) if row.aspect == aspect}


def group(rules: dict[str, str], ref: str = SECURITY) -> Side:
    """Return a side whose first interface has a security group of these rules."""
    trait = Trait(aspect="security-rules", key="nic0", subject="group", value="", ref=ref, parts=parts_of(rules))
    return Side(traits=[trait])


def test_a_security_rule_that_differs_is_a_row_of_its_own() -> None:
    """Rules are the same whatever their names; changed, missing and additional ones are open until somebody answers."""
    had = {"https": "allow inbound 100", "http": "allow inbound 110", "deny": "deny inbound 4000"}
    assert [] == differences(spec(), group({}, OLD), group({}))
    assert [] == differences(spec(), group(had, OLD), Side()), "the row of the group tells that it has none"
    renamed = {"tls": "allow inbound 100", "HTTP": "allow inbound 110", "deny": "deny inbound 4000"}
    same = differences(spec(), group(had, OLD), group(renamed))
    assert [("carried", "3 rules")] == [(row.state, row.target) for row in same]

    has = {"https": "allow inbound 100", "HTTP": "allow inbound 8080", "everybody": "allow inbound 200"}
    rows = differences(spec(), group(had, OLD), group(has))

    assert [
        ("rules of group", "1 rule", "1 rule", "carried"),
        ('rule "http" of group', "allow inbound 110", "allow inbound 8080", "open"),
        ('rule "deny" of group', "deny inbound 4000", "no such rule", "open"),
        ('rule "everybody" of group', "no such rule", "allow inbound 200", "open"),
    ] == [(row.subject, row.source, row.target, row.state) for row in rows]
    assert {""} == {row.restore for row in rows}
    assert len(rows) == len({row.key for row in rows})
    for rule in ("parity/security-rules", "parity/security-groups", "security-groups-carried"):
        answered = spec(waivers=[{"rule": rule, "by": "bo@contoso.example", "reason": "other addresses"}])
        waived = differences(answered, group(had, OLD), group(has))
        assert ["carried", *["waived"] * 3] == [row.state for row in waived]


@pytest.mark.parametrize("number", [41, 201, 1_000])
def test_a_group_of_many_rules_stays_small_and_is_compared_whole(number: int) -> None:
    """Many rules are kept as hashes, very many as one; a single rule that is another is found all the same."""
    had = {f"rule-{n:04}": f"allow inbound {n} " + "x" * 90 for n in range(number)}
    changed = {**had, "rule-0007": "allow inbound 7 from everywhere"}
    fewer = {name: text for name, text in had.items() if name > "rule-0009"}
    side_had = group(had, OLD)
    assert len(side_had.model_dump_json()) < 10_000
    assert ["carried"] == [row.state for row in differences(spec(), side_had, group(had))]
    opened = [row for row in differences(spec(), side_had, group(changed)) if row.state == "open"]
    named = "rule-0007" if number <= 200 else "all rules"
    assert [True] == [named in row.subject for row in opened]
    lacking = [row for row in differences(spec(), side_had, group(fewer)) if row.state == "open"]
    assert (1 if number > 200 else 10) == len(lacking)


def test_rows_stay_few_and_short() -> None:
    """50 tags, 20 extensions and much else of the longest kind stay far under 100 KB, the open ones first."""
    long = "x" * 5_000
    traits = [Trait(aspect="tags", key=f"tag{n:03}", subject=shortened(long), value=shortened(long)) for n in range(50)]
    traits += [
        Trait(aspect=aspect, key=f"{n:03}", subject=shortened(long), value=shortened(long), ref="/x" * 150)
        for aspect in ("extensions", "role-assignments", "managed-identities")
        for n in range(200)
    ]
    source = side_of(traits, {})
    assert MOST_TRAITS == len([trait for trait in source.traits if trait.aspect == "extensions"])
    assert 170 == source.omitted["extensions"]
    rows = differences(spec(), source, Side(traits=[trait for trait in source.traits if trait.aspect == "tags"]))
    assert MOST_ROWS == len(rows)
    assert "open" == rows[0].state
    assert "more rows" in rows[-1].subject
    report = VmReport(name="web-01", id="x", parity=rows)
    sizes = [len(value.model_dump_json()) for value in (source, report, RestoreAnswer(rows=rows), counts(rows))]
    assert max(sizes) < 75_000, sizes
    many = differences(spec(), source_of_tags(50), source_of_tags(50))
    assert [("all 50", "carried")] == [(row.source, row.state) for row in many]


def source_of_tags(number: int) -> Side:
    """Return a side with so many tags."""
    return Side(traits=[Trait(aspect="tags", key=f"{n}", subject=f"{n}", value="x") for n in range(number)])


def test_long_texts_differ_still() -> None:
    """A text that is cut keeps a hash of all of it."""
    one, other = shortened("a" * 200 + "b"), shortened("a" * 200 + "c")
    assert one != other
    assert len(one) <= 120


def test_what_restoring_makes_is_known_before() -> None:
    """Settings, roles, schedules and locks have ids that do not change from one reading to the next."""
    vm = spec(restore=["auto", "role-assignments", "locks"])
    rows = [row for aspect in ASPECTS for row in differences(vm, side(aspect), Side()) if row.restore]
    made = {row.aspect: made_id(vm, row) for row in rows if made_id(vm, row)}
    assert {"diagnostics", "role-assignments", "auto-shutdown", "locks"} == set(made)
    assert made == {row.aspect: made_id(vm, row) for row in rows if made_id(vm, row)}


def test_the_page_tells_of_every_aspect() -> None:
    """`docs/parity.md` is what the table says; the findings that it names are rules of the check."""
    assert page.FILE.read_text(encoding="utf-8") == page.page(), "run `make rules`"
    assert {told.finding for told in TABLE.values()} - {""} <= set(BY_ID)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "message", "fix"),
    [
        pytest.param(
            "parity: {}", "parity: {restore: most}", 10, "parity.restore", "a list", "a list", id="no word of it"
        ),
        pytest.param(
            "parity: {}",
            "parity: {restore: [backup]}",
            10,
            "parity.restore[0]",
            "backup is not one",
            "auto",
            id="never",
        ),
        pytest.param(
            "parity: {}",
            f"parity: {{network_security_group: {ADDRESS}}}",
            10,
            "parity.network_security_group",
            "publicIPAddresses",
            "a network security group",
            id="another type",
        ),
        pytest.param(
            "load_balancer_pools: []",
            "load_balancer_pools: [web]",
            12,
            "",
            "no id of a backend pool",
            "look like",
            id="pool",
        ),
        pytest.param("parity/backup", "parity/bakup", 9, "waivers[0].rule", "no rule", "parity/backup", id="waiver"),
    ],
)
def test_mistakes_in_a_plan_are_told(old: str, new: str, line: int, field: str, message: str, fix: str) -> None:
    """Each has its line and field, what is wrong and what would be right."""
    assert 1 == PLAN_TEXT.count(old)
    assert parse_plan(PLAN_TEXT, "plan.yaml").parity.restore == ["auto"]
    with pytest.raises(PlanFileError) as caught:
        parse_plan(PLAN_TEXT.replace(old, new), "plan.yaml")
    (problem,) = caught.value.problems
    assert (line, True) == (problem.line, field in problem.field)
    assert message in problem.message
    assert fix in problem.fix


PLAN_TEXT = """\
version: 1
name: shop
subscription: 6b1f6e0a-52c4-4a8e-9d0b-3f5c8a7e2d11
source: {region: westeurope, resource_group: we}
target: {region: northeurope, resource_group: ne, network: vnet, subnet: servers}
vault: {name: vault, resource_group: recovery, region: northeurope}
approval: {approvers: [anna@contoso.example]}
waivers:
  - {rule: parity/backup, by: anna@contoso.example, reason: known}
parity: {}
waves:
  - {name: only, vms: [{name: web-01, target: {load_balancer_pools: []}}]}
"""
