"""What there is: series, labels and their values, metrics and what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from spanhouse_query.endpoint import Call
from spanhouse_query.promql.answers import seconds
from spanhouse_query.promql.errors import BadExpression
from spanhouse_query.promql.parameters import (
    ExemplarsParameters,
    LabelsParameters,
    MetadataParameters,
    SeriesParameters,
    ValuesParameters,
    instant,
)
from spanhouse_query.promql.shown import shown_number
from spanhouse_query.promql.tree import bare, parse, selector_of, selectors_in
from spanhouse_query.series import Labels, Leaf, Selection, Selector, SeriesSource, Steps, identity
from spanhouse_query.span_metrics import metrics_of

_HOUR = 3_600_000
_DAY = 24 * _HOUR
_TYPES = {
    "gauge": "gauge",
    "histogram": "histogram",
    "exponential_histogram": "histogram",
    "summary": "summary",
}
_LATE = ("bucket", "quantile")


async def series(call: Call, parameters: SeriesParameters) -> list[Labels]:
    """The label sets of all series."""
    if not parameters.match:
        raise BadExpression("no match[] parameter provided")
    found = await _labels(call, parameters)
    return _first(sorted(found, key=identity), parameters.limit)


async def labels(call: Call, parameters: LabelsParameters) -> list[str]:
    """The names of labels."""
    found = await _labels(call, parameters, expand=False)
    return _first(sorted({name for each in found for name in each}), parameters.limit)


async def values(call: Call, parameters: ValuesParameters) -> list[str]:
    """The values of a label."""
    found = await _labels(call, parameters, expand=parameters.name in ("le", "quantile"))
    names = {each[parameters.name] for each in found if parameters.name in each}
    return _first(sorted(names), parameters.limit)


async def exemplars(call: Call, parameters: ExemplarsParameters) -> list[dict[str, Any]]:
    """Exemplars of all series that an expression names, with what they are of."""
    end = instant("end", parameters.end, call.reader.now // 1_000_000)
    start = instant("start", parameters.start, end - _HOUR)
    source = metrics_of(call)
    found = []
    for selector in dict.fromkeys(selectors_in(parse(parameters.query))):
        selection = await source.select(selector, start, end)
        for one, of_series in await source.exemplars(selection, start - 1, end):
            shown = [
                {"labels": each.labels, "value": shown_number(each.value), "timestamp": seconds(each.ts)}
                for each in of_series
            ]
            found.append({"seriesLabels": one.labels, "exemplars": shown})
    return found


async def metadata(call: Call, parameters: MetadataParameters) -> dict[str, list[dict[str, str]]]:
    """Type, help and unit of metrics."""
    found: dict[str, list[dict[str, str]]] = {}
    for entry in await metrics_of(call).catalogue():
        metric = entry.metric
        type_ = ("counter" if metric.monotonic else "gauge") if metric.type == "sum" else _TYPES[metric.type]
        shown = {"type": type_, "unit": metric.unit, "help": entry.description}
        if parameters.metric in ("", entry.prometheus) and shown not in found.setdefault(entry.prometheus, []):
            found[entry.prometheus].append(shown)
    names = _first([name for name in found if found[name]], parameters.limit)
    return {name: _first(found[name], parameters.limit_per_metric) for name in names}


async def _labels(call: Call, parameters: LabelsParameters, *, expand: bool = True) -> list[Labels]:
    """Of the series of all selectors; expand: with the bounds and quantiles that only the points know."""
    end = instant("end", parameters.end, call.reader.now // 1_000_000)
    start = instant("start", parameters.start, end - _DAY)
    if end < start:
        raise BadExpression("end timestamp must not be before start time")
    source = metrics_of(call, listing=True)
    found: dict[Any, Labels] = {}
    for selector in _selectors(parameters.match):
        selection = await source.select(selector, start, end)
        for each in await _expanded(source, selection, (start, end), expand=expand):
            found.setdefault(identity(each), each)
    return list(found.values())


async def _expanded(
    source: SeriesSource, selection: Selection, seen: tuple[int, int], *, expand: bool
) -> Iterable[Labels]:
    late = [one for one in selection.series if one.part in _LATE]
    early = [one.labels for one in selection.series if one.part not in _LATE]
    if not late:
        return early
    if not expand:
        return [*early, *({**one.labels, "le" if one.part == "bucket" else "quantile": ""} for one in late)]
    window = max(1, min(seen[1] - seen[0], _DAY))
    leaf = Leaf("present_over_time", Steps.at(seen[1]), window)
    return [*early, *(await source.evaluate(replace(selection, series=late), leaf)).labels]


def _selectors(texts: Sequence[str]) -> list[Selector]:
    return [_selector(text) for text in texts] or [Selector()]


def _selector(text: str) -> Selector:
    node: Any = bare(parse(text))
    if type(node).__name__ != "VectorSelector":
        raise BadExpression(f'invalid parameter "match[]": {text!r} is not a selector')
    return selector_of(node)


def _first(found: list[Any], limit: int) -> list[Any]:
    return found[:limit] if limit else found
