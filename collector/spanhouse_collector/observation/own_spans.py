"""Spans of the collector's own work, where it is slow or fails.

Only then, because what is told of storing spans is spans to be stored: told of each time, an idle collector would never
come to rest. Slow work makes no more of them than one for each segment or step. Work that goes on failing makes one in
all, because nothing drains what they are written to while the engine is away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace

SLOW_SECONDS = 5.0

# Does nothing until the process sets a tracer provider; never asks the environment for one.
tracer = trace.get_tracer("spanhouse_collector", tracer_provider=trace.ProxyTracerProvider())


@contextmanager
def told_if_slow(name: str, attributes: Mapping[str, str | int], *, is_failing: bool = False) -> Iterator[None]:
    """What is done within makes a span if it takes `SLOW_SECONDS` or raises; what it raises goes on.

    is_failing: it raised the last time too, which is not told again.
    """
    started, began = time.time_ns(), time.perf_counter()
    try:
        yield
    except Exception as error:
        if not is_failing:
            _tell(name, started, attributes, error)
        raise
    if time.perf_counter() - began >= SLOW_SECONDS:
        _tell(name, started, attributes)


def _tell(name: str, started: int, attributes: Mapping[str, str | int], error: Exception | None = None) -> None:
    span = tracer.start_span(name, start_time=started, attributes=dict(attributes))
    if error is not None:
        span.record_exception(error)
        span.set_status(trace.StatusCode.ERROR, str(error))
    span.end()
