"""`spanhouse status` where there is nothing, or something else."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from spanhouse_cli.readable import readable_age, readable_size

from tests.cli.running import command
from tests.support.ports import idle_port


@pytest.fixture
def closed_port() -> int:
    """A port at which nobody listens."""
    return idle_port()


@pytest.fixture
def stranger() -> Iterator[str]:
    """The address of a web server that is no Spanhouse."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_nothing_there_is_told_with_what_to_do(closed_port: int) -> None:
    ended = command("status", f"--http=127.0.0.1:{closed_port}")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(
        f"Error: no Spanhouse answers at http://127.0.0.1:{closed_port} (Connection refused)"
    )
    assert "spanhouse up" in ended.stderr


def test_the_file_of_a_process_that_is_gone_leads_to_the_same_message(closed_port: int, tmp_path: Path) -> None:
    (tmp_path / "spanhouse.json").write_text(json.dumps({"pid": 1, "http": f"127.0.0.1:{closed_port}"}))
    ended = command("status", f"--data-dir={tmp_path}")
    assert ended.returncode == 1
    assert f"no Spanhouse answers at http://127.0.0.1:{closed_port}" in ended.stderr


def test_a_folder_on_which_nothing_runs_does_not_lead_to_another_process(tmp_path: Path) -> None:
    ended = command("status", f"--data-dir={tmp_path}/absent")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"Error: no Spanhouse runs on {tmp_path}/absent")


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 20, "5.0 MiB"), (3 << 29, "1.5 GiB")]
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert readable_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "now"), (59.9, "59 s ago"), (60, "1 min ago"), (90_000, "1 d ago"), (-7300, "in 2 h")]
)
def test_ages_are_for_people(seconds: float, text: str) -> None:
    assert readable_age(seconds) == text


def test_a_server_that_is_none_of_ours_is_told_apart(stranger: str) -> None:
    ended = command("status", f"--http={stranger}")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"http://{stranger}/api/v1/status answers 404: is this Spanhouse?" in ended.stderr


def test_a_proxy_has_no_part_in_it(closed_port: int, stranger: str) -> None:
    ended = command(
        "status", f"--http=127.0.0.1:{closed_port}", HTTP_PROXY=f"http://{stranger}", http_proxy=f"http://{stranger}"
    )
    assert "Connection refused" in ended.stderr
