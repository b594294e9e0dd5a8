"""A plan's virtual machines with every default and override applied."""

from migration import ids, names
from migration.checks import name_key
from migration.hooks import Hooks
from migration.models import VmSpec
from migration.plan import Plan, Vm, Waiver, Wave
from migration.plan_hooks import hooks_of
from migration.plan_parity import parity_wanted
from migration.plan_verification import Verifying, verifying
from migration.plan_windows import schedule


def vm_specs(plan: Plan) -> list[VmSpec]:
    """Return what the plan wants for each virtual machine, wave by wave, every default and override applied."""
    waivers: dict[str | None, list[tuple[int, Waiver]]] = {}
    for place, waiver in enumerate(plan.waivers):
        waivers.setdefault(None if waiver.vm is None else name_key(waiver.vm), []).append((place, waiver))
    return [_spec(plan, wave, vm, _waivers_of(waivers, vm.name)) for wave in plan.waves for vm in wave.vms]


def hooks_by_vm(plan: Plan) -> dict[str, Hooks]:
    """Return the hooks that run for each virtual machine of a plan, by its name in the plan."""
    return {vm.name: hooks_of(plan.hooks, wave.hooks, vm.hooks) for wave in plan.waves for vm in wave.vms}


def _waivers_of(waivers: dict[str | None, list[tuple[int, Waiver]]], name: str) -> list[Waiver]:
    """Return those of the whole plan and those of one virtual machine, in the plan's order."""
    found = [*waivers.get(None, []), *waivers.get(name_key(name), [])]
    return [waiver for _, waiver in sorted(found, key=lambda one: one[0])]


def _spec(plan: Plan, wave: Wave, vm: Vm, waivers: list[Waiver]) -> VmSpec:
    own, how = vm.target, verifying(plan.verification, vm.verification)
    subscription = plan.target_subscription(vm)
    group = own.resource_group or plan.target.resource_group
    network_home = (plan.target.subscription or plan.subscription, plan.target.resource_group)
    return VmSpec(
        name=vm.name,
        wave=wave.name,
        source_id=plan.source_id(vm),
        source_region=plan.source.region,
        target_region=plan.target.region,
        target_subscription=subscription,
        target_resource_group=group,
        target_name=own.name or vm.azure_name,
        size=own.size,
        zone=own.zone,
        network_id=_network(own.network, (subscription, group)) or _network(plan.target.network, network_home) or "",
        subnet=own.subnet or plan.target.subnet,
        address=own.address,
        disk_types=dict(own.disk_types),
        disk_encryption_set_id=_encryption_set(own.disk_encryption_set, subscription, group),
        excluded_disks=list(own.excluded_disks),
        test_network_id=(
            _network(own.test_network, (subscription, group)) or _network(plan.failover.test_network, network_home)
            if plan.failover.test_first
            else None
        ),
        waivers=waivers,
        cutover=schedule(plan.cutover, wave.cutover, vm.cutover),
        parity=parity_wanted(plan.parity, own, ids.resource_group_id(subscription, group)),
        asks_guest=how.asks_guest,
        adopt=plan.adopt or vm.adopt,
        consistency_group=(
            vm.name in plan.groups and names.consistency_group_name(plan.name, plan.groups[vm.name][0].group)
        )
        or None,
    )


def verifying_of(plan: Plan) -> dict[str, Verifying]:
    """Return how each virtual machine of a plan is verified, by its name in the plan."""
    return {vm.name: verifying(plan.verification, vm.verification) for vm in plan.vms}


def _network(name_or_id: str | None, home: tuple[str, str]) -> str | None:
    if name_or_id is None or name_or_id.startswith("/"):
        return name_or_id
    return ids.network_id(*home, name_or_id)


def _encryption_set(name_or_id: str | None, subscription: str, group: str) -> str | None:
    if name_or_id is None or name_or_id.startswith("/"):
        return name_or_id
    home = ids.resource_group_id(subscription, group)
    return f"{home}/providers/Microsoft.Compute/diskEncryptionSets/{name_or_id}"
