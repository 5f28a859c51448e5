"""The query service's own metrics, as Prometheus scrapes them."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Declared:
    """Name with its unit, meaning and labels of one metric."""

    name: str
    description: str
    labels: tuple[str, ...]


REQUESTS = Declared(
    "spanhouse_query_requests_total", "Requests answered, by route and HTTP status code.", ("route", "status")
)
DURATION = Declared(
    "spanhouse_query_request_duration_seconds", "Seconds from the arrival of a request to its answer.", ("route",)
)
RUNNING = Declared("spanhouse_query_requests_running", "Requests that are being answered.", ())
ABANDONED = Declared(
    "spanhouse_query_requests_abandoned_total", "Requests whose client went away before the answer.", ("route",)
)


class QueryMetrics:
    """The metrics on one registry; a registry takes them once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(REQUESTS.name, REQUESTS.description, REQUESTS.labels, registry=registry)
        self.duration = Histogram(
            DURATION.name, DURATION.description, DURATION.labels, registry=registry, buckets=_SECONDS
        )
        self.running = Gauge(RUNNING.name, RUNNING.description, RUNNING.labels, registry=registry)
        self.abandoned = Counter(ABANDONED.name, ABANDONED.description, ABANDONED.labels, registry=registry)
