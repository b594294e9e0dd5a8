"""The calls after the commit: who deletes a source, who only reads, and what replicating back adds to a run."""

from pathlib import Path
from typing import Any

from migration.calls.finalise import finalise, finaliser_roles
from migration.calls.move import moves_of
from migration.calls.roles import custom_roles
from migration.calls.table import writes
from migration.names import cache_account_name
from migration.plan import Plan
from migration.plan_file import load_plan
from migration.specs import vm_specs

CONTOSO = load_plan(Path(__file__).parents[2] / "plans" / "contoso.yaml")


def with_words(**words: Any) -> Plan:
    """Return the Contoso plan with more said in it."""
    return Plan.model_validate(CONTOSO.model_dump(mode="json", exclude_defaults=True) | words)


def roles(plan: Plan) -> dict[str, dict[str, Any]]:
    """Return all roles by their place."""
    return {role["Name"].rsplit(": ", 1)[1]: role for role in (*custom_roles(plan), *finaliser_roles(plan))}


def test_deleting_is_granted_where_the_sources_are_and_to_nobody_else() -> None:
    """The worker's role on the sources deletes nothing; the finaliser's deletes there, and elsewhere only reads."""
    found = roles(with_words(finalise={"snapshot": True, "public_ips": "delete"}))
    deletes = {place: [one for one in role["Actions"] if one.endswith("/delete")] for place, role in found.items()}

    assert [] == deletes["source"]
    assert [
        "Microsoft.Compute/disks/delete",
        "Microsoft.Compute/virtualMachines/delete",
        "Microsoft.Network/networkInterfaces/delete",
        "Microsoft.Network/publicIPAddresses/delete",
    ] == deletes["finaliser"]
    assert all(one.endswith("/read") for one in found["finaliser reads"]["Actions"])
    assert {"Microsoft.Compute/snapshots/write", "Microsoft.Authorization/locks/read"} <= {
        *found["finaliser"]["Actions"]
    }
    source = f"/subscriptions/{CONTOSO.subscription}/resourceGroups/{CONTOSO.source.resource_group}"
    assert [source] == found["finaliser"]["AssignableScopes"]
    assert source not in found["finaliser reads"]["AssignableScopes"]


def test_a_plan_grants_no_more_than_it_asks_for() -> None:
    """Disks and addresses that stay, and snapshots that are not wanted, need no right."""
    found = roles(with_words(finalise={"disks": "keep"}))["finaliser"]["Actions"]

    assert not {"Microsoft.Compute/disks/delete", "Microsoft.Network/publicIPAddresses/delete"} & {*found}
    assert not any("snapshots" in action or "beginGetAccess" in action for action in found)
    assert {call.method for call in finalise(CONTOSO)} == {"GET", "DELETE"}


def test_a_run_never_deletes_a_source() -> None:
    """No call of a run, nor of its way back, removes what lies in the sources' groups."""
    plan = with_words(after_commit={"reprotect": {}})
    group = f"/resourcegroups/{plan.source.resource_group.lower()}/"
    calls = writes(*moves_of(plan, tuple(vm_specs(plan))))

    assert [] == [call.path for call in calls if call.effect == "removes" and group in call.path.lower()]


def test_replicating_back_adds_its_calls_and_rights_only_where_a_plan_asks() -> None:
    """The switch, the cache account over there, and what Site Recovery wants its caller to be allowed."""
    back = with_words(after_commit={"reprotect": {}})
    asked, plain = paths(back), paths(CONTOSO)
    added = [path.rsplit("/", 1)[1] for path in asked if path not in plain]

    assert "switchprotection" in added
    assert cache_account_name(CONTOSO.vault_ids[0], CONTOSO.target.region) in added
    switch = (
        "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers/switchprotection/action"
    )
    assert switch in roles(back)["vault"]["Actions"]
    assert switch not in roles(CONTOSO)["vault"]["Actions"]
    assert "Microsoft.Compute/disks/write" in roles(back)["source"]["Actions"]
    assert "Microsoft.Compute/disks/write" not in roles(CONTOSO)["source"]["Actions"]
    off = with_words(after_commit={"reprotect": {"enabled": False}})
    assert plain == paths(off)


def paths(plan: Plan) -> list[str]:
    """Return what a run of a plan would write."""
    return [call.path for call in writes(*moves_of(plan, tuple(vm_specs(plan))))]
