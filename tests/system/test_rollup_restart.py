"""kill -9 in the middle of a rollup, again and again: it ends with the same edges as an undisturbed run."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.cli.running import LONG_SEGMENTS, Running, serving
from tests.query.reference_map import check_map
from tests.support.call_graphs import Sent, call_graph
from tests.support.effort import IS_FULL
from tests.support.polling import eventually, is_readable
from tests.support.rolled_edges import COARSE_TIERS, DAY_TIER
from tests.support.spans import CLIENT, PRODUCER, SECOND, request, segment
from tests.system.api import all_traces, ask, await_rollup, send

# Each takes one to two seconds; `ROLLUP_KILLS=100` makes it a hundred.
KILLS = int(os.environ.get("ROLLUP_KILLS", "8"))
# How much is left to send at each kill under load.
LEFT = (100, 80, 60, 40, 20) if IS_FULL else (80, 40)
HOUR, DAY = 3600, 86_400
# Several hours of a few days, all over when the test begins: seconds.
AGES = (3 * HOUR, 50 * HOUR, 51 * HOUR)
Told = dict[str, list[dict[str, Any]]]
ROOT = Path(__file__).resolve().parents[2]


class Life:
    """A process of tests.system.rollup_life. Its engine is not opened before the first order."""

    def __init__(self, data: Path) -> None:
        self._log = data.with_suffix(".log")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.system.rollup_life", str(data)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                cwd=ROOT,
            )

    def order(self, *orders: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{order}\n" for order in orders).encode())

    def line(self, seconds: float = 60) -> str:
        """The next line that it writes; AssertionError if there is none in time."""
        assert self._process.stdout is not None
        found: bytes = self._process.stdout.readline() if is_readable(self._process.stdout, seconds) else b""
        assert found, f"it ended, or wrote nothing for {seconds:g} s: {self._log.read_text()}"
        return found.decode().strip()

    def store(self, segments: Sequence[Path]) -> None:
        for path in segments:
            self.order(f"store {path}")
            assert self.line() == "stored"

    def step(self) -> None:
        self.order("step")
        while self.line() != "ended":
            pass

    def tell(self, since: int) -> Told:
        """The last that it does."""
        rest, _ = self._process.communicate(f"tell {since}\n".encode(), timeout=60)
        assert self._process.returncode == 0, self._log.read_text()
        told: Told = json.loads(rest)
        return told

    def kill(self) -> list[str]:
        """What it wrote and was not asked for."""
        if self._process.returncode is not None:
            return []
        self._process.kill()
        rest, _ = self._process.communicate()
        return rest.decode().split()


@contextmanager
def lives(data: Path) -> Iterator[Callable[[], Life]]:
    """Gives one process after the other on the store `data`, each started while the one before it lives."""
    started = [Life(data)]

    def following() -> Life:
        started.append(Life(data))
        return started[-2]

    try:
        yield following
    finally:
        for life in started:
            life.kill()


def days_of_calls(rnd: random.Random) -> list[Sent]:
    spans: list[Sent] = []
    for age in AGES:
        for _ in range(4):
            for service, one in call_graph(rnd, minutes=2, skew=1):
                one.start_time_unix_nano -= age * SECOND
                one.end_time_unix_nano -= age * SECOND
                spans.append((service, one))
    return spans


def calls_around_midnight(rnd: random.Random, midnight: int) -> list[Sent]:
    """Calls of a few minutes in two hours and two days. midnight: unix seconds."""
    spans = [sent for _ in range(8) for sent in call_graph(rnd, minutes=10, skew=2)]
    later = (midnight + 6 * 60) * SECOND - time.time_ns()
    for _, one in spans:
        one.start_time_unix_nano += later
        one.end_time_unix_nano += later
    return spans


def in_pieces(rnd: random.Random, spans: list[Sent], pieces: int) -> list[list[Sent]]:
    """In any order, but parents that are no callers first: the rollup does not look for these after days."""
    parents = {one.parent_span_id for _, one in spans}
    early = [sent for sent in spans if sent[1].kind not in (CLIENT, PRODUCER) and sent[1].span_id in parents]
    late = [sent for sent in spans if not any(sent is other for other in early)]
    rnd.shuffle(late)
    return [early, *(late[at::pieces] for at in range(pieces))]


def body_of(piece: list[Sent]) -> bytes:
    by_service: dict[str, list[Span]] = {}
    for service, one in piece:
        by_service.setdefault(service, []).append(one)
    return request(by_service).SerializeToString()


def written(folder: Path, pieces: list[list[Sent]]) -> list[Path]:
    """A segment for each piece."""
    paths = [folder / f"{number:03}.frames" for number in range(len(pieces))]
    for path, piece in zip(paths, pieces, strict=True):
        path.write_bytes(segment([body_of(piece)]))
    return paths


def undisturbed(data: Path, segments: list[Path], since: int) -> Told:
    """What is told of the same frames without a kill."""
    rest = data.with_suffix(".frames")
    rest.write_bytes(b"".join(path.read_bytes() for path in segments[1:]))
    with lives(data) as following:
        life = following()
        for path in (segments[0], rest):
            life.store([path])
            life.step()
        return life.tell(since)


def killed_in_a_step(rnd: random.Random, life: Life) -> list[str]:
    """Kill it in one of the statements of its steps, or thereafter; what it wrote."""
    life.order(*["step"] * 20)
    lines = [life.line()]
    writes = rnd.randint(1, 10)
    while lines.count("writes") < writes:
        lines.append(life.line())
    time.sleep(rnd.uniform(0, 0.08))  # the moment of the crash, not a condition that is waited for
    return lines + life.kill()


@pytest.mark.timeout(600)
def test_a_rollup_killed_again_and_again_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    rnd = random.Random(4)
    midnight = (int(time.time()) // DAY - 2) * DAY
    since = midnight - DAY
    segments = written(tmp_path, in_pieces(rnd, calls_around_midnight(rnd, midnight), 30))
    expected = undisturbed(tmp_path / "undisturbed", segments, since)

    kills, rolled_up = 0, True
    with lives(tmp_path / "killed") as following:
        while kills < KILLS:
            life = following()
            if rolled_up and segments:
                life.store([segments.pop(0)])
            lines = killed_in_a_step(rnd, life)
            kills += lines[-1] != "ended"
            rolled_up = "ended" in lines
        life = following()
        life.store(segments)
        life.step()
        found = life.tell(since)

    assert found["minutes"] == found["minutes matched"] == expected["minutes"]
    for tier in COARSE_TIERS:
        assert found[tier.name] == found[f"{tier.name} added up"] == expected[tier.name]
    assert {row["at"] for row in found[DAY_TIER.name]} == {midnight - DAY, midnight}


class Sender(threading.Thread):
    """Sends requests one after the other until there are none or the connection breaks; `left` had no answer."""

    def __init__(self, running: Running, bodies: list[bytes]) -> None:
        super().__init__()
        self._running = running
        self.left = list(bodies)

    def run(self) -> None:
        headers = {"content-type": "application/x-protobuf"}
        while self.left:
            try:
                assert self._running.post("/v1/traces", self.left[0], headers)[0] == 200
            except (OSError, http.client.HTTPException):
                return
            self.left.pop(0)


def in_its_first_step(running: Running) -> bool:
    """Whether it has not yet rolled up what it found at its start."""
    status, metrics = running.get("/metrics")
    return status == 200 and b"spanhouse_edge_minutes_total 0.0\n" in metrics


def stored(running: Running, since: int, until: int) -> int:
    """How many spans of that time, unix nanoseconds, can be queried."""
    return sum(trace["spans"] for trace in all_traces(running, from_=since, to=until))


@pytest.mark.timeout(300)
def test_the_map_is_right_after_spanhouse_was_killed_while_it_rolled_up_under_load(tmp_path: Path) -> None:
    rnd = random.Random(6)
    spans = days_of_calls(rnd)
    first, *rest = in_pieces(rnd, spans, 120)
    until = time.time_ns()
    since = until - 3 * DAY * SECOND
    waiting = [body_of(piece) for piece in rest if piece]
    with serving("up", tmp_path / "data", LONG_SEGMENTS) as running:
        send(running, ExportTraceServiceRequest.FromString(body_of(first)))
        eventually(lambda: stored(running, since, until) == len(first), 30)
        running.stop(signal.SIGKILL)

    in_a_step = 0
    for left in LEFT:
        with serving("up", tmp_path / "data", LONG_SEGMENTS) as running:
            sender = Sender(running, waiting[:-left])
            sender.start()
            time.sleep(rnd.uniform(0, 0.5))  # the moment of the crash, not a condition that is waited for
            in_a_step += in_its_first_step(running)
            running.stop(signal.SIGKILL)
            sender.join(20)
            waiting = sender.left + waiting[-left:]
    assert in_a_step > 0

    with serving("up", tmp_path / "data", LONG_SEGMENTS) as running:
        Sender(running, waiting).run()
        eventually(lambda: stored(running, since, until) == len(spans), 30)
        await_rollup(running)
        check_map(spans, ask(running, "service-map", from_=since, to=until))
