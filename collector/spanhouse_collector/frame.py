"""Frames: accepted requests as they stand in a segment, which is also how the engine reads them.

A frame is a length-delimited protobuf message: `Frame`, or `MetricsFrame`, which has the same fields (storage's
otlp.proto). Only its few header bytes are made here; the request body follows as it came. Field 4, the body, is always
the last, so that a frame is header + body; field 7, the checksum of the header's fields, stands right before it.
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
_BODY = 0x22  # field 4, length-delimited
_REJECTED = 0x28  # field 5, varint
_ITEMS = 0x30  # field 6, varint
_CHECKSUM = 0x3D  # field 7, fixed32
_FIXED64 = struct.Struct("<Q")
_FIXED32 = struct.Struct("<I")
_LEAST_SIZE = 32  # no frame is shorter: arrival, digest and checksum alone take as much


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame lies in a segment: [start, end), with the request's body from `body` on.

    received_at: unix nanoseconds. items: how many of the body's spans or points will be stored.
    """

    start: int
    end: int
    body: int
    tenant: str
    received_at: int
    digest: bytes
    items: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes [start, end) of a segment that are not a whole frame, and why."""

    start: int
    end: int
    reason: str


class _Torn(ValueError):
    """The bytes end within a frame, or what they hold is not what was written."""


def digest_of(body: bytes) -> bytes:
    """128 bits of XXH3 over the body: its checksum in the log and its identity among recent requests."""
    return xxhash.xxh3_128_digest(body)


def frame_header(
    tenant: str, received_at: int, body: bytes, *, digest: bytes, items: int = 0, rejected: int = 0
) -> bytes:
    """The bytes that go before `body`.

    received_at in unix nanoseconds; items: how many spans or points the body holds; rejected: how many of them are not
    to be stored.
    """
    name = tenant.encode()
    fields = bytearray((_TENANT, *_varint(len(name))))
    fields += name
    fields.append(_RECEIVED_AT)
    fields += _FIXED64.pack(received_at)
    fields += bytes((_DIGEST, DIGEST_SIZE))
    fields += digest
    for tag, count in ((_REJECTED, rejected), (_ITEMS, items)):
        if count:
            fields += bytes((tag, *_varint(count)))
    checksum = xxhash.xxh32_intdigest(fields)
    fields.append(_CHECKSUM)
    fields += _FIXED32.pack(checksum)
    fields.append(_BODY)
    fields += _varint(len(body))
    return _varint(len(fields) + len(body)) + bytes(fields)


def scan(data: memoryview) -> Iterator[Frame | Damage]:
    """All of a segment in order: its whole frames, and what lies between or after them.

    Behind a damaged frame the reading goes on where the lengths lead to a whole one again; where they lead to none, the
    rest is damage.
    """
    start = 0
    while start < len(data):
        found = _frame_at(data, start)
        yield found
        start = found.end


def _frame_at(data: memoryview, start: int) -> Frame | Damage:
    found = _whole_or_reason(data, start)
    return found if isinstance(found, Frame) else Damage(start, _next_whole(data, start), found)


def _next_whole(data: memoryview, start: int) -> int:
    """Where the lengths lead from a damaged frame to a whole one; the end of the data where they lead to none."""
    at = start
    while (end := _end_by_length(data, at)) < len(data):
        if isinstance(_whole_or_reason(data, end), Frame):
            return end
        at = end
    return len(data)


def _end_by_length(data: memoryview, start: int) -> int:
    """Where the frame at `start` says that it ends; the end of the data for what no frame would say."""
    try:
        size, fields = _read_varint(data, start)
    except _Torn:
        return len(data)
    return fields + size if size >= _LEAST_SIZE else len(data)


def _whole_or_reason(data: memoryview, start: int) -> Frame | str:
    try:
        return _read_frame(data, start)
    except _Torn as torn:
        return str(torn)


def _read_frame(data: memoryview, start: int) -> Frame:
    size, fields = _read_varint(data, start)
    end = fields + size
    if end > len(data):
        raise _Torn(f"the frame at byte {start} ends at {end}, the file at {len(data)}")
    blobs, numbers, body = _read_header(data, fields, end)
    if xxhash.xxh3_128_digest(data[body:end]) != blobs[_DIGEST]:
        raise _Torn(f"the frame at byte {start} is damaged: its body has another checksum than it says")
    try:
        tenant = blobs[_TENANT].decode()
    except UnicodeDecodeError as error:
        raise _Torn(f"the frame at byte {start} is damaged: its tenant is no text") from error
    stored = numbers[_ITEMS] - numbers[_REJECTED]
    return Frame(start, end, body, tenant, numbers[_RECEIVED_AT], blobs[_DIGEST], stored)


def _read_header(data: memoryview, fields: int, end: int) -> tuple[dict[int, bytes], dict[int, int], int]:
    """The header's fields by tag, and where the body begins."""
    blobs = {_TENANT: b"", _DIGEST: b""}
    numbers = {_RECEIVED_AT: 0, _REJECTED: 0, _ITEMS: 0}
    is_checked = False
    at = fields
    while at < end:
        tag = data[at]
        at += 1
        if tag in (_REJECTED, _ITEMS):
            numbers[tag], at = _read_varint(data, at)
        elif tag in blobs:
            size, at = _read_varint(data, at)
            blobs[tag] = bytes(data[at : at + size])
            at += size
        elif tag == _RECEIVED_AT:
            numbers[tag] = int.from_bytes(data[at : at + _FIXED64.size], "little")
            at += _FIXED64.size
        elif tag == _CHECKSUM:
            is_checked = data[at : at + _FIXED32.size] == _FIXED32.pack(xxhash.xxh32_intdigest(data[fields : at - 1]))
            at += _FIXED32.size
        elif tag == _BODY:
            size, at = _read_varint(data, at)
            if is_checked and at + size == end:
                return blobs, numbers, at
            break
        else:
            break
    raise _Torn(f"the frame's header at byte {fields} is damaged: its fields or its checksum are wrong")


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
    raise _Torn("the file ends within a length")
