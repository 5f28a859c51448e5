"""How a metric is declared: once, as data, from which the instrument and its line in docs/metrics.md are made.

It stands here because every other part stands on this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_WITH_UNIT = ("seconds", "bytes", "ratio")


@dataclass(frozen=True, slots=True)
class DeclaredMetric:
    """One metric.

    name: as it is scraped; a histogram's without `_bucket`, `_count` and `_sum`. unit: what one is, in the plural,
    "seconds", "bytes" and the like; "" where the value counts nothing. labels: their names, each of few values.
    buckets: upper bounds of a histogram, without the infinite one.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def counter(self, registry: CollectorRegistry) -> Counter:
        """The instrument on `registry`, which takes it once."""
        return Counter(self.name, self.meaning, self.labels, registry=registry, unit=self._exposed_unit)

    def gauge(self, registry: CollectorRegistry) -> Gauge:
        """The instrument on `registry`, which takes it once."""
        return Gauge(self.name, self.meaning, self.labels, registry=registry, unit=self._exposed_unit)

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        """The instrument on `registry`, which takes it once."""
        return Histogram(
            self.name, self.meaning, self.labels, registry=registry, unit=self._exposed_unit, buckets=self.buckets
        )

    @property
    def _exposed_unit(self) -> str:
        """What OpenMetrics calls the unit: only one that the name ends with."""
        return self.unit if self.name.removesuffix("_total").endswith(self.unit) and self.unit in _WITH_UNIT else ""
