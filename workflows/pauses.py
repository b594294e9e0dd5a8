"""What people have paused of a plan: all of it, waves, virtual machines. Pure."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.steering import Part, Pause
from workflows.vm_state import VmState

PLAN = Part(kind="plan")


class Pauses:
    """The pauses that hold; each is lifted by itself."""

    def __init__(self, waves: list[str]) -> None:
        self._places = {name: place for place, name in enumerate(waves)}
        self._names = waves
        self.all: dict[Part, Pause] = {}
        self.plan = False
        self.waves: set[int] = set()
        self.vms: set[str] = set()

    def add(self, pause: Pause) -> None:
        """Take a pause."""
        self.all[pause.part] = pause
        self._note(pause.part, holds=True)

    def remove(self, part: Part) -> None:
        """Lift the pause of a part."""
        del self.all[part]
        self._note(part, holds=False)

    def hold(self, vm: VmState) -> bool:
        """Whether a virtual machine is paused, by itself, its wave or the plan."""
        return self.plan or vm.wave in self.waves or vm.name in self.vms

    def of(self, vm: VmState) -> list[Pause]:
        """Return the pauses that hold a virtual machine."""
        wave = Part(kind="wave", name=self._names[vm.wave])
        return [self.all[part] for part in (PLAN, wave, Part(kind="vm", name=vm.name)) if part in self.all]

    def _note(self, part: Part, *, holds: bool) -> None:
        if part.kind == "plan":
            self.plan = holds
        elif part.kind == "wave":
            place = self._places[part.name]
            (self.waves.add if holds else self.waves.discard)(place)
        else:
            (self.vms.add if holds else self.vms.discard)(part.name)
