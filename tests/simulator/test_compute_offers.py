"""Sizes, SKUs, restrictions, usages and quotas through the real SDK."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from simulator.compute.sizes import SIZES, find_size
from tests.simulator.compute_estate import SUBSCRIPTION, compute, machine, network, seed
from tests.support.sim import Simulator

QUOTAS = {
    "*": {
        "West Europe": {"cores": 20, "STANDARDDSv3FAMILY": 10},
        "northeurope": {"Standard_E4s_v3": 0, "standard_d4s_v3": ["1", "3"], "Standard_F4s_v2": None},
        "westus": {"Microsoft.Compute/virtualMachines": 0},
        "*": {"virtualMachines": 7},
    },
    SUBSCRIPTION: {"westeurope": {"cores": 16}},
}


@pytest.fixture(scope="module")
def estate() -> Iterator[Simulator]:
    """Three machines in West Europe, one of them off, and quotas of every form."""
    machines = [machine("one"), machine("two", size="Standard_D4s_v3"), machine("three", size="Standard_B2ms")]
    behaviour = {machines[0]["id"]: {"power_state": "deallocated"}}
    with Simulator(seed=seed(network(), *machines, quotas=QUOTAS, behaviour=behaviour)) as simulator:
        yield simulator


def test_usages_count_the_estate(estate: Simulator) -> None:
    """Processors in all, of the family, and machines are counted, the one that is off too, against the limits."""
    usages = {
        usage.name.value: (usage.current_value, usage.limit) for usage in compute(estate).usage.list("westeurope")
    }

    assert (8, 16) == usages["cores"]
    assert (6, 10) == usages["standardDSv3Family"]
    assert (2, 10_000) == usages["standardBSFamily"]
    assert (3, 7) == usages["virtualMachines"]
    assert (3, 50_000) == usages["PremiumDiskCount"]


def test_a_region_that_is_not_open(estate: Simulator) -> None:
    """Where a type is not offered, the provider does not list the region, and a PUT of it is refused."""
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shut"
    estate.arm("PUT", group, {"location": "westus"})
    provider = estate.arm("GET", f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute").json()
    places = {each["resourceType"]: each["locations"] for each in provider["resourceTypes"]}

    refused = estate.arm("PUT", f"{group}/providers/Microsoft.Compute/virtualMachines/one", {"location": "West US"})

    assert ("West US" in places["disks"], "West US" in places["virtualMachines"]) == (True, False)
    assert "LocationNotAvailableForResourceType" == refused.json()["error"]["code"]
    restrictions = [
        sku.restrictions
        for sku in compute(estate).resource_skus.list(filter="location eq 'westus'")
        if sku.resource_type == "virtualMachines"
    ]
    assert restrictions
    assert all(restrictions)


def test_usages_of_an_empty_region_are_zero(estate: Simulator) -> None:
    """Elsewhere nothing is used."""
    used = {usage.name.value: usage.current_value for usage in compute(estate).usage.list("northeurope")}

    assert {0} == set(used.values())


def test_skus_name_family_zones_and_capabilities(estate: Simulator) -> None:
    """A size's SKU carries what preflight needs to know."""
    skus = {sku.name: sku for sku in compute(estate).resource_skus.list(filter="location eq 'northeurope'")}
    plain = skus["Standard_D2s_v3"]
    capabilities = {capability.name: capability.value for capability in plain.capabilities or []}

    assert "standardDSv3Family" == plain.family
    assert ["1", "2", "3"] == (plain.location_info or [])[0].zones
    assert [] == plain.restrictions
    assert ("2", "8", "4", "True", "V1,V2") == tuple(
        capabilities[name] for name in ("vCPUs", "MemoryGB", "MaxDataDiskCount", "PremiumIO", "HyperVGenerations")
    )


def test_skus_show_the_seeds_restrictions(estate: Simulator) -> None:
    """0 makes a size unavailable in the region, a list in zones, null takes it away."""
    skus = {sku.name: sku for sku in compute(estate).resource_skus.list(filter="location eq 'northeurope'")}
    whole = (skus["Standard_E4s_v3"].restrictions or [])[0]
    zonal = (skus["Standard_D4s_v3"].restrictions or [])[0]

    assert ("Location", "NotAvailableForSubscription") == (whole.type, whole.reason_code)
    assert ("Zone", ["1", "3"]) == (zonal.type, zonal.restriction_info.zones if zonal.restriction_info else None)
    assert "Standard_F4s_v2" not in skus
    assert "Standard_F4s_v2" not in {size.name for size in compute(estate).virtual_machine_sizes.list("northeurope")}
    assert "Standard_F4s_v2" in {size.name for size in compute(estate).virtual_machine_sizes.list("westeurope")}


def test_sku_keys_are_those_of_the_specification(estate: Simulator, shared_dir: Path) -> None:
    """A VM size's SKU has every key of Microsoft's example."""
    file = shared_dir / "azure/recordings/spec/compute/ListAvailableResourceSkusForARegion.json"
    example = json.loads(file.read_text(encoding="utf-8"))["responses"]["200"]["body"]["value"][0]
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/skus?$filter=location eq 'northeurope'"

    shown = estate.arm("GET", path).json()["value"]

    assert set() == set(example) - set(next(sku for sku in shown if sku["name"] == "Standard_D2s_v3"))


def test_sizes_have_the_recorded_numbers(shared_dir: Path) -> None:
    """Every size that a recorded region offered and we know has the recorded cores, memory and disks."""
    file = shared_dir / "azure/recordings/cli/test_siterecovery_scenarios.yaml"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    interactions = yaml.load(file.read_text(encoding="utf-8"), loader)["interactions"]  # noqa: S506 - a safe loader
    answer = next(entry["response"] for entry in interactions if "/vmSizes?" in entry["request"]["uri"])
    recorded = {size["name"].lower(): size for size in json.loads(answer["body"]["string"])["value"]}

    known = set(recorded) & set(SIZES)

    assert 400 < len(known)
    for name in known:
        size = SIZES[name]
        numbers = (size.vcpus, size.memory_mb, size.max_data_disks, size.resource_disk_mb)
        keys = ("numberOfCores", "memoryInMB", "maxDataDiskCount", "resourceDiskSizeInMB")
        assert tuple(recorded[name][key] for key in keys) == numbers, name


@pytest.mark.parametrize(
    ("size", "family"),
    [
        ("Standard_DS1_v2", "standardDSv2Family"),
        ("standard_d4S_V5", "standardDSv5Family"),
        ("Standard_D2ads_v5", "standardDADSv5Family"),
        ("Standard_B2ms", "standardBSFamily"),
        ("Standard_B4als_v2", "standardBasv2Family"),
        ("Standard_E8bds_v5", "standardEBDSv5Family"),
        ("Standard_F8s_v2", "standardFSv2Family"),
        ("Standard_NV6ads_A10_v5", "StandardNVADSA10v5Family"),
    ],
)
def test_family_names_are_azures(size: str, family: str) -> None:
    """A size counts against the family that Azure names."""
    found = find_size(size)

    assert found is not None
    assert family == found.family
