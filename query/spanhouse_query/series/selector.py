"""Which series are meant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

MatchOperator: TypeAlias = Literal["=", "!=", "=~", "!~"]


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on a label; expressions are RE2 and match the whole value."""

    name: str
    operator: MatchOperator
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """Series that satisfy all matchers of at least one of the `alternatives`; a label that is missing is empty.

    The name is a matcher on `__name__`; it may be Prometheus' or OpenTelemetry's. names: in which names labels are
    answered; None for those in which the metric was asked for (docs/metrics-and-promql.md).
    """

    alternatives: tuple[tuple[Matcher, ...], ...] = field(default=((),))
    names: Literal["prometheus", "opentelemetry"] | None = None
