"""A plan of thousands of machines as people write it: each with what differs for it, in waves of hundreds."""

_HEAD = """\
version: 1
name: fleet
subscription: 11111111-2222-4333-8444-555555555555
source: {region: eastus, resource_group: contoso-production-source}
target: {region: westeurope, resource_group: contoso-target, network: contoso-vnet, subnet: workload}
vault: {name: contoso-migration-vault, resource_group: contoso-migration, region: westeurope}
approval: {identity: trusted_network, approvers: [anna@contoso.example, ben@contoso.example]}
concurrency: {replication: 500, cutover: 50}
waves:
"""


def plan_text(vms: int, waves: int = 20) -> str:
    """Return the YAML of a plan of so many virtual machines."""
    lines = []
    for number in range(vms):
        if number % -(-vms // waves) == 0:
            lines += [f"- name: wave-{number * waves // vms + 1:02d}", "  vms:"]
        lines += [
            f"  - name: contoso-app-{number:05d}",
            f"    source_name: prod-eus-app-vm-{number:05d}",
            f"    resource_group: contoso-app-{number % 50:02d}-source",
            "    target:",
            f"      resource_group: contoso-app-{number % 50:02d}-target",
            f"      name: prod-weu-app-vm-{number:05d}",
            "      size: Standard_D4s_v5",
            f"      zone: {number % 3 + 1}",
            f"      subnet: workload-{number % 20}",
            f"      address: 10.{number // 60_000 + 1}.{number // 250 % 250}.{number % 250 + 4}",
            "      disk_types: {'*': Premium_LRS}",
        ]
    return _HEAD + "\n".join(lines) + "\n"
