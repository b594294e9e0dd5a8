"""Start, deallocate, power off and restart: what happens to a machine's power, and when it goes wrong.

The seed's behaviour of a VM: `start_fails` and `deallocate_fails` (true, or `{code, message}`) make the operation
fail at its end; the machine is then as it was before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.compute import machines
from simulator.compute.operations import Work, begin_on_machine, finish, release
from simulator.operations import on_done, on_failed
from simulator.provider import Call, Reply

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

START_SECONDS = (38, 52)
DEALLOCATE_SECONDS = (50, 70)
POWER_OFF_SECONDS = (18, 32)
RESTART_SECONDS = (25, 40)
REDEPLOY_SECONDS = (90, 150)
REAPPLY_SECONDS = (5, 15)
ALREADY_SECONDS = 2
_ALLOCATION_FAILED = {
    "code": "AllocationFailed",
    "message": "Allocation failed. We do not have sufficient capacity for the requested VM size in this region. Read "
    "more about improving likelihood of allocation success at https://aka.ms/allocation-guidance",
}
_DEALLOCATE_FAILED = {
    "code": "InternalExecutionError",
    "message": "An internal execution error occurred. Please retry later.",
}


def virtual_machines_start(call: Call) -> Reply:
    """Start a machine."""
    return _change(call, "start", START_SECONDS, machines.STARTING, machines.RUNNING, _ALLOCATION_FAILED)


def virtual_machines_deallocate(call: Call) -> Reply:
    """Stop a machine and give its host back."""
    return _change(
        call, "deallocate", DEALLOCATE_SECONDS, machines.DEALLOCATING, machines.DEALLOCATED, _DEALLOCATE_FAILED
    )


def virtual_machines_power_off(call: Call) -> Reply:
    """Stop a machine and keep its host."""
    machine = call.world.store.require(call.parent_id)
    if machine.meta.get("power_state") == machines.DEALLOCATED:
        return _already(call, machine, "powerOff")
    return _change(call, "powerOff", POWER_OFF_SECONDS, machines.STOPPING, machines.STOPPED, _DEALLOCATE_FAILED)


def virtual_machines_restart(call: Call) -> Reply:
    """Restart a running machine; 409 where it does not run."""
    machine = call.world.store.require(call.parent_id)
    machines.require_running(machine)
    seconds = call.world.duration(*RESTART_SECONDS, machine.id, "restart")
    return begin_on_machine(call, machine, Work("restart", seconds, "compute.restarted"))


def virtual_machines_redeploy(call: Call) -> Reply:
    """Start a running machine anew on another host."""
    machine = call.world.store.require(call.parent_id)
    machines.require_running(machine)
    seconds = call.world.duration(*REDEPLOY_SECONDS, machine.id, "redeploy")
    return begin_on_machine(call, machine, Work("redeploy", seconds, "compute.restarted"))


def virtual_machines_reapply(call: Call) -> Reply:
    """Apply a machine's state again: nothing that shows."""
    machine = call.world.store.require(call.parent_id)
    seconds = call.world.duration(*REAPPLY_SECONDS, machine.id, "reapply")
    return begin_on_machine(call, machine, Work("reapply", seconds, "compute.reapplied"))


def _change(
    call: Call, work: str, seconds: tuple[float, float], during: str, after: str, failure: dict[str, str]
) -> Reply:
    world = call.world
    machine = world.store.require(call.parent_id)
    before = str(machine.meta.get("power_state", machines.RUNNING))
    if before == after:
        return _already(call, machine, work)
    error = _planned_failure(machines.behaviour(world, machine.id).get(f"{work}_fails"), failure)
    duration = world.duration(*seconds, machine.id, work)
    payload = {"before": before, "after": after}
    reply = begin_on_machine(call, machine, Work(work, duration, "compute.power_changed"), payload=payload, error=error)
    machines.set_power_state(world, machine.id, during)
    return reply


def _already(call: Call, machine: Resource, work: str) -> Reply:
    state = machine.meta.get("power_state", machines.RUNNING)
    payload = {"before": state, "after": state}
    return begin_on_machine(call, machine, Work(work, ALREADY_SECONDS, "compute.power_changed"), payload=payload)


def _planned_failure(seeded: Any, default: dict[str, str]) -> dict[str, str] | None:
    if isinstance(seeded, dict):
        return {**default, **seeded}
    return default if seeded else None


@on_done("compute.power_changed")
def _power_changed(world: World, payload: dict[str, Any]) -> None:
    world.store.save(finish(world, payload))
    machines.set_power_state(world, payload["vm"], payload["after"])


@on_failed("compute.power_changed")
def _power_kept(world: World, payload: dict[str, Any], _: dict[str, Any]) -> None:
    machine = release(world, payload)
    if machine is not None:
        # Nothing booted: the machine takes up its former state with its former boot.
        machine.meta["power_state"] = payload["before"]
        if payload["before"] == machines.RUNNING:
            machine.meta.pop("stopped_since", None)
        world.store.save(machine)


@on_done("compute.restarted")
def _restarted(world: World, payload: dict[str, Any]) -> None:
    machine = finish(world, payload)
    machines.note_boot(world, machine)
    world.store.save(machine)


@on_failed("compute.restarted")
def _not_restarted(world: World, payload: dict[str, Any], _: dict[str, Any]) -> None:
    release(world, payload)


@on_done("compute.reapplied")
def _reapplied(world: World, payload: dict[str, Any]) -> None:
    world.store.save(finish(world, payload))


@on_failed("compute.reapplied")
def _not_reapplied(world: World, payload: dict[str, Any], _: dict[str, Any]) -> None:
    release(world, payload)
