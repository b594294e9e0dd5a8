"""What the plan asks of an estate, and what is seeded into it, trip a rule each; on the sound estate none of them is.

The check goes through real clients: what stands in a row was written into the simulated cloud or into the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from activities.preflight import check
from arm.clients import AzureClients
from migration import ids
from migration.plan import Plan
from migration.severities import Severity
from simulator.compute.sizes import SIZES
from tests.activities.contoso import (
    AWAY,
    CONTOSO,
    DB,
    READER,
    STRANGER,
    SUBSCRIPTION,
    TARGET_GROUP,
    machine,
    quota,
    resource,
    told,
)
from tests.activities.contoso_seeds import (
    TESTS,
    accelerated,
    being_deleted,
    closed,
    delegated,
    encrypted,
    failed_item,
    fenced,
    mapped,
    network,
    peered,
    protected,
    second_address,
    seed,
    silent,
    state,
    twin,
)
from tests.activities.stage import access_to
from tests.simulator.mending import policy
from tests.support.sim import Simulator

KEYS = f"{TARGET_GROUP}/providers/Microsoft.Compute/diskEncryptionSets/keys"
PREMIUM = {"sku": {"name": "Premium_LRS"}}
FROZEN_ONCE = {
    "time_zone": "Europe/Dublin",
    "freezes": [{"from": "2020-12-24", "to": "2021-01-02", "reason": "closing of the year"}],
}
REHEARSED = {"failover": {"test_first": True, "test_network": TESTS}}


@dataclass(frozen=True)
class Seeded:
    """What trips a rule: a seed or a doing, and what the plan wants besides, for its database machine or in all."""

    rule: str
    severity: Severity = "blocking"
    seed: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    identity: dict[str, Any] | None = None
    act: Callable[[Simulator], None] = lambda _: None


def planned(seeded: Seeded) -> Plan:
    """Return Contoso's plan with what a row wants otherwise."""
    document = CONTOSO.model_dump(mode="json", exclude_none=True)
    for key, value in seeded.plan.items():
        document[key] = {**document.get(key, {}), **value} if isinstance(value, dict) else value
    machine_of = document["waves"][0]["vms"][0]
    machine_of["target"] = {
        key: value for key, value in {**machine_of.get("target", {}), **seeded.target}.items() if value is not None
    }
    return Plan.model_validate(document)


def named(plan_name: str) -> dict[str, Any]:
    """Return the plan's waves with the twin added to them."""
    vm = {"name": plan_name, "source_name": "db-01", "resource_group": "other", "target": {"name": plan_name}}
    waves = CONTOSO.model_dump(mode="json", exclude_none=True)["waves"]
    return {"waves": [*waves, {"name": "twins", "vms": [vm]}]}


def cut_over(year: int) -> dict[str, Any]:
    """Return a plan whose machines fail over in one night of a year."""
    night = {"from": f"{year}-01-10T22:00", "to": f"{year}-01-11T04:00"}
    return {"cutover": {"time_zone": "Europe/Dublin", "windows": [night]}}


FULL = ids.storage_account_id(SUBSCRIPTION, CONTOSO.all_vaults[0].resource_group, "fullasrcache")
SEEDED: list[Seeded] = [
    Seeded("subscription-enabled", seed=state("Disabled")),
    Seeded("subscription-enabled", seed=state("Warned")),
    Seeded("subscription-enabled", "warning", state("PastDue")),
    Seeded("region-open", seed=quota(**{"Microsoft.Compute/virtualMachines": 0})),
    Seeded("region-open", seed=quota(**dict.fromkeys([size.name for size in SIZES.values()], 0))),
    Seeded("groups-usable", act=being_deleted),
    Seeded("size-fits", target={"size": "Standard_A4_v2"}),
    Seeded("size-enough", "warning", machine(hardwareProfile={"vmSize": "Standard_B1s"})),
    Seeded(
        "test-names-free",
        seed=seed(network(TESTS), {**resource(ids.disk_id(SUBSCRIPTION, AWAY, "db-01-os-ASRtest")), **PREMIUM}),
        plan=REHEARSED,
    ),
    Seeded("plan-names-differ", seed=twin(), plan=named("db-twin")),
    Seeded("target-subnet", target={"subnet": "absent"}),
    Seeded("target-subnet", seed=seed(delegated())),
    Seeded("static-address", "note", target={"address": None}),
    Seeded("test-network", plan=REHEARSED),
    Seeded("test-network", seed=seed(network(TESTS, "westeurope")), plan=REHEARSED),
    Seeded("test-network-isolated", seed=seed(peered()), plan=REHEARSED),
    Seeded("test-network-isolated", "warning", seed(network(TESTS)), plan=REHEARSED),
    Seeded("network-mapping", seed=mapped()),
    Seeded("cutover-window", plan=cut_over(2020)),
    Seeded("cutover-window", "warning", plan=cut_over(2099)),
    Seeded("cutover-window", "note", plan={"cutover": FROZEN_ONCE}),
    Seeded("fence-can-hold", "warning", plan={"failover": {"shut_down_source": False}}),
    Seeded("site-recovery-offered", seed=quota(**{"Microsoft.RecoveryServices/vaults": 0})),
    Seeded("protected-disks", seed=protected(3000)),
    Seeded("plan-fits", seed=protected(749, FULL), plan={"vault": {"cache_account": FULL.rsplit("/", 1)[1]}}),
    Seeded("disk-encryption", "warning", encrypted()),
    Seeded("disk-types", target={"disk_types": {"*": "PremiumV2_LRS"}}),
    Seeded("disk-types", target={"disk_types": {"absent": "Premium_LRS"}}),
    Seeded("encryption-set", target={"disk_encryption_set": KEYS}),
    Seeded("encryption-set", seed=seed(resource(KEYS, "westeurope")), target={"disk_encryption_set": KEYS}),
    Seeded("addresses-carried", "warning", second_address()),
    Seeded("size-differs", "note", target={"size": "Standard_E8s_v5"}),
    Seeded("accelerated-networking", "warning", accelerated(), target={"size": "Standard_B4ms"}),
    Seeded("policies", seed=seed(policy(DB, "Microsoft.Compute/virtualMachines/extensions"))),
    Seeded("item-usable", seed=failed_item()),
    Seeded("outbound-rules", seed=fenced()),
    Seeded("guest-asked", "warning", silent(), plan={"guest_probes": {"enabled": True}}),
    *(Seeded(f"permissions-{place}", identity=READER) for place in ("vault", "source", "target", "network")),
    Seeded("permissions-subscription", identity=STRANGER),
]


@pytest.mark.parametrize("seeded", SEEDED, ids=[f"{n}-{each.rule}" for n, each in enumerate(SEEDED)])
async def test_the_rule_is_tripped(contoso: tuple[Simulator, AzureClients], seeded: Seeded) -> None:
    """The rule that is there for it objects, and as badly as it should."""
    sim, owner = contoso
    if seeded.seed:
        sim.seed(seeded.seed)
    seeded.act(sim)

    if seeded.identity is None:
        answer = await check(owner, planned(seeded))
    else:
        known = {"client_id": seeded.identity["client_id"], "client_secret": seeded.identity["secret"]}
        async with AzureClients(replace(access_to(sim), **known)) as azure:
            answer = await check(azure, planned(seeded))

    found = [*answer.findings, *(finding for vm in answer.vms for finding in vm.findings)]
    assert (seeded.rule, seeded.severity) in {(finding.rule, finding.severity) for finding in found}


async def test_the_sound_estate_trips_none(contoso: tuple[Simulator, AzureClients]) -> None:
    """A plan that asks for all of this on an estate where it is right: nothing objects but to its own choice."""
    sim, azure = contoso
    sim.seed(seed(closed(), resource(KEYS), *protected(2990)["resources"]))
    sound = Seeded(
        "", target={"disk_encryption_set": KEYS, "disk_types": {"db-01-data": "Premium_LRS"}}, plan=REHEARSED
    )

    assert set() == told(await check(azure, planned(sound)))
