"""Each failure of the engine becomes the error that tells callers what to do about it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import anyio
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from spanhouse_storage import (
    DataRefused,
    EmbeddedConfig,
    QueryLimits,
    QueryTooLarge,
    ServerConfig,
    Store,
    StoreConfig,
    StoreError,
    StoreUnavailable,
    migrate,
    open_store,
)
from spanhouse_storage.errors import insert_error, open_error, query_error

from tests.clickhouse_front.process import running_front
from tests.support.spans import frame, request, span

TOTAL = "Code: 241. DB::Exception: (total) memory limit exceeded: would use 1.00 GiB"
OWN = "Code: 241. DB::Exception: Query memory limit exceeded: would use 1.00 GiB"


def error(code: int | None, message: str = "it failed") -> DatabaseError:
    return DatabaseError(message, code=code)


@pytest.mark.parametrize("code", [None, 202, 203, 209, 210, 243, 252, 279, 999])
def test_a_store_that_is_down_full_or_busy_is_unavailable_for_everything(code: int | None) -> None:
    errors = [query_error(error(code)), insert_error(error(code)), open_error(error(code), "http://server")]
    assert {type(each) for each in errors} == {StoreUnavailable}


def test_memory_that_the_engine_has_not_got_is_not_the_querys_fault() -> None:
    assert type(query_error(error(241, TOTAL))) is StoreUnavailable
    assert type(query_error(error(241, OWN))) is QueryTooLarge


@pytest.mark.parametrize("code", [53, 60, 70, 117, 241, 349, 434, 435, 437, 516])
def test_data_is_not_blamed_for_what_a_schema_a_server_or_its_load_can_cause(code: int) -> None:
    assert type(insert_error(error(code))) is StoreUnavailable


@pytest.mark.parametrize("code", [192, 193, 497, 516])
def test_waiting_does_not_help_who_is_not_let_in(code: int) -> None:
    assert type(open_error(error(code), "http://server")) is StoreError


def test_the_engine_says_which_memory_ran_out(tmp_path: Path) -> None:
    """The words that tell the two apart are the engine's own."""
    config = StoreConfig(engine=EmbeddedConfig(path=tmp_path / "engine", memory=300 << 20))
    with closing(open_store(config)) as store:

        async def ask(memory: int) -> None:
            await store.queries.rows(
                "SELECT length(groupArray(number)) FROM numbers(200000000)", limits=QueryLimits(memory=memory)
            )

        for memory, kind in ((50 << 20, QueryTooLarge), (8 << 30, StoreUnavailable)):
            with pytest.raises(kind):
                anyio.run(ask, memory)


@pytest.mark.parametrize(
    ("sent", "instead"),
    [(b"\x0a\x03xyz", b"\x0a\x01x\x18\x01"), (b"\x10\x01", b"\x10\x4d")],
    ids=["two values in one", "a number for a boolean"],
)
def test_a_request_that_protobuf_takes_and_the_engine_does_not_is_refused(
    store: Store, tmp_path: Path, sent: bytes, instead: bytes
) -> None:
    one = span(attributes={"text": "xyz", "true": True})
    body = request({"web": [one]}).SerializeToString()
    assert body.count(sent) == 1
    path = tmp_path / "segment"
    path.write_bytes(frame(body.replace(sent, instead)))
    with pytest.raises(DataRefused):
        store.insert_segment(path, "segment")


def test_a_server_that_is_gone_is_told_in_a_few_words(tmp_path: Path) -> None:
    segment = tmp_path / "segment"
    segment.write_bytes(frame(request({"web": [span()]}).SerializeToString()))
    with running_front(tmp_path / "front") as url:
        store = open_store(StoreConfig(engine=ServerConfig(url=url)))
        migrate(store)
        store.insert_segment(segment, "while it is there")
    for gone in (lambda: store.rows("SELECT 1"), lambda: store.insert_segment(segment, "segment")):
        with pytest.raises(StoreUnavailable, match=r"^the store cannot be reached: Connection refused$"):
            gone()
    with pytest.raises(StoreUnavailable, match=rf"^cannot open the store at {url}: Connection refused$"):
        open_store(StoreConfig(engine=ServerConfig(url=url)))
    store.close()
