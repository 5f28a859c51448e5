"""What the collector can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spanhouse_storage import Retention

MIB = 1 << 20
EVERY_OTHER = "*"


@dataclass(frozen=True, slots=True)
class Rate:
    """What a tenant may send in a second; None is without limit. All are more than 0."""

    bytes: float | None = None
    spans: float | None = None
    points: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupConfig:
    """When minutes are rolled up.

    lookback: minutes between the halves of a call, at most. settle: seconds after its end before a minute is rolled up
    for the first time. every: seconds between two steps. recheck: seconds after which a minute with missing parents is
    computed again, as it is once more after the lookback. retention: how long halves of calls are kept. memory: bytes
    of the engine that one statement may take; minutes that need more are computed in slices.
    """

    lookback: int = 15
    settle: float = 30.0
    every: float = 10.0
    recheck: float = 120.0
    retention: Retention = field(default_factory=Retention)
    memory: int = 400 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorConfig:
    """Limits and addresses of the receive path.

    otlp_grpc: HOST:PORT for OTLP/gRPC, port 0 for any free one, or unix:PATH. max_body: bytes of a request body after
    decompression. segment_bytes, segment_age: a segment is closed at this size or this many seconds after its first
    frame, whichever comes first; one of metrics after metrics_segment_age. log_quota: bytes of accepted but not yet
    stored requests on disk, of all signals, past which senders are asked to wait. max_items: spans or metric points of
    one request; more would take too much memory at once, however short they are. max_series: series of one metric and
    tenant that are seen within a day; new ones beyond are refused and counted. pending_bytes: bytes of requests in
    memory, from the first that is read of one until it is answered. max_requests: requests under way at once, on all
    transports. grpc_max_connection_age: seconds after which a gRPC connection is asked to be made anew; None is never.
    cors_origins: origins whose browser pages may send over HTTP, `*` for all. log_sync: when what is written to the log
    is made durable, "always" before it is acknowledged, "interval" every log_sync_interval seconds, or "never" by us.
    disk_reserve: bytes of the log's disk that are left free for storing what was accepted. tenant_rates: what tenants
    may send, by name, and under `EVERY_OTHER` each that is not named.
    """

    otlp_grpc: str = "127.0.0.1:4317"
    max_body: int = 10 * MIB
    max_items: int = 100_000
    max_series: int = 100_000
    segment_bytes: int = 16 * MIB
    segment_age: float = 1.0
    metrics_segment_age: float = 5.0
    log_quota: int = 4096 * MIB
    log_sync: str = "always"
    log_sync_interval: float = 0.1
    disk_reserve: int = 256 * MIB
    pending_bytes: int = 64 * MIB
    max_requests: int = 1024
    grpc_max_connection_age: float | None = None
    cors_origins: tuple[str, ...] = ()
    tenant_rates: Mapping[str, Rate] = field(default_factory=dict)
    rollup: RollupConfig = field(default_factory=RollupConfig)
