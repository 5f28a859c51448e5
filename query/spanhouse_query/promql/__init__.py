"""PromQL over stored metrics, and Prometheus' HTTP API around it."""

from spanhouse_query.promql.app import PrometheusApp
from spanhouse_query.promql.endpoints import ENDPOINTS

__all__ = ["ENDPOINTS", "PrometheusApp"]
