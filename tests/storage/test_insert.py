"""What becomes of a segment, on both engines."""

from __future__ import annotations

import random
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from spanhouse_storage import DataRefused, EmbeddedConfig, Store, StoreConfig, StoreError, migrate, open_store

from tests.support.spans import CLIENT, MILLISECOND, SECOND, SERVER, frame, request, segment, span


def insert(store: Store, folder: Path, data: bytes, token: str = "segment") -> None:
    path = folder / f"{token}.frames"
    path.write_bytes(data)
    store.insert_segment(path, token)


def one(store: Store, sql: str) -> dict[str, Any]:
    (row,) = store.rows(sql)
    return row


def test_a_span_is_stored_with_all_that_it_carries(store: Store, tmp_path: Path) -> None:
    sent = span("GET /", kind=SERVER, duration=7 * MILLISECOND, error=True, attributes={"http.route": "/", "n": 3})
    insert(store, tmp_path, segment([request({"web": [sent]}).SerializeToString()]))
    row = one(store, "SELECT *, toUnixTimestamp64Nano(ts) AS start FROM spans")
    expected = {
        "tenant": "default",
        "trace_id": sent.trace_id,
        "span_id": sent.span_id,
        "parent_span_id": bytes(8),
        "service": "web",
        "name": "GET /",
        "kind": "server",
        "start": sent.start_time_unix_nano,
        "duration": 7 * MILLISECOND,
        "status": "error",
        "attributes": {"http.route": "/", "n": "3"},
        "attribute_types": "si",
        "clock_offset": 0,
        "marks": 0,
    }
    assert expected == {column: row[column] for column in expected}


def test_the_same_token_counts_once_in_every_table(store: Store, tmp_path: Path) -> None:
    data = segment([request({"web": [span(), span()]}).SerializeToString()])
    for _ in range(3):
        insert(store, tmp_path, data, "same")
    counts = one(
        store,
        """SELECT (SELECT count() FROM spans) AS spans, (SELECT sum(spans) FROM trace_index) AS indexed,
        (SELECT sum(requests) FROM red_1m) AS red, (SELECT count() FROM resources) AS resources""",
    )
    assert counts == {"spans": 2, "indexed": 2, "red": 2, "resources": 1}


def test_different_tokens_with_the_same_bytes_count_twice(store: Store, tmp_path: Path) -> None:
    data = segment([request({"web": [span()]}).SerializeToString()])
    insert(store, tmp_path, data, "first")
    insert(store, tmp_path, data, "second")
    assert one(store, "SELECT count() AS n FROM spans") == {"n": 2}


def test_a_torn_segment_is_refused_for_good_and_leaves_nothing(store: Store, tmp_path: Path) -> None:
    data = segment([request({"web": [span()]}).SerializeToString()] * 3)
    with pytest.raises(DataRefused):
        insert(store, tmp_path, data[:-4])
    assert one(store, "SELECT count() AS n FROM spans") == {"n": 0}


def test_a_start_far_off_the_arrival_is_clamped_and_marked_without_loss(store: Store, tmp_path: Path) -> None:
    now = time.time_ns()
    starts = {
        0: 1,
        now - 40 * 86400 * SECOND: 1,
        now - 10 * 86400 * SECOND: 0,
        now + 2 * 3600 * SECOND: 1,
        2**64 - 1: 1,
    }
    spans = [span(str(start), start=start, duration=0) for start in starts]
    insert(store, tmp_path, frame(request({"web": spans}).SerializeToString(), received_at=now))
    rows = store.rows(
        """SELECT name, marks, abs(toUnixTimestamp64Nano(ts) - {now}) < 1000 AS arrival,
        toUInt64(toUnixTimestamp64Nano(ts) + clock_offset) AS start FROM spans""".replace("{now}", str(now))
    )
    assert {int(row["name"]): (row["marks"], row["arrival"], row["start"]) for row in rows} == {
        start: (mark, mark, start) for start, mark in starts.items()
    }


def test_an_end_before_the_start_is_marked_and_lasts_nothing(store: Store, tmp_path: Path) -> None:
    backwards = span()
    backwards.end_time_unix_nano = backwards.start_time_unix_nano - 5
    insert(store, tmp_path, segment([request({"web": [backwards]}).SerializeToString()]))
    assert one(store, "SELECT duration, marks FROM spans") == {"duration": 0, "marks": 2}


def test_spans_with_invalid_ids_are_left_out_and_listed(store: Store, tmp_path: Path) -> None:
    good = span("good")
    bad = [span("short", trace_id=b"abc"), span("zero", span_id=bytes(8)), span("long", span_id=b"123456789")]
    body = request({"web": [bad[0], good, *bad[1:]]}).SerializeToString()
    insert(store, tmp_path, frame(body, rejected=3))
    assert one(store, "SELECT name FROM spans") == {"name": "good"}
    listed = store.rows("SELECT name, reason, service FROM rejects ORDER BY name")
    assert [(row["name"], row["reason"], row["service"]) for row in listed] == [
        ("long", "span_id length", "web"),
        ("short", "trace_id length", "web"),
        ("zero", "span_id zero", "web"),
    ]


def test_the_trace_index_knows_root_bounds_and_services_in_any_order(store: Store, tmp_path: Path) -> None:
    start = time.time_ns() - 60 * SECOND
    root = span("GET /", kind=SERVER, start=start, duration=2 * SECOND)
    call = span("call", parent=root, kind=CLIENT, start=start + SECOND // 2, duration=SECOND)
    child = span("work", parent=call, kind=SERVER, start=start + SECOND, duration=3 * SECOND, error=True)
    batches = [{"web": [root]}, {"web": [call]}, {"cart": [child]}]
    random.Random(7).shuffle(batches)
    for index, batch in enumerate(batches):
        insert(store, tmp_path, segment([request(batch).SerializeToString()]), f"s{index}")
    row = one(
        store,
        """SELECT trace_id, toUnixTimestamp64Nano(min(first)) AS first, toUnixTimestamp64Nano(max(last)) AS last,
        toUnixTimestamp64Nano(max(ended)) AS ended, sum(spans) AS spans, sum(errors) AS errors,
        min(root).service AS root_service, min(root).operation AS root_operation, min(root).missing AS missing,
        arraySort(groupUniqArrayArray(services)) AS services FROM trace_index GROUP BY trace_id""",
    )
    assert row == {
        "trace_id": root.trace_id,
        "first": start,
        "last": child.start_time_unix_nano,
        "ended": child.end_time_unix_nano,
        "spans": 3,
        "errors": 1,
        "root_service": "web",
        "root_operation": "GET /",
        "missing": 0,
        "services": ["cart", "web"],
    }


def test_red_counts_requests_errors_and_durations_by_minute(store: Store, tmp_path: Path) -> None:
    minute = (time.time_ns() // (60 * SECOND) - 5) * 60 * SECOND
    durations = [0, 1, 2**20, 2**20 + 1]
    spans = [
        span("op", kind=SERVER, start=minute + index, duration=duration, error=index == 0)
        for index, duration in enumerate(durations)
    ]
    insert(store, tmp_path, segment([request({"web": spans}).SerializeToString()]))
    row = one(store, "SELECT * FROM red_1m")
    assert (row["requests"], row["errors"], row["entry"]) == (4, 1, True)
    assert (row["duration_min"], row["duration_max"], row["duration_sum"]) == (0, 2**20 + 1, sum(durations))
    # Bucket i of scale 5 holds (2^(i/32), 2^((i+1)/32)]: an exact power of two is the upper end of its bucket.
    assert row["buckets"] == {-32768: 1, -1: 1, 20 * 32 - 1: 1, 20 * 32: 1}


@pytest.mark.parametrize("name", ["a{b}", "a*", "a?", "{a,b}"])
def test_a_folder_whose_name_is_a_pattern_to_the_engine_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match=r"cannot use .*--data-dir"):
        open_store(StoreConfig(engine=EmbeddedConfig(path=tmp_path / name / "engine")))
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["it's", "a b", "a\\b", "[ab]", "a%41", "a:b", "a,b", "a\nb"])
def test_any_other_folder_holds_segments(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    with closing(open_store(StoreConfig(engine=EmbeddedConfig(path=folder / "engine")))) as store:
        migrate(store)
        insert(store, folder, segment([request({"web": [span()]}).SerializeToString()]))
        assert store.rows("SELECT count() AS n FROM spans") == [{"n": 1}]


def test_a_segment_of_which_the_engine_reads_nothing_is_not_stored(tmp_path: Path) -> None:
    """Whoever calls removes a segment that was inserted, so this must not look like success."""
    with closing(open_store(StoreConfig(engine=EmbeddedConfig(path=tmp_path / "engine")))) as store:
        migrate(store)
        for folder, data in (("a{b}", segment([request({"web": [span()]}).SerializeToString()])), ("plain", b"")):
            (tmp_path / folder).mkdir()
            with pytest.raises(StoreError):
                insert(store, tmp_path / folder, data, token=folder)
