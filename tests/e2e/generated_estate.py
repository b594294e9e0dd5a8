"""The estates of generated plans: machines, networks, what only looks like theirs, and sometimes a vault in use."""

from typing import Any

from tests.e2e.generated import TYPES, Generated, Machine, group_id, mixed, network_id


def seed_of(generated: Generated) -> dict[str, Any]:
    """Return the seed of the estate before the move; note in `look_alikes` what must survive untouched."""
    sources = {machine.group.lower() for machine in generated.machines} | {"shop-source"}
    resources = [network(generated.home, group, generated.source) for group in sorted(sources)]
    resources.append(network(generated.away, "shop-target", generated.target))
    resources.append(network(generated.branch, "shop-branch", generated.target))
    resources += [part for machine in generated.machines for part in machine_parts(generated, machine)]
    first = generated.machines[0]
    strangers = look_alikes(generated, first) + (vault_in_use(generated) if generated.vault_exists else [])
    generated.look_alikes = [stranger["id"] for stranger in strangers]
    names = ("cores", "standardDSv3Family", "virtualMachines", "PremiumDiskCount", "StandardDiskCount")
    quotas = {generated.target: dict.fromkeys(names, 10_000), generated.source: dict.fromkeys(names, 10_000)}
    ids = [vm_id(generated, machine) for machine in generated.machines]
    return {
        "subscriptions": [{"subscriptionId": one, "displayName": "Generated"} for one in generated.subscriptions],
        "resources": resources + strangers,
        "behaviour": {one: {"initial_replication_minutes": generated.dice.randint(2, 9)} for one in ids},
        "quotas": dict.fromkeys(generated.subscriptions, quotas),
    }


def vm_id(generated: Generated, machine: Machine) -> str:
    """Return the id of a machine in the source."""
    return f"{group_id(generated.home, machine.group)}/providers/Microsoft.Compute/virtualMachines/{machine.azure_name}"


def target_id(machine: Machine) -> str:
    """Return the id of a machine in the target, in lower case."""
    group = group_id(machine.target_subscription, machine.target_group)
    return f"{group}/providers/Microsoft.Compute/virtualMachines/{machine.target_name}".lower()


def machine_parts(generated: Generated, machine: Machine) -> list[dict[str, Any]]:
    """Return a virtual machine as `az vm show` prints it, its NIC and its data disks made from it."""
    dice, stem = generated.dice, machine.stem
    group = group_id(generated.home, machine.group)
    nic_id = f"{group}/providers/Microsoft.Network/networkInterfaces/{stem}-nic"
    kind = dice.choice(TYPES)
    data = [
        {
            "lun": lun,
            "name": f"{stem}-data-{lun}",
            "createOption": "Attach",
            "diskSizeGB": dice.choice((8, 32, 128)),
            "managedDisk": {"id": disk_id(group, f"{stem}-data-{lun}"), "storageAccountType": kind},
        }
        for lun in range(dice.randint(0, 2))
    ]
    machine_json = {
        "id": mixed(dice, vm_id(generated, machine)) if dice.random() < 0.5 else vm_id(generated, machine),
        "name": machine.azure_name,
        "type": "Microsoft.Compute/virtualMachines",
        "location": generated.source,
        "tags": {"owner": "größe"},
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
            "storageProfile": {
                "osDisk": {
                    "osType": dice.choice(("Linux", "Windows")),
                    "name": f"{stem}-os",
                    "createOption": "FromImage",
                    "diskSizeGB": 64,
                    "managedDisk": {"id": disk_id(group, f"{stem}-os"), "storageAccountType": kind},
                },
                "dataDisks": data,
            },
            "networkProfile": {"networkInterfaces": [{"id": mixed(dice, nic_id), "properties": {"primary": True}}]},
            "provisioningState": "Succeeded",
        },
    }
    address = 4 + generated.machines.index(machine)
    return [nic(nic_id, generated.source, network_id(generated.home, machine.group), f"10.1.0.{address}"), machine_json]


def look_alikes(generated: Generated, machine: Machine) -> list[dict[str, Any]]:
    """Return what has nearly the names of what will be made for *machine*, in its target group and beside it."""
    target = group_id(machine.target_subscription, machine.target_group)
    source = group_id(generated.home, machine.group)
    beside, stem = group_id(machine.target_subscription, "shop-beside"), machine.stem
    there = network_id(machine.target_subscription, machine.target_group)
    nic_id = f"{target}/providers/Microsoft.Network/networkInterfaces/{stem}-nic-2"
    if machine.target_group != "shop-target":
        target, nic_id, there = beside, nic_id.replace(target, beside), network_id(generated.away, "shop-target")
    names = [f"{stem}-os-2", f"{stem}-os-ASRReplica-old", f"{stem}-os-ASRtest", f"{stem}-ASRReplica"]
    return [
        *(disk(target, name, generated.target) for name in names),
        *(disk(beside, name, generated.target) for name in (f"{stem}-os", f"{stem}-os-ASRReplica")),
        disk(source, f"{stem}-os-ASRReplica", generated.source),
        nic(nic_id, generated.target, there, "10.1.0.200"),
    ]


def vault_in_use(generated: Generated) -> list[dict[str, Any]]:
    """Return the vault of the plan, made by somebody else, with fabrics, containers and a policy of other names."""
    vault = f"{group_id(generated.home, 'SHOP-vault')}/providers/Microsoft.RecoveryServices/vaults/vault-1"
    parts = [resource(vault, "Microsoft.RecoveryServices/vaults", generated.vault_region, {}, sku={"name": "Standard"})]
    for region in (generated.source, generated.target):
        fabric = f"{vault}/replicationFabrics/asr-a2a-default-{region}"
        details = {"instanceType": "Azure", "location": region}
        kind = "Microsoft.RecoveryServices/vaults/replicationFabrics"
        parts.append(resource(fabric, kind, None, {"customDetails": details}))
    policy = {"instanceType": "A2A", "recoveryPointHistory": 1440, "multiVmSyncStatus": "Enabled"}
    kind = "Microsoft.RecoveryServices/vaults/replicationPolicies"
    parts.append(resource(f"{vault}/replicationPolicies/daily", kind, None, {"providerSpecificDetails": policy}))
    return parts


def network(subscription: str, group: str, region: str) -> dict[str, Any]:
    """Return the network of a group."""
    id_ = network_id(subscription, group)
    servers = {"name": "servers", "id": f"{id_}/subnets/servers", "properties": {"addressPrefix": "10.1.0.0/24"}}
    properties = {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}, "subnets": [servers]}
    return resource(id_, "Microsoft.Network/virtualNetworks", region, properties)


def nic(id_: str, region: str, network_id_: str, address: str) -> dict[str, Any]:
    """Return a network interface."""
    configuration = {
        "subnet": {"id": f"{network_id_}/subnets/servers"},
        "privateIPAllocationMethod": "Dynamic",
        "privateIPAddress": address,
        "primary": True,
    }
    properties = {"ipConfigurations": [{"name": "ipconfig1", "properties": configuration}]}
    return resource(id_, "Microsoft.Network/networkInterfaces", region, properties)


def disk(group: str, name: str, region: str) -> dict[str, Any]:
    """Return a disk that is attached to nothing."""
    properties = {"diskSizeGB": 64, "creationData": {"createOption": "Empty"}, "diskState": "Unattached"}
    return resource(disk_id(group, name), "Microsoft.Compute/disks", region, properties, sku={"name": "Premium_LRS"})


def disk_id(group: str, name: str) -> str:
    """Return the id of a disk."""
    return f"{group}/providers/Microsoft.Compute/disks/{name}"


def resource(id_: str, kind: str, region: str | None, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a resource as `az resource show` prints it."""
    location = {"location": region} if region else {}
    return {"id": id_, "name": id_.rsplit("/", 1)[-1], "type": kind, **location, "properties": properties, **more}
