"""Estates as files: what Azure's tools print becomes a seed, a cloud becomes one again, a number becomes an estate."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.estates import exporting, generating, importing
from simulator.estates.__main__ import main
from tests.simulator.compute_estate import NETWORK, SCOPE, SUBSCRIPTION, VM, machine, network, seed
from tests.simulator.siterecovery_estate import Lab, item_id, vm_id
from tests.simulator.siterecovery_estate import seed as shop
from tests.support.cloud import Cloud

EXPORTS = Path(__file__).with_name("az_exports.json")
"""What each command of `az` prints of a small estate, with its nulls, spellings and keys of its own."""
FLAT_VM: dict[str, Any] = {
    "id": f"{VM}/web",
    "name": "web",
    "type": "Microsoft.Compute/virtualMachines",
    "location": "westeurope",
    "resourceGroup": "SHOP-RG",
    "powerState": "VM deallocated",
    "privateIps": "10.1.0.9",
    "publicIps": "",
    "plan": None,
    "hardwareProfile": {"vmSize": "Standard_D2s_v3", "vmSizeProperties": None},
    "storageProfile": {"osDisk": {"name": "web_os", "osType": "Linux", "diskSizeGb": None}, "dataDisks": []},
    "networkProfile": {"networkInterfaces": [{"id": f"{NETWORK}/networkInterfaces/web-nic", "primary": None}]},
}
FLAT_DISK: dict[str, Any] = {
    "id": f"{SCOPE}/providers/Microsoft.Compute/disks/web_os",
    "location": "westeurope",
    "diskSizeGB": 64,
    "sku": {"name": "Premium_LRS", "tier": "Premium"},
    "resourceGroup": "Shop-RG",
}
BRIEF = {**{key: FLAT_VM[key] for key in ("id", "name", "type", "location")}, "tags": {"app": "shop"}}
GRAPH_ROW = {
    "id": f"{NETWORK}/virtualNetworks/shop-vnet".lower(),
    "type": "microsoft.network/virtualnetworks",
    "location": "westeurope",
    "subscriptionId": SUBSCRIPTION,
    "resourceGroup": "shop-rg",
    "properties": network()["properties"],
}


def run(*exports: Any) -> importing.Imported:
    """Import objects as files."""
    return importing.read({f"{index}.json": json.dumps(export) for index, export in enumerate(exports)})


def test_exports_of_the_command_line_make_a_machine() -> None:
    """Flat lists of machines, disks and resources are one machine: off, with its address, disk and tags."""
    imported = run([FLAT_VM], [FLAT_DISK], [BRIEF], {"data": [GRAPH_ROW], "count": 1})
    with Cloud(imported.seed) as cloud:
        shown = cloud.arm("GET", f"{VM}/web").json()
        disk = cloud.arm("GET", FLAT_DISK["id"]).json()
        nic = cloud.arm("GET", f"{NETWORK}/networkInterfaces/web-nic").json()
        power = {r["id"]: r.get("power_state") for r in cloud.resources()}[f"{VM}/web"]

    assert [] == imported.notes
    assert ("Standard_D2s_v3", {"app": "shop"}) == (shown["properties"]["hardwareProfile"]["vmSize"], shown["tags"])
    assert ("PowerState/deallocated", 64, "Reserved") == (
        power,
        disk["properties"]["diskSizeGB"],
        disk["properties"]["diskState"],
    )
    assert "10.1.0.9" == nic["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"]


def test_what_is_not_understood_is_said() -> None:
    """Entries without id, in no region, of foreign types, and machines by name alone are named; the rest goes in."""
    lone = {"id": f"{SCOPE}/providers/Microsoft.Web/sites/shop", "location": "westeurope"}
    nowhere = {"id": f"{SCOPE}/providers/Microsoft.Network/dnszones/x.example", "location": "Atlantis"}
    imported = run([BRIEF, {"name": "nothing"}, lone, nowhere], 7, {"value": [FLAT_DISK]})
    told = "\n".join(imported.notes)

    assert 3 == len(imported.resources)
    assert "0.json: entry 2: has no resource id; left out" in told
    assert "'Atlantis' is no region; left out" in told
    assert "1.json: not the JSON of a list" in told
    assert "Microsoft.Web/sites: 1 kept; they are listed" in told
    assert "/web: only its envelope is known" in told
    with Cloud(imported.seed) as cloud:
        assert 200 == cloud.arm("GET", f"{VM}/web").status_code


def test_a_whole_export_becomes_the_estate_that_it_shows() -> None:
    """Every list of `az` and Resource Graph together: shapes, links, power and extensions are ARM's again."""
    exports = json.loads(EXPORTS.read_text(encoding="utf-8"))
    imported = importing.read({name: json.dumps(value) for name, value in exports.items()})
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/contoso-rg/providers"
    paths = {
        "vm": "Microsoft.Compute/virtualMachines/web-01",
        "graph": "Microsoft.Compute/virtualMachines/db-01",
        "extension": "Microsoft.Compute/virtualMachines/web-01/extensions/AzureMonitorLinuxAgent",
        "disk": "Microsoft.Compute/disks/web-01_OsDisk_1",
        "data": "Microsoft.Compute/disks/web-01-data",
        "nic": "Microsoft.Network/networkInterfaces/web-01-nic",
        "vnet": "Microsoft.Network/virtualNetworks/vnet",
        "nsg": "Microsoft.Network/networkSecurityGroups/web-nsg",
        "ip": "Microsoft.Network/publicIPAddresses/web-01-ip",
    }
    with Cloud(imported.seed) as cloud:
        shown = {name: cloud.arm("GET", f"{group}/{path}").json() for name, path in paths.items()}
        power = {r["id"].rpartition("/")[2]: r.get("power_state") for r in cloud.resources()}
        tags = cloud.arm("GET", group.removesuffix("/providers")).json()["tags"]
    it = {name: document["properties"] for name, document in shown.items()}

    assert ("PowerState/running", "PowerState/deallocated") == (power["web-01"], power["db-01"])
    assert {"owner": "ada"} == tags
    assert 128 == it["vm"]["storageProfile"]["dataDisks"][0]["diskSizeGB"] == it["data"]["diskSizeGB"]
    assert not [
        text for text in ("diskSizeGb", "powerState", 'resourceGroup"', "extended") if text in json.dumps(shown)
    ]
    assert ("AzureMonitorLinuxAgent", "Microsoft.Azure.Monitor", "AzureMonitorLinuxAgent") == (
        shown["extension"]["name"],
        it["extension"]["publisher"],
        it["extension"]["type"],
    )
    assert (30, "Premium_LRS", ["1"]) == (
        it["disk"]["diskSizeGB"],
        shown["disk"]["sku"]["name"],
        shown["disk"]["zones"],
    )
    place = it["nic"]["ipConfigurations"][0]["properties"]
    assert ("10.1.0.4", "Static", shown["ip"]["id"]) == (
        place["privateIPAddress"],
        place["privateIPAllocationMethod"],
        place["publicIPAddress"]["id"],
    )
    assert "10.1.0.0/24" == it["vnet"]["subnets"][0]["properties"]["addressPrefix"]
    assert "443" == it["nsg"]["securityRules"][0]["properties"]["destinationPortRange"]
    assert [
        "microsoft.insights/components: 1 kept; they are listed, but have no operations of their own here",
        "the size 'Standard_Weird9' is not known here; cores, memory and what it supports are not told",
        "it has unmanaged disks (a blob); they are taken as managed ones of the same name",
    ] == [note.removeprefix(f"{exports['odd'][0]['id']}: ") for note in imported.notes]
    assert [
        "made up from the machines that name them, for want of `az disk list`: 2 resources",
        "made up from the machines that name them, for want of `az network nic list`: 1 resources",
    ] == imported.hints


def test_graph_tables_are_read() -> None:
    """The older shape of Resource Graph, columns and rows, is the same."""
    names = list(GRAPH_ROW)
    table = {"data": {"columns": [{"name": name} for name in names], "rows": [list(GRAPH_ROW.values())]}}

    assert run([GRAPH_ROW]).seed == run(table).seed


def test_the_command_imports_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files in, seed out, notes on stderr; what cannot be loaded ends with 2."""
    source, target = tmp_path / "vms.json", tmp_path / "seed.json"
    source.write_text("\ufeff" + json.dumps([FLAT_VM, {"name": "x"}]), encoding="utf-8")

    assert 0 == main(["import", str(source), "-o", str(target)])
    assert "1 resources taken, 1 notes" in capsys.readouterr().err
    assert [f"{VM}/web"] == [resource["id"] for resource in json.loads(target.read_text())["resources"]]
    assert 2 == main(["import", str(tmp_path / "none.json")])
    assert "import: " in capsys.readouterr().err


def test_a_cloud_becomes_a_seed_and_a_cloud_again(tmp_path: Path) -> None:
    """Machines with their power, and a machine's protection, are the same in the cloud made from the export."""
    with Cloud(shop("web", "db", behaviour={"web": {"outbound": "open"}}), state_dir=tmp_path / "state") as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        lab.protect("web")
        lab.status("POST", f"{vm_id('db')}/deallocate")
        before = {r["id"].lower(): r.get("power_state") for r in cloud.resources()}
        item = lab.item("web")
        secret = str((cloud.world.identities.find_client(cloud.client_id) or {})["secret"])
        cloud.world.commit()
        seed_now = exporting.from_state(tmp_path / "state")
    with Cloud(seed_now) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        after = {r["id"].lower(): r.get("power_state") for r in cloud.resources()}

        assert before == after
        assert cloud.world.behaviour(vm_id("web"))["outbound"] == "open"
        assert item["protectionState"] == lab.item("web")["protectionState"]
        assert "Succeeded" == lab.fail_over("web")["state"]
    assert secret not in json.dumps(seed_now)


def test_the_same_number_gives_the_same_estate() -> None:
    """Names, sizes, disks and addresses follow from the number alone; another number gives another estate."""
    one, same, other = generating.seed_of(130, 7), generating.seed_of(130, 7), generating.seed_of(130, 8)
    with Cloud(one) as cloud:
        found = cloud.world.store.count("Microsoft.Compute/virtualMachines")
        groups = {r["id"].split("/")[4] for r in cloud.resources() if r["type"].endswith("virtualMachines")}

    assert one == same != other
    assert (130, {"estate-001-westeurope", "estate-002-westeurope"}) == (found, groups)


def test_the_command_generates_and_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    """A number of machines and regions in, a seed on stdout; what makes no sense ends with 2 and its name."""
    assert 0 == main(["generate", "3", "--region", "UK South"])
    assert {"uksouth"} == {resource["location"] for resource in json.loads(capsys.readouterr().out)["resources"]}
    assert 2 == main(["generate", "0"])
    assert 2 == main(["generate", "1", "--region", "Atlantis"])
    assert (
        "generate: machines: give a number from 1 to 10000\ngenerate: --region: 'Atlantis'" in capsys.readouterr().err
    )


def test_machines_are_exported_as_arm_shows_them() -> None:
    """Nothing but the power is added to a machine's JSON."""
    with Cloud(seed(network(), machine("web"))) as cloud:
        entries = {entry["id"]: entry for entry in exporting.seed_of(cloud.world)["resources"]}

    assert "VM running" == entries[f"{VM}/web"]["powerState"]
    assert item_id("web") not in entries
