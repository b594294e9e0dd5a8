"""What need not be asked of a large plan's machines again: reports of runs that have ended, as their hashes vouch.

To ask a workflow that has ended, a worker reads its whole history; of 5,000 that takes minutes. One listing tells
which of the reports in the file that was written last are still what those runs reported.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from temporalio.service import RPCError, RPCStatusCode

from console.connection import RPC_TIMEOUT
from console.texts import counted
from migration import names
from migration.chain import evidence
from migration.finalise import Finalised
from migration.report import MemoKeys, VmReport

if TYPE_CHECKING:
    from temporalio.client import Client

_PAGE = 1_000
_TELL_SECONDS = 10.0


@dataclass(frozen=True)
class Known:
    """Reports that stand, and what became of sources, by the name of the virtual machine."""

    reports: dict[str, VmReport] = field(default_factory=dict)
    finalised: dict[str, Finalised] = field(default_factory=dict)


class Progress:
    """Tells how far the reading of many reports is."""

    def __init__(self, of: int, tell: Callable[[str], None]) -> None:
        self._of, self._tell = of, tell
        self._done, self._told = 0, time.monotonic()

    def one_more(self) -> None:
        """Count one."""
        self._done += 1
        if time.monotonic() - self._told >= _TELL_SECONDS:
            self._told = time.monotonic()
            self._tell(f"reading the report: {self._done} of {counted(self._of, 'VM')}")


async def known_reports(client: Client, plan: str, folder: Path) -> Known:
    """Return what is known of a plan's machines without asking them, from the report in *folder* and two listings."""
    before = _written(folder / "report.json")
    reports: dict[str, VmReport] = {}
    if before:
        prefix = names.migrate_vm_id(plan, "")
        for run_id, workflow_id, memo in await _memos(client, plan, names.MIGRATE_VM):
            name = workflow_id.removeprefix(prefix)
            report = before.get(name)
            if report and report.get("run_id") == run_id and evidence(report) == memo.get(MemoKeys.EVIDENCE):
                reports[name] = VmReport.model_validate(report)
    prefix = names.finalise_vm_id(plan, "")
    left = {
        workflow_id.removeprefix(prefix): memo.get(MemoKeys.FINALISED)
        for _, workflow_id, memo in reversed(await _memos(client, plan, names.FINALISE_VM))
    }
    return Known(reports, {name: Finalised.model_validate(told) for name, told in left.items() if told})


def _written(file: Path) -> dict[str, dict[str, Any]]:
    """Return the machines' reports of a file, but for what their runs do not vouch for; none where it has none."""
    try:
        vms = json.loads(file.read_text(encoding="utf-8"))["vms"]
        whole = {vm["name"]: VmReport.model_validate(vm).model_dump(mode="json") for vm in vms if vm.get("run_id")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        return {}
    return {name: {key: value for key, value in vm.items() if key != "finalised"} for name, vm in whole.items()}


async def _memos(client: Client, plan: str, kind: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return run, id and memo of a plan's workflows of one kind, newest first."""
    wanted = f"{names.ATTRIBUTE_PLAN} = '{plan}' AND WorkflowType = '{kind}'"
    try:
        runs = [run async for run in client.list_workflows(wanted, page_size=_PAGE, rpc_timeout=RPC_TIMEOUT)]
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:
            raise
        return []  # the search attribute is not registered, so that nothing can have it
    runs.sort(key=lambda run: run.start_time, reverse=True)
    return [(run.run_id, run.id, await run.memo()) for run in runs]
