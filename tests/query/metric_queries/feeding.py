"""Metrics fed to the store behind the query service, at instants that tests choose."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from spanhouse_storage import METRICS

from tests.query.service import Service
from tests.support.metrics import metrics_request, metrics_segment
from tests.support.spans import SECOND, Value

MINUTE = 60 * SECOND
START = (time.time_ns() // (60 * MINUTE) - 2) * 60 * MINUTE
"""A whole hour, long past: steps of windows after it have all ended."""


def feed(
    service: Service,
    tenant: str,
    metrics: Mapping[str, Sequence[Metric]],
    *,
    scope: str = "meter",
    resource: Mapping[str, Value] | None = None,
) -> None:
    """Store the metrics of each service."""
    feed_requests(service, tenant, [metrics_request(metrics, scope=scope, resource=resource)])


def feed_requests(service: Service, tenant: str, requests: Sequence[ExportMetricsServiceRequest]) -> None:
    """Store one segment with these requests."""
    path = Path(service.folder) / secrets.token_hex(8)
    path.write_bytes(metrics_segment(requests, tenant=tenant))
    service.store.insert_segment(path, path.name, METRICS)
    path.unlink()


def values(answer: Any) -> dict[tuple[str | None, ...], list[Any]]:
    """The values of series over time by group."""
    return {tuple(one["group"].values()): [point["value"] for point in one["points"]] for one in answer["series"]}


def numbers(answer: Any) -> dict[tuple[str | None, ...], Any]:
    """The values of groups."""
    return {tuple(one["group"].values()): one["value"] for one in answer["groups"]}
