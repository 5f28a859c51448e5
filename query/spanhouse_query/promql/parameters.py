"""Parameters as Prometheus' API has them: instants in seconds or RFC 3339, durations in seconds or with units."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from spanhouse_query.parameters import Parameters
from spanhouse_query.promql.errors import BadExpression
from spanhouse_query.series import Steps

MAXIMAL_POINTS = 11_000
_LATEST = 1 << 42
"""Milliseconds since 1970, in either direction: the year 2109, beyond anything stored."""
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
_PART = re.compile("([0-9]{1,12})(ms|[smhdwy])")
_DURATION = re.compile(f"(?:{_PART.pattern})+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Instant = Annotated[str, Field(examples=["1767225600", "2026-01-01T00:00:00Z"])]
Selectors = Annotated[list[str], Field(examples=[["up"]])]

_INSTANT = "RFC 3339 or unix seconds."
_TIMEOUT = Field(
    "", description="How long the query may take at most, within the service's own limit.", examples=["5s"]
)


class QueryParameters(Parameters):
    """An expression at an instant."""

    query: str = Field(description="PromQL.", examples=["vector(1)"])
    time: Instant = Field("", description=f"{_INSTANT} Default: now.")
    timeout: str = _TIMEOUT
    lookback_delta: str = Field("", description="How old a sample may be that stands for an instant; 5m by default.")
    limit: int = Field(0, ge=0, description="Series at most; 0 is unlimited.")


class RangeQueryParameters(Parameters):
    """An expression at steps."""

    query: str = Field(description="PromQL.", examples=["vector(1)"])
    start: Instant = Field(description=f"The first step. {_INSTANT}")
    end: Instant = Field(description=f"The last step at most. {_INSTANT}")
    step: str = Field(description=f"Seconds or a duration; at most {MAXIMAL_POINTS:,} steps.", examples=["15s"])
    timeout: str = _TIMEOUT
    lookback_delta: str = Field("", description="How old a sample may be that stands for an instant; 5m by default.")
    limit: int = Field(0, ge=0, description="Series at most; 0 is unlimited.")


class LabelsParameters(Parameters):
    """Which series, and seen when."""

    match: Selectors = Field([], alias="match[]", description="Selectors; series of any of them.")
    start: Instant = Field("", description=f"{_INSTANT} Default: a day before the end.")
    end: Instant = Field("", description=f"{_INSTANT} Default: now.")
    limit: int = Field(0, ge=0, description="Results at most; 0 is unlimited.")


class SeriesParameters(LabelsParameters):
    """Which series, and seen when."""

    match: Selectors = Field(alias="match[]", description="Selectors; series of any of them.")


class ValuesParameters(LabelsParameters):
    """Values of a label."""

    name: str = Field(description="The label.")


class MetadataParameters(Parameters):
    """Metrics by name."""

    metric: str = Field("", description="Only this metric.")
    limit: int = Field(0, ge=0, description="Metrics at most; 0 is unlimited.")
    limit_per_metric: int = Field(0, ge=0, description="Entries of a metric at most; 0 is unlimited.")


class ExemplarsParameters(Parameters):
    """Exemplars of the series in an expression."""

    query: str = Field(description="PromQL.", examples=["up"])
    start: Instant = Field("", description=f"{_INSTANT} Default: an hour before the end.")
    end: Instant = Field("", description=f"{_INSTANT} Default: now.")


class FormatParameters(Parameters):
    """An expression."""

    query: str = Field(description="PromQL.", examples=["vector(1)"])


def instant(name: str, text: str, default: int) -> int:
    """Unix milliseconds. Raises BadExpression that names the parameter."""
    if not text:
        return default
    try:
        found = _milliseconds(text)
    except (ValueError, OverflowError):
        problem = f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp'
        raise BadExpression(problem) from None
    return max(-_LATEST, min(found, _LATEST))


def duration(name: str, text: str, default: int) -> int:
    """Milliseconds. Raises BadExpression that names the parameter."""
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        return _with_units(name, text)
    if not math.isfinite(seconds) or abs(seconds) > _LATEST:
        raise BadExpression(
            f'invalid parameter "{name}": cannot parse "{text}" to a valid duration. It overflows int64'
        )
    return round(seconds * 1000)


def steps(parameters: RangeQueryParameters) -> Steps:
    """The steps of a range query. Raises BadExpression."""
    start, end = instant("start", parameters.start, 0), instant("end", parameters.end, 0)
    step = duration("step", parameters.step, 0)
    if end < start:
        raise BadExpression('invalid parameter "end": end timestamp must not be before start time')
    if step <= 0:
        raise BadExpression(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
            "Try a positive integer"
        )
    if (end - start) // step > MAXIMAL_POINTS:
        raise BadExpression(
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    return Steps(start, end, step)


def _milliseconds(text: str) -> int:
    try:
        return round(float(text) * 1000)
    except ValueError:
        moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return round((moment - _EPOCH) / timedelta(milliseconds=1))


def _with_units(name: str, text: str) -> int:
    if not _DURATION.fullmatch(text):
        raise BadExpression(f'invalid parameter "{name}": cannot parse "{text}" to a valid duration')
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
