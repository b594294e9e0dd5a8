"""Is the source there, running and sound, and does nobody else move it?"""

from __future__ import annotations

from collections.abc import Iterator

from migration.ids import describe, same_id, vault_of
from migration.models import VmSpec
from migration.rules.adoption import recognise
from migration.rules.case import Case, Hit, VmCheck, source_group

_OWN_EXTENSIONS = "siterecovery"


def exists(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a virtual machine that is not there."""
    if case.machine(vm) is None:
        yield Hit(describe(vm.source_id), "Azure knows no such virtual machine")


def in_region(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a virtual machine of another region."""
    machine = case.machine(vm)
    if machine and machine.location != vm.source_region:
        yield Hit(
            describe(vm.source_id), f"it runs in {machine.location}, the plan's source region is {vm.source_region}"
        )


def running(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a virtual machine that does not run: its agent cannot be installed, its last writes not be sent."""
    machine = case.machine(vm)
    if machine and machine.power_state != "PowerState/running":
        state = machine.power_state.removeprefix("PowerState/") or "unknown"
        yield Hit(describe(vm.source_id), f"its power state is {state}")


def provisioned(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a virtual machine whose last change failed or is under way."""
    machine = case.machine(vm)
    if machine and machine.provisioning_state.lower() != "succeeded":
        yield Hit(describe(vm.source_id), f"its provisioning state is {machine.provisioning_state}")


def agent_ready(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a guest whose agent does not answer, as far as it runs at all."""
    machine = case.machine(vm)
    if machine and machine.power_state == "PowerState/running" and not machine.agent_ready:
        said = f"it says {machine.agent}" if machine.agent else "there is none"
        yield Hit(describe(vm.source_id), f"the guest agent is not ready: {said}")


def extension_sound(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of a Site Recovery extension that an earlier try left failed, or that no vault knows any more."""
    machine = case.machine(vm)
    for extension in machine.extensions if machine else ():
        if not extension.name.lower().startswith(_OWN_EXTENSIONS):
            continue
        if extension.provisioning_state.lower() == "failed":
            yield Hit(describe(vm.source_id), f"its extension {extension.name} has failed")
        elif not _is_protected(case, vm):
            yield Hit(describe(vm.source_id), f"its extension {extension.name} is left from a protection that is gone")


def other_extensions(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of any other extension that has failed: the agent's may then fail as well."""
    machine = case.machine(vm)
    for extension in machine.extensions if machine else ():
        is_own = extension.name.lower().startswith(_OWN_EXTENSIONS)
        if not is_own and extension.provisioning_state.lower() == "failed":
            yield Hit(describe(vm.source_id), f"its extension {extension.name} has failed")


def _is_protected(case: Case, vm: VmSpec) -> bool:
    others = case.inventory.foreign_items.about(source_group(vm)[0]) or ()
    return case.inventory.item_of(vm.source_id) is not None or any(
        same_id(item.machine_id, vm.source_id) for item in others
    )


def unprotected(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a virtual machine that another vault, or another item of this one, protects."""
    for item in case.inventory.foreign_items.about(source_group(vm)[0]) or ():
        if same_id(item.machine_id, vm.source_id):
            yield Hit(describe(vm.source_id), f"{describe(vault_of(item.id))} protects it ({item.protection_state})")


def item_usable(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a protection in the plan's vault with which no run goes on."""
    found = recognise(case, vm)
    if found.stage == "refused" and any(same_id(vault_of(found.item_id), vault.id) for vault in case.vaults):
        yield Hit(describe(found.item_id), found.told, found.remedy)


def eligible(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object where Site Recovery itself does."""
    if case.machine(vm) is None or case.inventory.item_of(vm.source_id) is not None:
        return
    for error in case.inventory.eligibility.about(vm.source_id) or ():
        remedy = error.recommendation or "see the support matrix of Site Recovery"
        yield Hit(describe(vm.source_id), f"Site Recovery: {error.message}", remedy, prevents=error.code)


CHECKS: dict[str, VmCheck] = {
    "source-exists": exists,
    "source-region": in_region,
    "source-running": running,
    "source-provisioned": provisioned,
    "source-agent-ready": agent_ready,
    "source-extension-sound": extension_sound,
    "other-extensions-sound": other_extensions,
    "source-unprotected": unprotected,
    "item-usable": item_usable,
    "eligible": eligible,
}
