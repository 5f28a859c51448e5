"""Where an insert's data starts, and what a statement's text says of its result."""

import io

import pytest

from tests.clickhouse_front.statement import DataInsert, Statement, parse


@pytest.mark.parametrize(
    ("query", "body", "target", "data"),
    [
        ("", b"INSERT INTO t FORMAT CSV\n\n1", b"t", b"\n1"),
        ("INSERT INTO t FORMAT CSV", b"1,2", b"t", b"1,2"),
        ("insert into table `a`.`b` (`x`, y) format Native", b"\n", b"`a`.`b` (`x`, y)", b"\n"),
        ("-- why\n/* FORMAT X */ INSERT INTO t SETTINGS a = 1, b = 'x' FORMAT Protobuf", b"\x00", b"t", b"\x00"),
    ],
)
def test_an_insert_is_split_from_its_data(query: str, body: bytes, target: bytes, data: bytes) -> None:
    insert = parse(query, io.BytesIO(body), "TabSeparated")
    assert isinstance(insert, DataInsert)
    written = io.BytesIO()
    insert.write_data(written)
    assert (insert.target, written.getvalue()) == (target.decode(), data)


@pytest.mark.parametrize(
    ("sql", "format_", "streamed", "read_only"),
    [
        ("SELECT 1", "TabSeparated", True, True),
        ("-- c\n(SELECT 1) FORMAT Native", "Native", True, True),
        ("WITH 1 AS x SELECT x FORMAT JSON SETTINGS max_threads = 1", "JSON", False, True),
        ("SHOW TABLES", "TabSeparated", False, True),
        ("KILL QUERY WHERE 1", "TabSeparated", False, False),
        ("INSERT INTO t SELECT 1 SETTINGS a = 1", None, False, False),
        ("INSERT INTO t VALUES (1)", None, False, False),
        ("CREATE TABLE t (id UInt8) ORDER BY id", None, False, False),
    ],
)
def test_a_statement_tells_what_comes_back(sql: str, format_: str | None, streamed: bool, read_only: bool) -> None:
    statement = parse(sql, io.BytesIO(), "TabSeparated")
    assert isinstance(statement, Statement)
    assert (statement.format, statement.streamed, statement.read_only) == (format_, streamed, read_only)
