"""Why replication cannot be enabled: causes in the estate and in the guest, found by the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute import machines
from simulator.compute.guest import guest_of
from simulator.siterecovery import (
    consistency_groups,
    estate,
    failures,
    guest_failures,
    names,
    networks,
    states,
    support,
)
from simulator.siterecovery.refusals import AsrError, JobFailureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.compute.guest import Guest
    from simulator.store import Resource
    from simulator.world import World


def check_source(world: World, item: Resource, given: dict[str, Any]) -> None:
    """Fail the job for the first thing in the estate that stands against replicating."""
    for error in _source_problems(world, item, given):
        raise JobFailureError(error)


def _source_problems(world: World, item: Resource, given: dict[str, Any]) -> Iterator[AsrError]:
    source = estate.machine(world, item.meta["vm"])
    name = names.last(item.meta["vm"])
    if source is None:
        yield failures.vm_not_found(name)
        return
    expected = networks.fabric_location(world, item.id)
    if estate.normal(source.resource.location) != expected:
        yield failures.wrong_region(name, source.resource.location, expected)
    others = [other for other in world.store.list(names.ITEM) if not paths.same(other.id, item.id)]
    yield from _other_protection(others, item)
    yield from _limits(world, others, item)
    state = str(source.resource.properties.get("provisioningState", "Succeeded"))
    if state != "Succeeded":
        yield failures.provisioning(name, state)
    if not estate.is_running(world, source.id):
        yield failures.vm_not_running(name)
    if machines.agent_state(world, source.resource) != "ready":
        yield guest_failures.agent_not_ready(name)
    yield from _disk_problems(world, item, source, given)
    most = world.setting("data_disks_per_machine")
    if sum(disk["kind"] == "Data" for disk in item.meta["disks"]) > most:
        yield failures.too_many_data_disks(name, most)
    yield from _cache_problems(world, item, expected)


def _other_protection(others: list[Resource], item: Resource) -> Iterator[AsrError]:
    for other in others:
        ends = (other.meta["vm"], other.meta.get("target_vm"))
        if other.meta["state"] == states.ENABLING_FAILED:
            continue
        if any(end and paths.same(end, item.meta["vm"]) for end in ends):
            yield failures.protected_already(names.last(item.meta["vm"]), names.last(names.vault_id(other.id)))


def _limits(world: World, others: list[Resource], item: Resource) -> Iterator[AsrError]:
    """The documented limits: disks by subscription, of the source as of the target, and machines by group."""
    disks = world.setting("protected_disks_per_subscription")
    for subscription in sorted(_subscriptions(item)):
        protected = sum(len(other.meta["disks"]) for other in others if subscription in _subscriptions(other))
        if protected + len(item.meta["disks"]) > disks:
            yield failures.too_many_disks(subscription, disks)
    group, most = consistency_groups.name_of(item), world.setting("machines_per_consistency_group")
    if group and len(consistency_groups.members_of(world, item.id, group)) > most:
        yield failures.group_full(group, most)


def _subscriptions(item: Resource) -> set[str]:
    return {paths.parse(id_).subscription.lower() for id_ in (item.meta["vm"], item.meta["recovery_group"])}


def _disk_problems(world: World, item: Resource, source: estate.Machine, given: dict[str, Any]) -> Iterator[AsrError]:
    if source.unmanaged:
        yield failures.disk_unsupported(source.unmanaged, "it isn't a managed disk")
    by_id = {disk.id.lower(): disk for disk in source.disks}
    chosen = [entry["diskId"].lower() for entry in given["vmManagedDisks"]]
    for id_ in chosen:
        if id_ not in by_id:
            yield failures.disk_not_found(names.last(item.meta["vm"]), names.last(id_))
            continue
        reason = unsupported(by_id[id_])
        if reason:
            yield failures.disk_unsupported(by_id[id_].name, reason)
        if by_id[id_].lun in machines.behaviour(world, source.id).get("uninitialised_luns", ()):
            yield failures.disk_not_found(names.last(item.meta["vm"]), by_id[id_].name)
    for disk in source.disks:
        if disk.kind == "OperatingSystem" and disk.id.lower() not in chosen:
            yield failures.os_disk_excluded(disk.name)


def unsupported(disk: estate.SourceDisk) -> str | None:
    """Why the disk cannot be replicated, or None."""
    if disk.sku.lower() in support.UNSUPPORTED_SKUS:
        return f"disks of the type '{disk.sku}' can't be replicated"
    for trait in disk.traits:
        return f"{trait} can't be replicated"
    largest = support.LARGEST_OS_DISK_GB if disk.kind == "OperatingSystem" else support.LARGEST_DATA_DISK_GB
    if disk.size_gb > largest:
        return f"its {disk.size_gb} GiB exceed the maximum of {largest} GiB"
    return None


def _cache_problems(world: World, item: Resource, expected: str) -> Iterator[AsrError]:
    for account_id in sorted({disk["cache"] for disk in item.meta["disks"]}):
        account = world.store.get(account_id)
        if account is None:
            yield failures.cache_account(names.last(account_id), "it wasn't found")
        elif estate.normal(account.location) != expected:
            yield failures.cache_account(account.name, f"it is in '{account.location}', not in '{expected}'")


def check_guest(world: World, item: Resource) -> None:
    """Fail the job for the first thing inside the machine that stands against it."""
    guest = guest_of(world, item.meta["vm"])
    for error in _guest_problems(item, guest):
        raise JobFailureError(error)


def _guest_problems(item: Resource, guest: Guest) -> Iterator[AsrError]:
    if not support.os_supported(guest):
        yield guest_failures.os_unsupported(guest.os_name, guest.os_version)
    if not support.kernel_supported(guest):
        yield guest_failures.kernel(guest.kernel)
    if not support.controller_supported(guest, item.meta["size"]):
        yield guest_failures.controller(item.meta["size"])
    yield from _boot_problems(guest)
    roots = (*guest.missing_roots, *guest.expired_roots)
    if roots:
        yield guest_failures.certificates(", ".join(roots))
    yield from _outbound_problems(item, guest)


def _boot_problems(guest: Guest) -> Iterator[AsrError]:
    disabled = [name for name in support.SNAPSHOT_SERVICES if guest.service(name) == "disabled"]
    if guest.os_type == "Windows" and disabled:
        yield guest_failures.vss_disabled(", ".join(disabled))
    if guest.grub.startswith("/dev/mapper/"):
        yield guest_failures.grub_lvm(guest.grub)
    elif guest.grub:
        yield guest_failures.grub_device_names(guest.grub)


def _outbound_problems(item: Resource, guest: Guest) -> Iterator[AsrError]:
    sign_in = "login.microsoftonline.com"
    services = [
        f"pod01-id1.{item.meta['initial_primary']}.hypervrecoverymanager.windowsazure.com",
        "pod01-rcm1.servicebus.windows.net",
    ]
    storage = [f"{names.last(disk['cache'])}.blob.core.windows.net" for disk in item.meta["disks"]]
    answers = {host: guest.reaches(host) for host in (sign_in, *services, *storage)}
    if "dns" in answers.values():
        yield guest_failures.dns()
    if "proxy" in answers.values():
        yield guest_failures.proxy()
    yield from (guest_failures.distrusted(host) for host, answer in answers.items() if answer == "tls")
    if all(answer != "ok" for answer in answers.values()):
        yield guest_failures.no_way_out()
    if answers[sign_in] != "ok":
        yield guest_failures.sign_in_blocked()
    for host in services:
        if answers[host] != "ok":
            yield guest_failures.service_blocked(host)
    for host in storage:
        if answers[host] != "ok":
            yield guest_failures.storage_blocked(host)
