"""Whether a machine can be replicated, as Site Recovery answers without any vault.

It checks the operating system, the OS disk and the machine itself. It does not check the kernel, certificates or the
way out of the guest: these fail only once replication is being enabled. A machine that is replicated already stays
eligible (no recording tells).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.compute import machines
from simulator.compute.guest import guest_of
from simulator.provider import Reply
from simulator.siterecovery import enabling_checks, estate, failures, guest_failures, names, support

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.provider import Call
    from simulator.siterecovery.refusals import AsrError
    from simulator.world import World

TYPE = f"{names.NAMESPACE}/replicationEligibilityResults"


def _problems(world: World, vm_id: str) -> Iterator[AsrError]:
    source = estate.machine(world, vm_id)
    if source is None:
        return
    guest = guest_of(world, vm_id)
    if not support.os_supported(guest):
        yield guest_failures.os_unsupported(guest.os_name, guest.os_version)
    if not support.controller_supported(guest, source.size):
        yield guest_failures.controller(source.size)
    if not estate.is_running(world, vm_id):
        yield failures.vm_not_running(source.resource.name)
    elif machines.agent_state(world, source.resource) != "ready":
        yield guest_failures.agent_not_ready(source.resource.name)
    for disk in source.disks:
        reason = enabling_checks.unsupported(disk)
        if reason and disk.kind == "OperatingSystem":
            yield failures.disk_unsupported(disk.name, reason)


def _result(call: Call, vm_id: str) -> dict[str, Any]:
    vm = call.world.store.require(vm_id)
    errors = [
        {
            "code": problem.code,
            "message": problem.message,
            "possibleCauses": problem.causes,
            "recommendedAction": problem.action,
            "status": "Error",
        }
        for problem in _problems(call.world, vm.id)
    ]
    client_request_id = call.headers.get("x-ms-client-request-id") or names.new_uuid()
    return {
        "name": "default",
        "type": TYPE,
        "id": f"{vm.id}/providers/{TYPE}/default",
        "properties": {"clientRequestId": client_request_id, "errors": errors},
    }


def _vm_id(call: Call) -> str:
    return call.path[: call.path.lower().index("/providers/microsoft.recoveryservices/")]


def replication_eligibility_results_get(call: Call) -> Reply:
    """Show whether the machine can be replicated, and if not, why."""
    return Reply(200, _result(call, _vm_id(call)))


def replication_eligibility_results_list(call: Call) -> Reply:
    """List the one result; this list has no ``nextLink``."""
    return Reply(200, {"value": [_result(call, _vm_id(call))]})
