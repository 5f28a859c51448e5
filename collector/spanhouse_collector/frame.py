"""Frames: accepted requests as they stand in a segment, which is also how the engine reads them.

A frame is a length-delimited protobuf message `Frame` (storage's otlp.proto). Only its few header bytes are made here;
the request body follows as it came. Field 4, the body, is always the last, so that a frame is header + body.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import xxhash

DIGEST_SIZE = 16

_TENANT = 0x0A  # field 1, length-delimited
_RECEIVED_AT = 0x11  # field 2, fixed64
_DIGEST = 0x1A  # field 3, length-delimited
_TRACES = 0x22  # field 4, length-delimited
_REJECTED = 0x28  # field 5, varint
_SPANS = 0x30  # field 6, varint
_FIXED64 = struct.Struct("<Q")


class TornFrame(ValueError):
    """The bytes end within a frame, or what they hold is not what was written."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame lies in a segment, [start, end), whose request it is, and how many spans of it will be stored."""

    start: int
    end: int
    tenant: str
    digest: bytes
    spans: int


def digest_of(body: bytes) -> bytes:
    """128 bits of XXH3 over the body: its checksum in the log and its identity among recent requests."""
    return xxhash.xxh3_128_digest(body)


def frame_header(
    tenant: str, received_at: int, body: bytes, *, digest: bytes, spans: int = 0, rejected: int = 0
) -> bytes:
    """The bytes that go before `body`.

    received_at in unix nanoseconds; spans: how many the body holds; rejected: how many of them are not to be stored.
    """
    name = tenant.encode()
    fields = bytearray((_TENANT, *_varint(len(name))))
    fields += name
    fields.append(_RECEIVED_AT)
    fields += _FIXED64.pack(received_at)
    fields += bytes((_DIGEST, DIGEST_SIZE))
    fields += digest
    for tag, count in ((_REJECTED, rejected), (_SPANS, spans)):
        if count:
            fields += bytes((tag, *_varint(count)))
    fields.append(_TRACES)
    fields += _varint(len(body))
    return _varint(len(fields) + len(body)) + bytes(fields)


def frames_in(data: memoryview) -> Iterator[Frame]:
    """The frames of a segment in order. Raises TornFrame at the first one that is cut off or damaged."""
    start = 0
    while start < len(data):
        size, fields = _read_varint(data, start)
        end = fields + size
        if end > len(data):
            raise TornFrame(f"the frame at byte {start} ends at {end}, the file at {len(data)}")
        yield _read_frame(data, start, fields, end)
        start = end


def _read_frame(data: memoryview, start: int, at: int, end: int) -> Frame:
    blobs = {_TENANT: b"", _DIGEST: b""}
    counts = {_REJECTED: 0, _SPANS: 0}
    while at < end:
        tag = data[at]
        if tag == _RECEIVED_AT:
            at += 1 + _FIXED64.size
        elif tag in counts:
            counts[tag], at = _read_varint(data, at + 1)
        elif tag in blobs:
            size, at = _read_varint(data, at + 1)
            blobs[tag] = bytes(data[at : at + size])
            at += size
        elif tag == _TRACES:
            size, at = _read_varint(data, at + 1)
            if at + size == end and xxhash.xxh3_128_digest(data[at:end]) == blobs[_DIGEST]:
                spans = counts[_SPANS] - counts[_REJECTED]
                return Frame(start, end, blobs[_TENANT].decode(), blobs[_DIGEST], spans)
            break
        else:
            break
    raise TornFrame(f"the frame at byte {start} is damaged: its header or its checksum is wrong")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise TornFrame("the file ends within a length")
