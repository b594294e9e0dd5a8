"""The worker's own figures beside Temporal's, on the Prometheus endpoint of its core.

Names and units follow Prometheus: base units, `_total` for what only grows, no unit in a label. What can be counted for
a whole fleet is read from visibility, so that every worker tells the same: dashboards take the maximum, not the sum.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import TypeAlias

import structlog
from temporalio.client import Client, WorkflowExecution
from temporalio.common import MetricGaugeFloat, MetricMeter
from temporalio.service import RPCError

from migration import names
from migration.ids import ResourceId
from migration.phases import Phase
from migration.report import MemoKeys, vaults_in
from migration.telemetry import Call, VaultLag
from migration.times import utc_text
from migration.urgency import Urgency

EVERY_SECONDS = 30.0
LAG_SECONDS, LAG_SECONDS_A_MACHINE = 60.0, 0.3
"""How often the vaults are listed at most, and how much more rarely with each machine: a hundred cost a read."""
_MOST_PLANS = 50
_AT_ONCE = 5
_RPC_TIMEOUT = timedelta(seconds=10)
Labels: TypeAlias = tuple[tuple[str, str], ...]
_log = structlog.get_logger(__name__)


class Gauges:
    """A gauge with labels that falls to zero where there is nothing any more, instead of staying as it was."""

    def __init__(self, gauge: MetricGaugeFloat) -> None:
        self._gauge = gauge
        self._shown: set[Labels] = set()

    def show(self, values: Mapping[Labels, float]) -> None:
        """Show these values, and zero for what was shown before and is not among them."""
        for labels in self._shown - set(values):
            self._gauge.set(0, dict(labels))
        for labels, value in values.items():
            self._gauge.set(value, dict(labels))
        self._shown |= set(values)


class ArmMetrics:
    """Counts the requests to Azure Resource Manager."""

    def __init__(self, meter: MetricMeter) -> None:
        self._calls = meter.create_counter(
            "vm_migration_arm_requests", "Requests to Azure Resource Manager by what they came to."
        )
        self._seconds = meter.create_histogram_float(
            "vm_migration_arm_request_duration_seconds", "How long Azure Resource Manager took to answer."
        )
        self._waits = meter.create_histogram_float(
            "vm_migration_arm_budget_wait_seconds", "How long requests waited for their part of the budget."
        )
        self._budget = meter.create_gauge(
            "vm_migration_arm_budget_remaining", "Requests that a subscription has left, as Azure or the worker says."
        )

    def called(self, call: Call) -> None:
        """Count a request."""
        where = {"kind": call.kind, "subscription": call.subscription}
        self._calls.add(1, {**where, "outcome": call.outcome})
        self._seconds.record(call.seconds, {"kind": call.kind})
        for kind, left in call.budget.items():
            self._budget.set(left, {"subscription": call.subscription, "kind": kind, "source": "azure"})

    def waited(self, kind: str, urgency: Urgency, seconds: float) -> None:
        """Tell how long a request waited in the limiter; the most urgent have the lowest number."""
        self._waits.record(seconds, {"kind": kind, "priority": f"{urgency.value} {urgency.name.lower()}"})

    def left(self, budget: Mapping[tuple[str, str], float]) -> None:
        """Show what the worker's own limiter lets pass at once."""
        for (subscription, kind), left in budget.items():
            self._budget.set(int(left), {"subscription": subscription, "kind": kind, "source": "worker"})


@dataclass(frozen=True)
class _Plan:
    name: str
    vaults: list[str]
    started: str


class FleetMetrics:
    """Shows where the virtual machines of all running plans stand, read from visibility now and then."""

    def __init__(self, client: Client, meter: MetricMeter, read_lag: Callable[[str], Awaitable[VaultLag]]) -> None:
        def gauges(name: str, description: str) -> Gauges:
            return Gauges(meter.create_gauge_float(f"vm_migration_{name}", description))

        self._client = client
        self._read_lag = read_lag
        self._vms = gauges("vms", "Virtual machines of running plans by phase.")
        self._asking = gauges("needs_action", "Virtual machines that wait for a person, for whatever.")
        self._approvals = gauges("approvals_waiting", "Virtual machines that wait for an approval of the commit.")
        self._lag = gauges("replication_lag_seconds", "RPO of the protected machines of a vault: median and worst.")
        self._health = gauges("replicated_machines", "Protected machines of a vault by Site Recovery's health.")
        self._lag_due: tuple[float, list[str]] = (0.0, [])

    async def run(self) -> None:
        """Look again and again; what cannot be read now is read next time."""
        while True:
            try:
                await self.look()
            except (RPCError, TimeoutError) as error:
                _log.warning("reading the metrics", cause=str(error))
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Read once, and show it."""
        plans = await self._running_plans()
        counted = await self._count(plans)
        self._vms.show({(("plan", plan), ("phase", phase)): n for (plan, phase), n in counted.items() if phase})
        self._asking.show(_by_plan(counted, ""))
        self._approvals.show(_by_plan(counted, Phase.AWAITING_APPROVAL.value))
        now = asyncio.get_running_loop().time()
        vaults = sorted({vault for plan in plans for vault in plan.vaults})
        if now >= self._lag_due[0] or vaults != self._lag_due[1]:
            machines = await self._look_at_vaults(vaults)
            self._lag_due = (now + max(LAG_SECONDS, machines * LAG_SECONDS_A_MACHINE), vaults)

    async def _running_plans(self) -> list[_Plan]:
        """Return the plans that run."""
        query = f"WorkflowType = '{names.MIGRATE_PLAN}' AND ExecutionStatus = 'Running'"
        runs = self._client.list_workflows(query, limit=_MOST_PLANS, rpc_timeout=_RPC_TIMEOUT)
        return [
            _Plan(run.id.removeprefix(names.migrate_plan_id("")), vaults_in(await run.memo()), await _began(run))
            async for run in runs
        ]

    async def _count(self, plans: Sequence[_Plan]) -> dict[tuple[str, str], int]:
        """Return how many machines of each plan are in each phase, and under an empty phase how many need a person."""
        permits = asyncio.Semaphore(_AT_ONCE)

        async def count(plan: _Plan, phase: str) -> tuple[tuple[str, str], int]:
            what = f"{names.ATTRIBUTE_PHASE} = '{phase}'" if phase else f"{names.ATTRIBUTE_NEEDS_ACTION} = true"
            query = f"{names.ATTRIBUTE_PLAN} = '{plan.name}' AND WorkflowType = '{names.MIGRATE_VM}' AND {what}"
            is_over = phase == Phase.DONE.value
            # Earlier runs of the plan have left theirs.
            running = f" AND CloseTime >= '{plan.started}'" if is_over else " AND ExecutionStatus = 'Running'"
            async with permits:
                answer = await self._client.count_workflows(query + running, rpc_timeout=_RPC_TIMEOUT)
            return (plan.name, phase), answer.count

        asked = [count(plan, phase) for plan in plans for phase in ("", *(phase.value for phase in Phase))]
        return dict(await asyncio.gather(*asked))

    async def _look_at_vaults(self, vaults: Sequence[str]) -> int:
        """Show how far behind the vaults' machines are; return how many there are."""
        lags: dict[Labels, float] = {}
        health: dict[Labels, float] = {}
        for vault in vaults:
            try:
                lag = await self._read_lag(vault)
            except Exception as error:  # noqa: BLE001 - whatever Azure says, the figures of the fleet go on
                _log.warning("reading the replication lag", vault=vault, cause=type(error).__name__)
                continue
            name = _called(vault, vaults)
            if lag.rpo_seconds:
                lags[("vault", name), ("quantile", "0.5")] = median(lag.rpo_seconds)
                lags[("vault", name), ("quantile", "1")] = max(lag.rpo_seconds)
            health |= {(("vault", name), ("health", word.lower())): number for word, number in lag.health.items()}
        self._lag.show(lags)
        self._health.show(health)
        return round(sum(health.values()))


def _by_plan(counted: Mapping[tuple[str, str], int], wanted: str) -> dict[Labels, float]:
    return {(("plan", plan),): number for (plan, phase), number in counted.items() if phase == wanted}


async def _began(run: WorkflowExecution) -> str:
    """Return when a plan began, whatever run of its workflow goes on with it now."""
    began = (await run.memo()).get(MemoKeys.BEGAN)
    return began if isinstance(began, str) else utc_text(run.start_time)


def _called(vault: str, vaults: Sequence[str]) -> str:
    """Return a vault's name; with its group and subscription where another one bears it, too."""
    name = vault.rsplit("/", 1)[-1]
    twins = [one for one in vaults if one.rsplit("/", 1)[-1].lower() == name.lower()]
    if len(twins) == 1:
        return name
    parsed = ResourceId.parse(vault)
    return f"{parsed.subscription}/{parsed.resource_group}/{name}"
