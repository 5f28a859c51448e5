"""Units of time of the service map's rollups, by tenant."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

# A tenant and the start of the unit, unix seconds.
Unit = tuple[str, int]
# A tenant and [since, until), unix seconds.
Range = tuple[str, int, int]


def consecutive(units: Iterable[Unit], length: int, longest: int) -> list[Range]:
    """Units of `length` seconds, in order, as ranges without gaps, none longer than `longest` seconds."""
    ranges: list[Range] = []
    for tenant, group in groupby(units, key=lambda unit: unit[0]):
        for _, start in group:
            if ranges and ranges[-1][0] == tenant and ranges[-1][2] == start:
                since = ranges[-1][1]
                if start - since < longest:
                    ranges[-1] = (tenant, since, start + length)
                    continue
            ranges.append((tenant, start, start + length))
    return ranges
