"""Permissions against exactly what the move does: grants, what they leave out, deny assignments, and what to grant."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from migration import ids
from migration.access import Denial, Permission
from migration.calls.call import action_of
from migration.calls.table import permissions
from migration.facts import Fact
from migration.models import Finding
from migration.plan import Failover
from migration.rules import needs
from migration.rules.access import matches
from migration.rules.built_in_roles import ROLES, granting
from migration.rules.engine import judge
from migration.rules.needs import Need, scopes
from tests.migration.sound import AWAY, GROUPS, HOME, NETWORK, SPEC, SUBSCRIPTION, TEST_NETWORK, VAULT_GROUP, starting

HOME_SUBSCRIPTION = f"/subscriptions/{SUBSCRIPTION}"
REHEARSING = starting(
    failover=Failover(test_first=True, test_network=TEST_NETWORK),
    vms=(SPEC.model_copy(update={"test_network_id": TEST_NETWORK}),),
    asks_guests=True,
)
NEEDED = [(need, action) for need in REHEARSING.needs for action in need.actions]
WISHED = (
    "/runCommand/action",
    "schedules/read",
    "diagnosticSettings/read",
    "publicIPAddresses/read",
    "subnets/read",
)


def findings(case: Any) -> list[Finding]:
    """Return what the rules on permissions say."""
    return [finding for finding in judge(case)[0] if "permissions-" in finding.rule]


@pytest.fixture
def case() -> Any:
    """Return a case in which everything is granted."""
    return replace(REHEARSING, inventory=starting().inventory)


def test_each_action_of_the_move_is_missed_by_its_own_name(case: Any) -> None:
    """Whatever single action is left out of an identity's grants, the finding names it, the scope and a role for it."""
    wrong = []
    for need, action in NEEDED:
        allowed = case.inventory.permissions[ids.id_key(need.scope)]
        case.inventory.permissions.note(need.scope, Fact((Permission(("*",), (action,)),)))
        told = [
            (f.rule, f.severity, action in f.evidence, f"--scope {need.scope} " in f.remedy) for f in findings(case)
        ]
        severity = "note" if action in need.optional else "warning" if action.endswith(WISHED) else "blocking"
        if (f"permissions-{need.place}", severity, True, True) not in told:
            wrong.append((need.place, action, told))
        case.inventory.permissions.note(need.scope, allowed)

    assert [] == wrong
    assert 60 < len(NEEDED)


@pytest.mark.parametrize(
    ("place", "scope", "action"),
    [
        ("vault", GROUPS[VAULT_GROUP], "/replicationProtectedItems/unplannedFailover/action"),
        ("source", GROUPS[HOME], "Microsoft.Compute/virtualMachines/runCommand/action"),
        ("source", GROUPS[HOME], "Microsoft.Compute/virtualMachines/start/action"),
        ("target", GROUPS[AWAY], "Microsoft.Compute/disks/delete"),
        ("network", NETWORK, "Microsoft.Network/virtualNetworks/subnets/join/action"),
        ("network", TEST_NETWORK, "Microsoft.Network/virtualNetworks/subnets/join/action"),
        ("subscription", HOME_SUBSCRIPTION, "Microsoft.Compute/skus/read"),
    ],
)
def test_the_table_of_calls_knows_what_a_move_does(place: str, scope: str, action: str) -> None:
    """Some of what any move does, at the place where it does it."""
    wanted = [need for need in REHEARSING.needs if (need.place, ids.id_key(need.scope)) == (place, ids.id_key(scope))]

    assert 1 == len(wanted)
    assert any(each.endswith(action) for each in wanted[0].actions)


def test_a_plan_that_asks_no_guest_needs_no_right_to(case: Any) -> None:
    """Without guest probes, and without a test, the actions for them are not asked for."""
    plain = replace(case, asks_guests=False, failover=Failover())
    actions = {action for need in plain.needs for action in need.actions}

    assert not [action for action in actions if re.search(r"runCommand|testFailover", action)]


@pytest.mark.parametrize(
    ("denial", "expected"),
    [
        (Denial("stack", GROUPS[AWAY], ("*/delete",)), ["blocking"]),
        (Denial("stack", HOME_SUBSCRIPTION, ("Microsoft.Compute/disks/*",)), ["blocking"]),
        (Denial("stack", HOME_SUBSCRIPTION, ("Microsoft.Compute/*",), ("Microsoft.Compute/*",)), []),
        (Denial("stack", HOME_SUBSCRIPTION, ("*/delete",), only_there=True), []),
        (Denial("stack", GROUPS[AWAY], ("*",), applies=False), []),
        (Denial("stack", GROUPS[AWAY], ("*/delete",), applies=None), ["unknown"]),
        (Denial("stack", GROUPS[AWAY], ("Microsoft.Sql/*",)), []),
    ],
)
def test_a_deny_assignment_beats_every_grant(case: Any, denial: Denial, expected: list[str]) -> None:
    """What denies an action that the move does blocks, by its name; what concerns others or elsewhere does not."""
    case.inventory.deny_assignments.note(GROUPS[AWAY], Fact((denial,)))

    told = [finding for finding in findings(case) if finding.rule == "permissions-target"]

    assert expected == [finding.severity for finding in told]
    assert all('"stack"' in finding.evidence and "Microsoft.Compute" in finding.evidence for finding in told)


def test_one_scope_that_cannot_be_asked_hides_no_other(case: Any) -> None:
    """A network whose permissions cannot be read is unknown, and the other one's lack is told all the same."""
    case.inventory.permissions.note(NETWORK, Fact(unasked="503", passing=True))
    case.inventory.permissions.note(TEST_NETWORK, Fact((Permission(("*/read",)),)))

    assert {"blocking", "unknown"} == {f.severity for f in findings(case) if f.rule == "permissions-network"}


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["Microsoft.Compute/virtualMachines/start/action"], ["Virtual Machine Contributor"]),
        (["Microsoft.Storage/storageAccounts/write"], ["Storage Account Contributor"]),
        (["Microsoft.Compute/skus/read"], ["Reader"]),
        (["Microsoft.Resources/subscriptions/resourceGroups/write"], ["Contributor"]),
        (
            ["Microsoft.RecoveryServices/vaults/replicationFabrics/write", "Microsoft.Storage/storageAccounts/delete"],
            ["Site Recovery Contributor", "Storage Account Contributor"],
        ),
    ],
)
def test_the_narrowest_roles_are_named(actions: list[str], expected: list[str]) -> None:
    """As few built-in roles as suffice, and Contributor only where no narrower one does."""
    assert expected == granting(actions)


def test_the_roles_that_the_readme_names_suffice(case: Any) -> None:
    """With the roles of the README on the groups and Reader on the subscription nothing is missing."""
    reading = Permission(("*/read",))
    vault = [Permission(ROLES[role]) for role in ("Site Recovery Contributor", "Storage Account Contributor")]
    machines = [Permission(ROLES[role]) for role in ("Virtual Machine Contributor", "Network Contributor")]
    grants = {
        "vault": [reading, *vault],
        "source": [reading, *machines],
        "target": [reading, *machines],
        "network": [reading, Permission(ROLES["Network Contributor"])],
        "subscription": [reading],
    }
    lacking = {need.place: _lacking(need, grants[need.place]) for need in case.needs}

    assert [] == [action for actions in lacking.values() for action in actions]


def _lacking(need: Need, grants: list[Permission]) -> list[str]:
    return [action for action in need.actions if not any(matches(action, grant.actions) for grant in grants)]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("PUT", f"{HOME_SUBSCRIPTION}/resourceGroups/a", "Microsoft.Resources/subscriptions/resourceGroups/write"),
        (
            "GET",
            f"{HOME_SUBSCRIPTION}/resourceGroups/a/resources",
            "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
        ),
        ("GET", f"{HOME_SUBSCRIPTION}/providers/A.B", "Microsoft.Resources/subscriptions/providers/read"),
        ("GET", f"{HOME_SUBSCRIPTION}/providers/A.B/locations/x/usages", "A.B/locations/usages/read"),
        ("POST", f"{GROUPS[HOME]}/providers/A.B/vms/v/start", "A.B/vms/start/action"),
        ("POST", f"{GROUPS[HOME]}/providers/A.B/CheckPolicyRestrictions", "A.B/CheckPolicyRestrictions/read"),
        ("PATCH", f"{GROUPS[HOME]}/providers/A.B/vaults/v/items/i", "A.B/vaults/items/write"),
        ("GET", f"{GROUPS[HOME]}/providers/A.B/vms/v/providers/C.D/locks", "C.D/locks/read"),
    ],
)
def test_actions_are_named_as_azure_names_them(method: str, path: str, expected: str) -> None:
    """The permission of a request follows from its method and path."""
    assert expected == action_of(method, path)


def test_the_table_of_calls_is_made_once_for_a_check(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to ask about and what each place needs come from one table; of a large plan it takes a while."""
    table = Mock(wraps=permissions)
    monkeypatch.setattr(needs, "permissions", table)

    asked = scopes(case)
    judge(case)

    assert 1 == table.call_count
    assert {ids.id_key(need.scope) for need in case.needs} == set(map(ids.id_key, asked))
