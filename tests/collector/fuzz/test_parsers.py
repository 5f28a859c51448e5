"""The parsers answer whatever bytes they are given; `make fuzz` does so for longer."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st
from spanhouse_collector.errors import TooLarge

from tests.collector.fuzz import bodies, metric_bodies, parsers
from tests.support.spans import segment

Reader = Callable[[bytes], None]

SEGMENTS = st.lists(st.sampled_from(bodies.PROTOBUF_SEEDS), max_size=3).map(segment)
INPUTS: dict[Reader, st.SearchStrategy[bytes]] = {
    parsers.read_protobuf: bodies.protobuf,
    parsers.read_outline: bodies.protobuf,
    parsers.read_json: bodies.json_bodies,
    parsers.read_gzip: bodies.gzipped,
    parsers.read_zstd: bodies.zstd_compressed,
    parsers.read_segment: bodies.damaged(SEGMENTS),
    parsers.read_metrics: metric_bodies.protobuf,
    parsers.read_metrics_outline: metric_bodies.protobuf,
    parsers.read_metrics_json: metric_bodies.json_bodies,
}


@pytest.mark.parametrize("number", range(len(parsers.READERS)), ids=[reader.__name__ for reader in parsers.READERS])
def test_what_reads_bytes_takes_or_refuses_them(number: int) -> None:
    @given(st.one_of(st.binary(max_size=200), INPUTS[parsers.READERS[number]]))
    def reads(data: bytes) -> None:
        parsers.read(bytes([number]) + data)

    reads()


def test_a_bomb_is_refused() -> None:
    bomb = bytes(10 * parsers.MAX_BODY)
    for reader, body in ((parsers.read_gzip, gzip.compress(bomb)), (parsers.read_zstd, zstd.compress(bomb))):
        with pytest.raises(TooLarge):
            reader(body)
