"""PromQL over metrics made from spans, at the times of these."""

from __future__ import annotations

import time
from typing import Any

from tests.query.service import Service
from tests.support.spans import SECOND

API = "/prometheus/api/v1"
MINUTE = 60 * SECOND
START = (time.time_ns() // MINUTE - 20) * MINUTE
"""A whole minute, unix nanoseconds."""

Labels = tuple[tuple[str, str], ...]


def at(minutes: float) -> float:
    """Unix seconds of so many minutes after START."""
    return (START + round(minutes * MINUTE)) / SECOND


def instant(service: Service, tenant: str, query: str, minutes: float) -> list[dict[str, Any]]:
    """The result of a query at so many minutes after START."""
    answer = service.get(f"{API}/query", {"query": query, "time": at(minutes)}, tenant=tenant)
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def numbers(service: Service, tenant: str, query: str, minutes: float) -> dict[Labels, float]:
    """The numbers of its series by their labels, without the name."""
    found = instant(service, tenant, query, minutes)
    return {
        tuple(sorted(pair for pair in one["metric"].items() if pair[0] != "__name__")): float(one["value"][1])
        for one in found
    }


def number(service: Service, tenant: str, query: str, minutes: float) -> float:
    """The number of its only series."""
    (one,) = numbers(service, tenant, query, minutes).values()
    return one


def ranged(service: Service, tenant: str, query: str, minutes: tuple[float, float], step: int) -> list[dict[str, Any]]:
    """The result over steps of so many seconds."""
    parameters = {"query": query, "start": at(minutes[0]), "end": at(minutes[1]), "step": step}
    found: list[dict[str, Any]] = service.get(f"{API}/query_range", parameters, tenant=tenant)["data"]["result"]
    return found
