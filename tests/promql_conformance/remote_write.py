"""Samples as Prometheus' remote-write protocol 1.0 takes them: a WriteRequest of its protobuf, in a snappy block."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from tests.promql_conformance.reference.vectors import Series

CONTENT = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_STALE = struct.pack("<Q", 0x7FF0000000000002)  # the NaN that says that a series has ended
_SLICE = 20 * 60_000  # what is more than an hour older than the newest sample is not taken


def bodies(series: Sequence[Series]) -> Iterator[bytes]:
    """One for each slice of time, the oldest first."""
    first = min(one.samples[0][0] for one in series)
    last = max(one.samples[-1][0] for one in series)
    for start in range(first, last + 1, _SLICE):
        slices = [
            Series(one.labels, [sample for sample in one.samples if start <= sample[0] < start + _SLICE])
            for one in series
        ]
        yield _block(b"".join(_field(1, _time_series(one)) for one in slices if one.samples))


def _time_series(series: Series) -> bytes:
    labels = (
        _field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in sorted(series.labels.items())
    )
    samples = (
        _field(2, b"\x09" + (_STALE if value is None else struct.pack("<d", value)) + b"\x10" + _varint(at))
        for at, value in series.samples
    )
    return b"".join((*labels, *samples))


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))


def _block(content: bytes) -> bytes:
    """Snappy without compression: the length, and literals of up to 64 KiB."""
    pieces = (content[start : start + 65_536] for start in range(0, len(content), 65_536))
    return _varint(len(content)) + b"".join(b"\xf4" + struct.pack("<H", len(piece) - 1) + piece for piece in pieces)
