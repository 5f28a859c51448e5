"""How many items a body holds, before they are parsed.

An item may be as short as two bytes and takes two hundred once it is parsed: 10 MiB would become a gigabyte, made in
one go of native code that keeps every other thread waiting. Here the lengths are walked, no further than the limit.
"""

from __future__ import annotations

from collections.abc import Iterator

from spanhouse_collector.errors import Malformed, TooLarge
from spanhouse_collector.signals import OtlpSignal

_SHORTEST = 2  # bytes of an empty message: a tag and a length
_FIELDS_PER_ITEM = 4  # a span alone in its scope and resource has both and their parts around it

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}

Part = tuple[int, int, int]  # tag, and where the content lies


def require_at_most(signal: OtlpSignal, max_items: int, body: bytes) -> None:
    """Raise TooLarge for a signal's request of more than `max_items` items, or of as many other parts.

    Raises Malformed where the lengths lead nowhere. A body that is too short for so many is not looked at.
    """
    if len(body) <= max_items * _SHORTEST:
        return
    items = 0
    parts_at_most = max_items * (_FIELDS_PER_ITEM + len(signal.outline) - 3)
    try:
        for parts, is_item in enumerate(_walk(signal.outline, body, 0, len(body)), start=1):
            items += is_item
            if items > max_items or parts > parts_at_most:
                raise TooLarge(
                    f"the request has more than {max_items} {signal.items}; send smaller batches or raise max_items"
                )
    except _Nowhere as error:
        name = signal.request.DESCRIPTOR.name
        raise Malformed(f"the body is not a protobuf {name}: no field at byte {error.at}") from error


class _Nowhere(ValueError):
    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


def _walk(outline: tuple[frozenset[int], ...], body: bytes, start: int, end: int) -> Iterator[bool]:
    """Every field of the request down to the items, and whether it is one."""
    tags, *deeper = outline
    for tag, inner_start, inner_end in _fields(body, start, end):
        yield not deeper and tag in tags
        if deeper and tag in tags:
            yield from _walk(tuple(deeper), body, inner_start, inner_end)


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
            raise _Nowhere(at)
        if at + size > end:
            raise _Nowhere(at)
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
    raise _Nowhere(at)
