"""What the query service counts and measures, each with its unit and meaning. docs/metrics.md is made from these."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from spanhouse_storage import Store
from spanhouse_storage.declared_metric import DeclaredMetric

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = DeclaredMetric(
    "spanhouse_query_requests_total",
    "counter",
    "requests",
    "Requests answered, by route and HTTP status code.",
    ("route", "status"),
)
DURATION = DeclaredMetric(
    "spanhouse_query_request_duration_seconds",
    "histogram",
    "seconds",
    "From the arrival of a request to its answer.",
    ("route",),
    _SECONDS,
)
RUNNING = DeclaredMetric("spanhouse_query_requests_running", "gauge", "requests", "Requests that are being answered.")
ABANDONED = DeclaredMetric(
    "spanhouse_query_requests_abandoned_total",
    "counter",
    "requests",
    "Requests whose client went away before the answer; their queries are stopped.",
    ("route",),
)
FAILURES = DeclaredMetric(
    "spanhouse_query_requests_failed_total",
    "counter",
    "requests",
    "Requests whose queries gave no answer, by the type of the problem that the client is told: query-timeout and "
    "query-too-large (a limit), query-cancelled (the service stops), store-unavailable, store-error.",
    ("problem",),
)
BUSY = DeclaredMetric("spanhouse_query_clients_busy", "gauge", "clients", "Clients of the engine that run a query.")
CLIENTS = DeclaredMetric(
    "spanhouse_query_clients_limit", "gauge", "clients", "How many there may be (`query_clients`)."
)
QUEUE = DeclaredMetric("spanhouse_query_queue_size", "gauge", "queries", "Queries that wait for a client.")

_PROBLEMS = ("query-timeout", "query-too-large", "query-cancelled", "store-unavailable", "store-error")


class QueryMetrics:
    """The metrics on one registry; a registry takes them once."""

    def __init__(self, registry: CollectorRegistry, store: Store) -> None:
        self.requests = REQUESTS.counter(registry)
        self.duration = DURATION.histogram(registry)
        self.running = RUNNING.gauge(registry)
        self.abandoned = ABANDONED.counter(registry)
        self.failures = FAILURES.counter(registry)
        for problem in _PROBLEMS:
            self.failures.labels(problem)
        BUSY.gauge(registry).set_function(lambda: store.queries.busy)
        CLIENTS.gauge(registry).set(store.queries.size)
        QUEUE.gauge(registry).set_function(lambda: store.queries.waiting)

    def count_failure(self, problem: str) -> None:
        """Count a request that ended with this type of problem."""
        self.failures.labels(problem).inc()
