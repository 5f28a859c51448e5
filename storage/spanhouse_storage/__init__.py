"""The store: schema, migrations and the two engines behind one interface."""

from spanhouse_storage.config import EmbeddedConfig, QueryLimits, Retention, ServerConfig, StoreConfig
from spanhouse_storage.data_dir import DataDirectory
from spanhouse_storage.engine import METRICS, TRACES, Signal
from spanhouse_storage.errors import (
    DataDirectoryBusy,
    DataRefused,
    QueryCancelled,
    QueryTimeout,
    QueryTooLarge,
    SchemaError,
    StoreError,
    StoreUnavailable,
)
from spanhouse_storage.matching import calls_sql, edges_sql
from spanhouse_storage.migrations import Migration, check_schema, known_migrations, migrate
from spanhouse_storage.pool import QueryPool, Rows
from spanhouse_storage.retention import apply_retention
from spanhouse_storage.store import Store, open_store

__all__ = [
    "METRICS",
    "TRACES",
    "DataDirectory",
    "DataDirectoryBusy",
    "DataRefused",
    "EmbeddedConfig",
    "Migration",
    "QueryCancelled",
    "QueryLimits",
    "QueryPool",
    "QueryTimeout",
    "QueryTooLarge",
    "Retention",
    "Rows",
    "SchemaError",
    "ServerConfig",
    "Signal",
    "Store",
    "StoreConfig",
    "StoreError",
    "StoreUnavailable",
    "apply_retention",
    "calls_sql",
    "check_schema",
    "edges_sql",
    "known_migrations",
    "migrate",
    "open_store",
]
