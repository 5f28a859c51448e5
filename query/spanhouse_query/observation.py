"""Each request as a SERVER span and in the metrics."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from anyio import get_cancelled_exc_class
from opentelemetry import trace
from starlette.requests import Request
from starlette.responses import Response

from spanhouse_query.metrics import QueryMetrics
from spanhouse_query.own_spans import propagator, tracer

Answer = Callable[[Request], Awaitable[Response]]


class Observed:
    """An answering function whose requests are traced and counted under its route."""

    def __init__(self, answer: Answer, route: str, metrics: QueryMetrics) -> None:
        self._answer = answer
        self._route = route
        self._metrics = metrics

    async def __call__(self, request: Request) -> Response:
        """The function's answer."""
        started = time.perf_counter()
        with self._metrics.running.track_inprogress(), self._span(request) as span:
            try:
                response = await self._answer(request)
            except get_cancelled_exc_class():
                self._metrics.abandoned.labels(self._route).inc()
                raise
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 500:
                span.set_status(trace.StatusCode.ERROR)
        self._metrics.requests.labels(self._route, str(response.status_code)).inc()
        self._metrics.duration.labels(self._route).observe(time.perf_counter() - started)
        return response

    def _span(self, request: Request) -> AbstractContextManager[trace.Span]:
        return tracer.start_as_current_span(
            f"{request.method} {self._route}",
            context=propagator.extract(request.headers),
            kind=trace.SpanKind.SERVER,
            attributes={
                "http.request.method": request.method,
                "http.route": self._route,
                "url.path": request.url.path,
                "url.query": request.url.query,
                "url.scheme": request.url.scheme,
            },
        )
