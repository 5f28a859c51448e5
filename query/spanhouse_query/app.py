"""The query service as an ASGI application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry
from spanhouse_storage import Store
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from spanhouse_query import heatmap, latency, page, probes, promql, services
from spanhouse_query.config import QueryConfig
from spanhouse_query.disconnect import DisconnectMiddleware
from spanhouse_query.endpoint import Endpoint, EndpointApp, http_problem
from spanhouse_query.metric_queries import attributes, catalogue, query, query_range, trend
from spanhouse_query.metrics import QueryMetrics
from spanhouse_query.observation import Observed
from spanhouse_query.openapi import openapi_endpoint
from spanhouse_query.probes import metrics_endpoint
from spanhouse_query.promql import PrometheusApp
from spanhouse_query.service_map import diff, edge_series, service_map
from spanhouse_query.service_map.settled_totals import SettledTotals
from spanhouse_query.status import status_endpoint
from spanhouse_query.topology import topology
from spanhouse_query.traces import search
from spanhouse_query.traces import trace as one_trace

_DEFAULT = QueryConfig()


def create_app(
    store: Store,
    *,
    registry: CollectorRegistry,
    ingest: Callable[[], dict[str, Any]] | None = None,
    settings: QueryConfig = _DEFAULT,
) -> Starlette:
    """The application over an open store, which stays the caller's to close.

    registry: what /metrics shows; the service's own metrics are added to it. ingest: what the receiver in the same
    process did, as /api/v1/status shows it.
    """
    endpoints = [
        *services.ENDPOINTS,
        *service_map.ENDPOINTS,
        *diff.ENDPOINTS,
        *edge_series.ENDPOINTS,
        *topology.ENDPOINTS,
        *latency.ENDPOINTS,
        *heatmap.ENDPOINTS,
        *search.ENDPOINTS,
        *one_trace.ENDPOINTS,
        *catalogue.ENDPOINTS,
        *attributes.ENDPOINTS,
        *query.ENDPOINTS,
        *query_range.ENDPOINTS,
        *trend.ENDPOINTS,
        status_endpoint(ingest),
        *probes.probe_endpoints(ingest),
        metrics_endpoint(registry),
        page.page_endpoint(settings),
    ]
    endpoints.append(openapi_endpoint([*endpoints, *promql.ENDPOINTS]))
    metrics = QueryMetrics(registry, store)
    settled = SettledTotals()
    apps = [
        *((endpoint, EndpointApp) for endpoint in endpoints),
        *((endpoint, PrometheusApp) for endpoint in promql.ENDPOINTS),
    ]
    return Starlette(
        routes=[
            _route(endpoint, app(endpoint, store, settings, failed=metrics.count_failure, settled=settled), metrics)
            for endpoint, app in apps
        ],
        middleware=[Middleware(DisconnectMiddleware), Middleware(GZipMiddleware, compresslevel=4)],
        exception_handlers={HTTPException: http_problem},
    )


def _route(endpoint: Endpoint, app: EndpointApp, metrics: QueryMetrics) -> Route:
    """Probes and scrapes are not observed: they would drown the rest."""
    answer = Observed(app, endpoint.path.replace(":path", ""), metrics) if endpoint.observed else app
    return Route(endpoint.path, answer.__call__, methods=list(endpoint.methods))
