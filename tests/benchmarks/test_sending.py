"""The load and what measures it, against a real Spanhouse, and the engine that stands behind a peer."""

from __future__ import annotations

import contextlib
import http.client
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from benchmarks.load import ACCEPTED, LATER
from benchmarks.packaging import Fingerprint
from benchmarks.spanhouse_process import Spanhouse, spanhouse
from benchmarks.stored import stored_in
from benchmarks.suite.flood import flood, send
from benchmarks.suite.material import Combination, requests

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True, scope="module")
def _in_the_checkout() -> Iterator[None]:
    with contextlib.chdir(ROOT):
        yield


@pytest.fixture(scope="module")
def target() -> Iterator[Spanhouse]:
    """A Spanhouse whose log is soon full."""
    with (
        tempfile.TemporaryDirectory() as folder,
        spanhouse("--log-quota=1MiB", folder=Path(folder), quiet_seconds=0.2) as process,
    ):
        yield process


def test_what_is_promised_is_what_is_stored() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with spanhouse(folder=Path(folder), quiet_seconds=0.2) as target:
            promised: list[Fingerprint] = []
            target.wait_until_quiet()
            for one in (Combination("hostile", "SDK", "gRPC"), Combination("mesh", "gateway", "HTTP", "gzip")):
                sent = requests(one, cycle=2000, spans=4000, seed=len(promised))
                found = flood(target, sent, one.transport, gzip=one.gzip)
                assert found.cpu_seconds > 0
                assert found.peak_memory > 100 << 20
                promised.append(found.outcome.acknowledged)
            assert target.backlog == 0
        stored = stored_in(Path(folder))
    assert stored.spans == promised[0] + promised[1]
    assert stored.tables["spans"] > 0


@pytest.mark.parametrize("transport", ["gRPC", "HTTP"])
def test_refusals_that_can_be_retried_are_told_from_others(target: Spanhouse, transport: str) -> None:
    target.wait_until_stored()
    sent = requests(Combination("mesh", "SDK"), cycle=2000, spans=20_000)
    outcome = send(target, sent, transport)
    assert set(outcome.answers) == {ACCEPTED, LATER}
    assert outcome.acknowledged.spans < 20_000
    assert outcome.answers.total() == len(outcome.latencies) == len(sent)


def test_what_nobody_should_send_again_is_told_by_its_status(target: Spanhouse) -> None:
    sent = requests(Combination("mesh", "SDK"), cycle=2000, spans=1)
    assert set(send(target, sent, "HTTP", gzip=True).answers) == {"HTTP 400"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.peer.engine_server", f"--path={tmp_path / 'engine'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def ask(url: str, method: str, query: str, body: object = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        chunked = {"transfer-encoding": "chunked"} if body is not None else {}
        connection.request(method, f"/?query={quote(query)}", body, chunked, encode_chunked=True)  # type: ignore[arg-type]
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_engine_behind_a_peer_takes_chunked_inserts_and_answers_questions(engine: str) -> None:
    insert = "INSERT INTO otel_traces (TraceId,SpanId,Duration) FORMAT TabSeparated"
    assert ask(engine, "POST", insert, iter([b"a\tb\t5\n", b"a\tc\t", b"7\n"])) == (200, b"")
    assert ask(engine, "GET", "SELECT sum(Duration) FROM otel.otel_traces") == (200, b"12\n")
    assert ask(engine, "GET", "SELECT count() FROM otel.otel_traces_trace_id_ts") == (200, b"1\n")


def test_the_engine_behind_a_peer_says_what_it_does_not_take(engine: str) -> None:
    status, answer = ask(engine, "POST", "INSERT INTO nowhere (a) FORMAT TabSeparated", iter([b"1\n"]))
    assert (status, b"nowhere" in answer) == (500, True)
