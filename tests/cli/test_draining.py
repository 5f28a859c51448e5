"""SIGTERM while senders are at it: first it says that it goes, then it answers what has begun, then it ends."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.cli.running import Running, serving
from tests.support.spans import request, span

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
BODY = request({"shop": [span()]}).SerializeToString()
# Stored, or one of the codes after which OTLP lets exporters send again.
WAYS_OUT = (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def begun(running: Running) -> socket.socket:
    """A request of which a half was sent."""
    host, _, port = running.addresses["otlp_http"].partition(":")
    sender = socket.create_connection((host, int(port)), timeout=10)
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: {len(BODY)}"
    sender.sendall(head.encode() + b"\r\n\r\n" + BODY[: len(BODY) // 2])
    return sender


def finished(sender: socket.socket) -> http.client.HTTPResponse:
    """The answer, after the other half was sent."""
    sender.sendall(BODY[len(BODY) // 2 :])
    answer = http.client.HTTPResponse(sender)
    answer.begin()
    answer.read()
    return answer


def test_health_says_so_first_and_whoever_has_begun_gets_an_answer(tmp_path: Path) -> None:
    with (
        serving("up", tmp_path / "data") as running,
        begun(running) as sender,
        grpc.insecure_channel(running.addresses["otlp_grpc"]) as channel,
    ):
        watch: Any = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        running.process.terminate()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        answer = finished(sender)
        assert answer.status in (200, 503)
        assert answer.status == 200 or int(answer.headers["Retry-After"]) > 0
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        assert export.future(BODY, timeout=10).code() in WAYS_OUT
        assert running.process.wait(10) == 0
        assert "Traceback" not in running.log


def test_a_sender_who_stops_in_the_middle_is_answered_and_does_not_hold_it_up(tmp_path: Path) -> None:
    silent = threading.Event()
    with (
        serving("up", tmp_path / "data") as running,
        begun(running) as sender,
        grpc.insecure_channel(running.addresses["otlp_grpc"]) as channel,
    ):
        export: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(EXPORT)
        call = export.future(_nothing(silent), timeout=20)
        assert export.future(iter((BODY,)), timeout=10).code() is grpc.StatusCode.OK  # the one before it has begun too
        assert running.stop(seconds=6) == 0
        answer = http.client.HTTPResponse(sender)
        answer.begin()
        assert (answer.status, 1 <= int(answer.headers["Retry-After"]) <= 8) == (
            503,
            True,
        )  # of five seconds, and chance
        assert (call.code(), call.details()) == (grpc.StatusCode.UNAVAILABLE, "the collector is stopping")
        silent.set()
        assert "took too long" not in running.log
        assert "Traceback" not in running.log


def _nothing(end: threading.Event) -> Iterator[bytes]:
    """The messages of a sender who does not send."""
    end.wait(30)
    yield from ()
