"""Plans, tasks and machines for the tests of the workflows. Every call makes names that no other test uses."""

import uuid
from typing import Any

from migration import ids, names
from migration.findings import PlanCheck, VmFindings
from migration.inputs import MigratePlanInput
from migration.models import Finding, SharedResources, SourceDisk, SourceNic, SourceVm, VmSpec, VmTask
from migration.plan import Approval, Failover, Plan
from migration.specs import hooks_by_vm, verifying_of, vm_specs

APPROVER = "approver@contoso.example"
REQUESTER = "anna.berg@contoso.example"
SOURCE_REGION = "westeurope"
TARGET_REGION = "northeurope"


def make_plan(vms: dict[str, list[str]] | None = None, **differing: Any) -> Plan:
    """Return a plan with these virtual machines by wave; *differing* replaces whole sections."""
    waves = vms or {"only": ["web-01"]}
    content: dict[str, Any] = {
        "version": 1,
        "name": f"plan-{uuid.uuid4().hex[:12]}",
        "subscription": str(uuid.uuid4()),
        "source": {"region": SOURCE_REGION, "resource_group": "shop"},
        "target": {
            "region": TARGET_REGION,
            "resource_group": "shop-ne",
            "network": "vnet-ne",
            "subnet": "servers",
        },
        "vault": {"name": "shop-vault", "resource_group": "shop-recovery", "region": TARGET_REGION},
        "approval": {"approvers": [APPROVER, REQUESTER], "deadline": "7d", "reminder": "1d"},
        "waves": [{"name": wave, "vms": [_vm(name) for name in members]} for wave, members in waves.items()],
    }
    return Plan.model_validate(content | differing)


def _vm(name: str) -> dict[str, Any]:
    """Return a machine of a plan; `db-01@shop` is in the consistency group `shop`."""
    own, _, group = name.partition("@")
    return {"name": own} | ({"consistency_group": group} if group else {})


def plan_input(plan: Plan) -> MigratePlanInput:
    """Return the input of `MigratePlan`."""
    return MigratePlanInput(plan=plan, requester=REQUESTER)


def shared_of(plan: Plan) -> SharedResources:
    """Return what the virtual machines of *plan* share."""
    source = ids.fabric_id(plan.vault_ids[0], names.fabric_name(plan.source.region))
    target = ids.fabric_id(plan.vault_ids[0], names.fabric_name(plan.target.region))
    return SharedResources(
        vault_id=plan.vault_ids[0],
        policy_id=f"{plan.vault_ids[0]}/replicationPolicies/{names.POLICY_NAME}",
        source_fabric_id=source,
        target_fabric_id=target,
        source_container_id=ids.container_id(source, names.container_name(plan.source.region)),
        target_container_id=ids.container_id(target, names.container_name(plan.target.region)),
        cache_account_id=ids.storage_account_id(plan.subscription, plan.all_vaults[0].resource_group, "cache"),
    )


def make_task(*, approval: dict[str, Any] | None = None, failover: dict[str, Any] | None = None, **plan: Any) -> VmTask:
    """Return the task of one virtual machine whose plan does not run: nobody grants or gates its turn."""
    whole = make_plan(**plan)
    return VmTask(
        plan=whole.name,
        plan_hash=whole.content_hash,
        requester=REQUESTER,
        gated=False,
        vm=vm_specs(whole)[0].model_copy(update=_test_network(whole, failover)),
        shared=shared_of(whole),
        approval=Approval.model_validate({"approvers": [APPROVER, REQUESTER]} | (approval or {})),
        failover=Failover.model_validate(failover or {}),
        hooks=hooks_by_vm(whole)[whole.vms[0].name],
        notifications=whole.notifications,
        verifying=verifying_of(whole)[whole.vms[0].name],
        joins_steps=True,
    )


def source_of(vm: VmSpec, *, disks: int = 2, power_state: str = "PowerState/running") -> SourceVm:
    """Return the machine that *vm* describes, as a check finds it."""
    source = ids.ResourceId.parse(vm.source_id)
    home = (source.subscription, source.resource_group or "")
    network = ids.network_id(*home, "vnet-we")
    return SourceVm(
        id=vm.source_id,
        vm_unique_id="6f0f5c1e-0000-4000-8000-000000000001",
        region=vm.source_region,
        size="Standard_D2s_v5",
        power_state=power_state,
        disks=[
            SourceDisk(
                id=ids.disk_id(*home, f"{source.name}-disk{number}"),
                size_gib=32,
                type="Premium_LRS",
                is_os=number == 0,
            )
            for number in range(disks)
        ],
        nics=[SourceNic(id=ids.nic_id(*home, f"{source.name}-nic"), network_id=network, subnet="servers")],
    )


def finding(subject: str = 'virtualMachines "web-01"', severity: str = "blocking", evidence: str = "off") -> Finding:
    """Return a finding."""
    return Finding.model_validate(
        {"rule": "source-runs", "severity": severity, "subject": subject, "evidence": evidence, "remedy": "start it"}
    )


def plan_check(plan: Plan, *, already_migrated: tuple[str, ...] = (), blocked: tuple[str, ...] = ()) -> PlanCheck:
    """Return the answer of `check_plan`, sound but for those *blocked*."""
    return PlanCheck(
        vms=[
            VmFindings(
                name=spec.name,
                findings=[finding()] if spec.name in blocked else [],
                already_migrated=spec.name in already_migrated,
                network_ids=[nic.network_id for nic in source_of(spec).nics],
            )
            for spec in vm_specs(plan)
        ]
    )


def _test_network(plan: Plan, failover: dict[str, Any] | None) -> dict[str, str]:
    if not failover or "test_network" not in failover:
        return {}
    return {"test_network_id": ids.network_id(plan.subscription, "shop-ne", failover["test_network"])}
