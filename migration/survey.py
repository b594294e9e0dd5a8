"""What was looked at for `plan`: which shared resources are there, and what hangs on each virtual machine."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from migration import ids
from migration.base import Value
from migration.calls.move import Attached, Move, moves_of
from migration.models import VmSpec
from migration.placement import Place
from migration.plan import Plan
from migration.specs import vm_specs


class SurveyedDisk(Value):
    """A disk that a virtual machine has."""

    id: str
    size_gib: int
    type: str

    @property
    def name(self) -> str:
        """The disk's name."""
        return self.id.rsplit("/", 1)[-1]


class SurveyedVm(Value):
    """A virtual machine of the plan; without disks and interfaces where it could not be read."""

    name: str
    os_type: str = "Linux"
    size: str = ""
    disks: list[SurveyedDisk] = Field(default_factory=list)
    nic_ids: list[str] = Field(default_factory=list)
    network_ids: list[str] = Field(default_factory=list)
    already_migrated: bool = False
    unread: str = Field("", description="Why it could not be read.")
    place: Place = Field(default_factory=Place, description="Which of the plan's vaults and cache accounts it goes by.")


class Survey(Value):
    """The answer of `survey_plan`."""

    vms: list[SurveyedVm]
    there: list[str] = Field(default_factory=list, description="Shared resources that exist: groups, vault, account.")
    fabrics_of: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="Names of the fabrics that vaults have, by the vault's key and the region."
    )
    blocking: int = Field(0, description="How many findings of the check block; the machines themselves not asked.")


def surveyed_moves(plan: Plan, survey: Survey) -> list[Move]:
    """Return the moves of a plan as it was found, by vault; what was moved before is left out."""
    known = {vm.name: vm for vm in survey.vms}
    turns = {wave.name: turn for turn, wave in enumerate(plan.waves_in_order)}
    moving = [vm for vm in vm_specs(plan) if not known[vm.name].already_migrated]
    specs = tuple(sorted(moving, key=lambda vm: turns[vm.wave]))
    there = frozenset(map(ids.id_key, survey.there))
    return [
        replace(
            move,
            attached={vm.name: _attached(known[vm.name]) for vm in move.vms},
            there=there,
            fabrics=survey.fabrics_of.get(ids.id_key(move.vault_id), {}),
        )
        for move in moves_of(plan, specs, {name: vm.place for name, vm in known.items()})
    ]


def kept_disks(spec: VmSpec, vm: SurveyedVm) -> list[SurveyedDisk]:
    """Return the disks that move, each with the type that it will have."""
    return [
        disk.model_copy(update={"type": spec.disk_type(disk.name) or disk.type})
        for disk in vm.disks
        if not spec.excludes(disk.name)
    ]


def _attached(vm: SurveyedVm) -> Attached:
    disks = tuple(disk.id for disk in vm.disks)
    return Attached(disks, tuple(vm.nic_ids), tuple(vm.network_ids), vm.os_type)
