"""How the tests connect to a front, and what they ask of it more than once."""

from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client

# Runs for minutes, in memory that does not grow.
ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1"


def connect(url: str, **options: Any) -> Client:
    """Open the driver's HTTP client, without a session so that threads may share it."""
    address = urlsplit(url)
    options = {"autogenerate_session_id": False, **options}
    return clickhouse_connect.get_client(interface="http", host=address.hostname, port=address.port, **options)


def running(client: Client, marker: str) -> int:
    """Count the running queries whose text has `marker` in it."""
    texts = client.query("SELECT query FROM system.processes").result_rows
    return sum(marker in text for (text,) in texts)
