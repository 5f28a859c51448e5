"""Whether the OTLP endpoints that the shop sends to are there."""

import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

CONNECT_SECONDS = 2.0


def silent_endpoints(urls: Iterable[str]) -> list[str]:
    """Those of `urls` at which nothing accepts a connection; ValueError for one without host and port.

    Nothing is sent: an endpoint that counts what it gets counts the shop's spans alone.
    """
    return [url for url in urls if not _accepts(*_host_and_port(url))]


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.port:
        raise ValueError(f"{url!r} is not an OTLP endpoint: it must look like http://127.0.0.1:4317")
    return parts.hostname, parts.port


def _accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False
