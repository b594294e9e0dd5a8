"""Locks, permissions and role assignments through the real SDKs."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.compute import ComputeManagementClient

from tests.simulator.compute_estate import (
    GROUP,
    SCOPE,
    SUBSCRIPTION,
    VM,
    authorization,
    compute,
    fresh,
    locks,
    machine,
    network,
    seed,
)
from tests.support.sim import Simulator

READER: dict[str, Any] = {
    "kind": "service_principal",
    "client_id": "aaaaaaaa-0000-4000-8000-000000000001",
    "object_id": "aaaaaaaa-0000-4000-8000-000000000002",
    "secret": "for-the-simulator-only",
    "roles": [
        {"role": "Reader", "scope": f"/subscriptions/{SUBSCRIPTION}"},
        {
            "role": {"actions": ["Microsoft.Compute/virtualMachines/start/action"], "notActions": []},
            "scope": SCOPE.upper(),
        },
    ],
}
OWNER: dict[str, Any] = {"kind": "service_principal"}
WEB_LOCK = f"{VM}/web/providers/Microsoft.Authorization/locks/keep"


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """Two machines, a lock on one of them in another case, and a second principal."""
    lock = {"id": WEB_LOCK.replace("Shop-RG", "SHOP-rg"), "properties": {"level": "CanNotDelete"}}
    given = seed(network(), machine("web"), machine("db"), lock, identities=[OWNER, READER])
    with Simulator(seed=given) as simulator:
        yield simulator


@pytest.fixture
def estate(shared: Simulator) -> Simulator:
    """The same, as its seed made it."""
    return fresh(shared, speed=600)


def _locks(found: Any) -> list[str]:
    return sorted(str(lock.name) for lock in found)


def test_locks_are_listed_at_and_below_a_scope(estate: Simulator) -> None:
    """The group's listing has its own lock and the machine's; atScope() has only its own."""
    client = locks(estate)
    level: Any = {"level": "ReadOnly", "notes": "audit"}
    client.management_locks.create_or_update_at_resource_group_level(GROUP, "freeze", level)

    everything = client.management_locks.list_at_resource_group_level(GROUP)
    own = client.management_locks.list_at_resource_group_level(GROUP, filter="atScope()")
    inherited = client.management_locks.list_by_scope(f"{VM}/db".lstrip("/"))

    assert ["freeze", "keep"] == _locks(everything)
    assert ["freeze"] == _locks(own)
    assert ["freeze"] == _locks(inherited)


def test_locks_are_obeyed(estate: Simulator) -> None:
    """The locked machine cannot be deleted until its lock is."""
    client = compute(estate)

    with pytest.raises(ResourceExistsError, match="ScopeLocked"):
        client.virtual_machines.begin_delete(GROUP, "web")
    locks(estate).management_locks.delete_by_scope(f"{VM}/web".lstrip("/"), "keep")
    client.virtual_machines.begin_delete(GROUP, "web").result()

    with pytest.raises(ResourceNotFoundError):
        client.virtual_machines.get(GROUP, "web")


def test_absent_lock_and_bad_level(estate: Simulator) -> None:
    """An absent lock is 404, a level that Azure does not have 400."""
    client = locks(estate)
    level: Any = {"level": "Sometimes"}

    with pytest.raises(ResourceNotFoundError):
        client.management_locks.get_at_resource_group_level(GROUP, "nothing")
    with pytest.raises(HttpResponseError, match="InvalidLockLevel"):
        client.management_locks.create_or_update_at_resource_group_level(GROUP, "odd", level)


def test_permissions_at_scopes(estate: Simulator) -> None:
    """A principal sees its own permissions: Reader everywhere, the custom role inside the group too."""
    token = estate.token(READER["client_id"], READER["secret"])
    path = "providers/Microsoft.Authorization/permissions"

    in_group = estate.arm("GET", f"{SCOPE.lower()}/{path}", token=token).json()["value"]
    everywhere = estate.arm("GET", f"/subscriptions/{SUBSCRIPTION}/{path}", token=token).json()["value"]

    assert [["*/read"], ["Microsoft.Compute/virtualMachines/start/action"]] == [one["actions"] for one in in_group]
    assert [["*/read"]] == [one["actions"] for one in everywhere]
    assert {"actions", "notActions", "dataActions", "notDataActions"} == set(in_group[0])


def test_owner_reads_permissions_by_sdk(estate: Simulator) -> None:
    """The ready line's principal may do everything, as the SDK reads it."""
    found = list(authorization(estate).permissions.list_for_resource_group(GROUP))

    assert [["*"]] == [permission.actions for permission in found]


def test_missing_permission_is_azures_403(estate: Simulator) -> None:
    """The reader may start a machine (custom role) but not stop it."""
    credential = estate.credential(READER["client_id"], READER["secret"])
    client = ComputeManagementClient(credential, SUBSCRIPTION, **estate.client_options)

    client.virtual_machines.begin_start(GROUP, "db").result()
    with pytest.raises(HttpResponseError) as caught:
        client.virtual_machines.begin_deallocate(GROUP, "db")

    assert caught.value.error is not None
    assert "AuthorizationFailed" == caught.value.error.code


def test_role_assignments_and_definitions(estate: Simulator) -> None:
    """The seed's roles are role assignments whose definitions can be read."""
    client = authorization(estate)
    wanted = f"principalId eq '{READER['object_id']}'"

    found = list(client.role_assignments.list_for_subscription(filter=wanted))
    names = [client.role_definitions.get_by_id(str(one.role_definition_id)).role_name for one in found]
    reader = next(iter(client.role_definitions.list(f"/subscriptions/{SUBSCRIPTION}", filter="roleName eq 'Reader'")))

    assert 2 == len(found)
    assert "Reader" in names
    assert "acdd72a7-3385-48ef-bd42-f606fba81ae7" == reader.name


def test_new_assignment_is_honoured(estate: Simulator) -> None:
    """A role assignment made by the API opens what was closed."""
    token = estate.token(READER["client_id"], READER["secret"])
    definition = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
    body = {
        "properties": {
            "roleDefinitionId": f"{definition}/9980e02c-c2be-4d73-94e8-173b1dc7cf3c",
            "principalId": READER["object_id"],
        }
    }
    name = "bbbbbbbb-0000-4000-8000-000000000001"

    before = estate.arm("POST", f"{VM}/db/deallocate", token=token).status_code
    made = estate.arm("PUT", f"{SCOPE}/providers/Microsoft.Authorization/roleAssignments/{name}", body).status_code
    after = estate.arm("POST", f"{VM}/db/deallocate", token=token).status_code

    assert (403, 201, 202) == (before, made, after)


@pytest.mark.parametrize("kind", ["policyAssignments", "denyAssignments"])
def test_there_are_no_policies(estate: Simulator, kind: str) -> None:
    """Policy assignments, and deny assignments that no seed made, are empty lists at any scope."""
    answer = estate.arm("GET", f"{VM}/web/providers/Microsoft.Authorization/{kind}")

    assert (200, {"value": []}) == (answer.status_code, answer.json())
