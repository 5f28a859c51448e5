"""`python -m benchmarks.peer.engine_server --path DIR`: the embedded engine behind ClickHouse's HTTP interface.

It has as much of that as an exporter needs, at the least cost.

POST with the statement in `query` inserts the body, which goes from memory into the engine without touching a disk; GET
answers a question. When ready it prints its address. It ends with SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import chdb

_MEMORY = 1_000_000_000
_CONNECTIONS = 4
_INSERT = re.compile(r"\s*(INSERT INTO .*?) FORMAT (\w+)\s*$", re.DOTALL | re.IGNORECASE)


class Server(ThreadingHTTPServer):
    """Holds the engine open."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for number in range(_CONNECTIONS):
            connection = chdb.connect(f"{path}?max_server_memory_usage={_MEMORY}")
            if number == 0:
                _make_tables(connection)
            connection.query("USE otel", "TabSeparated")
            self.connections.put(connection)

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """One that nobody else uses."""
        taken = self.connections.get()
        try:
            yield taken
        finally:
            self.connections.put(taken)

    def close(self) -> None:
        """Stop listening and close the engine."""
        self.server_close()
        for _ in range(_CONNECTIONS):
            self.connections.get().close()


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Answer the question in `query`."""
        self._answered(lambda connection, query: connection.query(query, "TabSeparated").bytes() or b"")

    def do_POST(self) -> None:
        """Insert the body."""
        memory = os.memfd_create("insert")
        try:
            for part in self._body():
                os.write(memory, part)
            self._answered(lambda connection, query: _insert(connection, query, f"/proc/self/fd/{memory}"))
        finally:
            os.close(memory)

    def _body(self) -> Iterator[bytes]:
        if (size := self.headers["content-length"]) is not None:
            yield self.rfile.read(int(size))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answered(self, run: Any) -> None:
        query = parse_qs(urlsplit(self.path).query).get("query", ["SELECT 1"])[0]
        try:
            with self.server.connection() as connection:
                status, answer = 200, run(connection, query)
        except Exception as error:  # whatever the engine says is the client's answer
            status, answer = 500, str(error).encode()
            print(error, file=sys.stderr)
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests."""


def _insert(connection: Any, query: str, source: str) -> bytes:
    found = _INSERT.match(query)
    if found is None:
        raise ValueError(f"not an insert with data: {query}")
    connection.query(f"{found[1]} FROM INFILE '{source}' COMPRESSION 'none' FORMAT {found[2]}", "TabSeparated")
    return b""


def _make_tables(connection: Any) -> None:
    for statement in (files(__package__) / "otel_traces.sql").read_text("utf-8").split(";\n"):
        if statement.strip():
            connection.query(statement, "TabSeparated")


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="folder for the engine")
    server = Server(parser.parse_args().path)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.close()


if __name__ == "__main__":
    main()
