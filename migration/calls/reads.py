"""What a run reads: single resources and listings, each as often as its step needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migration import ids, names
from migration.calls import machine, parity, shared
from migration.calls.call import Call, Place
from migration.calls.move import UNKNOWN_DISK, UNKNOWN_NIC, Move
from migration.consistency import recovery_plan_id
from migration.models import VmSpec

NAMESPACES = ("Microsoft.RecoveryServices", "Microsoft.Compute", "Microsoft.Network", "Microsoft.Storage")
"""The resource providers that have to be registered in every subscription of a move."""

STEPS = (
    machine.CHECK,
    shared.PREPARE,
    machine.ENABLE,
    machine.CONFIGURE,
    machine.TEST,
    machine.FAIL_OVER,
    parity.PARITY,
    machine.COMMIT,
    parity.AFTER_COMMIT,
    machine.REPROTECT,
    machine.DISABLE,
    shared.TIDY_UP,
    machine.UNDO,
)
_SINGLE_READS = 8
"""Of more machines than these in a group it reads two listings instead."""
_VAULTS = "providers/Microsoft.RecoveryServices/vaults"
_POLICIES = "providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
_SERIAL_LOG, _IF_KEPT = "retrieveBootDiagnosticsData", "if Azure keeps its serial log"
_ACCESS = "providers/Microsoft.Authorization"


def reads_of_all(moves: Iterable[Move]) -> list[Call]:
    """Return the reads of moves by several vaults; each path once in each step."""
    return list({(call.step, call.path.lower()): call for move in moves for call in reads(move)}.values())


def reads(move: Move) -> list[Call]:
    """Return the reads, step by step; each path once in each step."""
    found = [
        *_of_the_check(move),
        *_of_the_vault(move),
        *(call for vm in move.vms for call in _of_a_machine(move, vm)),
        *_of_the_end(move),
    ]
    return list({(call.step, call.path.lower()): call for call in found}.values())


def _of_the_check(move: Move) -> Iterator[Call]:
    for subscription in subscriptions(move):
        yield from (_check(f"/subscriptions/{subscription}/providers/{name}", "subscription") for name in NAMESPACES)
        yield from (_check(path, "subscription") for path in _of_a_subscription(move, subscription))
    for subscription in sorted({vm.target_subscription.lower() for vm in move.vms}):
        # Of groups that are absent yet, Azure Policy is asked on their subscription.
        yield Call(machine.CHECK, "POST", f"/subscriptions/{subscription}/{_POLICIES}", "subscription")
    for vm in move.vms:
        yield from _of_a_source(move, vm)
        yield from parity.reads(move, vm, machine.CHECK)
        yield from _of_a_target(vm)
    yield from (_check(account, "vault") for account in move.cache_account_ids)
    for path in _group(move.vault_group_id):
        yield _check(path, "vault")
    for kind in ("", "/replicationProtectedItems", "/replicationNetworkMappings", "/replicationFabrics"):
        yield _check(f"{move.vault_id}{kind}", "vault")


def _of_a_subscription(move: Move, subscription: str) -> Iterator[str]:
    home = f"/subscriptions/{subscription}"
    yield from (f"{home}/{_ACCESS}/{kind}" for kind in ("permissions", "denyAssignments"))
    yield home
    yield f"{home}/{_VAULTS}"
    vault = f"{home}/resourceGroups/{{group}}/{_VAULTS}/{{vault}}"
    yield from (f"{vault}/{kind}" for kind in ("replicationProtectedItems", "backupProtectedItems"))
    if subscription == ids.ResourceId.parse(move.vault_id).subscription.lower():
        yield f"{home}/providers/Microsoft.Storage/locations/{move.source_region}/usages"
    sources = [ids.ResourceId.parse(vm.source_id).subscription.lower() for vm in (*move.vms, *move.fellows)]
    if subscription in sources:
        yield f"{home}/providers/Microsoft.Compute/skus"
        yield f"{home}/providers/Microsoft.Insights/metrics"
        yield f"{home}/{_ACCESS}/roleAssignments"
    if sources.count(subscription) > _SINGLE_READS:
        yield f"{home}/providers/Microsoft.Compute/virtualMachines"
    if subscription in {vm.target_subscription.lower() for vm in move.vms}:
        yield f"{home}/providers/Microsoft.Compute/skus"
        for namespace in ("Microsoft.Compute", "Microsoft.Network"):
            yield f"{home}/providers/{namespace}/locations/{move.target_region}/usages"


def _of_a_source(move: Move, vm: VmSpec) -> Iterator[Call]:
    source, attached = ids.ResourceId.parse(vm.source_id), move.of(vm)
    home = (source.subscription, source.resource_group or "")
    group = ids.resource_group_id(*home)
    yield from (_check(path, "source") for path in _group(group))
    yield Call(machine.CHECK, "POST", f"{group}/{_POLICIES}", "source")
    yield _check(f"{group}/{_ACCESS}/policyAssignments", "source")
    yield _check(vm.source_id, "source", vm)
    eligibility = "providers/Microsoft.RecoveryServices/replicationEligibilityResults/default"
    yield _check(f"{vm.source_id}/{eligibility}", "source", vm)
    compute, network = f"{group}/providers/Microsoft.Compute", f"{group}/providers/Microsoft.Network"
    for listing in (f"{compute}/virtualMachines", f"{compute}/disks", f"{network}/networkInterfaces"):
        yield _check(listing, "source")
    for disk_id in attached.disk_ids or (ids.disk_id(*home, UNKNOWN_DISK),):
        yield _check(disk_id, "source", vm)
    for nic_id in attached.nic_ids or (ids.nic_id(*home, UNKNOWN_NIC),):
        yield _check(nic_id, "source", vm)


def _of_a_target(vm: VmSpec) -> Iterator[Call]:
    group = vm.target_resource_group_id
    yield from (_check(path, "target") for path in _group(group))
    compute, network = f"{group}/providers/Microsoft.Compute", f"{group}/providers/Microsoft.Network"
    for listing in (f"{compute}/virtualMachines", f"{compute}/disks", f"{network}/networkInterfaces"):
        yield _check(listing, "target")
    yield Call(machine.CHECK, "POST", f"{group}/{_POLICIES}", "target")
    yield _check(vm.target_id, "target", vm)
    for network_id in filter(None, (vm.network_id, vm.test_network_id)):
        for path in ("", f"/{_ACCESS}/permissions", f"/{_ACCESS}/denyAssignments", "/usages"):
            yield _check(f"{network_id}{path}", "network")
    if vm.address:
        yield _check(f"{vm.network_id}/CheckIPAddressAvailability", "network", vm)
    if vm.disk_encryption_set_id:
        yield _check(vm.disk_encryption_set_id, "target", vm)


def _of_the_vault(move: Move) -> Iterator[Call]:
    for call in shared.prepare(move):
        yield Call(shared.PREPARE, "GET", call.path, call.place)
    for region in (move.source_region, move.target_region):
        networks = f"{move.fabric_id(region)}/replicationNetworks/azureNetwork/replicationNetworkMappings"
        containers = f"{move.container_id(region)}/replicationProtectionContainerMappings"
        ours = ids.fabric_id(move.vault_id, names.fabric_name(region))
        yield from (Call(shared.PREPARE, "GET", path, "vault") for path in (ours, networks, containers))
    for kind in ("replicationFabrics", "replicationProtectionContainerMappings", "replicationJobs/{job}"):
        yield Call(shared.PREPARE, "GET", f"{move.vault_id}/{kind}", "vault")


def _of_a_machine(move: Move, vm: VmSpec) -> Iterator[Call]:
    item, target = move.item_id(vm), (vm.target_subscription, vm.target_resource_group)
    jobs = (f"{move.vault_id}/replicationJobs", f"{move.vault_id}/replicationJobs/{{job}}")
    yield from (Call(machine.ENABLE, "GET", path, "vault", vm.name) for path in (item, *jobs))
    yield Call(machine.ENABLE, "GET", f"{move.vault_id}/replicationProtectedItems", "vault", vm.name)
    for system in ("Linux", "Windows") if not move.of(vm).nic_ids else (move.of(vm).os_type,):
        extension = f"{vm.source_id}/extensions/SiteRecovery-{system}"
        yield Call(machine.ENABLE, "GET", extension, "source", vm.name)
    names = move.disk_names(vm)
    replicas = [ids.disk_id(*target, f"{name}-ASRReplica") for name in names]
    yield from (Call(machine.ENABLE, "GET", path, "target", vm.name) for path in replicas)
    for step in (machine.ENABLE, machine.DISABLE):
        yield Call(step, "GET", f"{vm.target_resource_group_id}/resources", "target", vm.name)
        yield Call(step, "GET", f"{move.vault_id}/replicationProtectedItems", "vault", vm.name)
        yield Call(step, "GET", f"{vm.source_id}/extensions", "source", vm.name)
    yield Call(machine.CONFIGURE, "GET", item, "vault", vm.name)
    if move.failover.test_first:
        tests = [vm.test_vm_id, *(ids.disk_id(*target, f"{name}-ASRtest") for name in names)]
        yield from (Call(machine.TEST, "GET", path, "target", vm.name) for path in tests)
        yield from _of_the_test(move, vm)
    made = [ids.disk_id(*target, name) for name in names]
    made += [ids.nic_id(*target, name) for name in move.nic_names(vm)]
    yield from (Call(machine.FAIL_OVER, "GET", path, "target", vm.name) for path in (vm.target_id, *made))
    yield from (Call(machine.FAIL_OVER, "GET", path, "vault", vm.name) for path in (item, *jobs))
    if vm.consistency_group:
        plan = recovery_plan_id(move.vault_id, vm.consistency_group)
        steps = (machine.FAIL_OVER, machine.COMMIT, machine.UNDO)
        yield from (Call(step, "GET", plan, "vault", vm.name) for step in steps)
    yield Call(machine.FAIL_OVER, "GET", vm.source_id, "source", vm.name)
    yield Call(machine.FAIL_OVER, "GET", vm.network_id, "network", vm.name)
    yield Call(machine.FAIL_OVER, "POST", f"{vm.target_id}/{_SERIAL_LOG}", "target", vm.name, _IF_KEPT)
    yield Call(machine.FAIL_OVER, "GET", f"{item}/recoveryPoints/{{point}}", "vault", vm.name)
    yield from (Call(machine.UNDO, "GET", path, "target", vm.name) for path in machine.Machine(move, vm).snapshots())
    yield from parity.reads(move, vm, parity.PARITY)
    for step in (machine.COMMIT, machine.DISABLE):
        yield from (Call(step, "GET", path, "vault", vm.name) for path in (item, *jobs))
    if move.reprotects:
        yield from _of_the_way_round(move, vm)


def _of_the_way_round(move: Move, vm: VmSpec) -> Iterator[Call]:
    source, item = ids.ResourceId.parse(vm.source_id), ids.ResourceId.parse(move.item_id(vm)).name
    turned = ids.item_id(move.container_id(move.target_region), item)
    jobs = (f"{move.vault_id}/replicationJobs", f"{move.vault_id}/replicationJobs/{{job}}")
    listing = f"{move.vault_id}/replicationProtectedItems"
    for path in (move.item_id(vm), turned, listing, *jobs):
        yield Call(machine.REPROTECT, "GET", path, "vault", vm.name)
    for name in move.disk_names(vm):
        replica = ids.disk_id(source.subscription, source.resource_group or "", f"{name}-ASRReplica")
        yield Call(machine.REPROTECT, "GET", replica, "source", vm.name)
    extension = f"{vm.target_id}/extensions/SiteRecovery-{move.of(vm).os_type}"
    for path in (vm.target_id, extension):
        yield Call(machine.REPROTECT, "GET", path, "target", vm.name)


def _of_the_test(move: Move, vm: VmSpec) -> Iterator[Call]:
    """Yield what proves that the test network is isolated, and what its copy is held against the plan by."""
    target, network = (vm.target_subscription, vm.target_resource_group), vm.test_network_id or ""
    yield Call(machine.TEST, "GET", network, "network", vm.name)
    home = ids.ResourceId.parse(network).subscription
    tables = f"/subscriptions/{home}/resourceGroups/{{group}}/providers/Microsoft.Network/routeTables/{{table}}"
    yield Call(machine.TEST, "GET", tables, "subscription", vm.name, "if a subnet of the test network has routes")
    for name in move.nic_names(vm):
        yield Call(machine.TEST, "GET", ids.nic_id(*target, f"{name}-test"), "target", vm.name)
    yield Call(machine.TEST, "POST", f"{vm.test_vm_id}/{_SERIAL_LOG}", "target", vm.name, _IF_KEPT)


def _of_the_end(move: Move) -> Iterator[Call]:
    for group_id in shared.groups(move):
        place: Place = "vault" if ids.same_id(group_id, move.vault_group_id) else "target"
        for step in (shared.PREPARE, shared.TIDY_UP):
            yield from (Call(step, "GET", path, place) for path in (group_id, f"{group_id}/resources"))
    for call in shared.tidy_up(move):
        yield Call(shared.TIDY_UP, "GET", call.resource_id, call.place)
    for kind in (
        "replicationProtectedItems",
        "replicationNetworkMappings",
        "replicationProtectionContainerMappings",
        "replicationProtectionContainers",
        "replicationPolicies",
        "replicationFabrics",
        "replicationJobs/{job}",
    ):
        yield from (Call(step, "GET", f"{move.vault_id}/{kind}", "vault") for step in (shared.PREPARE, shared.TIDY_UP))
    subscription = ids.ResourceId.parse(move.vault_id).subscription
    yield Call(shared.TIDY_UP, "GET", f"/subscriptions/{subscription}/{_VAULTS}", "subscription")


def _group(group_id: str) -> list[str]:
    """Return what is read about a resource group and the right to work in it."""
    return [group_id, *(f"{group_id}/{_ACCESS}/{kind}" for kind in ("permissions", "denyAssignments", "locks"))]


def subscriptions(move: Move) -> list[str]:
    """Return the subscriptions in which the move works, in lower case."""
    found = {ids.ResourceId.parse(move.vault_id).subscription.lower()}
    for vm in move.vms:
        found |= {ids.ResourceId.parse(vm.source_id).subscription.lower(), vm.target_subscription.lower()}
    return sorted(found)


def _check(path: str, place: Place, vm: VmSpec | None = None) -> Call:
    return Call(machine.CHECK, "GET", path, place, vm.name if vm else "")
