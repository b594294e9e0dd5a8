"""What is replicated already: gone on with, begun anew, or refused with the reason. Foreign protection stays."""

from dataclasses import replace
from typing import Any

import pytest

from migration import ids
from migration.facts import Fact
from migration.inventory import Extension, ProtectedItem
from migration.rules.adoption import recognise
from migration.rules.case import Case
from migration.rules.engine import judge
from tests.migration.rule_changes import changed, with_item, with_machine, with_spec
from tests.migration.sound import AWAY, ITEM, MOVED, PROTECTED, SPEC, SUBSCRIPTION, VAULT, VM_ID, starting

PORTALS = f"{VAULT}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/web-01"
PENDING = "UnplannedFailoverCommitPendingStatesBegin"
REPLICA = ids.disk_id(SUBSCRIPTION, AWAY, "web-01-os-ASRReplica")


def case_with(**item: Any) -> Case:
    """Return a case in which the plan's vault replicates the machine."""
    return changed(starting(), with_item(**item))


@pytest.mark.parametrize(
    ("item", "stage"),
    [
        ({"protection_state": "EnablingFailed"}, "enabling_failed"),
        ({"protection_state": "EnablingProtection", "scenario": "EnableDr"}, "replicating"),
        ({"protection_state": "InitialReplicationInProgress"}, "replicating"),
        ({}, "replicating"),
        ({"scenario": "UnplannedFailover"}, "failing_over"),
        ({"protection_state": "UnplannedFailoverInProgress"}, "failing_over"),
        ({"protection_state": PENDING, "target_vm_id": SPEC.target_id.upper()}, "failed_over"),
    ],
)
def test_what_is_ours_is_gone_on_with(item: dict[str, Any], stage: str) -> None:
    """By the state of the item that an earlier run left; whoever judges it is told, and nothing blocks."""
    case = case_with(**item)
    found = recognise(case, SPEC)
    assert (stage, ITEM, False) == (found.stage, found.item_id, found.foreign)
    findings = judge(case)[1][0].findings
    assert [] == [one.rule for one in findings if one.blocks]
    assert (stage != "replicating") == ("adopted" in [one.rule for one in findings])


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"protection_state": "UnplannedFailoverFailed"}, "in state UnplannedFailoverFailed"),
        ({"protection_state": "UnplannedFailoverCommitted"}, "is committed"),
        ({"protection_state": PENDING, "scenario": "CommitFailover"}, "CommitFailover works on it"),
        (
            {"protection_state": PENDING, "scenario": "SwitchReplicationGroupProtection"},
            "SwitchReplicationGroupProtection works on it",
        ),
        ({"target_group_id": ids.resource_group_id(SUBSCRIPTION, "elsewhere")}, 'resource group "elsewhere"'),
        ({"target_vm_id": ids.vm_id(SUBSCRIPTION, AWAY, "other")}, 'its target is virtualMachines "other"'),
        ({"id": PORTALS}, "which this software did not make"),
        ({"machine_id": SPEC.target_id}, "is replicated back"),
    ],
)
def test_what_cannot_be_gone_on_with_is_refused(item: dict[str, Any], why: str) -> None:
    """With the reason and what to do, as a finding that blocks before anything is written."""
    case = case_with(**item)
    found = recognise(case, SPEC)
    assert "refused" == found.stage
    assert why in found.told
    blocking = [one for one in judge(case)[1][0].findings if one.blocks]
    assert [("item-usable", found.told, found.remedy)] == [(o.rule, o.evidence, o.remedy) for o in blocking]
    assert found.remedy


@pytest.mark.parametrize(
    ("there", "wanted", "told"),
    [
        ("plan-app", "PLAN-APP", None),
        ("", None, None),
        ("", "plan-app", "in no group, the plan says plan-app"),
        ("plan-app", None, "in the consistency group plan-app, the plan says none"),
        ("plan-db", "plan-app", "in the consistency group plan-db, the plan says plan-app"),
    ],
)
@pytest.mark.parametrize("foreign", [False, True])
def test_no_machine_changes_its_group_while_it_replicates(
    there: str, wanted: str | None, told: str | None, *, foreign: bool
) -> None:
    """Site Recovery lets none join or leave: ours and what is handed over go on only in the group of the plan."""
    item = {"consistency_group": there, **({"id": PORTALS} if foreign else {})}
    case = changed(case_with(**item), with_spec(adopt=foreign, consistency_group=wanted))
    found = recognise(case, case.vms[0])
    assert ("refused" if told else "replicating") == found.stage
    assert told is None or f"{told}, and Site Recovery lets none join or leave" in found.told
    failed = changed(case_with(**item, protection_state="EnablingFailed"), with_spec(consistency_group=wanted))
    assert foreign or "enabling_failed" == recognise(failed, failed.vms[0]).stage, "it is enabled anew, in any group"


def test_another_vault_is_named() -> None:
    """A machine that another vault protects is refused once, and that vault is named."""
    case = starting()
    other = PORTALS.replace("/vaults/vault/", "/vaults/their-vault/")
    case.inventory.foreign_items.note(SUBSCRIPTION, Fact((ProtectedItem(other, VM_ID, "Protected"),)))
    assert "refused" == recognise(case, SPEC).stage
    blocking = [one for one in judge(case)[1][0].findings if one.blocks]
    assert ["source-unprotected"] == [one.rule for one in blocking]
    assert "their-vault" in blocking[0].evidence


@pytest.mark.parametrize(
    ("item", "stage"),
    [
        ({}, "replicating"),
        ({"protection_state": PENDING}, "refused"),
        ({"protection_state": "EnablingFailed"}, "refused"),
        ({"scenario": "TestFailover", "test_failover_state": "WaitingForCompletion"}, "refused"),
        ({"target_group_id": ids.resource_group_id(SUBSCRIPTION, "elsewhere")}, "refused"),
    ],
)
def test_the_portals_is_taken_over_by_the_plans_word(item: dict[str, Any], stage: str) -> None:
    """`adopt: true` hands over what replicates and fits the plan; nothing of it is ours to delete."""
    case = changed(case_with(id=PORTALS, **item), with_spec(adopt=True))
    found = recognise(case, case.vms[0])
    assert (stage, PORTALS, []) == (found.stage, found.item_id, found.own_ids)
    assert (stage != "refused") == found.foreign


def test_the_item_proves_what_was_made_for_it() -> None:
    """Replica disks, the agent, and the machine that it names with the parts under the source's names; no others."""
    mine = replace(MOVED.os_disk, id=ids.disk_id(SUBSCRIPTION, AWAY, "web-01-os"))
    strange = replace(MOVED.data_disks[0], id=ids.disk_id(SUBSCRIPTION, AWAY, "somebody-elses"))
    target = replace(MOVED, os_disk=mine, data_disks=(strange,))
    case = case_with(protection_state=PENDING, target_vm_id=SPEC.target_id, replica_disk_ids=(REPLICA,))
    case = changed(case, with_machine(extensions=(Extension("SiteRecovery-Linux", "Succeeded"),)))
    case.inventory.group_machines.note(SPEC.target_resource_group_id, Fact((target,)))

    nic = ids.nic_id(SUBSCRIPTION, AWAY, "web-01-nic")
    expected = [ITEM, REPLICA, f"{VM_ID}/extensions/SiteRecovery-Linux", SPEC.target_id, mine.id, nic]
    assert expected == recognise(case, SPEC).own_ids


def test_a_test_that_waits_for_its_clean_up_is_told() -> None:
    """A test failover that an earlier run did not clean up is no reason to refuse what is ours."""
    found = recognise(case_with(test_failover_state="WaitingForCompletion"), SPEC)
    assert ("replicating", True) == (found.stage, found.test_pending)
    assert not recognise(case_with(test_failover_state="None"), SPEC).test_pending
    assert PROTECTED.id == found.item_id
