"""Spanhouse's own traces, sent over OTLP/HTTP to Spanhouse itself under a tenant of its own.

The query service makes the spans, through OpenTelemetry's API. Receiving and storing spans makes none, so that tracing
never feeds itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading

from opentelemetry import trace
from spanhouse_storage.tenant import OWN_TENANT, TENANT_HEADER

logger = logging.getLogger("spanhouse")

FLUSH_SECONDS = 1.0
_ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class SelfTracing:
    """The tracer provider of this process, from construction to `stop`.

    `otlp_http_url` is where this process receives OTLP/HTTP, None where it does not; OpenTelemetry's own variables
    (OTEL_EXPORTER_OTLP_ENDPOINT and others) send the spans elsewhere.
    """

    def __init__(self, service: str, version: str, otlp_http_url: str | None) -> None:
        # Imported here, because they cost as much time at start as the rest of this program.
        import requests
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        elsewhere = _elsewhere()
        session = requests.Session()
        session.trust_env = elsewhere  # a proxy has no part in what this process sends to itself
        exporter = OTLPSpanExporter(
            endpoint=None if elsewhere else f"{otlp_http_url}/v1/traces",
            headers=None if elsewhere else {TENANT_HEADER: OWN_TENANT},
            timeout=FLUSH_SECONDS,
            session=session,
        )
        resource = Resource.create({"service.name": service, "service.version": version})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(self._provider)

    @classmethod
    def start(cls, service: str, version: str, otlp_http_url: str | None) -> SelfTracing | None:
        """It; None where there is nothing to send spans to, or where OpenTelemetry's variables do not allow it."""
        if otlp_http_url is None and not _elsewhere():
            return None
        try:
            return cls(service, version, otlp_http_url)
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
