"""`report --verify`: whether a report is as it was written, by its own chain, and by what Temporal keeps of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from temporalio.service import RPCError

from console.connection import Link, open_link
from console.errors import ConsoleError, InputError
from console.page import DIGEST, head_of, page_digest
from console.plans import plan_name
from console.recorded import describe, together
from console.session import Session
from console.texts import clean, counted
from migration import names
from migration.chain import Change, changes, evidence
from migration.report import MemoKeys, evident_of_plan
from runtime.errors import RuntimeSetupError

Json = dict[str, Any]
_MOST_SHOWN = 30


async def verify_report(session: Session, plan: str, file: str) -> int:
    """Tell which lines of the report in a file are not as they were written; return 0 where all are."""
    name, path = plan_name(plan), Path(file)
    page = path if path.suffix.lower() == ".html" else path.with_suffix(".html")
    document = _read(path.with_suffix(".json") if page == path else path)
    try:
        found = changes(document)
    except ValueError as error:
        raise InputError(f"verifying {file}: it is no report with a chain: {_first_line(error)}") from None
    if not found and document.get("plan") != name:
        raise InputError(f"verifying {file}: it is the report of plan {document.get('plan')!r}, not of {name!r}")
    found += _of_page(page, str(document.get("head")), is_wanted=page == path)
    differing, missing = await _held_against_temporal(session, name, document)
    found += differing
    _print(session, file, document, found, missing)
    return 1 if found else 0


def _read(path: Path) -> Json:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"reading {path}: {error.strerror}; give the report.json that `report` wrote") from None
    except ValueError:
        raise InputError(f"reading {path}: it is no JSON; give the report.json that `report` wrote") from None
    if not isinstance(document, dict):
        raise InputError(f"reading {path}: it is no report; give the report.json that `report` wrote")
    return document


def _of_page(page: Path, head: str, *, is_wanted: bool) -> list[Change]:
    """Hold the page beside a report against the report's head, and against its own digest."""
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        if is_wanted:
            raise InputError(f"reading {page}: {error}") from None
        return []
    own = DIGEST.search(text)
    found = [] if own and own[1] == page_digest(text) else [Change("changed", "page", page.name)]
    return found if head_of(text) == head else [*found, Change("changed", "head", f"in {page.name}")]


async def _held_against_temporal(session: Session, plan: str, document: Json) -> tuple[list[Change], list[str]]:
    """Return what differs from the hashes that the workflows left, and what could not be compared, with the reason."""
    try:
        link = await open_link(session)
        anchors = _Anchors(link, plan, document)
        return await anchors.compare()
    except (ConsoleError, RuntimeSetupError, RPCError) as error:
        return [], [f"nothing was compared with Temporal: {_first_line(error)}"]


class _Anchors:
    """The hashes in the memos of the runs that a report names: whoever rewrites the file cannot rewrite them."""

    def __init__(self, link: Link, plan: str, document: Json) -> None:
        self._link = link
        self._plan = plan
        self._document = document
        self._missing: list[str] = []

    async def compare(self) -> tuple[list[Change], list[str]]:
        """Hold the plan's part and each virtual machine's against them."""
        vms = [vm for vm in self._document.get("vms") or [] if isinstance(vm, dict)]
        kept = await self._kept(names.migrate_plan_id(self._plan), str(self._document.get("run_id") or ""))
        of_plan = kept if isinstance(kept, Mapping) else {}
        found = []
        try:
            own = evidence(evident_of_plan(self._document))
        except (KeyError, TypeError):
            own = ""
        if of_plan and of_plan.get("plan") != own:
            found.append(Change("changed", "plan", f"{self._plan}, as its workflow vouches for it"))
        results = await together(self._vm(vm, of_plan) for vm in vms)
        return [*found, *(one for one in results if one)], self._missing

    async def _vm(self, vm: Json, of_plan: Mapping[str, Mapping[str, str]]) -> Change | None:
        name, run_id = str(vm.get("name")), str(vm.get("run_id") or "")
        workflow_id = names.migrate_vm_id(self._plan, name)
        begun = (of_plan.get("runs") or {}).get(name)
        if begun and not run_id:  # nor could one that was begun have none
            return Change("changed", "vm", f"{name}, as its workflow vouches for it")
        if begun and begun != run_id:  # else whoever names a run that there is not were not found out
            return Change("changed", "vm", f"{name}: it names another run than its plan began")
        kept = await self._kept(workflow_id, run_id) if run_id else (of_plan.get("vms") or {}).get(name)
        if kept and kept != evidence({key: value for key, value in vm.items() if key != "finalised"}):
            return Change("changed", "vm", f"{name}, as its workflow vouches for it")
        finalised = vm.get("finalised")
        if isinstance(finalised, dict):
            kept = await self._kept(names.finalise_vm_id(self._plan, name), str(finalised.get("run_id") or ""))
            if kept and kept != evidence(finalised):
                return Change("changed", "finalised", f"{name}, as its workflow vouches for it")
        return None

    async def _kept(self, workflow_id: str, run_id: str) -> Any:
        """Return the hashes that a run left; None, with the reason kept, where there are none."""
        if not run_id:
            self._missing.append(f"{workflow_id}: the report names no run of it")
            return None
        description = await describe(self._link.client.get_workflow_handle(workflow_id, run_id=run_id))
        if description is None:
            self._missing.append(f"{workflow_id}: Temporal does not keep run {run_id} (any more)")
            return None
        kept = (await description.memo()).get(MemoKeys.EVIDENCE)
        if kept is None:
            self._missing.append(f"{workflow_id}: the run left no hash: it was lost, or had not ended yet")
        return kept


def _print(session: Session, file: str, document: Json, found: list[Change], missing: list[str]) -> None:
    if session.as_json:
        told = [{"what": one.what, "kind": one.kind, "subject": one.subject, "n": one.n} for one in found]
        answer = {"plan": document.get("plan"), "file": file, "head": document.get("head"), "intact": not found}
        session.answer_json({**answer, "changes": told, "not_compared": missing})
        return
    for change in found[:_MOST_SHOWN]:
        session.answer(clean(str(change)))
    if len(found) > _MOST_SHOWN:
        session.answer(f"and {counted(len(found) - _MOST_SHOWN, 'more')[:-1]}")
    for reason in missing:
        session.answer(clean(f"not compared: {reason}"))
    links = len(document["chain"])
    if not found:
        anchored = "and not every hash could be compared" if missing else "and its workflows vouch for it"
        session.answer(clean(f"{file}: all {links} lines are as they were written, {anchored}"))
    session.answer(clean(f"head {document.get('head')}"))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
