"""OpenTelemetry traces of workflows, activities and requests to Azure; off unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set.

Whatever stands in a span passes the redaction that log lines pass, once more, before it leaves: names, attributes, and
the messages of errors.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from temporalio.contrib.opentelemetry import TracingInterceptor

from migration.redaction import redact, redact_text
from migration.telemetry import Call

SERVICE = "azure-vm-migration-worker"
_NANOSECONDS = 1_000_000_000


class Redacting(SpanExporter):
    """Takes secrets out of spans before they are sent."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans without secrets."""
        return self._inner.export([_redacted(span) for span in spans])

    def shutdown(self) -> None:
        """Stop sending."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits."""
        return self._inner.force_flush(timeout_millis)


class Tracing:
    """The traces of this process."""

    def __init__(self, processor: SpanProcessor, service: str = SERVICE) -> None:
        self.provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
        self.provider.add_span_processor(processor)
        self._tracer: Tracer = self.provider.get_tracer(SERVICE)

    @property
    def interceptor(self) -> TracingInterceptor:
        """What the client and its workers have around them; the command line begins no trace, so workflows do."""
        return TracingInterceptor(self._tracer, always_create_workflow_spans=True)

    def called(self, call: Call) -> None:
        """Add the span of a request to Azure that has just ended, below that of its activity."""
        ended = time.time_ns()
        span = self._tracer.start_span(
            call.operation,
            kind=SpanKind.CLIENT,
            start_time=ended - int(call.seconds * _NANOSECONDS),
            attributes={"http.request.method": call.method, "url.path": call.path},
        )
        if call.status is not None:
            span.set_attribute("http.response.status_code", call.status)
        if call.status is None or call.status >= 400:
            span.set_status(Status(StatusCode.ERROR, "no answer" if call.status is None else f"HTTP {call.status}"))
        span.end(ended)

    def close(self) -> None:
        """Send what waits, and stop."""
        self.provider.shutdown()


def tracing(environment: Mapping[str, str]) -> Tracing | None:
    """Return the traces that the `OTEL_*` variables ask for, None where they ask for none.

    The exporter reads its own variables: endpoint, headers, certificate, timeout.
    """
    wanted = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    off = (
        environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or environment.get("OTEL_TRACES_EXPORTER") == "none"
    )
    if not wanted or off:
        return None
    service = environment.get("OTEL_SERVICE_NAME") or SERVICE
    return Tracing(BatchSpanProcessor(Redacting(OTLPSpanExporter())), service)


def _redacted(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=redact_text(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_clean(span.attributes),
        events=[Event(redact_text(one.name), _clean(one.attributes), one.timestamp) for one in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code, span.status.description and redact_text(span.status.description)),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _clean(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: redact(value, key) for key, value in (attributes or {}).items()}
