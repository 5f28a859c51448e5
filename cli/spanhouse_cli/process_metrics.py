"""What every process of Spanhouse tells of itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, ProcessCollector
from spanhouse_storage.declared_metric import DeclaredMetric

BUILD = DeclaredMetric("spanhouse_build_info", "gauge", "", "1, with what runs as labels.", ("service", "version"))


def describe_process(registry: CollectorRegistry, *, service: str, version: str) -> None:
    """Put them on `registry`: what is declared here and the standard `process_...` metrics."""
    BUILD.gauge(registry).labels(service, version).set(1)
    ProcessCollector(registry=registry)
