"""Inserts of the real driver over HTTP: frames, files, encodings, tokens."""

import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lz4.frame
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

SCHEMA = """syntax = "proto3";
message Item { bytes id = 1; fixed64 weight = 2; }
message Batch { repeated Item items = 1; }
message Frame { string tenant = 1; fixed64 received_at = 2; Batch batch = 3; }
"""
FRAMES = {
    "format_schema_source": "string",
    "format_schema": SCHEMA,
    "format_schema_message_name": "Frame",
    "async_insert": 0,
}


def varint(number: int) -> bytes:
    """Protocol Buffers' variable-length integer."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def frame(tenant: str, weights: list[int], padding: int = 0) -> bytes:
    """One delimited Frame with an item for each weight; `padding` bytes make its ids longer."""
    items = [field(1, b"id" + b"x" * padding) + b"\x11" + weight.to_bytes(8, "little") for weight in weights]
    batch = b"".join(field(1, item) for item in items)
    body = field(1, tenant.encode()) + b"\x11" + (7).to_bytes(8, "little") + field(3, batch)
    return varint(len(body)) + body


@pytest.fixture
def pipeline(client: Client) -> Client:
    """A Null table for frames and a view that flattens them into `items`, which remembers tokens."""
    batch = "Tuple(items Array(Tuple(id String, weight UInt64)))"
    client.command(f"CREATE TABLE frames_in (tenant String, received_at UInt64, batch {batch}) ENGINE = Null")
    client.command(
        "CREATE TABLE items (tenant String, size UInt64, weight UInt64) ORDER BY tenant "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    client.command(
        "CREATE MATERIALIZED VIEW items_mv TO items AS SELECT tenant, length(i.id) AS size, i.weight AS weight "
        "FROM (SELECT tenant, arrayJoin(batch.items) AS i FROM frames_in)"
    )
    return client


def stored(client: Client) -> list[tuple[str, int, int]]:
    """Tenant, number of items and sum of weights, by tenant."""
    result = client.query("SELECT tenant, count(), sum(weight) FROM items GROUP BY tenant ORDER BY tenant")
    return [(str(tenant), int(count), int(weight)) for tenant, count, weight in result.result_rows]


def test_frames_are_decoded_by_the_engine_with_an_inline_schema(pipeline: Client) -> None:
    segment = frame("a", [1, 2, 3]) + frame("b", [10]) + frame("a", [])
    pipeline.raw_insert("frames_in", insert_block=segment, fmt="Protobuf", settings=FRAMES)
    assert stored(pipeline) == [("a", 3, 6), ("b", 1, 10)]


def test_a_token_counts_once_however_often_it_comes(pipeline: Client) -> None:
    for token in ("t1", "t1", "t2", "t1"):
        settings = FRAMES | {"insert_deduplication_token": token}
        pipeline.raw_insert("frames_in", insert_block=frame("a", [1, 2]), fmt="Protobuf", settings=settings)
    assert stored(pipeline) == [("a", 4, 6)]


def test_a_large_file_streams_in_from_disk(pipeline: Client, tmp_path: Path) -> None:
    segment = tmp_path / "segment"
    segment.write_bytes(frame("a", [1] * 16, padding=65_536) * 16)
    assert segment.stat().st_size > 16 * 2**20
    with segment.open("rb") as file:
        pipeline.raw_insert("frames_in", insert_block=file, fmt="Protobuf", settings=FRAMES)
    assert stored(pipeline) == [("a", 256, 256)]


def test_a_torn_segment_stores_nothing(pipeline: Client) -> None:
    segment = frame("a", [1, 2]) + frame("b", [3])[:-1]
    with pytest.raises(DatabaseError) as caught:
        pipeline.raw_insert("frames_in", insert_block=segment, fmt="Protobuf", settings=FRAMES)
    assert caught.value.code is not None
    assert stored(pipeline) == []


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("zstd", lambda data: zstd.compress(data[:5]) + zstd.compress(data[5:])),
        ("lz4", lz4.frame.compress),
        ("deflate", zlib.compress),
    ],
)
def test_bodies_may_be_compressed(pipeline: Client, encoding: str, encode: Callable[[bytes], bytes]) -> None:
    block = encode(frame("a", [1, 2]))
    pipeline.raw_insert("frames_in", insert_block=block, fmt="Protobuf", settings=FRAMES, compression=encoding)
    assert stored(pipeline) == [("a", 2, 3)]


def test_a_damaged_compressed_body_is_refused(pipeline: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        pipeline.raw_insert("frames_in", insert_block=b"not gzip", fmt="Protobuf", settings=FRAMES, compression="gzip")
    assert caught.value.code == 271


@pytest.mark.parametrize("wrap", [bytes, bytes.decode, io.BytesIO])
def test_data_comes_with_the_statement_or_after_it(client: Client, wrap: Callable[[bytes], Any]) -> None:
    client.command("CREATE TABLE t (id UInt64, text String) ORDER BY id")
    client.raw_insert("t", column_names=["id", "text"], insert_block=wrap(b"1\ta\n2\tb\n"), fmt="TabSeparated")
    client.command("INSERT INTO t VALUES", data="(3, 'c')")
    client.command("INSERT INTO t SELECT 4, 'd'")
    assert client.query("SELECT * FROM t ORDER BY id").result_rows == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
