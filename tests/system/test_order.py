"""The order and the batching of arrivals change nothing."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.cli.running import Running
from tests.support.spans import CLIENT, CONSUMER, PRODUCER, SECOND, SERVER, request, span
from tests.system.api import ask, await_rollup, await_spans, send

Sent = tuple[str, Span]
TRACES = 40
MINUTE = 60 * SECOND


def shop_spans(rnd: random.Random) -> list[Sent]:
    """Traces over five services: RPC, messaging, an internal hop between, and some failures."""
    spans: list[Sent] = []
    for _ in range(TRACES):
        start = time.time_ns() - rnd.randrange(10, 600) * SECOND

        def add(
            service: str, name: str, kind: Span.SpanKind.ValueType, parent: Span | None, start: int = start
        ) -> Span:
            made = span(
                name,
                kind=kind,
                parent=parent if parent is not None else b"",
                start=start + rnd.randrange(SECOND),
                duration=int(rnd.lognormvariate(16, 2)),
                error=rnd.random() < 0.1,
            )
            spans.append((service, made))
            return made

        root = add("web", "GET /", SERVER, None)
        inner = add("web", "render", Span.SPAN_KIND_INTERNAL, root)
        cart = add("cart", "GET /cart", SERVER, add("web", "GET", CLIENT, inner))
        add("prices", "price", SERVER, add("cart", "GET", CLIENT, cart))
        add("stock", "check", SERVER, inner)  # no CLIENT span on the caller's side
        publish = add("cart", "publish", PRODUCER, cart)
        for _ in range(rnd.randrange(3)):
            add("mail", "process", CONSUMER, publish)
    return spans


def one_request(spans: list[Sent]) -> list[list[Sent]]:
    return [spans]


def shuffled_single_spans(spans: list[Sent]) -> list[list[Sent]]:
    mixed = random.Random(3).sample(spans, len(spans))
    return [[sent] for sent in mixed]


def children_before_parents(spans: list[Sent]) -> list[list[Sent]]:
    backwards = spans[::-1]
    return [backwards[at : at + 7] for at in range(0, len(backwards), 7)]


BATCHINGS = (one_request, shuffled_single_spans, children_before_parents)


def answers(running: Running, tenant: str, until: int) -> dict[str, Any]:
    window = {"from_": until - 3600 * SECOND, "to": until}
    service_map = ask(running, "service-map", tenant, **window)
    services = ask(running, "services", tenant, **window)["services"]
    names = [row["service"] for row in services]
    operations = [ask(running, f"services/{name}/operations", tenant, **window)["operations"] for name in names]
    latency = ask(running, "latency", tenant, service="cart", **window)["series"]
    completeness = service_map["meta"]["completeness"]
    return {
        "map": (service_map["nodes"], service_map["edges"], completeness),
        "services": services,
        "operations": operations,
        "latency": latency,
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_spans_in_any_order_and_batching_give_the_same_answers(running: Running, seed: int) -> None:
    spans = shop_spans(random.Random(seed))
    until = time.time_ns() // MINUTE * MINUTE  # past, so that rates are those of the same time each time asked
    found: dict[str, dict[str, Any]] = {}
    for batching in BATCHINGS:
        tenant = batching.__name__
        for batch in batching(spans):
            by_service: dict[str, list[Span]] = {}
            for service, sent in batch:
                by_service.setdefault(service, []).append(sent)
            send(running, request(by_service), tenant)
        await_spans(running, len(spans), tenant)
    await_rollup(running)
    for tenant in (batching.__name__ for batching in BATCHINGS):
        found[tenant] = answers(running, tenant, until)
    reference = found.pop("one_request")
    assert {edge["server"] for edge in reference["map"][1]} == {"web", "cart", "prices", "stock", "mail"}
    for answer in found.values():
        assert answer == reference
