"""A ClickHouse server or cluster behind HTTP."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httputil import get_pool_manager

from spanhouse_storage.config import ServerConfig
from spanhouse_storage.engine import OTLP_PROTO, TRACES_TABLE, Settings
from spanhouse_storage.errors import StoreUnavailable
from spanhouse_storage.sql import identifier


class ServerEngine:
    """clickhouse-connect's HTTP client on one URL. The database is created when the first client opens."""

    def __init__(self, config: ServerConfig) -> None:
        url = urlsplit(config.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"store URL {config.url!r}: must look like http://host:8123 or https://host:8443")
        self._config = config
        self._secure = url.scheme == "https"
        self._host = url.hostname
        self._port = url.port or (8443 if self._secure else 8123)
        self._pool = get_pool_manager(
            ca_cert=str(config.ca_cert) if config.ca_cert else None,
            verify=config.verify,
            maxsize=16,
        )
        self._database_exists = False

    def client(self, settings: Settings | None = None) -> Client:
        """Open a client; see `Engine.client`."""
        try:
            self._create_database()
            return self._open(self._config.database, settings)
        except ClickHouseError as error:
            raise StoreUnavailable(f"cannot open the store at {self._config.url}: {error}") from error

    def protobuf(self, message: str) -> Settings:
        """Send the schema along: nothing has to be installed on the server."""
        return {
            "format_schema_source": "string",
            "format_schema": OTLP_PROTO.read_text("utf-8"),
            "format_schema_message_name": message,
        }

    def insert(self, client: Client, segment: Path, token: str) -> None:
        """Stream the segment as the body of one insert; see `Engine.insert`."""
        with segment.open("rb") as body:
            client.raw_insert(
                TRACES_TABLE,
                insert_block=body,
                fmt="Protobuf",
                settings={"insert_deduplication_token": token},
            )

    def close(self) -> None:
        """Close the connections that are kept alive."""
        self._pool.clear()

    def _create_database(self) -> None:
        if self._database_exists or self._config.database == "default":
            return
        client = self._open("default", None)
        try:
            client.command(f"CREATE DATABASE IF NOT EXISTS {identifier(self._config.database)}")
        finally:
            client.close()
        self._database_exists = True

    def _open(self, database: str, settings: Settings | None) -> Client:
        return clickhouse_connect.get_client(
            interface="https" if self._secure else "http",
            host=self._host,
            port=self._port,
            username=self._config.user,
            password=self._config.password,
            database=database,
            settings=dict(settings or {}),
            pool_mgr=self._pool,
            connect_timeout=self._config.connect_timeout,
            autogenerate_session_id=False,
        )
