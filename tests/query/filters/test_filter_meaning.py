"""What a filter finds in the engine is what its meaning says of each span."""

from __future__ import annotations

import json
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from spanhouse_query.filters import parse

from tests.query.filters.evaluator import Given, holds
from tests.query.service import Service, fresh_tenant
from tests.support.effort import examples
from tests.support.spans import Value, key_values, request, span

NOW = time.time_ns()
KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"]
STATUSES = ["unset", "ok", "error"]

keys = st.sampled_from(["http.route", "n", "size-1", "é \"'\\", "a'b"])
plain = st.sampled_from(
    ["", "a", "A", "/items/{id}", "5", "500", "5.0", "1e3", "nan", "x y", "a'b\\c\n\t\"", "é😀", "%s {q0:String}"]
)
numbers = st.sampled_from([0, 5, 500, -1, 1000, 2**53 + 1]) | st.sampled_from([0.5, 5.0, 1e21, -0.0])
stored = plain | numbers | st.booleans()
attribute_maps = st.dictionaries(keys, stored, max_size=4)
names = st.sampled_from(["web", "cart", "it's", "a\\b"])


def as_text(value: Value) -> str:
    """As the store writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return {0.5: "0.5", 5.0: "5", 1e21: "1e21", 0.0: "-0"}[value]
    return str(value)


@st.composite
def stored_spans(draw: st.DrawFn) -> tuple[str, dict[str, Value], Span]:
    """A service, attributes of its resource, and a span."""
    one = span(
        draw(names),
        kind=draw(st.sampled_from(Span.SpanKind.values())),
        start=NOW,
        duration=draw(st.sampled_from([0, 999_999, 1_000_000, 250_000_000, 10**10])),
        attributes=draw(attribute_maps),
    )
    one.status.CopyFrom(Status(code=draw(st.sampled_from(Status.StatusCode.values()))))
    return draw(names), draw(attribute_maps), one


def quoted(text: str) -> str:
    return json.dumps(text)


left_attribute = st.one_of(
    st.sampled_from(["http.route", "n", "size-1"]),
    st.builds(lambda scope, key: f"{scope}.{quoted(key)}", st.sampled_from(["span", "resource"]), keys),
)
number_text = numbers.map(str)
pattern = st.sampled_from(["", "a", "^a$", "[0-9]+", "items/.id", "(?i)A", "\\\\", "é.", "it.s|w"])
value_text = plain.map(quoted) | number_text
texts = st.one_of(
    st.builds("{} {} {}".format, left_attribute, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), value_text),
    st.builds("{} {} {}".format, left_attribute, st.sampled_from(["=", "!="]), st.sampled_from(["true", "false"])),
    st.builds("{} {} {}".format, left_attribute, st.sampled_from(["=~", "!~"]), pattern.map(quoted)),
    st.builds(
        "{} in ({})".format,
        left_attribute,
        st.lists(value_text | st.just("true"), min_size=1, max_size=3).map(", ".join),
    ),
    st.builds("{} exists".format, left_attribute),
    st.builds(
        "{} {} {}".format, st.sampled_from(["service", "operation"]), st.sampled_from(["=", "!="]), names.map(quoted)
    ),
    st.builds(
        "{} {} {}".format, st.sampled_from(["service", "operation"]), st.sampled_from(["=~", "!~"]), pattern.map(quoted)
    ),
    st.builds("service in ({})".format, st.lists(names.map(quoted), min_size=1, max_size=3).map(",".join)),
    st.builds("kind {} {}".format, st.sampled_from(["=", "!="]), st.sampled_from(KINDS)),
    st.builds("status in ({})".format, st.lists(st.sampled_from(STATUSES), min_size=1, max_size=3).map(",".join)),
    st.builds(
        "duration {} {}".format,
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        st.sampled_from(["0s", "1ms", "250ms", "1.5s"]),
    ),
)
filters = st.recursive(
    texts,
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("{} or {}".format, inner, inner)
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=4,
)


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.too_slow])
@given(sent=st.lists(stored_spans(), min_size=1, max_size=6), text=st.lists(filters, min_size=1, max_size=4))
def test_finds_the_spans_that_its_meaning_names(
    service: Service, sent: list[tuple[str, dict[str, Value], Span]], text: list[str]
) -> None:
    tenant = fresh_tenant()
    requests = [request({name: [one]}) for name, _, one in sent]
    for message, (_, attributes, _) in zip(requests, sent, strict=True):
        message.resource_spans[0].resource.attributes.extend(key_values(attributes))
    service.feed(requests, tenant=tenant)

    for q in text:
        expected = {
            one.trace_id.hex() for name, resource, one in sent if holds(parse(q), as_given(name, resource, one))
        }
        answer = service.get("/api/v1/traces", {"q": q, "limit": 100}, tenant=tenant)
        assert {trace["trace_id"] for trace in answer["traces"]} == expected, q
        assert answer["total"] == len(expected)


def as_given(name: str, resource: dict[str, Value], one: Span) -> Given:
    attributes: dict[str, Value] = {
        item.key: getattr(item.value, str(item.value.WhichOneof("value"))) for item in one.attributes
    }
    return Given(
        fields={
            "service": name,
            "operation": one.name,
            "kind": KINDS[one.kind],
            "status": STATUSES[one.status.code],
            "duration": one.end_time_unix_nano - one.start_time_unix_nano,
            "trace_id": one.trace_id.hex(),
        },
        span={key: as_text(value) for key, value in attributes.items()},
        resource={"service.name": name, **{key: as_text(value) for key, value in resource.items()}},
    )


def test_looks_up_traces_by_id(service: Service, tenant: str) -> None:
    spans = [span(trace_id=bytes([number]) * 15 + b"\0", start=NOW) for number in (1, 2, 3)]
    service.feed([request({"web": spans})], tenant=tenant)
    one, two = (f'"{item.trace_id.hex()}"' for item in spans[:2])

    def found(q: str) -> int:
        return int(service.get("/api/v1/traces", {"q": q}, tenant=tenant)["total"])

    assert (found(f"trace_id = {one}"), found(f"trace_id in ({one}, {two})"), found(f"trace_id != {one}")) == (1, 2, 2)


def test_wants_all_conditions_of_one_span(service: Service, tenant: str) -> None:
    first = span("a", start=NOW, attributes={"x": 1})
    second = span("b", start=NOW, parent=first, attributes={"y": 2})
    service.feed([request({"web": [first, second]})], tenant=tenant)

    def total(q: str) -> int:
        return int(service.get("/api/v1/traces", {"q": q}, tenant=tenant)["total"])

    assert (total("x = 1"), total("y = 2"), total("x = 1 and y = 2"), total('x = 1 and operation = "a"')) == (
        1,
        1,
        0,
        1,
    )


def test_takes_a_bare_name_from_the_resource_only_where_the_span_has_none(service: Service, tenant: str) -> None:
    own = span(start=NOW, attributes={"zone": "span", "x": 1})
    inheriting = span(start=NOW)
    message = request({"web": [own, inheriting]})
    message.resource_spans[0].resource.attributes.extend(key_values({"zone": "resource"}))
    service.feed([message], tenant=tenant)

    def found(q: str) -> set[str]:
        answer = service.get("/api/v1/traces", {"q": q}, tenant=tenant)
        return {trace["trace_id"] for trace in answer["traces"]}

    first, second = own.trace_id.hex(), inheriting.trace_id.hex()
    assert found('zone = "span"') == found('zone != "resource"') == found('span."zone" exists') == {first}
    assert found('zone = "resource"') == found('zone in ("resource", "x")') == {second}
    assert found('resource."zone" = "resource"') == found("zone exists") == {first, second}
    assert found("x = 1") == {first}
