"""Metrics made from spans, under the names that Grafana's service graph asks for."""

from spanhouse_query.span_metrics.all_metrics import AllMetrics, metrics_of
from spanhouse_query.span_metrics.source import SpanMetrics

__all__ = ["AllMetrics", "SpanMetrics", "metrics_of"]
