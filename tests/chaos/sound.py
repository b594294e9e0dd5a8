"""The evidence of a sound move of one machine, written by hand: what the checker's own tests break."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.chaos.checker import Evidence, Look
from tests.chaos.checker.histories import History

SUBSCRIPTION = "11111111-0000-4000-8000-000000000000"
GROUPS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
SOURCE = f"{GROUPS}/shop/providers/Microsoft.Compute/virtualMachines/web"
TARGET = f"{GROUPS}/shop-ne/providers/Microsoft.Compute/virtualMachines/web"
SOURCE_DISK = f"{GROUPS}/shop/providers/Microsoft.Compute/disks/web-os"
VAULT = f"{GROUPS}/vaults/providers/Microsoft.RecoveryServices/vaults/v"
ITEM = f"{VAULT}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/web-0a1b"
PLAN: dict[str, Any] = {
    "version": 1,
    "name": "shop",
    "subscription": SUBSCRIPTION,
    "source": {"region": "westeurope", "resource_group": "shop"},
    "target": {"region": "northeurope", "resource_group": "shop-ne", "network": "n", "subnet": "s"},
    "vault": {"name": "v", "resource_group": "vaults", "region": "northeurope"},
    "approval": {"approvers": ["anna@contoso.example"]},
    "waves": [{"name": "first", "vms": [{"name": "web"}]}],
}
RUNNING, STOPPED = "PowerState/running", "PowerState/deallocated"
WORKFLOW = "migrate-vm/shop/web"


def line(n: int, method: str, path: str, *, accepted: bool | None = None, status: int = 200) -> dict[str, Any]:
    """Return a line of the request log; whatever is not a GET writes."""
    write = method != "GET"
    took = write if accepted is None else accepted
    return {"n": n, "method": method, "path": path, "status": status, "write": write, "accepted": took}


def payload(value: Any) -> dict[str, Any]:
    """Return a payload as a history holds it."""
    data = base64.b64encode(json.dumps(value).encode()).decode()
    return {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": data}


def event(number: int, kind: str, **attributes: Any) -> dict[str, Any]:
    """Return an event of a history as JSON."""
    return {"eventId": str(number), "eventType": f"EVENT_TYPE_{kind}", "someEventAttributes": attributes}


def activity(number: int, name: str, result: Any = None) -> list[dict[str, Any]]:
    """Return the two events of an activity that ended well."""
    wanted = {"activityType": {"name": name}, "startToCloseTimeout": "120s", "scheduleToCloseTimeout": "0s"}
    return [
        event(number, "ACTIVITY_TASK_SCHEDULED", **wanted),
        event(
            number + 1,
            "ACTIVITY_TASK_COMPLETED",
            scheduledEventId=str(number),
            result={"payloads": [payload(result)]},
        ),
    ]


def shown(number: int, **attributes: Any) -> dict[str, Any]:
    """Return the event that shows search attributes."""
    fields = {"indexedFields": {name: payload(value) for name, value in attributes.items()}}
    return event(number, "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", searchAttributes=fields)


def signal(number: int, name: str, **given: Any) -> dict[str, Any]:
    """Return the event of a signal."""
    return event(number, "WORKFLOW_EXECUTION_SIGNALED", signalName=name, input={"payloads": [payload(given)]})


def events() -> list[dict[str, Any]]:
    """Return the history of the move."""
    return [
        event(1, "WORKFLOW_EXECUTION_STARTED", workflowExecutionTimeout="0s", workflowRunTimeout="0s"),
        *activity(2, "start_failover"),
        *activity(4, "verify_target", {"mismatches": []}),
        shown(6, MigrationPhase="awaiting_approval", NeedsAction=True),
        signal(7, "approve_commit", approver="Anna@contoso.example"),
        *activity(8, "commit_failover"),
        event(10, "WORKFLOW_EXECUTION_COMPLETED", result={"payloads": [payload({"outcome": "migrated"})]}),
    ]


def resource(resource_id: str, power: str | None = None) -> dict[str, Any]:
    """Return an entry of the resource list."""
    return {"id": resource_id, "type": "", "created_by": "seed", "power_state": power}


def sound() -> Evidence:
    """Return the evidence of a move in which everything holds."""
    return Evidence(
        plan=json.loads(json.dumps(PLAN)),
        requester="bert@contoso.example",
        log=[
            line(1, "GET", SOURCE),
            line(2, "PUT", VAULT),
            line(3, "PUT", ITEM),
            line(4, "POST", f"{ITEM}/unplannedFailover"),
            line(5, "GET", TARGET),
            line(6, "POST", f"{ITEM}/failoverCommit"),
            line(7, "DELETE", ITEM),
        ],
        before=[resource(SOURCE, RUNNING), resource(SOURCE_DISK)],
        after=[resource(SOURCE, STOPPED), resource(SOURCE_DISK), resource(TARGET, RUNNING), resource(VAULT)],
        looks=[
            Look("2026-01-01T10:00:00Z", {SOURCE.lower(): RUNNING}),
            Look("2026-01-01T10:10:00Z", {SOURCE.lower(): STOPPED, TARGET.lower(): RUNNING}),
        ],
        histories={WORKFLOW: History(WORKFLOW, {"events": events()})},
        report={
            "outcome": "migrated",
            "resources": [{"id": VAULT, "state": "left"}],
            "vms": [
                {
                    "name": "web",
                    "outcome": "migrated",
                    "data_loss_seconds": 0,
                    "incidents": [],
                    "fence": {
                        "held": True,
                        "recovery_point_time": "2026-01-01T10:05:00Z",
                        "shutdown_started": "2026-01-01T10:04:00Z",
                    },
                    "resources": [{"id": TARGET.upper(), "state": "created"}],
                }
            ],
        },
        canaries=("s3cr3t-canary",),
        outputs=("a log",),
        log_again=[],
        seconds=10,
        seconds_allowed=60,
    )
