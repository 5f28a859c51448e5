"""The collector's instruments."""

from __future__ import annotations

from itertools import product

from prometheus_client import CollectorRegistry

from spanhouse_collector.errors import ANSWERS, Cause
from spanhouse_collector.observation import declared
from spanhouse_collector.signals import SIGNALS, Checked, OtlpSignal

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
        return self.label_if_known(tenant)

    def label_if_known(self, tenant: str) -> str:
        """The same, for one that is only read of in the store: it takes no label from those that send."""
        return tenant if tenant in self._known else _OTHERS


class Metrics:
    """What `declared` names, on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tenants = TenantLabels()

        self.requests = declared.REQUESTS.counter(registry)
        self.overloaded = declared.OVERLOADED.counter(registry)
        self.request_bytes = declared.REQUEST_BYTES.histogram(registry)
        self.accepted = {
            "spans": declared.ACCEPTED.counter(registry),
            "points": declared.ACCEPTED_POINTS.counter(registry),
        }
        self.rejected = {
            "spans": declared.REJECTED.counter(registry),
            "points": declared.REJECTED_POINTS.counter(registry),
        }
        self.rate_limited = declared.RATE_LIMITED.counter(registry)
        self.received_bytes = declared.RECEIVED_BYTES.counter(registry)
        self.ack_seconds = declared.ACK_SECONDS.histogram(registry)
        self.running = declared.RUNNING.gauge(registry)
        self.running_limit = declared.RUNNING_LIMIT.gauge(registry)
        self.pending_bytes = declared.PENDING_BYTES.gauge(registry)
        self.pending_limit = declared.PENDING_LIMIT.gauge(registry)

        self.group_requests = declared.GROUP_REQUESTS.histogram(registry)
        self.write_seconds = declared.WRITE_SECONDS.histogram(registry)
        self.fsync_seconds = declared.FSYNC_SECONDS.histogram(registry)
        self.write_failures = declared.WRITE_FAILURES.counter(registry)
        self.sync_failures = declared.SYNC_FAILURES.counter(registry)
        self.segment_bytes = declared.SEGMENT_BYTES.histogram(registry)
        self.segment_age = declared.SEGMENT_AGE.histogram(registry)
        self.log_bytes = declared.LOG_BYTES.gauge(registry)
        self.log_quota = declared.LOG_QUOTA.gauge(registry)
        self.log_segments = declared.LOG_SEGMENTS.gauge(registry)
        self.log_oldest = declared.LOG_OLDEST.gauge(registry)
        self.disk_free = declared.DISK_FREE.gauge(registry)
        self.disk_reserve = declared.DISK_RESERVE.gauge(registry)

        self.segments = declared.SEGMENTS.counter(registry)
        self.load_seconds = declared.LOAD_SECONDS.histogram(registry)
        self.load_failures = declared.LOAD_FAILURES.counter(registry)
        self.load_failing = declared.LOAD_TROUBLE.gauge(registry)
        self.stored = {"spans": declared.STORED.counter(registry), "points": declared.STORED_POINTS.counter(registry)}
        self.ingest_lag = declared.INGEST_LAG.histogram(registry)
        self.truncated = declared.TRUNCATED.gauge(registry)
        self.refused_points = declared.REFUSED_POINTS.gauge(registry)
        self.full_metrics = declared.FULL_METRICS.gauge(registry)
        self.quarantined = declared.QUARANTINED.counter(registry)
        self.quarantine_items = declared.QUARANTINE_ITEMS.gauge(registry)
        self.quarantine_bytes = declared.QUARANTINE_BYTES.gauge(registry)

        self.edge_minutes = declared.EDGE_MINUTES.counter(registry)
        self.edge_minutes_too_late = declared.EDGE_MINUTES_TOO_LATE.counter(registry)
        self.edge_step_seconds = declared.EDGE_STEP_SECONDS.histogram(registry)
        self.edge_failures = declared.EDGE_FAILURES.counter(registry)
        self.edge_lag = declared.EDGE_LAG.gauge(registry)
        self.edge_waiting = declared.EDGE_WAITING.gauge(registry)

        self.metric_rollup_failures = declared.METRIC_ROLLUP_FAILURES.counter(registry)
        self.metric_rollup_lag = declared.METRIC_ROLLUP_LAG.gauge(registry)

        self.engine_memory = declared.ENGINE_MEMORY.gauge(registry)
        self.table_parts = declared.TABLE_PARTS.gauge(registry)
        self.table_partition_parts = declared.TABLE_PARTITION_PARTS.gauge(registry)
        self.table_rows = declared.TABLE_ROWS.gauge(registry)
        self.table_bytes = declared.TABLE_BYTES.gauge(registry)
        self.level_poll_failures = declared.LEVEL_POLL_FAILURES.counter(registry)
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Show what has not happened yet, where all that can is known: or the first time would be no rise."""
        for signal, transport in product(SIGNALS, ("grpc", "http")):
            for outcome in ("accepted", "duplicate", *(answer.reason for answer in ANSWERS.values())):
                self.requests.labels(signal, transport, outcome)
        for cause in Cause:
            self.overloaded.labels(cause)
        for signal, outcome in product(SIGNALS, ("stored", "isolated", "unreadable", "forgotten")):
            self.segments.labels(signal, outcome)

    def of(self, signal: OtlpSignal) -> SignalMetrics:
        """Those of one signal's log and loader."""
        return SignalMetrics(self, signal)

    def count_quarantined(self, tenant: str, reason: str, requests: int) -> None:
        """Count what was put into quarantine; tenant "" where nobody knows whose it is."""
        self.quarantined.labels(self.tenants.label(tenant) if tenant else "", reason).inc(requests)


class SignalMetrics:
    """The instruments of `metrics` as one signal's request path, log and loader use them."""

    def __init__(self, metrics: Metrics, signal: OtlpSignal) -> None:
        self._metrics = metrics
        self._signal = signal.name
        self._accepted = metrics.accepted[signal.items]
        self._rejected = metrics.rejected[signal.items]
        self.stored = metrics.stored[signal.items]
        self.group_requests = metrics.group_requests
        self.write_seconds = metrics.write_seconds
        self.fsync_seconds = metrics.fsync_seconds
        self.write_failures = metrics.write_failures
        self.sync_failures = metrics.sync_failures
        self.segment_bytes = metrics.segment_bytes.labels(self._signal)
        self.sealed_age = metrics.segment_age.labels(self._signal, "sealed")
        self.load_age = metrics.segment_age.labels(self._signal, "load")
        self.log_segments = metrics.log_segments.labels(self._signal)
        self.log_oldest = metrics.log_oldest.labels(self._signal)
        self.load_seconds = metrics.load_seconds.labels(self._signal)
        self.load_failures = metrics.load_failures.labels(self._signal)
        self.load_failing = metrics.load_failing.labels(self._signal)
        self.ingest_lag = metrics.ingest_lag.labels(self._signal)

    def count_request(self, transport: str, outcome: str) -> None:
        """Count a request by what became of it."""
        self._metrics.requests.labels(self._signal, transport, outcome).inc()

    def count_accepted(self, tenant: str, transport: str, size: int, checked: Checked) -> None:
        """Count a request of `size` bytes that is durable, and what is in it."""
        label = self._metrics.tenants.label(tenant)
        self._accepted.labels(label).inc(checked.items - checked.rejected)
        self._metrics.received_bytes.labels(label).inc(size)
        self._metrics.request_bytes.labels(transport).observe(size)
        if checked.rejected:
            self._rejected.labels(label).inc(checked.rejected)

    def count_segment(self, outcome: str) -> None:
        """Count a segment by what became of it."""
        self._metrics.segments.labels(self._signal, outcome).inc()
