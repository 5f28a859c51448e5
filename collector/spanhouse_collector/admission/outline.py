"""How many spans a body holds, before they are parsed.

A span may be as short as two bytes and takes two hundred once it is parsed: 10 MiB would become a gigabyte, made in one
go of native code that keeps every other thread waiting. Here the lengths are walked, no further than the limit.
"""

from __future__ import annotations

from collections.abc import Iterator

from spanhouse_collector.errors import Malformed, TooLarge

_SHORTEST = 2  # bytes of an empty message: a tag and a length
_FIELDS_PER_SPAN = 4  # a span alone in its scope and resource has both and their parts around it
_RESOURCE_SPANS = 0x0A  # field 1 of a request
_SCOPE_SPANS = 0x12  # field 2 of ResourceSpans
_SPAN = 0x12  # field 2 of ScopeSpans

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}

Part = tuple[int, int, int]  # tag, and where the content lies


def require_at_most(max_spans: int, body: bytes) -> None:
    """Raise TooLarge for an ExportTraceServiceRequest of more than `max_spans` spans, or of as many other parts.

    Raises Malformed where the lengths lead nowhere. A body that is too short for so many is not looked at.
    """
    if len(body) <= max_spans * _SHORTEST:
        return
    spans = 0
    for parts, is_span in enumerate(_walk(body), start=1):
        spans += is_span
        if spans > max_spans or parts > max_spans * _FIELDS_PER_SPAN:
            raise TooLarge(f"the request has more than {max_spans} spans; send smaller batches or raise max_spans")


def _walk(body: bytes) -> Iterator[bool]:
    """Every field of the request down to the spans, and whether it is one."""
    for tag, start, end in _fields(body, 0, len(body)):
        yield False
        if tag != _RESOURCE_SPANS:
            continue
        for inner, inner_start, inner_end in _fields(body, start, end):
            yield False
            if inner == _SCOPE_SPANS:
                for innermost, _, _ in _fields(body, inner_start, inner_end):
                    yield innermost == _SPAN


def _fields(body: bytes, at: int, end: int) -> Iterator[Part]:
    while at < end:
        tag, at = _varint(body, at, end)
        kind = tag & 7
        if kind == _LENGTH_DELIMITED:
            size, at = _varint(body, at, end)
        elif kind == _VARINT:
            size = _varint(body, at, end)[1] - at
        elif kind in _FIXED_SIZES:
            size = _FIXED_SIZES[kind]
        else:
            raise _malformed(at)
        if at + size > end:
            raise _malformed(at)
        yield tag, at, at + size
        at += size


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _malformed(at)


def _malformed(at: int) -> Malformed:
    return Malformed(f"the body is not a protobuf ExportTraceServiceRequest: no field at byte {at}")
