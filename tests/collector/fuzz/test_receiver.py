"""No input stops or delays what others send: after each, a good request is acknowledged, and in the end stored.

FUZZ_SECONDS is how long each kind of input is tried, 2 by default, and 4 with TEST_EFFORT=full.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.collector import responsive
from tests.collector.conftest import Running, Start
from tests.collector.fuzz import bodies, metric_bodies
from tests.support.effort import IS_FULL
from tests.support.spans import request, span

SECONDS = float(os.environ.get("FUZZ_SECONDS") or (4 if IS_FULL else 2))
DEFINED = {200, 400, 413, 415}
DEFINED_GRPC = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNIMPLEMENTED,
}
# Longer than a good request ever takes here, and shorter than anything that waits for something else.
ANSWER_SECONDS = 5.0
LAST_CASES = 50


@dataclass
class Target:
    """The receiver that is tried. good: requests that have to be there in the end, under a tenant of their own."""

    portal: BlockingPortal
    running: Running
    tenant: str = field(default_factory=lambda: secrets.token_hex(8))
    good: int = 0

    def post(self, body: bytes, *, path: str = "/v1/traces", **headers: str) -> int:
        return self.portal.call(lambda: self.running.post(body, path=path, **headers)).status_code

    def export(self, body: bytes, tenant: str) -> grpc.StatusCode:
        try:
            self.portal.call(lambda: self.running.export(body, metadata=(("x-scope-orgid", tenant),)))
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
        return grpc.StatusCode.OK

    def send_good(self) -> None:
        body = request({"web": [span()]}).SerializeToString()
        started = time.monotonic()
        assert self.post(body, x_scope_orgid=self.tenant) == 200
        assert time.monotonic() - started < ANSWER_SECONDS
        self.good += 1

    def good_stored(self) -> int:
        sql = "SELECT uniqExact(span_id) AS n, count() AS all FROM spans WHERE tenant = {tenant:String}"
        (row,) = self.running.store.rows(sql, {"tenant": self.tenant})
        assert row["n"] == row["all"], "a good span was stored twice"
        return int(row["n"])

    def await_all(self, seconds: float = 60) -> None:
        """Wait until all that was accepted is stored, the good first of all, and nothing is in quarantine."""
        deadline = time.monotonic() + seconds
        while (stored := self.good_stored()) < self.good or self.status["log"]["bytes"]:
            assert time.monotonic() < deadline, (stored, self.good, self.status)
            time.sleep(0.05)
        assert self.status["quarantined"] == 0

    @property
    def status(self) -> dict[str, Any]:
        return self.running.collector.status()


@pytest.fixture
def target(start: Start, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    # What makes the inputs shares the interpreter, and holds it while it collects its garbage.
    monkeypatch.setattr(responsive, "LONGEST", ANSWER_SECONDS / 2)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(start(segment_age=0.2)) as running,
    ):
        yield Target(portal, running)


def try_for(seconds: float, inputs: st.SearchStrategy[bytes], attempt: Callable[[bytes], None]) -> None:
    """Give `attempt` inputs for as long; AssertionError with the smallest that fails it."""
    phases = (Phase.generate, Phase.shrink)
    checks = list(HealthCheck)

    @settings(max_examples=LAST_CASES, phases=phases, suppress_health_check=checks, database=None, print_blob=False)
    @given(inputs)
    def some(body: bytes) -> None:
        attempt(body)

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        some()


POSTED: dict[str, tuple[st.SearchStrategy[bytes], dict[str, str]]] = {
    "metrics": (metric_bodies.protobuf, {"path": "/v1/metrics"}),
    "metrics in json": (metric_bodies.json_bodies, {"path": "/v1/metrics", "content_type": "application/json"}),
    "protobuf": (bodies.protobuf, {}),
    "json": (bodies.json_bodies, {"content_type": "application/json"}),
    "gzip": (bodies.gzipped, {"content_encoding": "gzip"}),
    "zstd": (bodies.zstd_compressed, {"content_encoding": "zstd"}),
}


@pytest.mark.timeout(120 + 2 * SECONDS)
@pytest.mark.parametrize("kind", POSTED)
def test_no_body_over_http_keeps_others_out(target: Target, kind: str) -> None:
    inputs, headers = POSTED[kind]

    def attempt(body: bytes) -> None:
        assert target.post(body, **headers) in DEFINED
        target.send_good()

    try_for(SECONDS, inputs, attempt)
    target.await_all()


@pytest.mark.timeout(120 + 2 * SECONDS)
def test_no_body_over_grpc_keeps_others_out(target: Target) -> None:
    def attempt(body: bytes) -> None:
        assert target.export(body, "fuzz") in DEFINED_GRPC
        target.send_good()

    try_for(SECONDS, bodies.protobuf, attempt)
    target.await_all()
