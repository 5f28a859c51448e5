"""What the query service can be told. The command line owns names, files and environment; this is the result."""

from __future__ import annotations

from dataclasses import dataclass, field

from spanhouse_storage import Retention

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryConfig:
    """Options of the query service.

    otlp_http, otlp_grpc: where to send data, as the start page shows it; empty where this process has no receiver.
    lookback: minutes between the two halves of a call, at most, where calls are matched when they are asked for; the
    same as the rollup's, or the map changes when a minute settles. retention: how long what is kept, as the collector
    enforces it.
    """

    otlp_http: str = ""
    otlp_grpc: str = ""
    lookback: int = 15
    retention: Retention = field(default_factory=Retention)
