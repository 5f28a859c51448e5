"""Whether the OTLP endpoints that the shop sends to are there."""

import socket
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

CONNECT_SECONDS = 0.5
LOOK_EVERY_SECONDS = 2.0


def silent_endpoints(urls: Iterable[str]) -> list[str]:
    """Those of `urls` at which nothing accepts a connection; ValueError for one without host and port.

    Nothing is sent: an endpoint that counts what it gets counts the shop's spans alone.
    """
    return [url for url in urls if not _accepts(*_host_and_port(url))]


class EndpointWatch:
    """Notices when endpoints that answered fall silent, and when they are back."""

    def __init__(self, urls: Iterable[str]) -> None:
        self.has_missed_spans = False
        self._urls = list(urls)
        self._silent: list[str] = []
        self._next_look = 0.0

    def look(self) -> str | None:
        """What has changed since the last look, if anything; looks at most every `LOOK_EVERY_SECONDS`."""
        if time.monotonic() < self._next_look:
            return None
        before, self._silent = self._silent, silent_endpoints(self._urls)
        self._next_look = time.monotonic() + LOOK_EVERY_SECONDS
        self.has_missed_spans |= bool(self._silent)
        if self._silent == before:
            return None
        if self._silent:
            return f"nothing answers any more at {' and '.join(self._silent)}: spans are being lost"
        return "the OTLP endpoints answer again"


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
