"""Metrics and traces: only where they are asked for, by Prometheus' rules, each step in its place, and no secret."""

import asyncio
import json
import re
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ActivityError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from migration import names
from migration.phases import Phase
from migration.report import MemoKeys
from migration.telemetry import Call, Kind, VaultLag
from migration.urgency import Urgency
from runtime.embedded_programs import free_port
from runtime.errors import SettingsError
from runtime.metrics import ArmMetrics, FleetMetrics
from runtime.settings import Settings
from runtime.temporal_worker import core_runtime
from runtime.tracing import Redacting, Tracing, tracing
from tests.support.unserved import start_vm

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl"
MACHINE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web"
OURS = re.compile(r"^(vm_migration_\w+)\{(.*)\} (\S+)$", re.MULTILINE)


def call(status: int | None, kind: Kind = "read", **remaining: str) -> Call:
    """Return a request that was answered with a status."""
    left = {key.replace("_", "-"): value for key, value in remaining.items()}
    return Call("GET", kind, "s", f"{MACHINE}/start", status, 0.2, left)


async def scraped(address: str) -> dict[tuple[str, ...], float]:
    """Return our own figures as Prometheus reads them: name and labels, value."""
    text = await asyncio.to_thread(lambda: urllib.request.urlopen(f"http://{address}/metrics").read().decode())
    return {
        (name, *sorted(label.replace('"', "") for label in labels.split(","))): float(value)
        for name, labels, value in OURS.findall(text)
    }


@dataclass
class Vault:
    """A vault that tells how far behind its machines are."""

    lag: VaultLag = field(default_factory=VaultLag)
    asked: list[str] = field(default_factory=list)

    async def read(self, vault: str) -> VaultLag:
        """Tell it."""
        self.asked.append(vault)
        return self.lag


async def test_the_endpoint_tells_of_requests_and_of_the_fleet(dev_server: WorkflowEnvironment) -> None:
    """Counts, budget, phases, needs, approvals and lag, in base units; what is gone falls to zero."""
    address = Settings.from_mapping({"METRICS_ADDRESS": str(free_port())}).metrics_address
    assert address is not None
    runtime, client, plan = core_runtime(address), dev_server.client, f"plan-{uuid.uuid4().hex[:8]}"
    arm, vault = ArmMetrics(runtime.metric_meter), Vault(VaultLag([30, 60, 900], Counter(Normal=2, Critical=1)))
    for one in (
        call(200, subscription_reads="212", subscription_global_reads="3749"),
        call(429),
        call(None, "write"),
        call(404),
        call(503),
    ):
        arm.called(one)
    arm.left({("s", "reads"): 199.7})
    arm.waited("reads", Urgency.CUTOVER, 0.4)
    await (await start_vm(client, plan, "of-an-earlier-run", Phase.DONE)).terminate()
    await asyncio.sleep(1.1)
    own = await client.start_workflow(
        names.MIGRATE_PLAN,
        id=names.migrate_plan_id(plan),
        task_queue="nobody",
        memo={MemoKeys.VAULT: [VAULT, VAULT.replace("/g/", "/h/"), f"{VAULT}-2"]},
    )
    started = [await start_vm(client, plan, name, phase) for name, phase in _PHASES]
    await (await start_vm(client, plan, "ended", Phase.DONE)).terminate()
    fleet = FleetMetrics(client, runtime.metric_meter, vault.read)
    ours = f"plan={plan}"
    wanted = {"phase=replicating": 2, "phase=done": 1, "phase=awaiting_approval": 1}
    async with asyncio.timeout(90):
        while True:
            found = await looked(fleet, address)
            if wanted == {phase: found.get(("vm_migration_vms", phase, ours)) for phase in wanted}:
                break
            await asyncio.sleep(0.1)

    kinds = {"success": "read", "throttled": "read", "not_found": "read", "server_error": "read", "no_answer": "write"}
    for outcome, kind in kinds.items():
        labels = (f"kind={kind}", f"outcome={outcome}", "subscription=s")
        assert 1 == found["vm_migration_arm_requests_total", *labels]
    assert 4 == found["vm_migration_arm_request_duration_seconds_count", "kind=read"]
    budget = "vm_migration_arm_budget_remaining"
    assert 212 == found[budget, "kind=reads", "source=azure", "subscription=s"]
    assert 199 == found[budget, "kind=reads", "source=worker", "subscription=s"]
    waits = found["vm_migration_arm_budget_wait_seconds_count", "kind=reads", "priority=1 cutover"]
    assert 1 == waits
    assert (1, 2) == (found["vm_migration_approvals_waiting", ours], found["vm_migration_needs_action", ours])
    lag = "vm_migration_replication_lag_seconds"
    for name in ("shop-2", "s/g/shop", "s/h/shop"):  # two bear one name
        told = f"vault={name}"
        assert (60, 900) == (found[lag, "quantile=0.5", told], found[lag, "quantile=1", told])
        assert 1 == found["vm_migration_replicated_machines", "health=critical", told]
    assert 3 == len(vault.asked)  # however often the fleet is looked at

    for handle in (own, *started):
        await handle.terminate()
    async with asyncio.timeout(90):
        while (await looked(fleet, address))["vm_migration_needs_action", ours]:
            await asyncio.sleep(0.1)


VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/shop"
_PHASES = (
    ("a", Phase.REPLICATING),
    ("b", Phase.REPLICATING),
    ("c", Phase.AWAITING_APPROVAL),
    ("d", Phase.NEEDS_ACTION),
)


async def looked(fleet: FleetMetrics, address: str) -> dict[tuple[str, ...], float]:
    """Return what the endpoint tells after one more look."""
    await fleet.look()
    return await scraped(address)


@pytest.mark.parametrize(
    ("given", "address"),
    [("9464", "127.0.0.1:9464"), ("0.0.0.0:9464", "0.0.0.0:9464"), ("[::1]:9464", "[::1]:9464"), ("", None)],
)
def test_a_port_alone_is_one_of_loopback(given: str, address: str | None) -> None:
    """Nobody opens the endpoint to a network without saying so, and nothing listens unless it is asked for."""
    assert address == Settings.from_mapping({"METRICS_ADDRESS": given}).metrics_address


def test_an_address_that_cannot_be_used_is_told_in_a_sentence() -> None:
    """It names the variable; a port that another process has is an error of the same kind."""
    for given in ("soon", "localhost:9464", "127.0.0.1:0", "127.0.0.1:99999"):
        with pytest.raises(SettingsError, match="METRICS_ADDRESS"):
            Settings.from_mapping({"METRICS_ADDRESS": given})
    address = f"127.0.0.1:{free_port()}"
    keeps = core_runtime(address)
    with pytest.raises(SettingsError, match=f"serving metrics at {address}"):
        core_runtime(address)
    del keeps


def test_the_dashboard_asks_for_figures_that_there_are(root: Path) -> None:
    """Each name in it is one that the worker tells, or Temporal's."""
    told = (root / "runtime" / "metrics.py").read_text(encoding="utf-8")
    board = json.loads((root / "dashboards" / "azure-vm-migration.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    used = {name for text in asked for name in re.findall(r"vm_migration_(\w+)", text)}
    assert len(board["panels"]) == len({panel["id"] for panel in board["panels"]})
    assert 6 < len(used)
    assert [] == [name for name in used if re.sub(r"_total$|_bucket$", "", name) not in told]


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_off_unless_an_endpoint_is_named(environment: dict[str, str], on: bool) -> None:
    """OpenTelemetry's own variables turn them on, and off again."""
    found = tracing(Settings.from_mapping(environment).otel_environment)
    assert on is (found is not None)
    if found is not None:
        found.close()


EXPORTED = InMemorySpanExporter()
TRACES = Tracing(SimpleSpanProcessor(Redacting(EXPORTED)))


@activity.defn
async def ask_azure(secret: str) -> None:
    """Make a request, and fail with a secret in the message."""
    TRACES.called(call(409))
    raise ValueError(f"refused: Authorization: Bearer {secret}")


@workflow.defn
class Asks:
    """Asks once, and swallows what comes of it."""

    @workflow.run
    async def run(self, secret: str) -> None:
        """Run the activity."""
        once = RetryPolicy(maximum_attempts=1)
        try:
            await workflow.execute_activity(
                ask_azure, secret, start_to_close_timeout=timedelta(seconds=20), retry_policy=once
            )
        except ActivityError:
            return


async def test_a_request_lies_below_its_activity_and_no_secret_leaves(
    dev_server: WorkflowEnvironment, task_queue: str
) -> None:
    """One trace holds the activity and its request to Azure; arguments are in none, and messages are redacted."""
    client = await Client.connect(
        dev_server.client.service_client.config.target_host,
        data_converter=pydantic_data_converter,
        interceptors=[TRACES.interceptor],
    )
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=[Asks],
        activities=[ask_azure],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        await client.execute_workflow(Asks.run, JWT, id=f"asks-{uuid.uuid4()}", task_queue=task_queue)

    spans = {span.name: span for span in EXPORTED.get_finished_spans()}
    activity_span, request = spans["RunActivity:ask_azure"], spans["GET virtualMachines/start"]
    assert request.parent is not None
    assert request.parent.span_id == activity_span.context.span_id
    assert {"http.request.method": "GET", "url.path": f"{MACHINE}/start", "http.response.status_code": 409} == dict(
        request.attributes or {}
    )
    assert StatusCode.ERROR == activity_span.status.status_code
    assert 0.19 < ((request.end_time or 0) - (request.start_time or 0)) / 1e9 < 0.21
    assert activity_span.context.trace_id == spans["RunWorkflow:Asks"].context.trace_id
    everything = "".join(span.to_json() for span in EXPORTED.get_finished_spans())
    assert "refused: " in everything
    assert JWT.rsplit(".", maxsplit=1)[-1] not in everything
