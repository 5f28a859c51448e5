"""A ClickHouse server: how it is opened, and whom it lets in."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from socket import create_server
from urllib.parse import quote

import pytest
from spanhouse_storage import (
    QueryLimits,
    SchemaError,
    ServerConfig,
    StoreConfig,
    StoreError,
    StoreUnavailable,
    migrate,
    open_store,
)
from spanhouse_storage.server import ServerEngine, receive_timeout

from tests.clickhouse_front.process import running_front
from tests.support.clickhouse import ClickHouse
from tests.support.ports import idle_port

USER, PASSWORD = "reader", "p@ss:w/rd"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that lets one user in."""
    with running_front(tmp_path_factory.mktemp("guarded"), user=USER, password=PASSWORD) as url:
        yield url


def config(url: str, *, password: str = PASSWORD, database: str = "default") -> StoreConfig:
    return StoreConfig(engine=ServerConfig(url=url, user=USER, password=password, database=database))


def test_a_wrong_password_is_told_at_once_and_not_waited_for(guarded: str) -> None:
    with pytest.raises(StoreError, match=r"cannot open the store at .*Authentication failed") as caught:
        open_store(config(guarded, password="wrong"))
    assert not isinstance(caught.value, StoreUnavailable)


def test_the_url_of_a_test_server_may_have_user_and_password_in_it(guarded: str) -> None:
    clickhouse = ClickHouse.parse(guarded.replace("://", f"://{USER}:{quote(PASSWORD, safe='')}@"))
    assert clickhouse == ClickHouse(guarded, USER, PASSWORD)
    with closing(open_store(StoreConfig(engine=clickhouse.config()))) as store:
        assert store.rows("SELECT currentDatabase() AS name") == [{"name": "default"}]


def test_a_server_that_does_not_answer_may_do_so_later() -> None:
    url = f"http://127.0.0.1:{idle_port()}"
    with pytest.raises(StoreUnavailable, match="cannot open the store at"):
        open_store(config(url))


def test_a_missing_database_is_made_only_for_those_who_say_so(guarded: str) -> None:
    missing = config(guarded, database=f"test_{secrets.token_hex(6)}")
    for _ in range(2):
        with pytest.raises(SchemaError, match=r"has no database 'test_.*run `spanhouse migrate`"):
            open_store(missing)
    with closing(open_store(missing, create_database=True)) as store:
        assert migrate(store)
    with closing(open_store(missing)) as store:
        assert store.rows("SELECT count() AS n FROM spans") == [{"n": 0}]


@pytest.mark.parametrize("url", ["http://user:secret@host:8123", "https://user@host", "http://:secret@host"])
def test_a_password_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="apart from it") as caught:
        open_store(StoreConfig(engine=ServerConfig(url=url)))
    assert "secret" not in str(caught.value)


def test_a_server_that_takes_the_call_and_says_nothing_is_given_up() -> None:
    with closing(create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StoreUnavailable, match="timed out"):
            ServerEngine(ServerConfig(url=url), receive_timeout=1).client()


@pytest.mark.parametrize("seconds", [0.001, 10, 300, 3600])
def test_no_query_within_its_limits_is_given_up(seconds: float) -> None:
    assert receive_timeout(QueryLimits(seconds=seconds)) > seconds + 30
