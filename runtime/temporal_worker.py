"""What a worker needs of Temporal besides its client; apart from it, since a command line need not load a worker."""

import logging

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.worker import Worker

from runtime.errors import SettingsError, TemporalError, one_line
from runtime.logs import CORE_LOGGER

TASK_PATIENCE_SECONDS = 60.0
"""How long a workflow task may take; far beyond the ten seconds for which a server waits, and then has it done anew."""

_ARM_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


def core_runtime(metrics_address: str | None = None) -> Runtime:
    """Return the runtime of Temporal's core, which logs through ours; make one per process and never fork after it.

    Raises:
        SettingsError: nothing can listen at *metrics_address*.
    """
    try:
        return Runtime(telemetry=_telemetry(metrics_address))
    except ValueError as error:
        message = f"serving metrics at {metrics_address}: {one_line(error)}; set METRICS_ADDRESS to one that is free"
        raise SettingsError(message) from None


def _telemetry(metrics_address: str | None) -> TelemetryConfig:
    return TelemetryConfig(
        logging=LoggingConfig(
            filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
            forwarding=LogForwardingConfig(
                logger=logging.getLogger(CORE_LOGGER),
                append_target_to_name=False,
                prepend_target_on_message=False,
                append_log_fields_to_message=False,
            ),
        ),
        metrics=_prometheus(metrics_address) if metrics_address else None,
        attach_service_name=False,
    )


def _prometheus(address: str) -> PrometheusConfig:
    """Return the endpoint as Prometheus wants its names: base units, and `_total` for what only grows."""
    return PrometheusConfig(
        bind_address=address,
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
        histogram_bucket_overrides=dict.fromkeys(
            ("vm_migration_arm_request_duration_seconds", "vm_migration_arm_budget_wait_seconds"), _ARM_SECONDS
        ),
    )


def let_tasks_take_long(worker: Worker) -> Worker:
    """Let *worker* finish a workflow task that takes more than Temporal's two seconds, and return it.

    What was sent while no worker ran comes in one task: ten thousand signals, if so many were sent, a second or two of
    a processor. Given up after two seconds, that task would be tried again and again; and what is interrupted keeps its
    place in the worker, which does nothing more for that workflow until it is started anew.
    """
    inner = worker._workflow_worker  # noqa: SLF001 - Temporal has no option for it but to never give up
    if inner is None or not hasattr(inner, "_deadlock_timeout_seconds"):
        raise TemporalError("setting how long a workflow task may take: this release of temporalio has another way")
    inner._deadlock_timeout_seconds = TASK_PATIENCE_SECONDS  # type: ignore[assignment] # noqa: SLF001
    return worker
