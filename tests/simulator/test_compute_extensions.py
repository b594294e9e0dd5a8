"""VM extensions through the real SDK."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from tests.simulator.compute_estate import GROUP, VM, compute, fresh, machine, network, seed
from tests.support.sim import Simulator

BODY: Any = {
    "location": "westeurope",
    "properties": {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "typeHandlerVersion": "2.1",
        "settings": {"timestamp": 1, "nothing": None},
        "protectedSettings": {"commandToExecute": "do-not-keep"},
    },
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """A machine that runs and one that does not."""
    behaviour = {f"{VM}/off": {"power_state": "deallocated"}}
    with Simulator(seed=seed(network(), machine("web"), machine("off"), behaviour=behaviour)) as simulator:
        yield simulator


@pytest.fixture
def estate(shared: Simulator) -> Simulator:
    """The same, as its seed made it."""
    return fresh(shared, speed=600)


def test_extension_is_installed_listed_and_removed(estate: Simulator) -> None:
    """An extension appears in its listing, in the machine's GET and in the instance view, and goes again."""
    client = compute(estate)

    made = client.virtual_machine_extensions.begin_create_or_update(GROUP, "web", "script", BODY).result()
    listed = [found.name for found in client.virtual_machine_extensions.list(GROUP, "web").value or []]
    shown = estate.arm("GET", f"{VM}/web?$expand=instanceView").json()
    client.virtual_machine_extensions.begin_delete(GROUP, "web", "script").result()

    assert made.properties is not None
    assert ("Succeeded", "CustomScript") == (made.properties.provisioning_state, made.properties.type)
    assert ["script"] == listed
    assert ["script"] == [found["name"] for found in shown["resources"]]
    assert ["script"] == [found["name"] for found in shown["properties"]["instanceView"]["extensions"]]
    assert "do-not-keep" not in str(shown)
    with pytest.raises(ResourceNotFoundError):
        client.virtual_machine_extensions.get(GROUP, "web", "script")


def test_extension_needs_a_running_machine(estate: Simulator) -> None:
    """Nothing is installed in a machine that is off."""
    with pytest.raises(ResourceExistsError, match="OperationNotAllowed"):
        compute(estate).virtual_machine_extensions.begin_create_or_update(GROUP, "off", "script", BODY)


def test_failing_extension_stays_failed(estate: Simulator) -> None:
    """An installation that a fault lets fail leaves an extension whose state is Failed."""
    estate.fault({"kind": "operation_fails", "code": "VMExtensionProvisioningError"}, method="PUT", path="extensions")

    answer = estate.arm("PUT", f"{VM}/web/extensions/script", BODY)
    estate.advance(90)

    status = estate.arm("GET", answer.headers["Azure-AsyncOperation"]).json()
    shown = estate.arm("GET", f"{VM}/web/extensions/script").json()
    assert "VMExtensionProvisioningError" == status["error"]["code"]
    assert "Failed" == shown["properties"]["provisioningState"]


def test_extensions_go_with_their_machine(estate: Simulator) -> None:
    """Deleting the machine deletes its extensions, which the control's list of resources shows."""
    compute(estate).virtual_machine_extensions.begin_create_or_update(GROUP, "web", "script", BODY).result()
    before = estate.resource_ids()

    compute(estate).virtual_machines.begin_delete(GROUP, "web").result()

    assert f"{VM}/web/extensions/script".lower() in before
    assert f"{VM}/web/extensions/script".lower() not in estate.resource_ids()
