"""Prometheus' names of OpenTelemetry's metrics and attributes.

By the specification's "Prometheus and OpenMetrics Compatibility", as Prometheus' own OTLP receiver does it by default
(its strategy UnderscoreEscapingWithSuffixes).
"""

from __future__ import annotations

import re

from spanhouse_query.series.metric import Metric

_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tebibytes",
    "kBy": "kilobytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_LEGACY_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_NOT_IN_METRICS = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_IN_LABELS = re.compile(r"[^a-zA-Z0-9_]")


def is_legacy(name: str) -> bool:
    """Whether a metric's name can be written without quotes."""
    return _LEGACY_METRIC.fullmatch(name) is not None


def prometheus_name(metric: Metric) -> str:
    """The name with its unit, `_ratio` and `_total`, without the suffixes that parts of histograms have."""
    words = [word for word in _NOT_IN_METRICS.split(metric.name) if word]
    words += [word for word in _unit_words(metric.unit) if word not in words]
    if metric.type == "sum" and metric.monotonic:
        words = _with_last(words, "total")
    if metric.type == "gauge" and metric.unit == "1":
        words = _with_last(words, "ratio")
    name = "_".join(words)
    return f"_{name}" if name[:1].isdigit() else name


def label_name(attribute: str) -> str:
    """The label of an attribute."""
    name = _NOT_IN_LABELS.sub("_", attribute)
    if name[:1].isdigit():
        return f"key_{name}"
    return f"key{name}" if name.startswith("_") and not name.startswith("__") else name


def _with_last(words: list[str], last: str) -> list[str]:
    return [*(word for word in words if word != last), last]


def _unit_words(unit: str) -> list[str]:
    """`m/s` → meters, per_second; annotations in braces say nothing."""
    amount, slash, per = (part.strip() for part in unit.partition("/"))
    words = [] if _annotated(amount) else [_UNITS.get(amount, _cleaned(amount))]
    if slash and per and not _annotated(per):
        words.append(f"per_{_PER.get(per, _cleaned(per))}")
    return [word for word in words if word not in ("", "per_")]


def _annotated(unit: str) -> bool:
    return "{" in unit or "}" in unit


def _cleaned(unit: str) -> str:
    return _NOT_IN_METRICS.sub("_", unit).strip("_")
