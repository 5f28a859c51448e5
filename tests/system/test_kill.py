"""kill -9 in the middle of sending: what was acknowledged is there afterwards, and once."""

from __future__ import annotations

import http.client
import random
import secrets
import signal
import threading
import time
from collections import Counter
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.cli.running import LONG_SEGMENTS, Running, serving
from tests.cli.running import request as http_request
from tests.support.effort import examples
from tests.support.polling import eventually
from tests.support.spans import SERVER, request, span
from tests.system.api import all_traces, spans_of, spans_stored

ROUNDS = examples(8)
SENDERS = 4
SPANS_PER_REQUEST = 20


class Sender(threading.Thread):
    """Sends requests of one trace until the connection breaks; the last one may or may not have got through."""

    def __init__(self, running: Running) -> None:
        super().__init__()
        self._address = running.addresses["otlp_http"]
        self._trace_id = secrets.token_bytes(16)
        self.acknowledged: list[ExportTraceServiceRequest] = []
        self.unanswered: ExportTraceServiceRequest | None = None

    def run(self) -> None:
        headers = {"content-type": "application/x-protobuf"}
        while True:
            spans = [span(kind=SERVER, trace_id=self._trace_id) for _ in range(SPANS_PER_REQUEST)]
            self.unanswered = request({"web": spans})
            body = self.unanswered.SerializeToString()
            try:
                status, _ = http_request(self._address, "POST", "/v1/traces", body, headers)
            except (OSError, http.client.HTTPException):
                return
            assert status == 200
            self.acknowledged.append(self.unanswered)


def span_ids(requests: list[ExportTraceServiceRequest]) -> set[bytes]:
    return {sent.span_id for body in requests for sent in body.resource_spans[0].scope_spans[0].spans}


def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    rnd = random.Random(5)
    acknowledged: list[ExportTraceServiceRequest] = []
    unanswered: list[ExportTraceServiceRequest] = []
    for _ in range(ROUNDS):
        with serving("up", tmp_path / "data", LONG_SEGMENTS) as running:
            # A sender that got no answer sends the same bytes again.
            # One that got its answer may have lost it on the way: it is stored already, and must not be stored again.
            for body in unanswered[-SENDERS:] + acknowledged[:SENDERS]:
                headers = {"content-type": "application/x-protobuf"}
                assert running.post("/v1/traces", body.SerializeToString(), headers)[0] == 200
            acknowledged += unanswered[-SENDERS:]
            senders = [Sender(running) for _ in range(SENDERS)]
            for sender in senders:
                sender.start()
            time.sleep(rnd.uniform(0.3, 1.5))  # the moment of the crash, not a condition that is waited for
            running.process.send_signal(signal.SIGKILL)
            for sender in senders:
                sender.join(20)
                acknowledged += sender.acknowledged
                unanswered += [sender.unanswered] if sender.unanswered is not None else []
    assert len(acknowledged) > ROUNDS * SENDERS

    with serving("up", tmp_path / "data", LONG_SEGMENTS) as running:
        expected = span_ids(acknowledged)
        possible = expected | span_ids(unanswered)
        await_spans_between(running, len(expected), len(possible))
        stored: Counter[bytes] = Counter()
        for trace in all_traces(running):
            stored.update(sent.span_id for _, sent in spans_of(running, trace["trace_id"]))
        assert expected - set(stored) == set()
        assert set(stored) - possible == set()
        assert {identity: times for identity, times in stored.items() if times > 1} == {}


def await_spans_between(running: Running, least: int, most: int) -> None:
    eventually(lambda: least <= spans_stored(running) <= most or None, 30)
