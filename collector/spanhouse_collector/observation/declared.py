"""What the collector counts and measures, each with its unit and meaning. docs/metrics.md is made from these."""

from __future__ import annotations

from spanhouse_storage.declared_metric import DeclaredMetric

_SHORT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_LONG = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
_BYTES = tuple(float(1 << power) for power in range(10, 26, 2))

# The way in.
REQUESTS = DeclaredMetric(
    "spanhouse_otlp_requests_total",
    "counter",
    "requests",
    "OTLP requests by what became of them: accepted, duplicate, or why they were refused.",
    ("signal", "transport", "outcome"),
)
OVERLOADED = DeclaredMetric(
    "spanhouse_otlp_requests_overloaded_total",
    "counter",
    "requests",
    "OTLP requests that were told to come again, by cause: requests (max_requests), memory, log_quota, disk_reserve, "
    "write (the disk does not take it), rate (tenant_rates), slow_body, starting, stopping, failure (see the log).",
    ("cause",),
)
REQUEST_BYTES = DeclaredMetric(
    "spanhouse_otlp_request_size_bytes",
    "histogram",
    "bytes",
    "Size of accepted requests, decompressed, as protobuf.",
    ("transport",),
    _BYTES,
)
ACCEPTED = DeclaredMetric(
    "spanhouse_spans_accepted_total", "counter", "spans", "Spans acknowledged as durable.", ("tenant",)
)
REJECTED = DeclaredMetric(
    "spanhouse_spans_rejected_total",
    "counter",
    "spans",
    "Spans of acknowledged requests that were not stored because of invalid ids.",
    ("tenant",),
)
ACCEPTED_POINTS = DeclaredMetric(
    "spanhouse_metric_points_accepted_total", "counter", "points", "Metric points acknowledged as durable.", ("tenant",)
)
REJECTED_POINTS = DeclaredMetric(
    "spanhouse_metric_points_rejected_total",
    "counter",
    "points",
    "Metric points of acknowledged requests that were not stored: of a time that is not believed, without a name or a "
    "value, or histograms that contradict themselves.",
    ("tenant",),
)
RATE_LIMITED = DeclaredMetric(
    "spanhouse_otlp_requests_rate_limited_total",
    "counter",
    "requests",
    "OTLP requests that were refused because their tenant sends faster than `tenant_rates` allows.",
    ("tenant",),
)
RECEIVED_BYTES = DeclaredMetric(
    "spanhouse_received_bytes_total", "counter", "bytes", "Bytes of accepted requests, decompressed.", ("tenant",)
)
ACK_SECONDS = DeclaredMetric(
    "spanhouse_ack_seconds",
    "histogram",
    "seconds",
    "From a complete request to its acknowledgement.",
    buckets=_SHORT[1:],
)
RUNNING = DeclaredMetric(
    "spanhouse_otlp_requests_running", "gauge", "requests", "OTLP requests under way, from headers to answer."
)
RUNNING_LIMIT = DeclaredMetric(
    "spanhouse_otlp_requests_limit", "gauge", "requests", "How many may be under way at once (`max_requests`)."
)
PENDING_BYTES = DeclaredMetric(
    "spanhouse_pending_bytes", "gauge", "bytes", "Bodies of the requests under way, in memory."
)
PENDING_LIMIT = DeclaredMetric(
    "spanhouse_pending_limit_bytes",
    "gauge",
    "bytes",
    "How much of them may be in memory; past it, requests are refused.",
)

# The log.
GROUP_REQUESTS = DeclaredMetric(
    "spanhouse_log_group_requests",
    "histogram",
    "requests",
    "Requests that were written to the log at once, and with `log_sync: always` share one fsync.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
WRITE_SECONDS = DeclaredMetric(
    "spanhouse_log_write_seconds", "histogram", "seconds", "Writing such a group, its fsync included.", buckets=_SHORT
)
FSYNC_SECONDS = DeclaredMetric(
    "spanhouse_log_fsync_seconds", "histogram", "seconds", "Forcing the log's file to the disk.", buckets=_SHORT
)
WRITE_FAILURES = DeclaredMetric(
    "spanhouse_log_write_failures_total",
    "counter",
    "groups",
    "Groups of requests that could not be written, their fsync included where they wait for it: not acknowledged, "
    "their senders were told to wait.",
)
SYNC_FAILURES = DeclaredMetric(
    "spanhouse_log_sync_failures_total",
    "counter",
    "syncs",
    "Syncs of the log that failed behind the acknowledgements, with `log_sync: interval`: a loss of power may lose "
    "spans that were acknowledged.",
)
SEGMENT_BYTES = DeclaredMetric(
    "spanhouse_segment_size_bytes",
    "histogram",
    "bytes",
    "Size of segments when they are sealed.",
    ("signal",),
    _BYTES,
)
SEGMENT_AGE = DeclaredMetric(
    "spanhouse_segment_age_seconds",
    "histogram",
    "seconds",
    "From the opening of a segment to a step of it: `sealed`, when nothing more is written to it, and `load`, when the "
    "load that stored it began. The difference of the two is what it waited. Without what was given back from "
    "quarantine.",
    ("signal", "step"),
    _LONG,
)
LOG_BYTES = DeclaredMetric("spanhouse_log_bytes", "gauge", "bytes", "Accepted and not yet stored, on disk.")
LOG_QUOTA = DeclaredMetric(
    "spanhouse_log_quota_bytes", "gauge", "bytes", "How much that may be (`log_quota`); past it, requests are refused."
)
LOG_SEGMENTS = DeclaredMetric(
    "spanhouse_log_segments", "gauge", "segments", "Sealed segments that wait for the engine.", ("signal",)
)
LOG_OLDEST = DeclaredMetric(
    "spanhouse_log_oldest_seconds",
    "gauge",
    "seconds",
    "Age of the oldest sealed segment that is not stored yet, 0 without one: how far queries lag behind now, which "
    "`spanhouse_ingest_lag_seconds` cannot say as long as nothing is stored. Without what was given back from "
    "quarantine.",
    ("signal",),
)
DISK_FREE = DeclaredMetric(
    "spanhouse_log_disk_free_bytes", "gauge", "bytes", "Free on the disk of the log; NaN where it cannot be asked."
)
DISK_RESERVE = DeclaredMetric(
    "spanhouse_log_disk_reserve_bytes",
    "gauge",
    "bytes",
    "What is left free there for storing (`disk_reserve`); with less, requests are refused.",
)

# Into the engine.
SEGMENTS = DeclaredMetric(
    "spanhouse_segments_total",
    "counter",
    "segments",
    "Segments by what became of them: stored, isolated (the engine refused a part), unreadable (the file), forgotten "
    "(stored in part so long ago that the engine has forgotten it: put into quarantine).",
    ("signal", "outcome"),
)
LOAD_SECONDS = DeclaredMetric(
    "spanhouse_segment_load_seconds",
    "histogram",
    "seconds",
    "What the engine took to store a segment.",
    ("signal",),
    (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
LOAD_FAILURES = DeclaredMetric(
    "spanhouse_segment_load_failures_total", "counter", "loads", "Loads that failed and are tried again.", ("signal",)
)
LOAD_TROUBLE = DeclaredMetric(
    "spanhouse_segment_load_failing",
    "gauge",
    "",
    "1 from a load that failed to the next one that did not.",
    ("signal",),
)
STORED = DeclaredMetric("spanhouse_spans_stored_total", "counter", "spans", "Spans the engine has stored.")
STORED_POINTS = DeclaredMetric(
    "spanhouse_metric_points_stored_total", "counter", "points", "Metric points the engine has stored."
)
INGEST_LAG = DeclaredMetric(
    "spanhouse_ingest_lag_seconds",
    "histogram",
    "seconds",
    "From the opening of a segment to its being queryable, for each that is stored, without those that were given back"
    " from quarantine. Nothing in a segment is acknowledged before it is opened, so nothing in it took longer from its"
    " acknowledgement to the first query that finds it.",
    ("signal",),
    _LONG,
)
TRUNCATED = DeclaredMetric(
    "spanhouse_stored_truncated_spans",
    "gauge",
    "spans",
    "Spans in the store that were sent with more than is stored of a span, as many as `retention_days` keeps count of; "
    "asked for every five minutes. Each collector of a store tells those of all: take `max by (tenant)`, not the sum. "
    "Tenants that have not sent to this collector since it started are `other`.",
    ("tenant",),
)
REFUSED_POINTS = DeclaredMetric(
    "spanhouse_metric_points_refused",
    "gauge",
    "points",
    "Acknowledged metric points that are not in the store because their metric has as many series as `max_series` "
    "allows, as many as `retention_hours` keeps count of. Each collector of a store tells those of all: take "
    "`max by (tenant)`, not the sum. Tenants that have not sent to this collector since it started are `other`.",
    ("tenant",),
)
FULL_METRICS = DeclaredMetric(
    "spanhouse_full_metrics",
    "gauge",
    "metrics",
    "Metrics, of all tenants, that have as many series as `max_series` allows.",
)
QUARANTINED = DeclaredMetric(
    "spanhouse_frames_quarantined_total",
    "counter",
    "requests",
    "Requests and damaged pieces of the log that were put into quarantine.",
    ("tenant", "reason"),
)
QUARANTINE_ITEMS = DeclaredMetric(
    "spanhouse_quarantine_items", "gauge", "files", "What is in quarantine, whatever waits to be tried again included."
)
QUARANTINE_BYTES = DeclaredMetric("spanhouse_quarantine_bytes", "gauge", "bytes", "Size of that.")

# The service map's rollup.
EDGE_MINUTES = DeclaredMetric(
    "spanhouse_edge_minutes_total", "counter", "minutes", "Minutes of the service map that were rolled up."
)
EDGE_MINUTES_TOO_LATE = DeclaredMetric(
    "spanhouse_edge_minutes_too_late_total",
    "counter",
    "minutes",
    "Minutes that got spans after retention_spans, and are not rolled up anew.",
)
EDGE_STEP_SECONDS = DeclaredMetric(
    "spanhouse_edge_rollup_step_seconds",
    "histogram",
    "seconds",
    "A step of the rollup, which looks for what arrived since the last one and rolls up the minutes that are due.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
EDGE_FAILURES = DeclaredMetric(
    "spanhouse_edge_rollup_failures_total", "counter", "steps", "Steps that failed and are made again."
)
EDGE_LAG = DeclaredMetric(
    "spanhouse_edge_rollup_lag_seconds",
    "gauge",
    "seconds",
    "Since the beginning of the last step that succeeded, or the start: spans that were stored before are taken note "
    "of. The map matches later ones when it is asked.",
)
EDGE_WAITING = DeclaredMetric(
    "spanhouse_edge_minutes_waiting",
    "gauge",
    "minutes",
    "Minutes that spans arrived for and that are not rolled up yet; a minute that still goes on is one.",
)

# The rollup of metrics.
METRIC_ROLLUP_FAILURES = DeclaredMetric(
    "spanhouse_metric_rollup_failures_total",
    "counter",
    "steps",
    "Steps of the rollup of metrics that failed in whole or in part, and are made again.",
)
METRIC_ROLLUP_LAG = DeclaredMetric(
    "spanhouse_metric_rollup_lag_seconds",
    "gauge",
    "seconds",
    "Since the beginning of the last step that made all hours and days that were due, or the start. Queries read the "
    "points of those that are not made.",
)

# The engine, as the collector sees it.
ENGINE_MEMORY = DeclaredMetric(
    "spanhouse_engine_memory_bytes", "gauge", "bytes", "Memory that the engine counts as its own (MemoryTracking)."
)
TABLE_PARTS = DeclaredMetric("spanhouse_table_parts", "gauge", "parts", "Active parts of each table.", ("table",))
TABLE_PARTITION_PARTS = DeclaredMetric(
    "spanhouse_table_max_parts_per_partition",
    "gauge",
    "parts",
    "Active parts of the partition of each table that has most of them: ClickHouse slows inserts down at 1,000 in one "
    "partition and refuses them at 3,000, if it is not configured otherwise.",
    ("table",),
)
TABLE_ROWS = DeclaredMetric("spanhouse_table_rows", "gauge", "rows", "Rows in them.", ("table",))
TABLE_BYTES = DeclaredMetric("spanhouse_table_size_bytes", "gauge", "bytes", "Their size on disk.", ("table",))
LEVEL_POLL_FAILURES = DeclaredMetric(
    "spanhouse_level_poll_failures_total",
    "counter",
    "polls",
    "Times that levels could not be asked for in time, by which: quarantine, engine_memory, tables, series, "
    "truncated_spans; "
    "their figures stay what they were.",
    ("levels",),
)
