"""Run command: a script in the guest, one at a time, at most 4096 bytes of output."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.clock import rfc_seconds
from simulator.compute import machines
from simulator.compute.guest import guest_of
from simulator.compute.operations import begin
from simulator.compute.probes import answer
from simulator.compute.shell import Machine, Result
from simulator.operations import on_done, on_failed
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

OUTPUT_BYTES = 4096
RUN_SECONDS = (18, 34)
SILENT_AGENT_SECONDS = 600
_UPTIME_BEFORE_THE_SIMULATION = timedelta(days=30)
_COMMANDS = (
    ("RunPowerShellScript", "Windows", "Executes a PowerShell script", "Custom multiline PowerShell script"),
    ("RunShellScript", "Linux", "Executes a Linux shell script", "Custom multiline shell script"),
)


def virtual_machines_run_command(call: Call) -> Reply:
    """Run a script in a machine (202); 409 where it does not run or runs another one."""
    world, machine = call.world, call.world.store.require(call.parent_id)
    body = call.body_object()
    command = str(body.get("commandId") or "")
    if command.lower() not in {name.lower() for name, *_ in _COMMANDS}:
        raise ArmError(400, "InvalidParameter", f"The entity was not found: run command '{command}'.")
    machines.require_running(machine)
    _require_system(machine, command)
    if machine.meta.get("running_script"):
        raise ArmError(
            409,
            "Conflict",
            "Run command extension execution is in progress. Please wait for completion before invoking a run command.",
        )
    token = world.new_guid()
    machine.meta["running_script"] = token
    world.store.save(machine)
    silent = machines.agent_state(world, machine) != "ready"
    return begin(
        call,
        seconds=SILENT_AGENT_SECONDS if silent else world.duration(*RUN_SECONDS, machine.id, "runCommand"),
        done="compute.script_ran",
        payload={
            "vm": machine.id,
            "token": token,
            "script": [str(line) for line in body.get("script") or []],
            "parameters": {str(one.get("name")): str(one.get("value", "")) for one in body.get("parameters") or []},
            "shows_output": True,
        },
        location=machine.location,
        operation_id=token,
    )


def _require_system(machine: Resource, command: str) -> None:
    """Refuse (400) a command of the other system."""
    system = next(system for name, system, *_ in _COMMANDS if name.lower() == command.lower())
    if system != machines.os_type(machine):
        raise ArmError(
            400,
            "InvalidParameter",
            f"The run command '{command}' is for {system}, and the operating system of VM '{machine.name}' is "
            f"{machines.os_type(machine)}.",
        )


@on_done("compute.script_ran")
def _script_ran(world: World, payload: dict[str, Any]) -> dict[str, Any]:
    machine = world.store.get(payload["vm"])
    if machine is None or machine.meta.get("running_script") != payload["token"]:
        raise ArmError(409, "OperationPreempted", "Operation execution has been preempted by a more recent operation.")
    if machine.meta.get("power_state", machines.RUNNING) != machines.RUNNING:
        raise ArmError(409, "OperationPreempted", "The virtual machine was stopped while the script ran.")
    if machines.agent_state(world, machine) != "ready":
        raise ArmError(
            409,
            "VMAgentStatusCommunicationError",
            f"VM '{machine.name}' has not reported status for VM agent or extensions. Verify that the OS is up and "
            "healthy, the VM has a running VM agent, and that it can establish outbound connections to Azure storage.",
        )
    machine.meta.pop("running_script")
    world.store.save(machine)
    since = machines.running_since(machine)
    uptime = world.now - since if since else _UPTIME_BEFORE_THE_SIMULATION
    inside = Machine(guest_of(world, machine.id), uptime.total_seconds(), rfc_seconds(world.now), _metadata(machine))
    return {"value": _output(machine, answer(inside, payload["script"], payload["parameters"]))}


def _metadata(machine: Resource) -> dict[str, object]:
    """What the instance metadata service tells the guest."""
    parsed = paths.parse(machine.id)
    hardware = machine.properties.get("hardwareProfile") or {}
    zones = machine.doc.get("zones") or [""]
    compute = {
        "name": machine.name,
        "location": machine.location,
        "resourceGroupName": parsed.group,
        "subscriptionId": parsed.subscription,
        "resourceId": machine.id,
        "vmId": machine.properties.get("vmId", ""),
        "vmSize": hardware.get("vmSize", ""),
        "osType": machines.os_type(machine),
        "zone": zones[0],
    }
    return {"compute": compute}


@on_failed("compute.script_ran")
def _script_failed(world: World, payload: dict[str, Any], _: dict[str, Any]) -> None:
    machine = world.store.get(payload["vm"])
    if machine is not None and machine.meta.get("running_script") == payload["token"]:
        machine.meta.pop("running_script")
        world.store.save(machine)


def _output(machine: Resource, printed: Result) -> list[dict[str, str]]:
    """The last 4096 bytes of what was printed, in the shape of the system."""
    out, err = (stream.encode()[-OUTPUT_BYTES:].decode(errors="ignore") for stream in (printed.out, printed.err))
    done = {"level": "Info", "displayStatus": "Provisioning succeeded"}
    if machines.os_type(machine) == "Windows":
        return [
            {"code": "ComponentStatus/StdOut/succeeded", **done, "message": out.rstrip("\n")},
            {"code": "ComponentStatus/StdErr/succeeded", **done, "message": err.rstrip("\n")},
        ]
    said = "Enable succeeded: "
    if printed.code:
        said = f"Enable failed: failed to execute command: command terminated with exit status={printed.code}"
    message = f"{said}\n[stdout]\n{out}\n[stderr]\n{err}"
    return [{"code": "ProvisioningState/succeeded", **done, "message": message}]


def run_commands_list(_: Call) -> Reply:
    """List the built-in commands that this cloud runs."""
    return Reply(200, {"value": [_command(*command) for command in _COMMANDS]})


def run_commands_get(call: Call) -> Reply:
    """Show a built-in command with its script, which is a sample, and the sample's parameters."""
    wanted = call.params["command"].lower()
    for name, *rest in _COMMANDS:
        if name.lower() == wanted:
            sample = {"script": ["echo $arg1 $arg2"], "parameters": [_parameter(number) for number in (1, 2)]}
            return Reply(200, {**sample, **_command(name, *rest)})
    raise ArmError(404, "NotFound", f"The entity was not found: run command '{call.params['command']}'.")


def _parameter(number: int) -> dict[str, str]:
    return {"name": f"arg{number}", "type": "string", "defaultValue": f"value{number}"}


def _command(name: str, system: str, label: str, description: str) -> dict[str, str]:
    return {
        "$schema": "http://schema.management.azure.com/schemas/2016-11-17/runcommands.json",
        "id": name,
        "osType": system,
        "label": label,
        "description": f"{description} should be defined in script property. "
        "Optional parameters can be set in parameters property.",
    }
