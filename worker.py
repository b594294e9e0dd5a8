"""The worker: settings → Azure clients → activities → Temporal workers. The only wiring.

`python worker.py` serves the task queues until it is told to stop. `python worker.py --check PLAN` answers a plan's
check on standard output, as JSON, without Temporal; `--survey PLAN` what a run of it would find.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # until all is imported: what is made then stays, and a fifth of that time went into looking at it

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities import preflight, surveys
from activities.approval import ApprovalDesk
from activities.notifications import MailServer, Senders
from activities.registry import SLOTS, all_activities, finalising_activities, interceptors
from activities.webhooks import Channel, Channels
from arm.asking import Count
from arm.callers import Caller, calling
from arm.clients import AzureClients
from arm.credentials import AzureAccess
from arm.errors import classify
from arm.lag import read_lag
from arm.limiter import Budget, Limiter
from arm.tokens import TenantKeys
from arm.watcher import Watchers
from migration import names
from migration.errors import PlanFileError
from migration.plan import Plan
from migration.plan_file import load_plan
from migration.sealing import SealingKey, secret_of
from migration.telemetry import VaultLag
from migration.urgency import Urgency
from runtime.errors import RuntimeSetupError, SettingsError
from runtime.leaving import leave, leave_at_last
from runtime.logs import configure_logging, quiet_temporal_messages
from runtime.memory import share_arenas, spare_imported
from runtime.metrics import ArmMetrics, FleetMetrics
from runtime.sandbox import runner_of
from runtime.settings import Settings
from runtime.temporal import connect, ensure_search_attributes
from runtime.temporal_worker import core_runtime, let_tasks_take_long
from workflows.ask_guests import AskGuests
from workflows.check_plan import CheckPlan
from workflows.clean_plan import CleanPlan
from workflows.finalise_plan import FinalisePlan
from workflows.finalise_vm import FinaliseVm
from workflows.kept_writes import KeptWrites
from workflows.messages import IgnoreMisfits
from workflows.migrate_plan import MigratePlan
from workflows.migrate_vm import MigrateVm
from workflows.move_group import MoveGroup
from workflows.priorities import Priorities
from workflows.spent_approval import SpentApproval
from workflows.survey_plan import SurveyPlan
from workflows.vm_claim import VmClaim

if TYPE_CHECKING:
    from runtime.tracing import Tracing

WORKFLOWS = [
    *(MigratePlan, MigrateVm, MoveGroup, CheckPlan, AskGuests, SurveyPlan, CleanPlan),
    *(VmClaim, KeptWrites, SpentApproval),
]
FINALISING = [FinalisePlan, FinaliseVm, VmClaim, SpentApproval]
"""What deletes sources: only a worker that was started for it serves its queue."""
RUNNER = runner_of({*WORKFLOWS, *FINALISING} - {VmClaim})
"""A claim only waits, is imported anew with each of its two tasks, and again by each machine: it needs no wall."""

STICKY_TIMEOUTS = {names.WORKFLOW_TASK_QUEUE: timedelta(seconds=1.5), names.FLEET_TASK_QUEUE: timedelta(seconds=10)}
"""How long a workflow task waits for the worker that knows the workflow. So much longer do those wait whose worker was
killed. With less, a busy server's tasks fall to whoever reads the whole history, which keeps it busy for good: of large
plans, and of what deletes sources, they wait as long as the server takes to notice that nobody polls any more."""
GRACE = timedelta(seconds=5)
"""How long a stopping worker lets its calls to Azure end."""
LEAVE_SECONDS = 30
"""After which it ends all the same, as one that is killed: a write without an answer would hold it for a minute."""
_CACHED = 1_100
"""How many workflows a worker keeps in memory: a thousand machines, their plans and groups, and what ends at once. One
that is not kept is replayed for each step; a plan is among those that have most to do, so it stays."""
_SLOTS = 100
_POLLS = 10
"""How many tasks of workflows are fetched at once. A server that has to begin a hundred at once takes so long for each
that it loses some (https://github.com/temporalio/temporal/issues/11733); ten at once are a hundred a second."""
_TELL_SECONDS = 3
_BUDGET_SECONDS = 5


def workers(
    client: Client,
    queues: dict[str, list[Callable[..., Any]]],
    progress: timedelta = timedelta(seconds=24),
    azure_activities_per_second: float | None = None,
) -> list[Worker]:
    """Return workers for the workflows, one for their claims, and one for each queue of activities.

    *azure_activities_per_second*: what the server hands out of the queue of reads and writes, to all its workers.
    """
    rates = {names.AZURE_TASK_QUEUE: azure_activities_per_second}
    common: dict[str, Any] = {
        "graceful_shutdown_timeout": GRACE,
        "max_heartbeat_throttle_interval": progress,
    }
    return [
        *(workflow_worker(client, queue, **common) for queue in STICKY_TIMEOUTS),
        claim_worker(client, **common),
        *(
            Worker(
                client,
                task_queue=queue,
                activities=activities,
                max_concurrent_activities=SLOTS.get(queue, _SLOTS),
                max_task_queue_activities_per_second=rates.get(queue),
                activity_task_poller_behavior=PollerBehaviorAutoscaling(),
                interceptors=interceptors(),
                **common,
            )
            for queue, activities in queues.items()
        ),
    ]


def workflow_worker(client: Client, queue: str, **options: Any) -> Worker:
    """Return the worker of the workflows of a queue."""
    polling = PollerBehaviorAutoscaling(minimum=2, maximum=_POLLS)
    options = {"max_cached_workflows": _CACHED, "workflow_task_poller_behavior": polling, **options}
    return _serving_workflows(client, queue, WORKFLOWS, **options)


def claim_worker(client: Client, **options: Any) -> Worker:
    """Return the worker of the claims; it keeps none in memory, since they have nothing to do but to begin and end."""
    options = {"max_cached_workflows": 0, "workflow_task_poller_behavior": PollerBehaviorAutoscaling(), **options}
    return _serving_workflows(client, names.CLAIM_TASK_QUEUE, [VmClaim], **options)


def finalising_worker(
    client: Client, activities: list[Callable[..., Any]], progress: timedelta = timedelta(seconds=24)
) -> Worker:
    """Return the one worker of the queue on which sources are deleted."""
    return _serving_workflows(
        client,
        names.FINALISE_TASK_QUEUE,
        FINALISING,
        activities=activities,
        graceful_shutdown_timeout=GRACE,
        max_heartbeat_throttle_interval=progress,
    )


def _serving_workflows(client: Client, queue: str, workflows: list[type], **options: Any) -> Worker:
    """Return a worker of workflows with what holds for each of them."""
    worker = Worker(
        client,
        task_queue=queue,
        workflows=workflows,
        workflow_runner=RUNNER,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUTS.get(queue, STICKY_TIMEOUTS[names.FLEET_TASK_QUEUE]),
        interceptors=[*interceptors(), IgnoreMisfits(), Priorities()],
        **options,
    )
    return let_tasks_take_long(worker)


async def serve(settings: Settings, *, finalising: bool = False) -> None:
    """Serve the task queues, or only the one on which sources are deleted, until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    desk = approval_desk(settings)
    runtime, traces = core_runtime(settings.metrics_address), _tracing(settings)
    around = [traces.interceptor] if traces else []
    client = await connect(settings.temporal_environment, runtime=runtime, interceptors=around)
    await ensure_search_attributes(client)
    async with AsyncExitStack() as stack:
        if traces:
            stack.callback(traces.close)
        arm = ArmMetrics(runtime.metric_meter)
        azure = AzureClients(
            azure_access(settings), limiter(settings, arm), observers=[arm, traces] if traces else [arm]
        )
        await stack.enter_async_context(azure)
        if settings.metrics_address:
            await stack.enter_async_context(_measuring(client, runtime, azure, arm))
        watchers = await stack.enter_async_context(Watchers(azure, settings.poll_floor_seconds))
        progress, settle = timedelta(seconds=settings.progress_seconds), settings.intent_settle_seconds
        if finalising:
            own = finalising_activities(azure, watchers, client, desk, settle_seconds=settle)
            serving = [finalising_worker(client, own, progress)]
        else:
            telling = senders(settings)
            queues = all_activities(azure, watchers, client, desk, settle_seconds=settle, senders=telling)
            serving = workers(client, queues, progress, settings.azure_activities_per_second)
        for worker in serving:
            await stack.enter_async_context(worker)
        if settings.worker_ready_file:
            settings.worker_ready_file.write_text(f"{os.getpid()}\n")
        await stop.wait()
        asyncio.get_running_loop().call_later(LEAVE_SECONDS, leave_at_last, LEAVE_SECONDS)


def _tracing(settings: Settings) -> "Tracing | None":
    """Return the traces that the environment asks for; who wants none does not pay for the libraries."""
    if not settings.otel_environment:
        return None
    from runtime.tracing import tracing  # noqa: PLC0415 - see above

    return tracing(settings.otel_environment)


@asynccontextmanager
async def _measuring(client: Client, runtime: Runtime, azure: AzureClients, arm: ArmMetrics) -> AsyncIterator[None]:
    """Show the fleet's figures on the worker's metrics endpoint."""

    async def lag_of(vault: str) -> VaultLag:
        with calling(Caller(Urgency.BACKGROUND)):
            return await read_lag(azure, vault)

    fleet = FleetMetrics(client, runtime.metric_meter, lag_of)

    async def show_budget() -> None:
        while True:
            arm.left(azure.limiter.left())
            await asyncio.sleep(_BUDGET_SECONDS)

    tasks = [asyncio.create_task(fleet.run(), name="metrics"), asyncio.create_task(show_budget(), name="budget")]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def check(settings: Settings, plan_file: Path) -> int:
    """Print the check of a plan as JSON; return 0 when nothing blocks."""
    plan, count = load_plan(plan_file), Count()
    telling = asyncio.create_task(_tell(count))
    async with AzureClients(azure_access(settings), limiter(settings)) as azure:
        try:
            answer = await preflight.check(azure, plan, count, senders(settings).wires)
        except AzureError as error:
            return _unanswered(plan, error)
        finally:
            telling.cancel()
    sys.stdout.write(answer.model_dump_json() + "\n")
    return 1 if answer.blocking else 0


def _unanswered(plan: Plan, error: AzureError) -> int:
    """Say why Azure gave no answer about a plan; return the exit code."""
    failure = classify(error)
    sys.stderr.write(f"asking Azure about plan {plan.name}: {failure.message} {failure.remedy}".strip() + "\n")
    return 3


async def _tell(count: Count) -> None:
    """Say now and then how far a check is."""
    while True:
        await asyncio.sleep(_TELL_SECONDS)
        sys.stderr.write(f"checking: {count}\n")


async def survey(settings: Settings, plan_file: Path) -> int:
    """Print what a run of a plan would find as JSON; return 0."""
    plan = load_plan(plan_file)
    async with AzureClients(azure_access(settings), limiter(settings)) as azure:
        try:
            answer = await surveys.survey(azure, plan)
        except AzureError as error:
            return _unanswered(plan, error)
    sys.stdout.write(answer.model_dump_json() + "\n")
    return 0


def senders(settings: Settings) -> Senders:
    """Return what the worker may send to people and to hooks with."""
    channels = {
        name: Channel(hook.url.get_secret_value(), hook.secret.get_secret_value() if hook.secret else None)
        for name, hook in settings.migration_webhooks.items()
    }
    password = settings.migration_smtp_password
    mail = None
    if settings.migration_smtp_host and settings.migration_smtp_from:
        mail = MailServer(
            host=settings.migration_smtp_host,
            sender=settings.migration_smtp_from,
            port=settings.migration_smtp_port,
            security=settings.migration_smtp_security,
            user=settings.migration_smtp_user,
            password=password.get_secret_value() if password else None,
        )
    ui_url = settings.migration_ui_url
    return Senders(Channels(channels), mail, ui_url.rstrip("/") if ui_url else None)


def azure_access(settings: Settings) -> AzureAccess:
    """Return where Azure is, and who we are there."""
    secret, password = settings.azure_client_secret, settings.azure_client_certificate_password
    certificate, token_file = settings.azure_client_certificate_path, settings.azure_federated_token_file
    return AzureAccess(
        endpoint=settings.azure_resource_manager_endpoint,
        authority=settings.azure_authority_host,
        tenant_id=settings.azure_tenant_id,
        client_id=settings.azure_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        certificate_path=str(certificate) if certificate else None,
        certificate_password=password.get_secret_value() if password else None,
        federated_token_file=str(token_file) if token_file else None,
        ca_bundle=str(settings.azure_ca_bundle) if settings.azure_ca_bundle else None,
    )


def limiter(settings: Settings, metrics: ArmMetrics | None = None) -> Limiter:
    """Return what keeps this process within its part of Azure's limits, and tells how long requests waited for it."""
    budget = Budget(
        reads_per_second=settings.arm_reads_per_second,
        writes_per_second=settings.arm_writes_per_second,
        deletes_per_second=settings.arm_writes_per_second,
        shared_by=settings.arm_budget_shared_by,
    )
    keeper = Limiter(budget)
    if metrics is not None:
        keeper.waited = metrics.waited
    return keeper


def approval_desk(settings: Settings) -> ApprovalDesk:
    """Return what this worker knows of approvers' tokens.

    Raises:
        SettingsError: the key's file holds no key.
    """
    file = settings.migration_approval_key_file
    try:
        key = SealingKey(secret_of(file.read_text(encoding="utf-8")) if file else None)
    except (OSError, ValueError):
        raise SettingsError(
            "reading the environment variable MIGRATION_APPROVAL_KEY_FILE: it must name a readable file of 32 random "
            "bytes in base64; make one with `openssl rand -base64 32`"
        ) from None
    access = azure_access(settings)
    return ApprovalDesk(
        TenantKeys(access),
        key,
        authority=access.authority,
        tenant=settings.migration_approval_tenant or settings.azure_tenant_id,
        audience=settings.approval_audience,
        max_age_seconds=settings.migration_approval_max_age_seconds,
    )


def main() -> int:
    """Run the worker, or a check; say in one sentence what keeps it from starting."""
    parser = argparse.ArgumentParser(description="Serve the migration's task queues, or check a plan.")
    parser.add_argument("--check", metavar="PLAN", type=Path, help="check this plan file, print JSON, and end")
    parser.add_argument("--survey", metavar="PLAN", type=Path, help="look at what this plan meets, print JSON, and end")
    parser.add_argument(
        "--finalise", action="store_true", help="serve only the deletion of sources, as an identity of its own"
    )
    arguments = parser.parse_args()
    spare_imported()
    share_arenas()
    try:
        settings = Settings.from_mapping(os.environ)
        configure_logging(settings.log_format, settings.log_level)
        quiet_temporal_messages()
        if arguments.check:
            return asyncio.run(check(settings, arguments.check))
        if arguments.survey:
            return asyncio.run(survey(settings, arguments.survey))
        asyncio.run(serve(settings, finalising=arguments.finalise))
    except (PlanFileError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except RuntimeSetupError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


if __name__ == "__main__":
    leave(main())
