"""A query on a connection of its own, so that its settings, database and parameters end with it."""

import re
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from chdb.state.sqlitelike import ChdbError  # type: ignore[attr-defined]  # not the chdb.ChdbError, which is another

from tests.clickhouse_front.call import Call
from tests.clickhouse_front.compression import decoded
from tests.clickhouse_front.engine import QUERY_ID, Engine, quoted
from tests.clickhouse_front.errors import QueryError
from tests.clickhouse_front.statement import DataInsert, Statement, parse

# What a server has off and the embedded engine on.
_SERVER_SETTINGS = {"implicit_select": "0", "allow_introspection_functions": "0"}
# What a server of the client's revision writes before each Native block: not an overflow block, bucket -1.
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_COUNTS = [f"{what}_{unit}" for what in ("read", "written", "result") for unit in ("rows", "bytes")]


@dataclass
class Summary:
    """The counts of `X-ClickHouse-Summary`."""

    counts: dict[str, int] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def add(self, **counts: int) -> None:
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count

    def as_strings(self) -> dict[str, str]:
        """All counts as the server sends them: decimal strings."""
        elapsed = {"elapsed_ns": str(int((time.monotonic() - self.started) * 1e9))}
        return {name: str(self.counts.get(name, 0)) for name in _COUNTS} | elapsed


class Execution:
    """One query being run. Everything but `blocks` may be read from any thread."""

    def __init__(self, engine: Engine, call: Call) -> None:
        self.call = call
        self.format: str | None = None
        self.read_only = False
        self.summary = Summary()
        self._engine = engine

    def blocks(self) -> Generator[bytes, None, None]:
        """Run the query and yield its result; raises QueryError. Closing the iterator ends the query."""
        try:
            with self._engine.connection() as connection:
                body = decoded(self.call.body, self.call.content_encoding)
                statement = parse(self.call.query, body, self.call.default_format)
                self._prepare(connection)
                if isinstance(statement, DataInsert):
                    self._insert(connection, statement)
                else:
                    yield from self._results(connection, statement)
        except ChdbError as error:
            raise QueryError.from_engine(error) from error

    def _prepare(self, connection: Any) -> None:
        if self.call.database:
            connection.query(f"USE `{self.call.database}`")
        settings = _SERVER_SETTINGS | self.call.settings | {QUERY_ID: self.call.query_id}
        settings["readonly"] = settings.pop("readonly", "0")  # last: it forbids to change the others
        connection.query("SET " + ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items()))

    def _insert(self, connection: Any, statement: DataInsert) -> None:
        with tempfile.NamedTemporaryFile(dir=self._engine.spool) as file:
            statement.write_data(file)
            self._counted(connection.query(statement.sql(file.name), "TabSeparated"))

    def _results(self, connection: Any, statement: Statement) -> Iterator[bytes]:
        self.format, self.read_only = statement.format, statement.read_only
        sql = statement.sql
        if statement.keyword == "KILL":
            sql = re.sub(r"\bquery_id\b", f"Settings['{QUERY_ID}']", sql)
        info = _BLOCK_INFO if self.call.block_info and self.format == "Native" else b""
        arguments = (sql, self.format or "TabSeparated", self.call.parameters)
        if statement.streamed:
            with connection.send_query(*arguments) as stream:
                yield from (info + self._counted(block) for block in stream)
        elif result := self._counted(connection.query(*arguments)):
            yield info + result

    def _counted(self, block: Any) -> bytes:
        data: bytes = block.bytes() or b""
        self.summary.add(
            read_rows=block.storage_rows_read(),
            read_bytes=block.storage_bytes_read(),
            written_rows=block.rows_written(),
            written_bytes=block.bytes_written(),
            result_rows=block.rows_read(),
            result_bytes=len(data),
        )
        return data
