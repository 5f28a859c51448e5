"""What is known of a metric without looking at its points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

MetricType: TypeAlias = Literal["gauge", "sum", "histogram", "exponential_histogram", "summary"]
Temporality: TypeAlias = Literal["unspecified", "delta", "cumulative"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric in OpenTelemetry's sense: another type, unit, temporality or monotonicity is another metric."""

    name: str
    type: MetricType
    unit: str = ""
    temporality: Temporality = "unspecified"
    monotonic: bool = False

    @property
    def delta(self) -> bool:
        """Whether a point says what happened since the point before it."""
        return self.temporality == "delta"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A metric of a tenant. first_seen, last_seen: arrival, unix milliseconds. prometheus: its name in PromQL."""

    metric: Metric
    prometheus: str
    description: str
    series: int
    first_seen: int
    last_seen: int
