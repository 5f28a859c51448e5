"""The outside world: a bureau that says whether an order smells of fraud. It belongs to nobody's traces.

It answers on loopback and goes by a name of its own, `fraud.example`, as a host somewhere else would.
"""

from __future__ import annotations

import json
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FRAUD_HOST = "fraud.example"
CHECK_SECONDS = (0.005, 0.02)


class FraudBureau:
    """Answers GET with a verdict, from `open` to `close`, in threads of the supervisor, where nothing is traced."""

    def __init__(self) -> None:
        self._server: ThreadingHTTPServer | None = None

    def open(self) -> str:
        """Begin to answer; `host:port` where it does."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Desk)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Desk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Every order is fine, after a while."""
        time.sleep(random.uniform(*CHECK_SECONDS))
        body = json.dumps({"verdict": "fine"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """The terminal shows the shop only."""
