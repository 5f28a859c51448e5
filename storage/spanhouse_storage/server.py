"""A ClickHouse server or cluster behind HTTP."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httputil import get_pool_manager

from spanhouse_storage.config import QueryLimits, ServerConfig
from spanhouse_storage.engine import CLIENT_SETTINGS, OTLP_PROTO, Settings, Signal
from spanhouse_storage.errors import SchemaError, is_unknown_database, open_error
from spanhouse_storage.sql import identifier

_RECEIVE_TIMEOUT = 300
# What a server may take to answer beyond the time limit of a query, which it checks now and then.
_ANSWER_SECONDS = 60


def receive_timeout(limits: QueryLimits) -> int:
    """Seconds without a byte after which a server is given up: more than a query within `limits` may take."""
    return max(_RECEIVE_TIMEOUT, math.ceil(limits.seconds) + _ANSWER_SECONDS)


class ServerEngine:
    """clickhouse-connect's HTTP client on one URL. ValueError for what is not the URL of a server.

    receive_timeout: seconds without a byte from the server after which a call fails.
    """

    def __init__(self, config: ServerConfig, receive_timeout: int = _RECEIVE_TIMEOUT) -> None:
        url = urlsplit(config.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"store URL {config.url!r}: must look like http://host:8123 or https://host:8443")
        if url.username is not None or url.password is not None:
            raise ValueError(f"store URL for {url.hostname}: user and password are given apart from it")
        self._config = config
        self._secure = url.scheme == "https"
        self._host = url.hostname
        self._port = url.port or (8443 if self._secure else 8123)
        if not config.verify:  # whoever chose that need not be told at every connection
            warnings.filterwarnings("ignore", message="Unverified HTTPS request")
        self._receive_timeout = receive_timeout
        self._pool = get_pool_manager(
            ca_cert=str(config.ca_cert) if config.ca_cert else None,
            verify=config.verify,
            maxsize=16,
        )

    def require_database(self, *, create: bool) -> None:
        """Make sure that the database is there, by making it if `create`.

        Raises SchemaError without it, StoreUnavailable where the server does not answer and StoreError where it does
        not let us in.
        """
        try:
            try:
                self._open(None).close()
            except ClickHouseError as error:
                if not is_unknown_database(error):
                    raise
                self._create_database(create)
        except ClickHouseError as error:
            raise open_error(error, self._config.url) from error

    def client(self, settings: Settings | None = None) -> Client:
        """Open a client; see `Engine.client`."""
        try:
            return self._open(settings)
        except ClickHouseError as error:
            raise open_error(error, self._config.url) from error

    def protobuf(self, message: str) -> Settings:
        """Send the schema along: nothing has to be installed on the server."""
        return {
            "format_schema_source": "string",
            "format_schema": OTLP_PROTO.read_text("utf-8"),
            "format_schema_message_name": message,
        }

    def insert(self, client: Client, signal: Signal, segment: Path, token: str) -> None:
        """Stream the segment as the body of one insert; see `Engine.insert`."""
        with segment.open("rb") as body:
            client.raw_insert(
                signal.table,
                insert_block=body,
                fmt="Protobuf",
                settings={"insert_deduplication_token": token},
            )

    def close(self) -> None:
        """Close the connections that are kept alive."""
        self._pool.clear()

    def _create_database(self, create: bool) -> None:
        name = self._config.database
        if not create:
            raise SchemaError(
                f"the server at {self._config.url} has no database {name!r}, so there is no Spanhouse schema yet; run "
                "`spanhouse migrate` or start a collector on it"
            )
        client = self._open(None, database="")
        try:
            client.command(f"CREATE DATABASE IF NOT EXISTS {identifier(name)}")
        finally:
            client.close()

    def _open(self, settings: Settings | None, database: str | None = None) -> Client:
        return clickhouse_connect.get_client(
            interface="https" if self._secure else "http",
            host=self._host,
            port=self._port,
            username=self._config.user,
            password=self._config.password,
            database=self._config.database if database is None else database,
            settings={**CLIENT_SETTINGS, **(settings or {})},
            pool_mgr=self._pool,
            connect_timeout=self._config.connect_timeout,
            send_receive_timeout=self._receive_timeout,
            autogenerate_session_id=False,
        )
