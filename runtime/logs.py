"""Logs by structlog, JSON or for a console: one line an event, with its workflow, run, activity, attempt, plan and VM.

Lines of the standard library, of the Azure SDK and of Temporal's core pass through the same processors. Nothing is
logged while a workflow replays, and secrets are taken out last, whatever wrote the line.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Literal, TextIO

import structlog

from migration.redaction import redact
from runtime.errors import RuntimeSetupError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from structlog.typing import EventDict, Processor, WrappedLogger

CORE_LOGGER = "temporalio.core"
_QUIET = {
    "azure": logging.WARNING,
    # Each try to get a token warns of what its caller then raises.
    "azure.identity": logging.ERROR,
    "msal": logging.WARNING,
    "aiohttp": logging.WARNING,
    "asyncio": logging.WARNING,
}
_FIELDS = {
    "workflow_id": "workflow_id",
    "run_id": "run_id",
    "workflow_run_id": "run_id",
    "activity_type": "activity",
    "attempt": "attempt",
}
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), 127)}


def configure_logging(
    log_format: Literal["json", "console"] = "console", level: str = "info", stream: TextIO | None = None
) -> None:
    """Send every log line of this process to *stream* (standard error by default) in *log_format*."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared_processors(), processors=_rendering(log_format, colors=stream.isatty())
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name, threshold in _QUIET.items():
        logging.getLogger(name).setLevel(max(threshold, logging.getLogger().level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            drop_replays,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def quiet_temporal_messages() -> None:
    """Keep Temporal's adapters from repeating the ids inside the message; they stand in their own fields."""
    from temporalio import activity, workflow  # noqa: PLC0415 (a command line that prints help does not pay for it)

    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False


def drop_replays(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Drop what workflow code logs while its history is replayed.

    Raises:
        structlog.DropEvent: the line was logged before, when the event first happened.
    """
    workflow = sys.modules.get("temporalio.workflow")
    if workflow and workflow.in_workflow() and workflow.unsafe.is_replaying_history_events():
        raise structlog.DropEvent
    return event


def add_temporal_context(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Add the ids of the workflow or the activity that this line belongs to, and the plan and VM they name."""
    for details in (event.pop("temporal_workflow", None), event.pop("temporal_activity", None), _running()):
        for name, field in _FIELDS.items():
            if details and details.get(name) is not None:
                event.setdefault(field, details[name])
    for name, value in getattr(event.pop("temporal_log", None), "fields", {}).items():
        event.setdefault(name, value)
    event.pop("__temporal_error_identifier", None)
    return {**_plan_and_vm(str(event.get("workflow_id", ""))), **event}


def add_redaction(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Take secrets out of every value of the line."""
    return {name: redact(value, name) for name, value in event.items()}


def tell_explained(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Tell an error that says by itself what is wrong and what to do by its words: a stack trace would hide them."""
    found = event.get("exc_info")
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if not isinstance(error, RuntimeSetupError):
        return event
    return {**event, "exc_info": None, "cause": str(error)}


def escape_controls(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Spell out control characters, so that a message from outside cannot steer the terminal or forge a line."""
    event["event"] = str(event.get("event", "")).replace("\n", "\\n").translate(_CONTROL)
    return event


def _running() -> dict[str, Any] | None:
    activity = sys.modules.get("temporalio.activity")
    if activity and activity.in_activity():
        info = activity.info()
        return {
            "workflow_id": info.workflow_id,
            "run_id": info.workflow_run_id,
            "activity_type": info.activity_type,
            "attempt": info.attempt,
        }
    workflow = sys.modules.get("temporalio.workflow")
    if workflow and workflow.in_workflow():
        run = workflow.info()
        return {"workflow_id": run.workflow_id, "run_id": run.run_id, "attempt": run.attempt}
    return None


def _plan_and_vm(workflow_id: str) -> dict[str, str]:
    kind, _, rest = workflow_id.partition("/")
    if kind == "migrate-vm":
        plan, _, vm = rest.partition("/")
        return {"plan": plan, "vm": vm}
    return {"plan": rest} if kind in {"migrate-plan", "check-plan"} else {}


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        add_temporal_context,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]


def _rendering(log_format: str, *, colors: bool) -> Sequence[Processor]:
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        tell_explained,
        structlog.processors.format_exc_info,
        add_redaction,
    ]
    if log_format == "json":
        return [*last, structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]
    return [*last, escape_controls, structlog.dev.ConsoleRenderer(colors=colors, timestamp_key="time")]
