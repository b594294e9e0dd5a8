"""What the rules of preflight make of answers, of silence, of waivers and of earlier moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from migration import ids
from migration.access import Permission
from migration.facts import Fact
from migration.inventory import Disk
from migration.models import Waived
from migration.plan import Waiver
from migration.plan_parity import ParityWanted
from migration.rules import page
from migration.rules.access import allows
from migration.rules.case import Case
from migration.rules.catalogue import ALREADY_MIGRATED, RULES
from migration.rules.engine import judge
from tests.migration import sound
from tests.migration.rule_changes import (
    Change,
    changed,
    with_data_disk,
    with_disk_in_target,
    with_item,
    with_machine,
    with_machine_in_target,
    with_nic,
    with_quota,
    with_spec,
    with_twin,
)
from tests.migration.sound import (
    AWAY,
    DATA_DISK,
    GROUPS,
    HOME,
    MACHINE,
    MOVED,
    PLACE,
    SKU,
    SPEC,
    SUBSCRIPTION,
    VM_ID,
    cutting_over,
    objections,
    starting,
)


def test_machine_on_disks_left_behind_is_judged_without_them() -> None:
    """What is wrong with a disk that the plan leaves behind does not matter."""
    case = changed(changed(starting(), with_data_disk(type="UltraSSD_LRS")), with_spec(excluded_disks=["WEB-01-data"]))

    assert {} == objections(case)


def test_denied_question_is_unknown() -> None:
    """A rule that may not ask is never passed: it answers unknown, says why, and what would let it ask."""
    case = starting()
    case.inventory.usages.note(PLACE, Fact(unasked="reading the quotas: 403 AuthorizationFailed", denied=True))

    findings, _ = judge(case)

    assert [("quota", "unknown")] == [(finding.rule, finding.severity) for finding in findings]
    assert "403 AuthorizationFailed" in findings[0].evidence
    assert "Reader" in findings[0].remedy


def test_one_unreadable_thing_is_told_once() -> None:
    """Where many rules lack one fact, one finding names them all."""
    case = starting()
    case.inventory.machines.note(VM_ID, Fact(unasked="reading the machine: 500", passing=True))

    _, (found,) = judge(case)

    assert 1 == len([finding for finding in found.findings if "reading the machine" in finding.evidence])
    assert "source-exists, source-region, source-running" in found.findings[0].rule
    assert ["reading the machine: 500"] == case.inventory.passing_failures()


@pytest.mark.parametrize("case", [starting(asks_guests=True), cutting_over()])
def test_empty_inventory_passes_nothing(case: Case) -> None:
    """Without any answer, every rule of the moment that needs one is unknown."""
    from migration.inventory import Inventory

    blind = replace(case, inventory=Inventory())
    blind.inventory.items.note(sound.VAULT, Fact(unasked="x"))
    told = {part for rule in objections(blind) for part in rule.split(", ")}
    needs_nothing = {
        "channels-set-up",
        "cutover-window",
        "encryption-set",
        "fence-can-hold",
        "cache-account",
        "test-names-free",
        "test-network",
        "test-network-isolated",
    }

    assert {rule.id for rule in RULES if case.moment in rule.moments} - needs_nothing == told


def test_own_resources_do_not_collide_at_start() -> None:
    """What the ledger knows as ours collides with nothing before the move, and a replica of our item never does."""
    replica = ids.disk_id(SUBSCRIPTION, AWAY, REPLICA)
    case = changed(starting(), with_disk_in_target(REPLICA))
    assert {} == objections(replace(case, own_ids=frozenset({ids.id_key(replica)})))

    protected = changed(case, with_item(replica_disk_ids=(replica.upper(),)))
    assert {} == objections(protected)


def test_predicted_names_collide_at_cutover() -> None:
    """Right before the failover nothing of it can exist: a machine of the predicted id is a stranger's."""
    case = changed(cutting_over(), with_machine_in_target("web-01"))

    assert "target-name-free" in objections(replace(case, own_ids=frozenset({ids.id_key(SPEC.target_id)})))


def test_quota_counts_all_that_move() -> None:
    """Two machines that each fit and together do not are refused."""
    case = changed(starting(), with_twin(target_resource_group="third"))
    third = ids.resource_group_id(SUBSCRIPTION, "third")
    for table in (case.inventory.group_machines, case.inventory.group_disks, case.inventory.group_nics):
        table.note(third, Fact(()))
    case.inventory.groups.note(third, Fact())
    case.inventory.denials.note(third, Fact(()))
    case.inventory.permissions.note(f"/subscriptions/{SUBSCRIPTION}", Fact((Permission(("*",)),)))
    assert {"static-address": "note"} == objections(case)

    with_quota("cores", used=7)(case)
    assert "blocking" == objections(case)["quota"]


def test_absent_group_needs_the_right_to_make_it() -> None:
    """While the target group is absent, permissions are asked at the subscription, that of making groups with them."""
    case = starting()
    case.inventory.groups.note(GROUPS[AWAY], Fact())
    granted = Permission(("*",), ("Microsoft.Resources/subscriptions/resourceGroups/write",))
    case.inventory.permissions.note(f"/subscriptions/{SUBSCRIPTION}", Fact((granted,)))

    findings, _ = judge(case)

    assert ["permissions-target"] == [finding.rule for finding in findings]
    assert "resourceGroups/write" in findings[0].evidence


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ([Permission(("*",))], True),
        ([Permission(("microsoft.compute/virtualmachines/*",))], True),
        ([Permission(("*/start/action",))], True),
        ([Permission(("*/read",))], False),
        ([Permission(("*",), ("Microsoft.Compute/*",))], False),
        ([Permission(("*",), ("Microsoft.Compute/*",)), Permission(("*/action",))], True),
        ([Permission(("Microsoft.Compute/virtualMachines/start",))], False),
        ([], False),
    ],
)
def test_permissions_as_azure_reads_them(grants: list[Permission], expected: bool) -> None:
    """Wildcards match any text, notActions take away within their own grant only, case does not matter."""
    assert expected == allows(grants, "Microsoft.Compute/virtualMachines/start/action")


REPLICA = "web-01-data-ASRReplica"


def moved(case: Case, **changes: Any) -> Case:
    """Return the case after a move: the source stands still, the target runs, nothing is protected."""
    with_machine(power_state="PowerState/deallocated")(case)
    target = replace(MOVED, **changes)
    case.inventory.group_machines.note(GROUPS[AWAY], Fact((target,)))
    case.inventory.machines.note(SPEC.target_id, Fact(target))
    return case


def test_moved_machine_is_recognised() -> None:
    """A machine that an earlier run moved counts as migrated; no other rule objects to it."""
    shared, (found,) = judge(moved(starting()))

    assert found.already_migrated
    assert [] == shared
    assert [ALREADY_MIGRATED.id] == [finding.rule for finding in found.findings]


def test_committed_item_is_recognised() -> None:
    """A committed failover whose replication was not yet disabled counts as migrated too."""
    case = moved(starting(), power_state="PowerState/stopped")
    with_item(protection_state="UnplannedFailoverCommitted")(case)

    assert judge(case)[1][0].already_migrated


def test_a_finalised_machine_counts_as_migrated() -> None:
    """Its source is gone because it was finalised: that is no reason to refuse the plan, as a wrong name would be."""
    case = moved(starting())
    case.inventory.machines.note(VM_ID, Fact(None))
    assert "blocking" == objections(case)["source-exists"]

    (found,) = judge(replace(case, finalised={SPEC.name: "at 2026-03-01T10:02:00Z"}))[1]

    assert found.already_migrated
    assert "the source was deleted by finalise at 2026-03-01T10:02:00Z" in found.findings[0].evidence
    other = moved(starting(), from_image=True)
    other.inventory.machines.note(VM_ID, Fact(None))
    assert not judge(replace(other, finalised={SPEC.name: "once"}))[1][0].already_migrated


@pytest.mark.parametrize(
    "changes",
    [
        {"from_image": True},
        {"location": "westeurope"},
        {"power_state": "PowerState/deallocated"},
        {"nic_ids": ()},
        {"data_disks": ()},
        {"os_disk": replace(MOVED.os_disk, name="another")},
        {"data_disks": (replace(MOVED.data_disks[0], size_gib=64),)},
    ],
)
def test_look_alike_collides(changes: dict[str, Any]) -> None:
    """A machine that merely has the target's name is no evidence of a move: it is a collision that blocks."""
    case = moved(starting(), **changes)

    assert not judge(case)[1][0].already_migrated
    assert "blocking" == objections(case)["target-name-free"]


def test_running_source_was_not_moved() -> None:
    """As long as the source runs, nothing that stands in the target was moved from it."""
    case = moved(starting())
    case.inventory.machines.note(VM_ID, Fact(MACHINE))

    assert not judge(case)[1][0].already_migrated


def test_failover_without_commit_was_not_moved() -> None:
    """A failover of ours that nobody committed is gone on with; it does not count as migrated."""
    case = moved(starting())
    with_item(protection_state="UnplannedFailoverCommitPendingStatesBegin", target_vm_id=SPEC.target_id)(case)

    found = judge(case)[1][0]
    assert not found.already_migrated
    assert ["adopted"] == [one.rule for one in found.findings]
    assert "failed_over" == found.adoption.stage


def waiving(rule: str) -> Change:
    """Let the plan waive a rule."""
    waiver = Waiver(rule=rule, by="anna@contoso.example", reason="known")
    return with_spec(waivers=[waiver])


def test_waived_findings_are_told_and_stop_nothing() -> None:
    """A waiver keeps the finding, with who answers for it and why; it does not block any more."""
    case = changed(changed(starting(), with_quota("cores", used=9)), waiving("quota"))

    findings, _ = judge(case)

    assert [("quota", "blocking", False)] == [(one.rule, one.severity, one.blocks) for one in findings]
    assert Waived(by="anna@contoso.example", reason="known") == findings[0].waived


def test_a_waiver_of_the_start_does_not_hold_at_the_cutover() -> None:
    """What is safe to waive before anything is written may not be before the source is shut down."""
    case = changed(changed(cutting_over(), with_quota("cores", used=9)), waiving("quota"))

    assert [("quota", True)] == [(one.rule, one.blocks) for one in judge(case)[0]]


def test_an_unknown_answer_may_be_waived_where_the_rule_may() -> None:
    """A rule that could not be asked blocks as it would itself, and may be waived where it may itself."""
    blind = Fact[Any](unasked="reading the quotas: 403", denied=True)
    case = starting()
    case.inventory.usages.note(PLACE, blind)
    assert [True] == [one.blocks for one in judge(case)[0]]
    assert [False] == [one.blocks for one in judge(changed(case, waiving("quota")))[0]]

    warning_only = starting()
    warning_only.inventory.churn.note(VM_ID, Fact(unasked="reading metrics: 403", denied=True))
    assert [("churn", "unknown", False)] == [
        (one.rule, one.severity, one.blocks) for one in judge(warning_only)[1][0].findings
    ]


def test_a_rule_that_stumbles_stops_no_other() -> None:
    """A machine that is not as any machine should be makes its own rules unknown, and no other machine's."""
    case = changed(starting(), with_twin(target_resource_group="third"))
    case.inventory.disks.note(DATA_DISK, Fact(Disk(DATA_DISK, "Premium_LRS", None)))  # type: ignore[arg-type]
    third = ids.resource_group_id(SUBSCRIPTION, "third")
    for table in (case.inventory.group_machines, case.inventory.group_disks, case.inventory.group_nics):
        table.note(third, Fact(()))
    case.inventory.machines.note(VM_ID, Fact(replace(MACHINE, power_state=None)))  # type: ignore[arg-type]

    _, (broken, _twin) = judge(case)

    assert "source-running" in ", ".join(one.rule for one in broken.findings if one.severity == "unknown")


def test_the_catalogue_is_complete() -> None:
    """Each rule has words for everything, ids are unique, and what blocks is waivable only with a reason."""
    assert len(RULES) == len({rule.id for rule in RULES})
    for rule in RULES:
        assert rule.link.startswith("https://learn.microsoft.com/"), rule.id
        assert all((rule.asks.endswith("."), rule.evidence, rule.remedy, rule.moments)), rule.id
        assert bool(rule.waivable_at) == bool(rule.why_safe), rule.id
        assert set(rule.waivable_at) <= set(rule.moments), rule.id


def test_the_page_of_the_rules_is_current() -> None:
    """`make rules` would write what is committed, and every rule is on the page."""
    assert page.page() == page.FILE.read_text(encoding="utf-8")
    assert all(f"**[{rule.id}](" in page.page() for rule in (*RULES, ALREADY_MIGRATED))


def test_the_closest_size_is_named() -> None:
    """Where the region does not offer the size, the nearest that carries the machine is named."""
    near = replace(SKU, name="Standard_D2s_v4", family="standardDSv4Family")
    far = replace(SKU, name="Standard_E2s_v5", memory_gib=16.0)
    small = replace(SKU, name="Standard_B2s", memory_gib=8.0, max_data_disks=0)
    case = starting()
    home = SKU
    case.inventory.skus.note(PLACE, Fact({sku.name.lower(): sku for sku in (far, near, small)}))
    case.inventory.skus.note(sound.HOME_PLACE, Fact({home.name.lower(): home}))

    _, (found,) = judge(case)

    assert "Standard_D2s_v4" == found.size
    assert "the closest to Standard_D2s_v5 that northeurope offers (2 vCPUs and 8 GiB)" == found.size_reason
    (offered,) = [one for one in found.findings if one.rule == "size-offered"]
    assert "target.size: Standard_D2s_v4" in offered.remedy
    with_quota("cores", used=9)(case)
    assert "quota" in objections(case), "of the closest"
    assert ("Standard_D2s_v5", "the same as at the source") == (
        judge(starting())[1][0].size,
        judge(starting())[1][0].size_reason,
    )


def test_the_check_promises_only_what_the_move_restores() -> None:
    """A named group and address answer for one each: application groups and further addresses wait for a person."""
    network = f"{GROUPS[HOME]}/providers/Microsoft.Network"
    wanted = ParityWanted(restore=["security-groups", "public-addresses"], network_security_group="/g", public_ip="/p")
    case = starting(vms=(SPEC.model_copy(update={"parity": wanted}),))
    with_nic(
        security_group_id=f"{network}/networkSecurityGroups/web",
        application_group_ids=(f"{network}/applicationSecurityGroups/apps",),
        public_address_ids=(f"{network}/publicIPAddresses/one", f"{network}/publicIPAddresses/two"),
    )(case)

    found = {one.evidence.split('"')[1]: one.remedy for one in judge(case)[1][0].findings if "carried" in one.rule}

    promise = "the move does that by itself after the failover"
    itself = {name for name, remedy in found.items() if remedy.endswith(promise)}
    assert ({"web", "one"}, {"web", "apps", "one", "two"}) == (itself, set(found))
    assert found["apps"].endswith("the commit waits for it, or for a waiver of parity/security-groups")
