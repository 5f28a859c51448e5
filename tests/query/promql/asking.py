"""PromQL asked of the service in process."""

from __future__ import annotations

from typing import Any

from tests.query.metric_queries.feeding import START
from tests.query.service import Service
from tests.support.spans import SECOND

API = "/prometheus/api/v1"


def at(seconds: float) -> int:
    """Unix nanoseconds of so many seconds after the hour in which tests have their points."""
    return START + round(seconds * SECOND)


def instant(service: Service, tenant: str, query: str, seconds: float) -> Any:
    """The result of a query at so many seconds after that hour."""
    parameters = {"query": query, "time": at(seconds) / SECOND}
    return service.get(f"{API}/query", parameters, tenant=tenant)["data"]["result"]


def value(service: Service, tenant: str, query: str, seconds: float) -> float:
    """The number of the only series of a query."""
    (one,) = instant(service, tenant, query, seconds)
    return float(one["value"][1])


def by_labels(result: Any) -> dict[tuple[tuple[str, str], ...], float]:
    """The numbers of series by their labels, in the order of these, without the name."""
    return {
        tuple(sorted((name, text) for name, text in one["metric"].items() if name != "__name__")): float(
            one["value"][1]
        )
        for one in result
    }


def ranged(service: Service, tenant: str, query: str, first: float, last: float, step: float) -> Any:
    """The result of a query over steps."""
    parameters = {"query": query, "start": at(first) / SECOND, "end": at(last) / SECOND, "step": step}
    return service.get(f"{API}/query_range", parameters, tenant=tenant)["data"]["result"]
