"""The options of Spanhouse: this table is all of them. See docs/configuration.md, which is made from it.

An option `data_dir` is `data_dir` in a YAML file, `SPANHOUSE_DATA_DIR` in the environment and `--data-dir` as a flag.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr
from pydantic.config import JsonDict
from pydantic_settings import BaseSettings, SettingsConfigDict

from spanhouse_cli.address import Address, UnixAddress
from spanhouse_cli.kinds import (
    Age,
    Choice,
    Count,
    Duration,
    EngineLocation,
    ExistingFile,
    FilePath,
    Folder,
    HttpUrl,
    Listen,
    Origins,
    Secret,
    Size,
    Switch,
    Text,
)
from spanhouse_cli.tenant_rates import TenantRate, TenantRates

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
GB = 10**9
DAY = 86_400

RECEIVE = "Addresses"
ACCESS = "Access"
STORE = "Store"
INGEST = "Ingest"
RETENTION = "Retention"
QUERY = "Queries"
OPERATION = "Operation"


def default_data_dir() -> Path:
    """The user's folder for data of programs (XDG Base Directory specification), with one for Spanhouse in it."""
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "share") / "spanhouse"


def _option(
    group: str,
    default: object,
    meaning: str,
    *,
    default_factory: Callable[[], object] | None = None,
    shown_default: str | None = None,
    flag: bool = True,
) -> Any:
    extra: JsonDict = {"group": group, "shown_default": shown_default, "flag": flag}
    if default_factory is not None:
        return Field(default_factory=default_factory, description=meaning, json_schema_extra=extra)
    return Field(default=default, description=meaning, json_schema_extra=extra)


class Settings(BaseSettings):
    """All options, checked; built once at start by `spanhouse_cli.configuration.load`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=False)

    otlp_grpc: Annotated[Address | UnixAddress, Listen(unix=True)] = _option(
        RECEIVE, Address("127.0.0.1", 4317), "Address at which OTLP/gRPC is received."
    )
    otlp_http: Annotated[Address | UnixAddress, Listen(unix=True)] = _option(
        RECEIVE, Address("127.0.0.1", 4318), "Address at which OTLP/HTTP is received."
    )
    http: Annotated[Address, Listen()] = _option(
        RECEIVE, Address("127.0.0.1", 8080), "Address of the query API, the web page, the probes and the metrics."
    )

    tls_cert: Annotated[Path | None, ExistingFile()] = _option(
        ACCESS,
        None,
        "PEM file with the certificate of this server, followed by those that lead to its authority. With it, all "
        "addresses but Unix sockets speak TLS alone. Changed files are taken over within seconds.",
    )
    tls_key: Annotated[Path | None, ExistingFile()] = _option(
        ACCESS, None, "PEM file with the private key of that certificate, not encrypted."
    )
    tls_client_ca: Annotated[Path | None, ExistingFile()] = _option(
        ACCESS,
        None,
        "PEM file with the authorities of the clients: who connects must show a certificate that one of them signed. "
        "Only `/healthz` and `/readyz` answer without.",
    )
    keys_file: Annotated[Path | None, FilePath()] = _option(
        ACCESS,
        None,
        "File with the hashes of API keys. With it, who sends OTLP must show one of the keys, and the key decides the "
        "tenant; without it, everybody may send for every tenant. `spanhouse keys` writes it. Queries need no key.",
    )
    cors_origins: Annotated[tuple[str, ...], Origins()] = _option(
        ACCESS, (), "Origins whose web pages may send OTLP/HTTP from browsers; `*` for all."
    )

    data_dir: Annotated[Path, Folder()] = _option(
        STORE,
        None,
        "Folder for all that is kept: the log of what was received, and the embedded engine's database. One process at "
        "a time uses it. With the embedded engine, none of { } * ? may stand in its path.",
        default_factory=default_data_dir,
        shown_default="$XDG_DATA_HOME/spanhouse or ~/.local/share/spanhouse",
    )
    store: Annotated[str, EngineLocation()] = _option(
        STORE,
        "embedded",
        "Where spans are stored: in the ClickHouse engine inside this process, or on a ClickHouse server.",
    )
    store_user: Annotated[str, Text()] = _option(STORE, "default", "User at the ClickHouse server.")
    store_password: Annotated[SecretStr, Secret()] = _option(
        STORE,
        SecretStr(""),
        "Password of that user. There is no flag, because everybody on a machine can read its command lines.",
        flag=False,
    )
    store_password_file: Annotated[Path | None, ExistingFile()] = _option(
        STORE, None, "File whose first line is that password, instead of `store_password`."
    )
    store_database: Annotated[str, Text()] = _option(
        STORE,
        "default",
        "Database at the ClickHouse server; `up`, `collector` and `migrate` make it if it does not exist.",
    )
    store_ca_cert: Annotated[Path | None, ExistingFile()] = _option(
        STORE,
        None,
        "PEM file with the authority that signed the server's certificate.",
        shown_default="the system's authorities",
    )
    store_verify: Annotated[bool, Switch()] = _option(
        STORE, True, "Check the server's certificate. Without that, anybody on the way can read and change the data."
    )
    store_wait: Annotated[float, Duration(0.0, 3600.0)] = _option(
        STORE,
        30.0,
        "How long to wait at start for a ClickHouse server that does not answer yet. After that the command ends with "
        "exit code 1, for its supervisor to start it again; once it runs, a collector waits as long as it has to.",
    )
    engine_memory: Annotated[int, Size(256 * MIB, TIB)] = _option(
        STORE, GB, "Memory that the embedded engine may take in all, caches included."
    )

    max_requests: Annotated[int, Count(1, 1_000_000)] = _option(
        INGEST,
        1024,
        "OTLP requests that are under way at once, over gRPC and HTTP together. More are told to try again later.",
    )
    grpc_max_connection_age: Annotated[float | None, Duration(1.0, 86_400.0, endless=True)] = _option(
        INGEST,
        None,
        "Age at which a gRPC connection is asked to be made anew, so that long-lived clients spread over new "
        "collectors; a tenth more or less, at random.",
    )
    max_body: Annotated[int, Size(KIB, GIB)] = _option(
        INGEST, 10 * MIB, "Largest OTLP request that is accepted, after decompression."
    )
    max_items: Annotated[int, Count(1, 10_000_000)] = _option(
        INGEST,
        100_000,
        "Most spans or metric points that one OTLP request may have; many short ones take memory that their size "
        "hides.",
    )
    max_series: Annotated[int, Count(1, 100_000_000)] = _option(
        INGEST,
        100_000,
        "Most series that one metric of a tenant may have within a day. Points of new ones beyond are acknowledged, "
        "not stored, and counted; those that are known go on.",
    )
    tenant_rates: Annotated[tuple[TenantRate, ...], TenantRates()] = _option(
        INGEST,
        (),
        "What each tenant may send in a second: bytes (decompressed), spans, metric points; `*` is every tenant that "
        "is not named, each for itself. Ten seconds' worth may come at once. Who sends faster is told to try again "
        "later.",
    )
    segment_bytes: Annotated[int, Size(64 * KIB, 256 * MIB)] = _option(
        INGEST,
        16 * MIB,
        "A segment of the log is handed to the engine when it has grown to this size, or, while others wait, to twice "
        "that or 64MiB, whichever is less, but never less than this.",
    )
    segment_age: Annotated[float, Duration(0.01, 60.0)] = _option(
        INGEST,
        1.0,
        "A segment of the log is handed to the engine at this age, however small; it is how far queries lag behind.",
    )
    metrics_segment_age: Annotated[float, Duration(0.01, 60.0)] = _option(
        INGEST,
        5.0,
        "The same for metrics: few points an export, so that more of them share what an insert costs.",
    )
    log_quota: Annotated[int, Size(MIB)] = _option(
        INGEST,
        4 * GIB,
        "Disk that received but not yet stored data may take. Past it, senders are told to try again later.",
    )
    log_sync: Annotated[str, Choice(("always", "interval", "never"))] = _option(
        INGEST,
        "always",
        "When received data is forced to the disk: before each answer, with one fsync for all who wait; every "
        "`log_sync_interval`, behind the answers; or when the system sees fit. A crash of Spanhouse loses nothing in "
        "any case; a loss of power loses nothing, the last interval, or about half a minute of what was acknowledged.",
    )
    log_sync_interval: Annotated[float, Duration(0.01, 60.0)] = _option(
        INGEST, 0.1, "How often received data is forced to the disk with `log_sync: interval`."
    )
    disk_reserve: Annotated[int, Size(0)] = _option(
        INGEST,
        256 * MIB,
        "Room that is left on the disk of `data_dir` for storing what was received. With less, senders are told to try "
        "again later. 0 leaves none.",
    )

    retention_spans: Annotated[int, Age(DAY, 30 * DAY)] = _option(
        RETENTION,
        7 * DAY,
        "How long spans and traces are kept. The service map takes in late spans for as long.",
    )
    retention_minutes: Annotated[int, Age(DAY, 366 * DAY)] = _option(
        RETENTION,
        30 * DAY,
        "How long points of metrics are kept, and rate, errors, duration and edges by minute. Older times are answered "
        "by the hour, of metrics gauges and sums.",
    )
    retention_hours: Annotated[int, Age(DAY, 3660 * DAY)] = _option(
        RETENTION, 365 * DAY, "How long they are kept by hour. Older times are answered by the day."
    )
    retention_days: Annotated[int | None, Age(DAY, 36_600 * DAY, endless=True)] = _option(
        RETENTION, None, "How long they are kept by day."
    )

    query_timeout: Annotated[float, Duration(0.001, 3600.0)] = _option(QUERY, 10.0, "Longest time for one query.")
    query_memory: Annotated[int, Size(16 * MIB, TIB)] = _option(
        QUERY, 400 * MIB, "Memory of the engine that one query may take."
    )
    query_rows: Annotated[int, Count(0)] = _option(
        QUERY, 0, "Rows that one query may read; 0 is without limit.", shown_default="0 (no limit)"
    )
    query_threads: Annotated[int, Count(1, 256)] = _option(QUERY, 2, "Cores that one query may use at once.")
    query_clients: Annotated[int, Count(1, 64)] = _option(
        QUERY, 4, "Queries that run at the same time; others wait for their turn."
    )

    log_level: Annotated[str, Choice(("debug", "info", "warning", "error"))] = _option(
        OPERATION, "info", "Least important messages that are still written to the log, on standard error."
    )
    log_format: Annotated[str, Choice(("text", "json"))] = _option(
        OPERATION, "text", "One line of text or one JSON object for each message."
    )
    edge_lookback: Annotated[float, Duration(60.0, 43_200.0)] = _option(
        OPERATION,
        900.0,
        "How far apart the two halves of a call may start, in whole minutes. More finds slower calls and longer waits "
        "in queues, and costs reading; the completeness of the service map says how many calls were found.",
    )

    self_tracing: Annotated[bool, Switch()] = _option(
        OPERATION,
        True,
        "Trace Spanhouse itself, under the tenant `_spanhouse`, apart from everything else.",
    )
    self_metrics: Annotated[bool, Switch()] = _option(
        OPERATION,
        True,
        "Keep Spanhouse's own metrics, which are on `/metrics` too, as OTLP: where data is received under the tenant "
        "`_spanhouse`.",
    )
    self_metrics_endpoint: Annotated[str | None, HttpUrl()] = _option(
        OPERATION, None, "Where they are sent instead, over OTLP/HTTP; `/v1/metrics` is added."
    )
    self_metrics_interval: Annotated[float, Duration(1.0, 3600.0)] = _option(
        OPERATION, 60.0, "How often they are sent or kept."
    )
    shutdown_timeout: Annotated[float, Duration(0.5, 600.0)] = _option(
        OPERATION,
        5.0,
        "Longest time between SIGTERM or Ctrl-C and the end. What is not stored by then is stored at the next start.",
    )

    @property
    def embedded(self) -> bool:
        """Whether the engine runs in this process."""
        return self.store == "embedded"
