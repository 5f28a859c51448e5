"""Of what is larger than anybody reads, a part is stored, and it is marked and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanhouse_storage import Store

from tests.support.spans import key_values, request, segment, span

LIMIT = 65_536


def stored(store: Store, folder: Path, sent: Span, *columns: str) -> dict[str, Any]:
    """Insert a span, and what became of it."""
    path = folder / "segment.frames"
    path.write_bytes(segment([request({"web": [sent]}).SerializeToString()]))
    store.insert_segment(path, "segment")
    (row,) = store.rows(f"SELECT {', '.join(columns)} FROM spans")
    return row


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("x" * LIMIT, "x" * LIMIT),
        ("x" * (LIMIT + 1), "x" * LIMIT),
        ("x" + "é" * LIMIT, "x" + "é" * (LIMIT // 2 - 1)),
        ("xx" + "😀" * LIMIT, "xx" + "😀" * (LIMIT // 4 - 1)),
    ],
    ids=["as long as allowed", "ascii", "two bytes a character", "four bytes a character"],
)
def test_of_a_long_text_the_beginning_is_stored(store: Store, tmp_path: Path, value: str, kept: str) -> None:
    sent = span(attributes={"short": "y", "long": value})
    row = stored(store, tmp_path, sent, "attributes", "attribute_types", "marks", "dropped_attributes")
    assert row == {
        "attributes": {"short": "y", "long": kept},
        "attribute_types": "ss",
        "marks": 0 if value == kept else 8,
        "dropped_attributes": 0,
    }


def test_of_long_bytes_the_beginning_is_stored_and_of_long_lists_and_maps_nothing(store: Store, tmp_path: Path) -> None:
    sent, text = span(), AnyValue(string_value="x" * (LIMIT - 10))
    values = {
        "bytes": AnyValue(bytes_value=b"x" * (LIMIT + 1)),
        "list": AnyValue(array_value=ArrayValue(values=[text, text])),
        "map": AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=text)] * 2)),
        "short": AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)])),
    }
    sent.attributes.extend(KeyValue(key=key, value=value) for key, value in values.items())
    lengths = "mapApply((k, v) -> (k, length(base64Decode(v))), attributes) AS lengths"
    assert stored(store, tmp_path, sent, lengths, "attribute_types AS types", "marks") == {
        "lengths": {"bytes": LIMIT, "list": 0, "map": 0, "short": len(values["short"].array_value.SerializeToString())},
        "types": "xaka",
        "marks": 8,
    }


def test_more_attributes_events_and_links_than_allowed_are_counted_as_dropped(store: Store, tmp_path: Path) -> None:
    many = key_values({f"key{number}": number for number in range(1030)})
    sent = span()
    sent.attributes.extend(many)
    sent.dropped_attributes_count = 5
    sent.events.extend([Span.Event(name="with many", attributes=many)] + [Span.Event(name="e")] * 1025)
    sent.links.extend([Span.Link(attributes=many, trace_id=b"t" * 16)] + [Span.Link(trace_id=b"t" * 16)] * 1026)
    row = stored(
        store,
        tmp_path,
        sent,
        "[dropped_attributes, dropped_events, dropped_links] AS dropped",
        "[length(attributes), length(attribute_types), length(events), length(links)] AS kept",
        "(events[1].dropped_attributes, length(events[1].attributes), length(events[1].attribute_types)) AS event",
        "(links[1].dropped_attributes, length(links[1].attributes)) AS link",
        "attributes['key1023'] AS last",
        "marks",
    )
    assert row == {
        "dropped": [11, 2, 3],
        "kept": [1024, 1024, 1024, 1024],
        "event": (6, 1024, 1024),
        "link": (6, 1024),
        "last": "1023",
        "marks": 8,
    }


@pytest.mark.parametrize("where", ["events", "links"])
def test_a_long_value_of_an_event_or_a_link_marks_its_span(store: Store, tmp_path: Path, where: str) -> None:
    sent, long = span(), key_values({"long": "x" * (LIMIT + 1)})
    (sent.events.add() if where == "events" else sent.links.add()).attributes.extend(long)
    assert stored(store, tmp_path, sent, f"length({where}[1].attributes['long']) AS n", "marks") == {
        "n": LIMIT,
        "marks": 8,
    }


def test_a_resource_has_the_same_limits(store: Store, tmp_path: Path) -> None:
    many = {f"key{number:04}": "x" * (LIMIT + 1) if number == 0 else "y" for number in range(1030)}
    sent = request({"web": [span()]})
    sent.resource_spans[0].resource.attributes.extend(key_values(many))
    path = tmp_path / "segment.frames"
    path.write_bytes(segment([sent.SerializeToString()]))
    store.insert_segment(path, "segment")
    (row,) = store.rows(
        "SELECT length(attributes) AS kept, length(attributes['key0000']) AS long, dropped_attributes AS dropped, "
        "length(attribute_types) AS types, id = (SELECT resource_id FROM spans) AS found FROM resources"
    )
    assert row == {"kept": 1024, "long": LIMIT, "dropped": 7, "types": 1024, "found": 1}


def test_what_is_missing_of_a_resource_or_a_scope_marks_no_span_and_names_are_not_cut(
    store: Store, tmp_path: Path
) -> None:
    long, many = "x" * (LIMIT + 1), key_values({f"key{number}": "y" for number in range(1030)})
    named = span(long)
    named.status.message = long
    sent = request({long: [named]})
    (resource_spans,) = sent.resource_spans
    resource_spans.resource.attributes.extend(many)
    resource_spans.scope_spans[0].scope.name = long
    resource_spans.scope_spans[0].scope.attributes.extend(many)
    path = tmp_path / "segment.frames"
    path.write_bytes(segment([sent.SerializeToString()]))
    store.insert_segment(path, "segment")
    (row,) = store.rows(
        "SELECT marks, dropped_attributes AS dropped, length(scope_attributes) AS kept, "
        "[length(service), length(name), length(scope_name), length(status_message)] AS lengths FROM spans"
    )
    assert row == {"marks": 0, "dropped": 0, "kept": 1024, "lengths": [LIMIT + 1] * 4}


def test_spans_that_are_stored_in_part_are_counted_by_tenant_and_operation(store: Store, tmp_path: Path) -> None:
    spans = [span("long", attributes={"a": "x" * (LIMIT + 1)}), span("long"), span("short")]
    path = tmp_path / "segment.frames"
    path.write_bytes(segment([request({"web": spans}).SerializeToString()]))
    store.insert_segment(path, "segment")
    for table in ("red_1m", "red_1h", "red_1d"):
        rows = store.rows(f"SELECT operation, sum(truncated) AS n FROM {table} GROUP BY operation ORDER BY operation")
        assert rows == [{"operation": "long", "n": 1}, {"operation": "short", "n": 0}]
