"""What proves that a machine serves, against the simulated Azure: its boot, its shape, an isolated network."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from activities.booting import BootActivities
from activities.isolation import IsolationActivities
from activities.verification import VerificationActivities
from migration import ids
from migration.proofs import Boot, BootWait, Isolation, ProveIsolation
from migration.requests import VerifyTarget
from tests.activities.estate import (
    SOURCE_GROUP,
    SOURCE_NETWORK,
    SUBSCRIPTION,
    TARGET_GROUP,
    TARGET_NETWORK,
    TARGET_REGION,
    machine_of,
)

if TYPE_CHECKING:
    from tests.activities.stage import Stage

LOGGED = {"bootDiagnostics": {"enabled": True}}
SILENT = {"agent": "never"}
PANIC = "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"
BOOTS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], Boot]] = [
    ("ready", {}, {}, {}, Boot(ok=True, evidence="its agent reports Ready", agent="Ready")),
    ("logged", LOGGED, {}, {}, Boot(ok=True, evidence="its agent reports Ready", agent="Ready", serial_log="login")),
    (
        "panicking",
        LOGGED,
        {**SILENT, "serial_log": "panic"},
        {},
        Boot(
            ok=False,
            evidence=f'its boot failed, as its serial log shows: "[ 2.114] {PANIC}"',
            agent="Not Ready",
            serial_log="failed",
        ),
    ),
    (
        "emergency",
        LOGGED,
        {**SILENT, "serial_log": "emergency"},
        {},
        Boot(
            ok=False,
            evidence='its boot failed, as its serial log shows: "Give root password for maintenance"',
            agent="Not Ready",
            serial_log="failed",
        ),
    ),
    (
        "silent",
        {},
        SILENT,
        {},
        Boot(ok=False, evidence="its agent reports Not Ready after 1 s (PowerState/running)", agent="Not Ready"),
    ),
    (
        "without-agent",
        {},
        {"agent": "missing"},
        {},
        Boot(ok=False, evidence="its agent does not report after 1 s (PowerState/running)"),
    ),
    (
        "never-had-one",
        {},
        {"agent": "missing"},
        {"expects_agent": False},
        Boot(ok=None, evidence="its agent was not ready at the source either, and nothing else tells"),
    ),
    (
        "absent",
        {},
        {},
        {},
        Boot(ok=False, evidence="it does not exist any more"),
    ),
]


@pytest.fixture(scope="module")
async def booted(bare_stage: Stage) -> dict[str, Boot]:
    """Wait for the boots of machines of every kind at once."""
    for number, (name, diagnostics, behaviour, _, _) in enumerate(BOOTS, 100):
        if name == "absent":
            continue
        resources = machine_of(f"boot-{name}", number)
        resources[-1]["properties"]["diagnosticsProfile"] = diagnostics
        vm = ids.vm_id(SUBSCRIPTION, SOURCE_GROUP, f"boot-{name}")
        bare_stage.sim.seed({"resources": resources, "behaviour": {vm: behaviour}})

    async def wait(name: str, wanted: dict[str, Any]) -> Boot:
        vm = ids.vm_id(SUBSCRIPTION, SOURCE_GROUP, f"boot-{name}")
        request = BootWait(vm_id=vm, **{"timeout_seconds": 1, **wanted})
        answer: Boot = await bare_stage.run(BootActivities.wait_for_boot, request)
        return answer

    answers = await asyncio.gather(*(wait(name, wanted) for name, _, _, wanted, _ in BOOTS))
    return dict(zip([name for name, *_ in BOOTS], answers, strict=True))


@pytest.mark.parametrize(("name", "expected"), [(name, expected) for name, *_, expected in BOOTS])
def test_a_boot_is_told_by_agent_and_serial_log(booted: dict[str, Boot], name: str, expected: Boot) -> None:
    """A ready agent is a boot; a log that shows a failure is none, at once; silence is none when the time is over."""
    assert expected == booted[name].model_copy(update={"seconds": 0})


async def test_a_failed_boot_is_told_at_once(bare_stage: Stage) -> None:
    """Nobody waits half an hour for a machine whose kernel has panicked."""
    resources = machine_of("boot-at-once", 130)
    resources[-1]["properties"]["diagnosticsProfile"] = LOGGED
    vm = ids.vm_id(SUBSCRIPTION, SOURCE_GROUP, "boot-at-once")
    bare_stage.sim.seed({"resources": resources, "behaviour": {vm: {**SILENT, "serial_log": "panic"}}})
    began = time.monotonic()
    boot = await bare_stage.run(BootActivities.wait_for_boot, BootWait(vm_id=vm, timeout_seconds=1800))
    assert False is boot.ok
    assert time.monotonic() - began < 30
    assert "sig=" not in boot.evidence


def network(name: str, *, subnets: list[dict[str, Any]] | None = None, **properties: Any) -> dict[str, Any]:
    """Return a network of the target region, as a seed has it."""
    servers = {"name": "servers", "properties": {"addressPrefix": "10.9.0.0/24"}}
    return {
        "id": ids.network_id(SUBSCRIPTION, TARGET_GROUP, name),
        "type": "Microsoft.Network/virtualNetworks",
        "location": TARGET_REGION,
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.9.0.0/16"]},
            "subnets": subnets or [servers],
            **properties,
        },
    }


def subnet(name: str, number: int, **properties: Any) -> dict[str, Any]:
    """Return a subnet."""
    return {"name": name, "properties": {"addressPrefix": f"10.9.{number}.0/24", **properties}}


def peering(state: str) -> list[dict[str, Any]]:
    """Return a peering to production."""
    body = {"peeringState": state, "remoteVirtualNetwork": {"id": TARGET_NETWORK}}
    return [{"name": "to-production", "properties": body}]


TABLE = f"{ids.resource_group_id(SUBSCRIPTION, TARGET_GROUP)}/providers/Microsoft.Network/routeTables/leak"
ROUTE = {"name": "home", "properties": {"addressPrefix": "10.1.0.0/16", "nextHopType": "VirtualNetworkGateway"}}
NAT = {"id": TABLE.replace("routeTables/leak", "natGateways/out")}
USED = [{"id": "/subscriptions/x/ipConfigurations/gateway"}]
NETWORKS: list[tuple[str, dict[str, Any], str]] = [
    ("peered", network("peered", virtualNetworkPeerings=peering("Connected")), "it is peered with"),
    ("half", network("half", virtualNetworkPeerings=peering("Initiated")), ""),
    (
        "gated",
        network("gated", subnets=[subnet("servers", 0), subnet("GatewaySubnet", 1, ipConfigurations=USED)]),
        "its subnet GatewaySubnet holds a VPN or ExpressRoute gateway",
    ),
    (
        "routed",
        network("routed", subnets=[subnet("servers", 0, routeTable={"id": TABLE})]),
        "sends 10.1.0.0/16 to a virt",
    ),
    ("nat", network("nat", subnets=[subnet("servers", 0, natGateway=NAT)]), 'its subnet "servers" goes out through'),
    ("vnet-test", {}, ""),
    ("vnet-ne", {}, "it is a network of production itself"),
    ("nowhere", {}, "Azure knows no such virtual network"),
]


async def test_a_network_is_isolated_when_nothing_leads_out_of_it(bare_stage: Stage) -> None:
    """Peerings, gateways, routes, NAT gateways and production itself are each told; what was looked at is kept."""
    table = {"id": TABLE, "type": "Microsoft.Network/routeTables", "location": TARGET_REGION}
    resources = [each for _, each, _ in NETWORKS if each]
    bare_stage.sim.seed({"resources": [*resources, {**table, "properties": {"routes": [ROUTE]}}]})

    async def prove(name: str) -> Isolation:
        wanted = ids.network_id(SUBSCRIPTION, TARGET_GROUP, name)
        request = ProveIsolation(network_id=wanted, production=[TARGET_NETWORK, SOURCE_NETWORK], region=TARGET_REGION)
        answer: Isolation = await bare_stage.run(IsolationActivities.prove_isolation, request)
        return answer

    found = await asyncio.gather(*(prove(name) for name, *_ in NETWORKS))
    for (name, _, told), isolation in zip(NETWORKS, found, strict=True):
        assert (not told) is isolation.isolated, (name, isolation)
        assert told in "; ".join(isolation.reasons)
    assert any("default outbound access" in remark for remark in found[5].remarks)
    assert "peerings: to-production (connected)" in found[0].evidence


SHAPES: list[tuple[dict[str, Any], list[str]]] = [
    ({"without_nics": True}, ["number of network interfaces"]),
    ({"without_disks": ["{name}-data"]}, ["number of disks"]),
    ({"size": "Standard_D8s_v5"}, ["size"]),
    ({}, []),
]


async def test_a_target_that_is_not_as_wanted_is_told_field_by_field(stage: Stage) -> None:
    """An interface or a disk that is missing, another size: each is its own mismatch, beside all that is as wanted."""

    async def moved(traits: dict[str, Any]) -> tuple[list[str], int]:
        name = f"vm-{stage.count + 1:02d}"
        own = {key: [each.format(name=name) for each in value] if isinstance(value, list) else value
               for key, value in traits.items()}  # fmt: skip
        case = stage.arrange(behaviour={"after_failover": own}, address=f"10.2.3.{stage.count + 100}")
        await stage.fail_over(case)
        seen = await stage.run(VerificationActivities.verify_target, VerifyTarget(task=case.task, source=case.source))
        return [one.field for one in seen.mismatches], len(seen.compared)

    found = await asyncio.gather(*(moved(traits) for traits, _ in SHAPES))
    assert [fields for _, fields in SHAPES] == [fields for fields, _ in found]
    # power, region, size, 1 + 2 * 3 of disks, 1 + 1 of interfaces, address, allocation, range
    assert 15 == found[-1][1]
