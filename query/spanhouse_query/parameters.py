"""Types of request parameters: how each is read from text and what the OpenAPI document says about it."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from spanhouse_query.time_range import (
    DURATION_FORMS,
    INSTANT_FORMS,
    LAST_STORED,
    TimeRange,
    parse_duration,
    parse_instant,
)


def _instant(value: Any, info: ValidationInfo) -> int:
    return parse_instant(str(value), (info.context or {})["now"])


def _duration(value: Any) -> int:
    return parse_duration(str(value))


def _trace_id(value: Any) -> str:
    text = str(value).lower()
    if not re.fullmatch("[0-9a-f]{32}", text):
        raise ValueError("expected a trace id of 32 hexadecimal digits")
    return text


Instant = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "examples": ["now-15m", "2026-01-31T12:00:00Z"], "description": INSTANT_FORMS}),
]
Duration = Annotated[
    int,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "examples": ["250ms", "1.5s"], "description": DURATION_FORMS}),
]
TraceId = Annotated[
    str,
    BeforeValidator(_trace_id),
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-fA-F]{32}$"}),
]


class Parameters(BaseModel):
    """Parameters of an endpoint: query parameters, and those in braces in its path."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class NoParameters(Parameters):
    """An endpoint without parameters."""


class RangeParameters(Parameters):
    """Parameters of everything that looks at a time range."""

    from_: Instant = Field("now-1h", alias="from", validate_default=True, description="Start of the time range.")
    to: Instant = Field(
        "now", validate_default=True, description="End of the time range, not included; later than 2106 means 2106."
    )

    @model_validator(mode="after")
    def _ordered(self) -> RangeParameters:
        if self.from_ >= self.to:
            raise PydanticCustomError("range", "from must be earlier than to", {"parameter": "from"})
        if self.from_ >= LAST_STORED:
            raise PydanticCustomError(
                "range", "from must be before 2106: nothing is stored from then on", {"parameter": "from"}
            )
        return self

    @property
    def range(self) -> TimeRange:
        """The time range as given, but for what lies beyond anything that is stored."""
        return TimeRange(self.from_, min(self.to, LAST_STORED))


class MomentParameters(RangeParameters):
    """A time range, or the window that ends at an instant."""

    at: Instant | None = Field(
        None, description="In place of from and to: an instant, for the window that ends there, not included."
    )
    window: Duration = Field(
        "5m", validate_default=True, examples=["5m"], description="With `at`: how long the window is."
    )

    @model_validator(mode="after")
    def _range_or_moment(self) -> MomentParameters:
        given = [name for name, field in (("from", "from_"), ("to", "to")) if field in self.model_fields_set]
        if self.at is not None and given:
            message = "at stands in place of from and to: it cannot be given together with {given}"
            raise PydanticCustomError("at", message, {"given": " and ".join(given), "parameter": "at"})
        if self.at is None and "window" in self.model_fields_set:
            message = "window is the length of what ends at `at`, which is missing"
            raise PydanticCustomError("window", message, {"parameter": "window"})
        if self.window == 0:
            raise PydanticCustomError("window", "window must be longer than 0", {"parameter": "window"})
        return self

    @property
    def range(self) -> TimeRange:
        """The window where `at` is given, else from `from` to `to`."""
        if self.at is None:
            return super().range
        end = min(self.at, LAST_STORED)
        return TimeRange(max(0, end - self.window), end)
