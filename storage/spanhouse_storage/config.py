"""What the store needs to know to open an engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20
DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLimits:
    """Bounds of one query. The engine enforces them and the store names the one that was hit.

    seconds: wall time. memory: bytes. rows: rows read before filtering; 0 is unlimited. threads: cores at once.
    """

    seconds: float = 10.0
    memory: int = 400 * MIB
    rows: int = 0
    threads: int = 2

    def settings(self) -> dict[str, str | int | float]:
        """The engine's settings for these bounds; groups and sorts spill to disk at half of the memory."""
        return {
            "max_execution_time": self.seconds,
            "max_memory_usage": self.memory,
            "max_rows_to_read": self.rows,
            "max_threads": self.threads,
            "max_bytes_before_external_group_by": self.memory // 2,
            "max_bytes_before_external_sort": self.memory // 2,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long each tier is kept, in seconds; None is for ever (docs/adr/0008).

    spans: spans, traces and halves of calls. minutes, hours, days: rollups. Each is kept at least as long as the one
    before it.
    """

    spans: int = 7 * DAY
    minutes: int = 30 * DAY
    hours: int = 365 * DAY
    days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedConfig:
    """The engine inside this process. path: its data folder. memory: bytes for the whole engine, caches included."""

    path: Path
    memory: int = 1024 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """A ClickHouse server or cluster reached over HTTP(S).

    url: `http[s]://host[:port]`, port 8123 or 8443 by default. ca_cert: PEM file that signs the server's certificate,
    the system's store by default. connect_timeout in seconds.
    """

    url: str
    user: str = "default"
    password: str = field(default="", repr=False)
    database: str = "default"
    ca_cert: Path | None = None
    verify: bool = True
    connect_timeout: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """One store: where the engine is, how many queries run at once and how far each may go."""

    engine: EmbeddedConfig | ServerConfig
    query_clients: int = 4
    limits: QueryLimits = field(default_factory=QueryLimits)
