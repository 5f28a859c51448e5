"""Where the next page of a list begins, as text that clients pass back without looking into it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from spanhouse_query.problems import invalid_parameter
from spanhouse_query.time_range import LAST_STORED, TimeRange
from spanhouse_query.traces.cursor import digest_of

_MOST = 1 << 31


def write_place(time_range: TimeRange, offset: int, asked: Mapping[str, Any]) -> str:
    """The cursor that goes on after so many, in the same range. asked: the other parameters."""
    content = orjson.dumps([time_range.start, time_range.end, offset, digest_of(asked)])
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read_place(text: str | None, asked: Mapping[str, Any], otherwise: TimeRange) -> tuple[TimeRange, int]:
    """What `write_place` put in; without a cursor the beginning. Raises Problem for text that it did not write."""
    if text is None:
        return otherwise, 0
    try:
        start, end, offset, written_for = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        numbers = all(type(number) is int for number in (start, end, offset))
        if not numbers or not 0 <= start < end <= LAST_STORED or not 0 <= offset < _MOST:
            raise ValueError("other content")
    except (ValueError, TypeError, binascii.Error):
        raise invalid_parameter("cursor", "not a cursor that this service gave out") from None
    if written_for != digest_of(asked):
        detail = "the cursor belongs to a list with other parameters; keep all of them, or leave out the cursor"
        raise invalid_parameter("cursor", detail)
    return TimeRange(start, end), offset
