"""Who may come in, and what happens when a client or the front itself goes away."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from tests.clickhouse_front.clients import ENDLESS, connect, running
from tests.clickhouse_front.process import running_front
from tests.clickhouse_front.test_queries import get
from tests.support.polling import eventually
from tests.support.ports import idle_port


def test_data_outlives_a_restart_on_the_same_port(tmp_path: Path) -> None:
    port = idle_port()
    with running_front(tmp_path, port=port) as url, connect(url) as client:
        client.command("CREATE TABLE t (id UInt64) ORDER BY id")
        client.insert("t", [[7]], column_names=["id"])
    with running_front(tmp_path, port=port) as again, connect(again) as client:
        assert again == url
        assert client.query("SELECT id FROM t").result_rows == [(7,)]


def test_only_the_configured_user_gets_in(tmp_path: Path) -> None:
    with running_front(tmp_path, user="ann", password="s:cret") as url:
        with connect(url, username="ann", password="s:cret") as client:
            assert client.command("SELECT 1") == 1
        for user, password in (("ann", "wrong"), ("bob", "s:cret"), ("default", "")):
            with pytest.raises(DatabaseError) as caught:
                connect(url, username=user, password=password)
            assert caught.value.code == 516
        keys = {"X-ClickHouse-User": "ann", "X-ClickHouse-Key": "s:cret"}
        assert get(f"{url}/?query=SELECT+1", keys)[:2] == (200, "1\n")
        assert get(f"{url}/?query=SELECT+1")[0] == 403
        assert get(f"{url}/ping")[:2] == (200, "Ok.\n")


def test_a_client_that_goes_away_takes_its_query_with_it(front: str) -> None:
    # the driver asks for that by default: it sets cancel_http_readonly_queries_on_client_close
    with connect(front, send_receive_timeout=1) as client, connect(front) as other:
        with pytest.raises(OperationalError):
            client.query(ENDLESS + " /* gone */")
        eventually(lambda: running(other, "/* gone */") == 0)


def test_stopping_ends_running_queries(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        with running_front(tmp_path) as url, connect(url) as client, connect(url) as other:
            endless = threads.submit(client.query, ENDLESS + " /* last */")
            eventually(lambda: running(other, "/* last */") == 1)
        assert isinstance(endless.exception(timeout=10), DatabaseError)


def test_a_second_front_on_the_same_folder_does_not_start(tmp_path: Path) -> None:
    with running_front(tmp_path), pytest.raises(RuntimeError, match="not ready"), running_front(tmp_path):
        pytest.fail("a second front started")
