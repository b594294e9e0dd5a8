"""Power operations through the real SDK: what is seen on the way, and what goes wrong."""

from collections.abc import Iterator

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.mgmt.compute.aio import ComputeManagementClient as AsyncComputeManagementClient

from tests.simulator.compute_estate import GROUP, SUBSCRIPTION, VM, compute, fresh, machine, network, power, seed
from tests.support.sim import Simulator

BEHAVIOUR = {
    f"{VM}/off": {"power_state": "deallocated"},
    f"{VM}/stuck": {"power_state": "deallocated", "start_fails": True},
    f"{VM}/sticky": {"deallocate_fails": {"code": "NoSuchLuck", "message": "It stays on."}},
    f"{VM}/mute": {"agent": "not_ready"},
    f"{VM}/bare": {"agent": "missing"},
}
NAMES = ("web", "off", "stuck", "sticky", "mute", "bare")


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """Machines that behave well and badly, in one network, at the pace of the real clock."""
    with Simulator(seed=seed(network(), *map(machine, NAMES), behaviour=BEHAVIOUR)) as simulator:
        yield simulator


@pytest.fixture
def estate(shared: Simulator) -> Simulator:
    """The same, as its seed made it."""
    return fresh(shared, speed=1)


async def test_async_sdk_deallocates_and_starts(estate: Simulator) -> None:
    """The asynchronous SDK's pollers follow both operations to their end."""
    estate.clock(speed=600)
    options = estate.client_options
    async with (
        estate.async_credential() as credential,
        AsyncComputeManagementClient(credential, SUBSCRIPTION, **options) as client,
    ):
        stop = await client.virtual_machines.begin_deallocate(GROUP, "web")
        await stop.result()
        assert "PowerState/deallocated" == power(estate, "web")

        start = await client.virtual_machines.begin_start(GROUP, "web")
        await start.result()

    assert "PowerState/running" == power(estate, "web")


def test_202_has_computes_two_urls(estate: Simulator) -> None:
    """Deallocate answers 202 without body, with status and result URLs under the region, and the status ends."""
    answer = estate.arm("POST", f"{VM}/web/deallocate", api_version="2026-04-01")
    status_url, result_url = answer.headers["Azure-AsyncOperation"], answer.headers["Location"]

    running = estate.arm("GET", status_url)
    pending = estate.arm("GET", result_url)
    estate.advance(120)
    ended = estate.arm("GET", status_url).json()

    assert (202, b"") == (answer.status_code, answer.content)
    operations = (
        f"{estate.endpoint}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/operations/"
    )
    assert status_url.startswith(operations)
    assert "api-version=2026-04-01" in status_url
    assert status_url + "&monitor=true" == result_url
    assert {"startTime", "status", "name"} == set(running.json())
    assert ("InProgress", 202) == (running.json()["status"], pending.status_code)
    assert {"startTime", "endTime", "status", "name"} == set(ended)
    assert "Succeeded" == ended["status"]


def test_states_on_the_way_are_seen(estate: Simulator) -> None:
    """A machine is deallocating, deallocated with reserved disks, starting, running, and its agent comes up last."""
    seen = []
    estate.arm("POST", f"{VM}/web/deallocate")
    seen.append(power(estate, "web"))
    estate.advance(120)
    seen.append(power(estate, "web"))
    disk = estate.arm("GET", f"{VM.replace('virtualMachines', 'disks')}/web_os").json()
    estate.arm("POST", f"{VM}/web/start")
    seen.append(power(estate, "web"))
    estate.advance(55)
    seen.append(power(estate, "web"))
    young = estate.arm("GET", f"{VM}/web/instanceView").json()["vmAgent"]["statuses"][0]["displayStatus"]
    estate.advance(60)
    old = estate.arm("GET", f"{VM}/web/instanceView").json()["vmAgent"]["statuses"][0]["displayStatus"]

    expected = ["deallocating", "deallocated", "starting", "running"]
    assert [f"PowerState/{state}" for state in expected] == seen
    assert "Reserved" == disk["properties"]["diskState"]
    assert ("Not Ready", "Ready") == (young, old)


def test_time_of_the_view_is_when_the_state_came(estate: Simulator) -> None:
    """However late one looks, the view tells when the last operation ended, as Azure's does; not when one looks."""

    def since() -> str:
        statuses = estate.arm("GET", f"{VM}/web/instanceView").json()["statuses"]
        return str(next(one["time"] for one in statuses if one["code"] == "ProvisioningState/succeeded"))

    times = []
    for action in (None, "deallocate", "start"):
        if action is not None:
            estate.arm("POST", f"{VM}/web/{action}")
        for _ in range(2):
            estate.advance(120)
            times.append(since())

    assert times[0::2] == times[1::2]
    assert sorted(set(times)) == times[0::2]


def test_second_operation_is_refused_while_one_runs(estate: Simulator) -> None:
    """A machine does one operation at a time: the other gets 409 Conflict, and is accepted afterwards."""
    estate.arm("POST", f"{VM}/web/deallocate")

    refused = estate.arm("POST", f"{VM}/web/start")
    estate.advance(120)
    accepted = estate.arm("POST", f"{VM}/web/start")

    assert (409, "Conflict") == (refused.status_code, refused.json()["error"]["code"])
    assert 202 == accepted.status_code


def test_start_without_capacity_fails_and_leaves_it_off(estate: Simulator) -> None:
    """`start_fails`: the SDK raises AllocationFailed, and the machine is deallocated as before."""
    estate.clock(speed=600)

    with pytest.raises(HttpResponseError) as caught:
        compute(estate).virtual_machines.begin_start(GROUP, "stuck").result()

    assert caught.value.error is not None
    assert "AllocationFailed" == caught.value.error.code
    assert "PowerState/deallocated" == power(estate, "stuck")


def test_deallocate_that_fails_leaves_it_running(estate: Simulator) -> None:
    """`deallocate_fails` with its own code: the machine runs on and its agent answers."""
    answer = estate.arm("POST", f"{VM}/sticky/deallocate")
    estate.advance(120)

    status = estate.arm("GET", answer.headers["Azure-AsyncOperation"]).json()
    view = estate.arm("GET", f"{VM}/sticky/instanceView").json()

    assert ("Failed", "NoSuchLuck") == (status["status"], status["error"]["code"])
    assert "PowerState/running" == power(estate, "sticky")
    assert "Ready" == view["vmAgent"]["statuses"][0]["displayStatus"]


def test_fault_lets_an_operation_fail(estate: Simulator) -> None:
    """The fault `operation_fails` is accepted first, fails later, and the machine is free again."""
    estate.fault(
        {"kind": "operation_fails", "code": "Boom", "message": "It broke."}, method="POST", path="web/deallocate"
    )

    answer = estate.arm("POST", f"{VM}/web/deallocate")
    estate.advance(120)
    status = estate.arm("GET", answer.headers["Azure-AsyncOperation"]).json()

    assert ("Failed", "Boom") == (status["status"], status["error"]["code"])
    assert "PowerState/running" == power(estate, "web")
    assert 202 == estate.arm("POST", f"{VM}/web/deallocate").status_code


@pytest.mark.parametrize(("name", "expected"), [("mute", "Not Ready"), ("bare", None)])
def test_agent_states(estate: Simulator, name: str, expected: str | None) -> None:
    """An agent that is not ready says so; of a machine without an agent nothing is known."""
    view = estate.arm("GET", f"{VM}/{name}/instanceView").json()

    assert expected == (view["vmAgent"]["statuses"][0]["displayStatus"] if "vmAgent" in view else None)


def test_starting_what_runs_changes_nothing(estate: Simulator) -> None:
    """Starting a running machine succeeds quickly, without a state on the way and without a boot."""
    answer = estate.arm("POST", f"{VM}/web/start")
    during = power(estate, "web")
    estate.advance(5)
    view = estate.arm("GET", f"{VM}/web/instanceView").json()

    assert "PowerState/running" == during
    assert "Succeeded" == estate.arm("GET", answer.headers["Azure-AsyncOperation"]).json()["status"]
    assert "Ready" == view["vmAgent"]["statuses"][0]["displayStatus"]


def test_power_off_keeps_the_host(estate: Simulator) -> None:
    """PowerOff stops without deallocating; the disks stay attached."""
    estate.arm("POST", f"{VM}/web/powerOff")
    estate.advance(60)

    disk = estate.arm("GET", f"{VM.replace('virtualMachines', 'disks')}/web_os").json()

    assert "PowerState/stopped" == power(estate, "web")
    assert "Attached" == disk["properties"]["diskState"]


def test_restart_needs_a_running_machine(estate: Simulator) -> None:
    """A machine that is off cannot be restarted: 409 OperationNotAllowed."""
    client = compute(estate)

    with pytest.raises(ResourceExistsError) as caught:
        client.virtual_machines.begin_restart(GROUP, "off")

    assert caught.value.error is not None
    assert "OperationNotAllowed" == caught.value.error.code


def test_operation_outlives_a_kill(estate: Simulator) -> None:
    """An operation that ran when the simulator was killed ends after its restart."""
    answer = estate.arm("POST", f"{VM}/web/deallocate")
    estate.kill()
    estate.restart()

    before = power(estate, "web")
    estate.advance(120)

    assert "PowerState/deallocating" == before
    assert "PowerState/deallocated" == power(estate, "web")
    path = answer.headers["Azure-AsyncOperation"].partition("/subscriptions")[2]
    assert "Succeeded" == estate.arm("GET", f"/subscriptions{path}").json()["status"]
