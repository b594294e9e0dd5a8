"""Where a virtual machine stands in its plan's book of turns."""

from collections.abc import Mapping
from dataclasses import dataclass

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.phases import Outcome
    from migration.plan import Plan
    from migration.plan_fleet import Home, home_of
    from migration.schedule import PLAN_KEY, wave_key
    from migration.steering import VmStanding
    from migration.waves import in_order

State = VmStanding
__all__ = ["PLAN_KEY", "Home", "State", "VmState", "home_keys", "part_key", "vm_states", "wave_key"]


@dataclass(slots=True)
class VmState:
    """One virtual machine as its plan sees it.

    `outside`: its cutover window is shut, so it wants no turn. `passed`: verified or waiting for a person, so that its
    wave may go on. *place*: in the plan, *turn*: of its wave, *rank*: of itself in the order in which all have turns.
    """

    name: str
    wave: int
    place: int
    turn: int
    rank: int
    home: Home
    keys: tuple[str, ...]
    """The parts of the plan whose limits it counts against."""
    state: State = "new"
    outcome: Outcome | None = None
    reason: str = ""
    told: str = ""
    began: bool = False
    heard: bool = False
    asked: int = 0

    @property
    def subscription(self) -> str:
        """The id of its source subscription."""
        return self.home.subscription

    @property
    def vault(self) -> str:
        """The id of its vault."""
        return self.home.vault


def part_key(kind: str, name: str) -> str:
    """Return the key of the limits of the plan, a subscription or a vault."""
    return f"{kind} {name.lower()}" if name else kind


def home_keys(home: Home) -> tuple[str, str]:
    """Return the keys of the limits of a subscription and a vault."""
    return part_key("subscription", home.subscription), part_key("vault", home.vault)


def vm_states(plan: Plan, vaults: Mapping[str, str]) -> dict[str, VmState]:
    """Return all virtual machines of a plan at the beginning, in the plan's order.

    *vaults*: the ids of those that were chosen for them, by name, where not the plan itself says which.
    """
    turns = {wave: turn for turn, wave in enumerate(in_order(plan.wave_dependencies))}
    found: list[VmState] = []
    for number, wave in enumerate(plan.waves):
        for vm in wave.vms:
            home = home_of(plan, vm)
            home = Home(home.subscription, vaults.get(vm.name, home.vault))
            keys = (PLAN_KEY, wave_key(number), *home_keys(home))
            found.append(VmState(vm.name, number, len(found), turns[number], 0, home, keys))
    for rank, vm_state in enumerate(sorted(found, key=lambda one: (one.turn, one.place))):
        vm_state.rank = rank
    return {vm_state.name: vm_state for vm_state in found}
