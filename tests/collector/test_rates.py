"""No tenant sends faster than it may, and others do not notice that it tries."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from spanhouse_collector import Rate
from spanhouse_collector.admission import rates
from spanhouse_collector.admission.rates import BURST, Rates
from spanhouse_collector.errors import RateLimited
from spanhouse_storage.tenant import OWN_TENANT

from tests.collector.clock import Clock
from tests.collector.conftest import Start
from tests.support.spans import request, span


@pytest.fixture
def clock() -> Clock:
    return Clock()


def wait_of(limited: Rates, tenant: str) -> float:
    """What the tenant is told, 0 where it is let in."""
    try:
        limited.admit(tenant)
    except RateLimited as refused:
        return refused.retry_after
    return 0.0


def test_without_rates_nothing_is_limited(clock: Clock) -> None:
    limited = Rates({}, clock)
    limited.charge("acme", size=1 << 40, spans=1 << 40)
    assert wait_of(limited, "acme") == 0


@pytest.mark.parametrize("rate", [Rate(bytes=1000), Rate(spans=1000), Rate(bytes=1000, spans=1000)])
def test_a_tenant_gets_its_rate_on_average_and_a_burst_more(clock: Clock, rate: Rate) -> None:
    limited = Rates({"*": rate}, clock)
    let_in = 0
    for _ in range(100):
        while wait_of(limited, "acme") == 0:
            limited.charge("acme", size=100, spans=100)
            let_in += 100
        clock.now += 1
    assert let_in == pytest.approx((100 + BURST) * 1000, rel=0.02)


def test_each_limit_holds_for_itself(clock: Clock) -> None:
    limited = Rates({"*": Rate(bytes=1000, spans=10)}, clock)
    limited.charge("acme", size=1, spans=130)
    assert wait_of(limited, "acme") >= 3
    clock.now += 3.1
    assert wait_of(limited, "acme") == 0
    limited.charge("acme", size=20_000)
    assert wait_of(limited, "acme") >= 10


def test_a_request_larger_than_the_burst_is_let_in_and_paid_for(clock: Clock) -> None:
    limited = Rates({"*": Rate(bytes=100)}, clock)
    assert wait_of(limited, "acme") == 0
    limited.charge("acme", size=3000)
    assert 20 <= wait_of(limited, "acme") <= 30
    clock.now += 20.1
    assert wait_of(limited, "acme") == 0


def test_tenants_that_are_named_have_their_own_rate_and_ours_has_none(clock: Clock) -> None:
    limited = Rates({"*": Rate(spans=10), "acme": Rate(spans=1000), "free": Rate()}, clock)
    for tenant in ("acme", "free", "other", "another", OWN_TENANT):
        limited.charge(tenant, spans=500)
    told = {tenant: wait_of(limited, tenant) > 0 for tenant in ("acme", "free", "other", "another", OWN_TENANT)}
    assert told == {"acme": False, "free": False, "other": True, "another": True, OWN_TENANT: False}


def test_names_that_are_invented_take_no_memory_and_no_rate_of_those_that_are_known(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "_MOST_TENANTS", 100)
    limited = Rates({"*": Rate(spans=10), "acme": Rate(spans=10)}, clock)
    limited.charge("known", spans=50)
    for number in range(10_000):
        limited.charge(f"invented{number}", spans=50)
    assert len(limited._accounts) <= 101
    assert wait_of(limited, "invented-later") > 0
    assert (wait_of(limited, "known"), wait_of(limited, "acme")) == (0, 0)
    clock.now += 10_000 * 50
    limited.charge("late", spans=150)
    assert (wait_of(limited, "late") > 0, wait_of(limited, "later")) == (True, 0)


def body(spans: int) -> bytes:
    return request({"web": [span() for _ in range(spans)]}).SerializeToString()


def retry_delay(error: aio.AioRpcError) -> float:
    """Seconds of the RetryInfo."""
    trailing = dict(error.trailing_metadata() or ())
    info = RetryInfo()
    Status.FromString(trailing["grpc-status-details-bin"]).details[0].Unpack(info)
    return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)


def some_span() -> ReadableSpan:
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    provider.get_tracer("test").start_span("sent by an SDK").end()
    (made,) = memory.get_finished_spans()
    provider.shutdown()
    return made


def sent_by(exporter: SpanExporter) -> SpanExportResult:
    try:
        return exporter.export([some_span()])
    finally:
        exporter.shutdown()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "headers",
    [
        {"content_encoding": "gzip"},
        {"content_encoding": "zstd"},
        {"content_encoding": "br"},
        {"content_type": "application/json"},
    ],
)
async def test_what_cannot_be_read_counts_too(start: Start, headers: dict[str, str]) -> None:
    async with start(tenant_rates={"acme": Rate(bytes=100)}) as running:
        assert (await running.post(b"broken" * 500, x_scope_orgid="acme", **headers)).status_code in (400, 415)
        assert (await running.post(body(1), x_scope_orgid="acme")).status_code == 503


@pytest.mark.anyio
async def test_who_sends_too_fast_is_told_when_to_come_again_and_exporters_do(start: Start) -> None:
    acme = {"x-scope-orgid": "acme"}
    async with start(tenant_rates={"acme": Rate(spans=20)}) as running:
        assert (await running.post(body(230), **acme)).status_code == 200

        refused = await running.post(body(1), **acme)
        assert (refused.status_code, refused.headers["retry-after"]) in ((503, "2"), (503, "3"))
        assert Status.FromString(refused.content).message == "tenant acme sends faster than tenant_rates allows"
        with pytest.raises(aio.AioRpcError) as error:
            await running.export(body(1), metadata=(("x-scope-orgid", "acme"),))
        assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert 0.5 < retry_delay(error.value) <= 2.25
        assert (await running.post(body(1))).status_code == 200

        exporters: list[SpanExporter] = [
            HttpExporter(endpoint=f"http://{running.address}/v1/traces", headers=acme),
            GrpcExporter(endpoint=running.collector.grpc_address, insecure=True, headers=acme),
        ]
        done = await asyncio.gather(*(asyncio.to_thread(sent_by, exporter) for exporter in exporters))
        assert done == [SpanExportResult.SUCCESS] * 2
        await running.stored(230 + 1 + 2)
