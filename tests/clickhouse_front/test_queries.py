"""Queries of the real driver over HTTP."""

import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from tests.clickhouse_front.clients import ENDLESS, connect, running
from tests.support.polling import eventually


def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers (lower case) of a plain GET."""
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}))
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return response.status, response.read().decode(), {k.lower(): v for k, v in response.headers.items()}


def test_the_driver_connects_and_negotiates_as_with_a_server(front: str) -> None:
    with connect(front) as client:
        assert client.ping()
        assert client.protocol_version == 54405
        assert client.compression == "lz4,zstd,gzip,deflate"


@pytest.mark.parametrize("compress", [True, False, "lz4", "zstd", "gzip"])
def test_rows_come_back_as_they_were_inserted(front: str, client: Client, compress: bool | str) -> None:
    client.command("CREATE TABLE t (id UInt64, text LowCardinality(String), tags Map(String, String)) ORDER BY id")
    rows = [(1, "a'b", {"k": "v"}), (2, "täb\t", {})]
    with connect(front, database=client.database, compress=compress) as other:
        summary = other.insert("t", rows, column_names=["id", "text", "tags"])
        result = other.query("SELECT * FROM t ORDER BY id")
    assert result.result_rows == rows
    assert summary.written_rows == 2
    assert result.summary["read_rows"] == "2"


def test_an_empty_result_still_has_its_columns(client: Client) -> None:
    assert client.query("SELECT 1 AS one, 'x' AS two LIMIT 0").column_names == ("one", "two")


def test_commands_tell_an_empty_result_from_none(client: Client) -> None:
    assert client.command("SELECT 1 WHERE 0") == ""
    assert client.command("CREATE TABLE t (id UInt64) ORDER BY id") != ""
    assert client.command("SHOW TABLES") == "t"
    assert client.query("DESCRIBE TABLE t").result_rows[0][:2] == ("id", "UInt64")


def test_parameters_are_bound_by_the_engine(client: Client) -> None:
    sql = "SELECT {text:String}, {list:Array(String)}, {number:UInt64} + 1 FROM {table:Identifier}"
    parameters = {"text": "it's\ta \\ 'test'", "list": ["a'b", "c"], "number": 41, "table": "a table"}
    client.command("CREATE VIEW {table:Identifier} AS SELECT 1", parameters=parameters)
    assert client.query(sql, parameters=parameters).result_rows == [("it's\ta \\ 'test'", ["a'b", "c"], 42)]


def test_parameters_too_long_for_a_url_come_as_a_form(client: Client) -> None:
    result = client.query("SELECT length({long:String}), {n:UInt8}", parameters={"long": "x" * 100_000, "n": 1})
    assert result.result_rows == [(100_000, 1)]


def test_settings_end_with_their_query(client: Client) -> None:
    sql = "SELECT getSetting('max_threads'), getSetting('log_comment')"
    assert client.query(sql, settings={"max_threads": 1, "log_comment": "it's"}).result_rows == [(1, "it's")]
    assert client.query(sql).result_rows[0][1] == ""


@pytest.mark.parametrize(
    ("sql", "settings", "code", "name"),
    [
        ("SELECT * FROM missing", {}, 60, "UNKNOWN_TABLE"),
        ("SELEC 1", {}, 62, "SYNTAX_ERROR"),
        ("SELECT throwIf(number = 3) FROM numbers(10)", {}, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        (ENDLESS, {"max_execution_time": 0.2}, 159, "TIMEOUT_EXCEEDED"),
        ("SELECT groupArray(number) FROM numbers(10000000)", {"max_memory_usage": 10**7}, 241, "MEMORY_LIMIT_EXCEEDED"),
        ("SELECT * FROM numbers(1000)", {"max_result_rows": 10}, 396, "TOO_MANY_ROWS_OR_BYTES"),
        ("SELECT {missing:String}", {}, 456, "UNKNOWN_QUERY_PARAMETER"),
    ],
)
def test_a_failed_query_carries_its_code(
    client: Client, sql: str, settings: dict[str, object], code: int, name: str
) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query(sql, settings=settings)
    assert (caught.value.code, caught.value.name) == (code, name)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELECT * FROM missing", 404, "60"),
        ("SELEC 1", 400, "62"),
        ("SELECT throwIf(1)", 500, "395"),
        ("CREATE TABLE t (id UInt64) ORDER BY id", 500, "164"),  # a GET may only read
        ("SELECT 1&nonsense=1", 404, "115"),
        ("SELECT 1&database=missing", 404, "81"),
    ],
)
def test_errors_have_the_status_and_the_header_of_a_server(front: str, query: str, status: int, code: str) -> None:
    answer, body, headers = get(f"{front}/?query={quote(query, safe='&=')}")
    assert (answer, headers["x-clickhouse-exception-code"]) == (status, code)
    assert body.startswith(f"Code: {code}. DB::Exception: ")


def test_answers_name_query_format_and_time_zone(front: str) -> None:
    status, body, headers = get(f"{front}/?query=SELECT+1+AS+a&query_id=mine&default_format=JSONEachRow")
    assert (status, body) == (200, '{"a":1}\n')
    assert (headers["x-clickhouse-query-id"], headers["x-clickhouse-format"]) == ("mine", "JSONEachRow")
    assert headers["x-clickhouse-timezone"]


def test_a_large_result_streams_in_blocks(client: Client) -> None:
    with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(500000)") as stream:
        sizes = [len(block) for block in stream]
    assert sum(sizes) == 500_000
    assert len(sizes) > 5


def test_an_error_in_the_middle_of_a_stream_is_not_taken_for_its_end(client: Client) -> None:
    sql = "SELECT number, throwIf(number = 900000) FROM numbers(1000000)"
    with (
        pytest.raises(StreamFailureError) as caught,
        client.query_row_block_stream(sql, settings={"max_threads": 1}) as stream,
    ):
        assert [len(block) for block in stream] == []
    assert caught.value.code == 395


def test_queries_run_side_by_side(front: str, client: Client) -> None:
    with ThreadPoolExecutor(1) as threads, connect(front) as other:
        endless = threads.submit(client.query, ENDLESS + " /* side */", settings={"log_comment": "side"})
        eventually(lambda: running(other, "/* side */") == 1)
        assert other.command("SELECT 1") == 1
        other.command("KILL QUERY WHERE Settings['log_comment'] = {tag:String}", parameters={"tag": "side"})
        with pytest.raises(DatabaseError) as caught:
            endless.result(timeout=10)
    assert caught.value.code == 394


def test_a_query_is_killed_by_the_id_its_client_gave(front: str, client: Client) -> None:
    with ThreadPoolExecutor(1) as threads, connect(front) as other:
        endless = threads.submit(client.query, ENDLESS + " /* by id */", settings={"query_id": "the-id"})
        eventually(lambda: running(other, "/* by id */") == 1)
        other.command("KILL QUERY WHERE query_id = 'the-id'")
        with pytest.raises(DatabaseError) as caught:
            endless.result(timeout=10)
    assert caught.value.code == 394


def test_a_session_runs_one_query_at_a_time(front: str, client: Client) -> None:
    with ThreadPoolExecutor(1) as threads:
        endless = threads.submit(
            client.query, ENDLESS + " /* held */", settings={"session_id": "s", "query_id": "held"}
        )
        eventually(lambda: running(client, "/* held */") == 1)
        with connect(front) as other, pytest.raises(DatabaseError) as caught:
            other.query("SELECT 1", settings={"session_id": "s"})
        client.command("KILL QUERY WHERE query_id = 'held'")
        assert isinstance(endless.exception(timeout=10), DatabaseError)
    assert caught.value.code == 373
