"""How the service makes spans of its own work, whatever the environment says of OpenTelemetry (OTEL_...).

OpenTelemetry's defaults read variables when they are imported or first asked, and raise where one names something that
is not installed. Variables are for the applications that are traced; nothing in them may keep Spanhouse from starting.
"""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# Does nothing until the process sets a tracer provider.
tracer = trace.get_tracer("spanhouse_query", tracer_provider=trace.ProxyTracerProvider())
propagator = TraceContextTextMapPropagator()
