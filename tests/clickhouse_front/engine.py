"""The embedded engine as the front holds it: open on one folder, a connection for each query."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import chdb

from tests.clickhouse_front.errors import SESSION_IS_LOCKED, QueryError

DEFAULT_MEMORY = 1_000_000_000
# The engine invents query ids of its own, so ours travels in a setting that only the (unused) query cache reads.
QUERY_ID = "query_cache_tag"


def quoted(text: str) -> str:
    """Write `text` as an SQL string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Engine:
    """The engine on one data directory; it lives while `_keeper` is open."""

    def __init__(self, path: Path, memory: int = DEFAULT_MEMORY) -> None:
        self.spool = path / "spool"
        self.spool.mkdir(parents=True, exist_ok=True)
        self._target = f"{path.resolve() / 'engine'}?{urlencode({'max_server_memory_usage': memory})}"
        self._keeper = chdb.connect(self._target)
        self._lock = threading.Lock()
        self._running = 0
        self._sessions: set[str] = set()
        version, self.timezone = self._one_row("SELECT version(), timezone()")
        self.version = f"(version {version} (official build))"

    def _one_row(self, sql: str) -> list[str]:
        row: bytes = self._keeper.query(sql, "TabSeparated").bytes()
        return row.decode().rstrip("\n").split("\t")

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """Open a connection for one query and count it as running."""
        with self._lock:
            self._running += 1
        try:
            with closing(chdb.connect(self._target)) as connection:
                yield connection
        finally:
            with self._lock:
                self._running -= 1

    @contextmanager
    def session(self, session_id: str) -> Iterator[None]:
        """Hold a session for one query at a time, as the server does; its state is not kept."""
        if not session_id:
            yield
            return
        with self._lock:
            if session_id in self._sessions:
                raise QueryError.named(SESSION_IS_LOCKED, "SESSION_IS_LOCKED", f"Session {session_id} is locked")
            self._sessions.add(session_id)
        try:
            yield
        finally:
            with self._lock:
                self._sessions.discard(session_id)

    def kill(self, condition: str) -> None:
        """Kill the running queries that meet a condition on `system.processes`."""
        with closing(chdb.connect(self._target)) as connection:
            connection.query(f"KILL QUERY WHERE {condition}", "TabSeparated")

    def kill_query(self, query_id: str) -> None:
        """Kill the query a client gave this id."""
        self.kill(f"Settings['{QUERY_ID}'] = {quoted(query_id)}")

    def stop(self, seconds: float = 10) -> None:
        """Kill what runs until nothing does; raises TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        while self._running:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._running} queries still run after {seconds} s")
            self.kill(f"Settings['{QUERY_ID}'] != ''")
            time.sleep(0.02)

    def close(self) -> None:
        """Close the engine; every query must have ended."""
        self._keeper.close()
