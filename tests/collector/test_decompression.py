"""What senders compressed: gzip and zstd give the same bytes back, and neither can grow past the limit."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st
from spanhouse_collector.errors import Malformed, TooLarge, UnsupportedMedia
from spanhouse_collector.transports.decompression import decompress

MIB = 1 << 20
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}
BOTH = pytest.mark.parametrize("encoding", ["gzip", "zstd"])


@BOTH
@given(parts=st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_what_was_compressed_comes_back_however_many_parts_it_is_in(encoding: str, parts: list[bytes]) -> None:
    compressed = b"".join(COMPRESS[encoding](part) for part in parts)
    assert decompress(compressed, encoding, 1000) == b"".join(parts)


@BOTH
def test_a_body_of_exactly_the_limit_passes(encoding: str) -> None:
    body = random.Random(1).randbytes(9 * MIB)
    assert decompress(COMPRESS[encoding](body), encoding, 9 * MIB) == body
    with pytest.raises(TooLarge, match="larger than 9437183 bytes after decompression"):
        decompress(COMPRESS[encoding](body), encoding, 9 * MIB - 1)


@BOTH
def test_one_body_that_is_cut_off_or_not_compressed_is_malformed(encoding: str) -> None:
    compressed = COMPRESS[encoding](b"spans" * 100)
    for body in (compressed[:-3], compressed[: len(compressed) // 2], compressed + b"\x01\x02\x03\x04\x05", b"spans"):
        with pytest.raises(Malformed, match=rf"not {encoding}|{encoding} body is cut off"):
            decompress(body, encoding, MIB)


def test_a_zstd_frame_that_asks_for_a_large_window_is_refused() -> None:
    greedy = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    frame = greedy.compress(b"spans") + greedy.flush()
    with pytest.raises(Malformed, match="memory"):
        decompress(frame, "zstd", 10 * MIB)


@BOTH
def test_a_body_of_nothing_but_empty_parts_takes_no_time(encoding: str) -> None:
    empty = COMPRESS[encoding](b"")
    started = time.monotonic()
    with pytest.raises(Malformed, match="more than 256 parts"):
        decompress(empty * (10 * MIB // len(empty)), encoding, 10 * MIB)
    assert time.monotonic() - started < 10


def test_another_encoding_is_refused_with_those_that_are_allowed() -> None:
    with pytest.raises(UnsupportedMedia, match="'br' is not supported; allowed: identity, gzip, zstd"):
        decompress(b"", "br", MIB)
