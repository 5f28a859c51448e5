"""What sampled spans stand for, in plain Python: docs/adr/0009 written down once more."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.call_graphs import Sent

MOST = Fraction(1_000_000)
_RANDOMNESS = 2**56
_DIGITS = frozenset("0123456789abcdef")
Weighted = tuple[int, Fraction]


def adjusted_count(trace_state: str) -> Fraction:
    """How many spans one with this tracestate stands for."""
    for member in trace_state.split(","):
        key, _, value = member.strip(" \t").partition("=")
        for field in value.split(";") if key == "ot" else ():
            name, _, threshold = field.partition(":")
            if name == "th" and 1 <= len(threshold) <= 14 and _DIGITS.issuperset(threshold):
                return min(MOST, Fraction(_RANDOMNESS, _RANDOMNESS - int(threshold.ljust(14, "0"), 16)))
    return Fraction(1)


def percentile(values: Iterable[Weighted], level: float) -> float:
    """Type 7 over the values, each as often as its weight says; between whole weights the order statistic at k is the
    least value whose weight, with that of all smaller ones, is more than k."""
    ordered = sorted(values)
    rank = (sum(weight for _, weight in ordered) - 1) * Fraction(str(level)) / 100
    low, high = (_order_statistic(ordered, k) for k in (math.floor(rank), math.ceil(rank)))
    return float(low + (rank - math.floor(rank)) * (high - low))


def _order_statistic(ordered: Sequence[Weighted], k: int) -> int:
    reached = Fraction(0)
    for value, weight in ordered:
        reached += weight
        if reached > k:
            return value
    return ordered[-1][0]


def expanded(spans: Iterable[Sent]) -> Iterator[Sent]:
    """The traffic that spans with whole weights stand for: each trace as often as its tracestate says, without one.

    All spans of a trace have the same. A link to another trace leads to its first copy.
    """
    for service, one in spans:
        for number in range(int(adjusted_count(one.trace_state))):
            yield service, _copy(one, number)


def copies_of(trace_id: bytes, times: int) -> list[bytes]:
    """The ids of a trace's copies."""
    return [_copy_id(trace_id, number) for number in range(times)]


def _copy(one: Span, number: int) -> Span:
    made = Span()
    made.CopyFrom(one)
    made.trace_id = _copy_id(one.trace_id, number)
    made.trace_state = ""
    for link in made.links:
        link.trace_id = _copy_id(link.trace_id, number if link.trace_id == one.trace_id else 0)
    return made


def _copy_id(trace_id: bytes, number: int) -> bytes:
    return hashlib.blake2b(trace_id + bytes([number]), digest_size=16).digest() if number else trace_id
