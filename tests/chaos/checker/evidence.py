"""What the checker is given, and the ids that follow from the plan's document alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.chaos.checker.histories import History

RUNNING, DEALLOCATED = "PowerState/running", "PowerState/deallocated"


@dataclass(frozen=True)
class Look:
    """The simulator's machines at one moment: id in lower case to power state. *virtual*: the cloud's clock."""

    virtual: str
    power: dict[str, str]

    def of(self, machines: set[str]) -> Look:
        """Return what it saw of some machines."""
        return Look(self.virtual, {id_: state for id_, state in self.power.items() if id_ in machines})


@dataclass(frozen=True)
class Vm:
    """A virtual machine of the plan: its ids in lower case, and its workflow."""

    name: str
    source: str
    target: str
    workflow_id: str


@dataclass
class Evidence:
    """Everything that a run left."""

    plan: dict[str, Any]
    requester: str
    log: list[dict[str, Any]]
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    looks: list[Look]
    histories: dict[str, History]
    report: dict[str, Any]
    faults: list[dict[str, Any]] = field(default_factory=list)
    """The faults that were injected, as the simulator takes them, each with `vm`: whom it may concern, or None."""
    meddled: bool = False
    """Whether a person changed the estate under the run."""
    canaries: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    """Logs, reports and whatever else left the processes."""
    log_again: list[dict[str, Any]] | None = None
    """The requests of a second start of the same plan after its end."""
    seconds: float = 0.0
    seconds_allowed: float | None = None
    copies_seconds_allowed: float = 900.0
    """How long two copies may run, by the cloud's clock, once they are recorded."""

    @cached_property
    def vms(self) -> list[Vm]:
        """The plan's virtual machines."""
        plan = self.plan
        found = []
        for one in [vm for wave in plan["waves"] for vm in wave["vms"]]:
            own = one.get("target") or {}
            target = plan["target"]
            away = own.get("subscription") or target.get("subscription") or plan["subscription"]
            name = one.get("source_name") or one["name"]
            group = one.get("resource_group") or plan["source"]["resource_group"]
            to = own.get("resource_group") or target["resource_group"]
            found.append(
                Vm(
                    name=one["name"],
                    source=machine_id(plan["subscription"], group, name),
                    target=machine_id(away, to, own.get("name") or name),
                    workflow_id=f"migrate-vm/{plan['name']}/{one['name']}",
                )
            )
        return found

    @cached_property
    def accepted(self) -> list[dict[str, Any]]:
        """The log's writes that changed something, but for run commands: ours only look."""
        return [
            line
            for line in self.log
            if line["write"] and line["accepted"] and not line["path"].lower().endswith("/runcommand")
        ]

    @cached_property
    def power_before(self) -> dict[str, str]:
        """The power states before the run, by id."""
        return {each["id"].lower(): each["power_state"] for each in self.before if each.get("power_state")}

    @cached_property
    def power_after(self) -> dict[str, str]:
        """The power states after the run, by id."""
        return {each["id"].lower(): each["power_state"] for each in self.after if each.get("power_state")}

    def reported(self, vm: Vm) -> dict[str, Any]:
        """Return a virtual machine's part of the report."""
        return next((each for each in self.report["vms"] if each["name"] == vm.name), {})

    def history(self, vm: Vm) -> History | None:
        """Return the history of a virtual machine's workflow, None where it never began."""
        return self.histories.get(vm.workflow_id)

    def item_writes(self, vm: Vm, action: str) -> list[dict[str, Any]]:
        """Return the accepted posts of an action on a virtual machine's protected item."""
        name = vm.source.rsplit("/", 1)[-1]
        mine = [
            line
            for line in self.accepted
            if line["method"] == "POST"
            and line["path"].lower().endswith(f"/{action.lower()}")
            and "/replicationprotecteditems/" in line["path"].lower()
        ]
        return [line for line in mine if _protected(line["path"]) == name]


def machine_id(subscription: str, group: str, name: str) -> str:
    """Return a virtual machine's id in lower case."""
    kind = "providers/microsoft.compute/virtualmachines"
    return f"/subscriptions/{subscription}/resourcegroups/{group}/{kind}/{name}".lower()


def _protected(path: str) -> str:
    """Return the machine's name in that of its item, which ends with a digest: `web-2-0a1b` is not of `web`."""
    return path.lower().split("/replicationprotecteditems/")[1].split("/")[0].rpartition("-")[0]
