"""Stored metrics as series by steps, for PromQL and for the native API."""

from spanhouse_query.series.labels import NAME, LabelKey, Labels, identity, only, unnamed, without
from spanhouse_query.series.matrix import Matrix
from spanhouse_query.series.metric import CatalogueEntry, Metric, MetricType, Temporality
from spanhouse_query.series.selector import Matcher, Selector
from spanhouse_query.series.source import Exemplar, Grouping, Leaf, RawSeries, Selection, Series, SeriesSource
from spanhouse_query.series.steps import Steps

__all__ = [
    "NAME",
    "CatalogueEntry",
    "Exemplar",
    "Grouping",
    "LabelKey",
    "Labels",
    "Leaf",
    "Matcher",
    "Matrix",
    "Metric",
    "MetricType",
    "RawSeries",
    "Selection",
    "Selector",
    "Series",
    "SeriesSource",
    "Steps",
    "Temporality",
    "identity",
    "only",
    "unnamed",
    "without",
]
