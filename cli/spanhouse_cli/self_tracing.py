"""Spanhouse's own traces, which it takes in itself under a tenant of its own, as it does those that are sent to it.

The query service makes a span of each request, the collector of work that is slow or fails, through OpenTelemetry's
API. Receiving and storing spans makes none as long as all is well, so that tracing does not feed itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from opentelemetry import trace

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

logger = logging.getLogger("spanhouse")

FLUSH_SECONDS = 1.0
Take = Callable[[bytes], Awaitable[None]]
_ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class SelfTracing:
    """The tracer provider of this process, from construction to `stop`.

    `take` stores a serialised ExportTraceServiceRequest in this process, None where it cannot; OpenTelemetry's own
    variables (OTEL_EXPORTER_OTLP_ENDPOINT and others) send the spans elsewhere. To be made on the event loop.
    """

    def __init__(self, service: str, version: str, take: Take | None) -> None:
        # Imported here, because they cost as much time at start as the rest of this program.
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = _to_elsewhere() if take is None or _elsewhere() else _into(take, asyncio.get_running_loop())
        resource = Resource.create({"service.name": service, "service.version": version})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(self._provider)

    @classmethod
    def start(cls, service: str, version: str, take: Take | None) -> SelfTracing | None:
        """It; None where there is nothing to send spans to, or where OpenTelemetry's variables do not allow it."""
        if take is None and not _elsewhere():
            return None
        try:
            return cls(service, version, take)
        except Exception as error:  # whatever it is, the service works without
            logger.warning("Spanhouse does not trace itself; is one of the variables OTEL_... wrong? %s", error)
            return None

    async def stop(self) -> None:
        """Send what is left; gives up after `FLUSH_SECONDS`."""
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            loop.call_soon_threadsafe(sent.set)

        # A daemon, not the loop's executor, for whose threads the interpreter would wait.
        threading.Thread(target=shut_down, name="self-tracing-flush", daemon=True).start()
        try:
            await asyncio.wait_for(sent.wait(), FLUSH_SECONDS)
        except TimeoutError:
            return


def _elsewhere() -> bool:
    return any(os.environ.get(variable) for variable in _ENDPOINT_VARIABLES)


def _to_elsewhere() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(timeout=FLUSH_SECONDS)


def _into(take: Take, loop: asyncio.AbstractEventLoop) -> SpanExporter:
    """An exporter that hands spans over in this process: no address, certificate or key stands between."""
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    async def taken(body: bytes) -> None:
        await take(body)

    class Exporter(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            handed_over = asyncio.run_coroutine_threadsafe(taken(encode_spans(spans).SerializeToString()), loop)
            try:
                handed_over.result(FLUSH_SECONDS)
            except Exception as error:  # as any exporter: what is lost is no more than its own traces
                handed_over.cancel()
                logger.debug("%d spans of its own were not taken: %r", len(spans), error)
                return SpanExportResult.FAILURE
            return SpanExportResult.SUCCESS

    return Exporter()
