"""Metrics as they are stored."""

from spanhouse_query.series.stored.source import StoredMetrics

__all__ = ["StoredMetrics"]
