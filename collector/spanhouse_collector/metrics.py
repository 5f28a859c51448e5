"""What the collector counts, declared once with its unit and meaning."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_TENANTS = 100
_OTHERS = "other"


class TenantLabels:
    """Labels for tenants: the first hundred by name, all others as one, because anybody can invent names."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def label(self, tenant: str) -> str:
        """What `tenant` is counted under."""
        if len(self._known) < _TENANTS:
            self._known.add(tenant)
        return tenant if tenant in self._known else _OTHERS


class Metrics:
    """The collector's instruments on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tenants = TenantLabels()
        self.requests = Counter(
            "spanhouse_otlp_requests",
            "OTLP requests by what became of them: accepted, duplicate, or why they were refused.",
            ("signal", "transport", "outcome"),
            registry=registry,
        )
        self.accepted = Counter(
            "spanhouse_spans_accepted", "Spans acknowledged as durable.", ("tenant",), registry=registry
        )
        self.rejected = Counter(
            "spanhouse_spans_rejected",
            "Spans of acknowledged requests that were not stored because of invalid ids.",
            ("tenant",),
            registry=registry,
        )
        self.received_bytes = Counter(
            "spanhouse_received_bytes", "Bytes of accepted requests, decompressed.", ("tenant",), registry=registry
        )
        self.ack_seconds = Histogram(
            "spanhouse_ack_seconds",
            "Seconds from a complete request to its acknowledgement.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )
        self.stored = Counter("spanhouse_spans_stored", "Spans the engine has stored.", registry=registry)
        self.segments = Counter(
            "spanhouse_segments",
            "Segments by what became of them: stored, isolated (the engine refused a part), unreadable (the file), "
            "forgotten (stored in part so long ago that the engine has forgotten it: put into quarantine).",
            ("outcome",),
            registry=registry,
        )
        self.load_seconds = Histogram(
            "spanhouse_segment_load_seconds",
            "Seconds the engine took for a segment.",
            buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self.load_failures = Counter(
            "spanhouse_segment_load_failures", "Loads that failed and are tried again.", registry=registry
        )
        self.quarantined = Counter(
            "spanhouse_frames_quarantined",
            "Requests and damaged pieces of the log that were put into quarantine.",
            ("tenant", "reason"),
            registry=registry,
        )
        self.edge_minutes = Counter(
            "spanhouse_edge_minutes", "Minutes of the service map that were rolled up.", registry=registry
        )
        self.edge_minutes_too_late = Counter(
            "spanhouse_edge_minutes_too_late",
            "Minutes that got spans after retention_spans, and are not rolled up anew.",
            registry=registry,
        )
        self.log_bytes = Gauge("spanhouse_log_bytes", "Bytes accepted and not yet stored, on disk.", registry=registry)
        self.log_segments = Gauge(
            "spanhouse_log_segments", "Sealed segments that wait for the engine.", registry=registry
        )

    def count_quarantined(self, tenant: str, reason: str, requests: int) -> None:
        """Count what was put into quarantine; tenant "" where nobody knows whose it is."""
        self.quarantined.labels(self.tenants.label(tenant) if tenant else "", reason).inc(requests)
