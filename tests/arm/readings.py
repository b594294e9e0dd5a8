"""What was read of a machine, for the tests of judgements."""

from __future__ import annotations

from typing import Any

from arm.machines import Machine
from migration import ids

S = "11111111-2222-3333-4444-555555555555"
RUNNING, OFF, STOPPED = "PowerState/running", "PowerState/deallocated", "PowerState/stopped"


def machine(power: str = RUNNING, **changed: Any) -> Machine:
    """Return a machine."""
    fields: dict[str, Any] = {
        "id": ids.vm_id(S, "ne", "web"),
        "region": "northeurope",
        "size": "Standard_D2s_v5",
        "zone": None,
        "os_type": "Linux",
        "provisioning_state": "Succeeded",
        "power_state": power,
        "power_since": "2026-11-23T10:05:00Z",
        "agent_ready": True,
        "disks": (),
        "nic_ids": (),
    }
    return Machine(**{**fields, **changed})
