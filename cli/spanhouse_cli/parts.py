"""What the settings mean to the parts: the store's and the collector's own configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanhouse_cli.failure import Misconfigured
from spanhouse_cli.settings import Settings

if TYPE_CHECKING:
    from spanhouse_collector import CollectorConfig
    from spanhouse_storage import Retention, StoreConfig

    from spanhouse_cli.tls import TlsFiles


def store_config(settings: Settings) -> StoreConfig:
    """The store, wherever it is."""
    from spanhouse_storage import DataDirectory, EmbeddedConfig, QueryLimits, ServerConfig, StoreConfig

    limits = QueryLimits(
        seconds=settings.query_timeout,
        memory=settings.query_memory,
        rows=settings.query_rows,
        threads=settings.query_threads,
    )
    engine = (
        EmbeddedConfig(path=DataDirectory(settings.data_dir).engine, memory=settings.engine_memory)
        if settings.embedded
        else ServerConfig(
            url=settings.store,
            user=settings.store_user,
            password=_password(settings),
            database=settings.store_database,
            ca_cert=settings.store_ca_cert,
            verify=settings.store_verify,
        )
    )
    return StoreConfig(engine=engine, query_clients=settings.query_clients, limits=limits)


def collector_config(settings: Settings) -> CollectorConfig:
    """The receive path."""
    from spanhouse_collector import CollectorConfig, Rate, RollupConfig

    return CollectorConfig(
        otlp_grpc=str(settings.otlp_grpc),
        cors_origins=settings.cors_origins,
        max_requests=settings.max_requests,
        grpc_max_connection_age=settings.grpc_max_connection_age,
        max_body=settings.max_body,
        max_items=settings.max_items,
        max_series=settings.max_series,
        segment_bytes=settings.segment_bytes,
        segment_age=settings.segment_age,
        metrics_segment_age=settings.metrics_segment_age,
        log_quota=settings.log_quota,
        log_sync=settings.log_sync,
        log_sync_interval=settings.log_sync_interval,
        disk_reserve=settings.disk_reserve,
        tenant_rates={each.tenant: Rate(each.bytes, each.spans, each.points) for each in settings.tenant_rates},
        rollup=RollupConfig(lookback=lookback_minutes(settings), retention=retention(settings)),
    )


def retention(settings: Settings) -> Retention:
    """How long what is kept."""
    from spanhouse_storage import Retention

    return Retention(
        spans=settings.retention_spans,
        minutes=settings.retention_minutes,
        hours=settings.retention_hours,
        days=settings.retention_days,
    )


def lookback_minutes(settings: Settings) -> int:
    """The lookback of the rollup and of the map's live end, which must be one."""
    return round(settings.edge_lookback / 60)


def require_server(settings: Settings, command: str) -> None:
    """Raise Misconfigured unless the store is a server: one process alone can have the embedded engine open."""
    if settings.embedded:
        raise Misconfigured(
            f"`spanhouse {command}` needs a ClickHouse server, and store is `embedded`. Give its URL with --store, "
            "SPANHOUSE_STORE or in the configuration file, such as http://127.0.0.1:8123, or run everything in one "
            "process with `spanhouse up`."
        )


def tls_files(settings: Settings) -> TlsFiles | None:
    """The files of TLS, where it is to be used."""
    from spanhouse_cli.tls import TlsFiles

    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return TlsFiles(settings.tls_cert, settings.tls_key, settings.tls_client_ca)


def _password(settings: Settings) -> str:
    if settings.store_password_file is None:
        return settings.store_password.get_secret_value()
    return settings.store_password_file.read_text("utf-8").partition("\n")[0].rstrip("\r")
