"""`start`: begin a plan, or attach to the run of the same file."""

from typing import Any

import typer
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import Priority, SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import WorkflowAlreadyStartedError

from console.connection import RPC_TIMEOUT, Link, open_link, require_worker
from console.errors import InputError, RefusedError
from console.plans import read_plan, refuse_too_large
from console.session import Session
from console.signing_in import who_starts
from console.texts import counted
from console.watching import follow
from migration import names
from migration.inputs import MigratePlanInput
from migration.large_plans import task_timeout, workflow_task_queue
from migration.plan import Plan, Wave
from migration.report import MemoKeys
from migration.urgency import Urgency
from runtime.settings import Settings
from runtime.temporal import ensure_search_attributes
from runtime.urls import is_loopback

_NAMED = 50
"""How many virtual machines, waves or approvers the details of a plan's workflow name."""
FIRST = Priority(priority_key=Urgency.CUTOVER.priority_key)
"""Of a plan's own workflow tasks: thousands of machines wait for what it grants, and its tasks are few."""


async def start_plan(session: Session, plan_file: str, *, wait: bool, yes: bool, token_file: str | None = None) -> int:
    """Start the plan in a file; with *wait*, follow it to its end and return as `watch` does."""
    plan = read_plan(plan_file)
    refuse_too_large(plan, plan_file)
    settings = session.settings
    link = await open_link(session)
    await require_worker(link, workflow_task_queue(len(plan.vms)))
    _confirm(session, settings, plan, yes=yes)
    await ensure_search_attributes(link.client)
    asking = await requester(session, plan, token_file, may_approve=plan.approval.allow_self_approval)
    handle, is_new = await _started_or_attached(link, plan, asking)
    if not wait:
        _print(session, plan, handle, is_new=is_new)
        return 0
    session.note(_sentence(plan, is_new=is_new))
    return await follow(session, link, plan.name, is_answer=False)


async def requester(session: Session, plan: Plan, token_file: str | None, *, may_approve: bool) -> str:
    """Return who starts the plan: by object id where names are not believed, and the person can be told."""
    if plan.approval.identity != "entra":
        return session.person
    object_id = await who_starts(session, plan.approval.tenant, token_file)
    if object_id is None and not may_approve:
        session.note(
            f"who starts plan {plan.name} is told by name alone ({session.person}), so that an approval by the same "
            "person may not be recognised; `az login`, or give --token-file"
        )
    return object_id or session.person


def _confirm(session: Session, settings: Settings, plan: Plan, *, yes: bool) -> None:
    """Show where the writes will go; ask before they go to a cloud that is not this machine's own."""
    for line in cloud(settings, plan):
        session.note(line)
    if yes or is_loopback(settings.azure_resource_manager_endpoint):
        return
    if not session.is_interactive:
        raise InputError(
            f"starting plan {plan.name} against {settings.azure_resource_manager_endpoint}: there is no terminal to "
            "ask at; add --yes if this is the cloud you mean"
        )
    if not typer.confirm(f"Move {counted(len(plan.vms), 'VM')} of this subscription?", err=True):
        raise RefusedError("not started")


def cloud(settings: Settings, plan: Plan) -> list[str]:
    """Return where the writes will go, and as whom."""
    sources = sorted({plan.source_subscriptions[vm.name] for vm in plan.vms})
    vaults = {vault.subscription or plan.subscription for vault in plan.all_vaults}
    others = sorted(({plan.target_subscription(vm) for vm in plan.vms} | vaults) - set(sources))
    return [
        f"endpoint      {settings.azure_resource_manager_endpoint}",
        f"tenant        {settings.azure_tenant_id or 'that of the identity'}",
        f"subscription  {', '.join(sources)}" + (f", into {', '.join(others)}" if others else ""),
        f"identity      {_identity(settings)}",
    ]


def _identity(settings: Settings) -> str:
    """Return the identity that this environment names; a worker elsewhere may have been given another one."""
    if settings.azure_client_id is None:
        return "managed identity of the worker's machine"
    if settings.azure_client_secret or settings.azure_client_certificate_path or settings.azure_federated_token_file:
        return f"service principal {settings.azure_client_id}"
    return f"managed identity {settings.azure_client_id}"


async def _started_or_attached(link: Link, plan: Plan, requester: str) -> tuple[WorkflowHandle[Any, Any], bool]:
    try:
        return await _started(link, plan, requester), True
    except WorkflowAlreadyStartedError:
        handle = link.client.get_workflow_handle(names.migrate_plan_id(plan.name))
        description = await handle.describe(rpc_timeout=RPC_TIMEOUT)
    if description.status is not WorkflowExecutionStatus.RUNNING:
        return await _started(link, plan, requester), True
    if await description.memo_value(MemoKeys.PLAN_HASH, None) != plan.content_hash:
        raise RefusedError(
            f"starting plan {plan.name}: it runs already, with another plan file; let it end, or `cancel {plan.name}` "
            "first"
        )
    return link.client.get_workflow_handle(description.id, run_id=description.run_id), False


async def _started(link: Link, plan: Plan, requester: str) -> WorkflowHandle[Any, Any]:
    return await link.client.start_workflow(
        names.MIGRATE_PLAN,
        MigratePlanInput(plan=plan, requester=requester),
        id=names.migrate_plan_id(plan.name),
        task_queue=workflow_task_queue(len(plan.vms)),
        memo={MemoKeys.PLAN_HASH: plan.content_hash, MemoKeys.SUMMARY: _summary(plan)},
        search_attributes=_search_attributes(plan),
        static_summary=_headline(plan),
        static_details=_details(plan, requester),
        priority=FIRST,
        task_timeout=task_timeout(len(plan.vms)),
        rpc_timeout=RPC_TIMEOUT,
    )


def _summary(plan: Plan) -> list[dict[str, Any]]:
    """Return what `status` shows while no worker runs, small enough for a memo."""
    return [{"wave": wave.name, "vms": [vm.name for vm in wave.vms]} for wave in plan.waves]


def _search_attributes(plan: Plan) -> TypedSearchAttributes:
    words = {
        names.ATTRIBUTE_PLAN: plan.name,
        names.ATTRIBUTE_SOURCE_REGION: plan.source.region,
        names.ATTRIBUTE_TARGET_REGION: plan.target.region,
    }
    pairs = [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in words.items()]
    needs_action = SearchAttributePair(SearchAttributeKey.for_bool(names.ATTRIBUTE_NEEDS_ACTION), value=False)
    return TypedSearchAttributes([*pairs, needs_action])


def _headline(plan: Plan) -> str:
    move = f"Move {counted(len(plan.vms), 'VM')} from {plan.source.region} to {plan.target.region}"
    return f"{move} in {counted(len(plan.waves), 'wave')}"


def _details(plan: Plan, requester: str) -> str:
    """Return what the UI shows beside the plan's workflow; Temporal keeps 20,000 bytes of it."""
    named = len(plan.vms) <= _NAMED
    waves = [
        f"- wave **{wave.name}**{_after(wave)}: "
        + (", ".join(vm.name for vm in wave.vms) if named else counted(len(wave.vms), "VM"))
        for wave in plan.waves[:_NAMED]
    ]
    if len(plan.waves) > _NAMED:
        waves.append(f"- and {counted(len(plan.waves) - _NAMED, 'more wave')}")
    approvers = ", ".join(plan.approval.approvers[:_NAMED])
    groups = f"from resource group `{plan.source.resource_group}` to `{plan.target.resource_group}`"
    told = [f"`{vault.name}` in {vault.region}" for vault in plan.all_vaults]
    vaults = f"vault {told[0]}" if len(told) == 1 else f"{len(told)} vaults: {', '.join(told[:5])}"
    lines = [
        f"{_headline(plan)}, {groups}, by {vaults}.",
        "",
        *waves,
        "",
        f"Started by {requester}; plan hash `{plan.content_hash}`; approvers: {approvers}.",
    ]
    return "\n".join(lines)


def _after(wave: Wave) -> str:
    """Return what a wave says that it comes after; without a word it comes after the one above it."""
    if wave.after is None:
        return ""
    return f" (after {', '.join(wave.after)})" if wave.after else " (at once)"


def _sentence(plan: Plan, *, is_new: bool) -> str:
    done = "started" if is_new else "attached: it runs already, with this plan file"
    return f"plan {plan.name}: {done}; {counted(len(plan.vms), 'VM')} in {counted(len(plan.waves), 'wave')}"


def _print(session: Session, plan: Plan, handle: WorkflowHandle[Any, Any], *, is_new: bool) -> None:
    if session.as_json:
        session.answer_json(
            {
                "plan": plan.name,
                "started": is_new,
                "workflow_id": handle.id,
                "run_id": handle.result_run_id or handle.run_id,
                "plan_hash": plan.content_hash,
            }
        )
        return
    session.answer(_sentence(plan, is_new=is_new))
    session.note(f"follow it with: python starter.py watch {plan.name}")
