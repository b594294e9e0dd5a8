"""How a plan's book of turns is written: virtual machines that stand alike once, as ranges of their places. Pure."""

from collections.abc import Mapping

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.plan import Plan
    from migration.steering import Alike, DispatchState, places_of, ranges
from workflows.vm_state import VmState

_FIELDS = ("state", "outcome", "told", "began", "heard", "asked")
_UNTOUCHED = ("new", None, "", False, False, 0)


def alike(vms: list[VmState]) -> list[Alike]:
    """Return virtual machines by how they stand, but for those that stand as at the beginning."""
    places: dict[tuple[object, ...], list[int]] = {}
    for vm in vms:
        stand = (vm.state, vm.outcome, vm.told, vm.began, vm.heard, vm.asked)
        if stand != _UNTOUCHED:
            places.setdefault(stand, []).append(vm.place)
    return [
        Alike.model_validate({"vms": ranges(of_it), **dict(zip(_FIELDS, stand, strict=True))})
        for stand, of_it in places.items()
    ]


def by_vault(vaults: Mapping[str, str], vms: Mapping[str, VmState]) -> dict[str, str]:
    """Return the places of those whose vault was chosen, by the vault."""
    places: dict[str, list[int]] = {}
    for name, vault in vaults.items():
        places.setdefault(vault, []).append(vms[name].place)
    return {vault: ranges(sorted(of_it)) for vault, of_it in places.items()}


def vaults_in(state: DispatchState, plan: Plan) -> dict[str, str]:
    """Return the vaults that were chosen, by virtual machine."""
    names = [vm.name for vm in plan.vms]
    return {names[place]: vault for vault, places in state.vaults.items() for place in places_of(places)}
