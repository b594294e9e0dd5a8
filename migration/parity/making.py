"""The ids of the resources that restoring makes beside the target: known before, so that they can be read as absent."""

from __future__ import annotations

import uuid

from migration.models import VmSpec
from migration.parity.values import ParityRow

_NAMES = uuid.UUID("6c2f6a1e-6f0a-5c55-9d0e-5f4a3a1d9b77")
"""The space of the names that we give role assignments."""


def made_id(vm: VmSpec, row: ParityRow) -> str | None:
    """Return the id of what restoring a row makes; None where it only changes the target and its interfaces."""
    key = row.key.partition(":")[2]
    if row.aspect == "diagnostics" and key.startswith("workspace/"):
        name = row.ref.rpartition("/")[2]
        return f"{vm.target_id}/providers/Microsoft.Insights/diagnosticSettings/{name}"
    if row.aspect == "role-assignments":
        scope = vm.target_id if key.startswith("on/") else row.ref
        assignment = uuid.uuid5(_NAMES, f"{vm.target_id.lower()} {key}")
        return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{assignment}"
    if row.aspect == "auto-shutdown":
        group = vm.target_resource_group_id
        return f"{group}/providers/Microsoft.DevTestLab/schedules/shutdown-computevm-{vm.target_name}"
    if row.aspect == "locks":
        return f"{vm.target_id}/providers/Microsoft.Authorization/locks/{key}"
    return None


def is_seen_by_others(row: ParityRow) -> bool:
    """Tell whether restoring a row shows outside the target, so that the way back takes it back first."""
    return row.aspect in {"public-addresses", "load-balancer-pools"}
