"""Where the next page of a search begins, as text that clients pass back without looking into it.

It holds the time range, which so stays fixed while `now` moves on, the place after the last trace of the page, and a
digest of the other parameters, so that it is not mistaken for the cursor of another search.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from spanhouse_query.problems import invalid_parameter
from spanhouse_query.time_range import LAST_STORED, LATEST, TimeRange


@dataclass(frozen=True, slots=True)
class Place:
    """After which trace to go on: by ascending (key, trace id)."""

    key: int
    trace_id: str


def write_cursor(time_range: TimeRange, place: Place, digest: str) -> str:
    """The cursor that goes on after `place`."""
    content = orjson.dumps([time_range.start, time_range.end, place.key, place.trace_id, digest])
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read_cursor(text: str, digest: str) -> tuple[TimeRange, Place]:
    """What `write_cursor` put in. Raises Problem for text that it did not write, or for another search."""
    try:
        padded = text + "=" * (-len(text) % 4)
        start, end, key, trace_id, written_for = orjson.loads(base64.urlsafe_b64decode(padded))
        numbers = all(type(number) is int and abs(number) <= LATEST for number in (start, end, key))
        in_order = numbers and 0 <= start < end <= LAST_STORED
        if not in_order or len(bytes.fromhex(trace_id)) != 16:
            raise ValueError("other content")
    except (ValueError, TypeError, binascii.Error):
        raise invalid_parameter("cursor", "not a cursor that this service gave out") from None
    if written_for != digest:
        detail = "the cursor belongs to a search with other parameters; keep all of them, or leave out the cursor"
        raise invalid_parameter("cursor", detail)
    return TimeRange(start, end), Place(key, trace_id)


def digest_of(parameters: Mapping[str, Any]) -> str:
    """A short mark of a search's parameters."""
    return hashlib.sha256(orjson.dumps(parameters, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
