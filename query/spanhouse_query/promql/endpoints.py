"""The endpoints under /prometheus: what Grafana's data source of that type asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from importlib.metadata import version
from typing import Any

import orjson
from starlette.responses import Response

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import NoParameters, Parameters
from spanhouse_query.promql import discovery, parameters, queries
from spanhouse_query.promql.app import PrometheusError

Data = Callable[[Call, Any], Awaitable[Any]]

API = "/prometheus/api/v1"
LANGUAGE = "3.5.0"
"""The version of Prometheus whose PromQL this is; Grafana offers what that one can do."""

_ADVICE = "select fewer series, or a shorter range"


async def buildinfo(call: Call, nothing: NoParameters) -> dict[str, str]:
    """Which Prometheus this stands in for."""
    return {"application": "Spanhouse", "version": LANGUAGE, "revision": version("spanhouse")}


async def rules(call: Call, nothing: NoParameters) -> dict[str, list[Any]]:
    """No rules, which Grafana asks for before it offers them."""
    return {"groups": []}


def _endpoint(path: str, data: Data, summary: str, taken: type[Parameters], *, post: bool = False) -> Endpoint:
    @wraps(data)
    async def handler(call: Call, given: Any) -> Response:
        answer = {"status": "success", "data": await data(call, given)}
        if tiers := call.reader.noted_tiers:
            answer["infos"] = [f"read from tiers instead of points: {', '.join(tiers)}"]
        body = orjson.dumps(answer)
        return Response(body, media_type="application/json")

    return Endpoint(
        path=API + path,
        handler=handler,
        summary=summary,
        parameters=taken,
        media={"application/json": {"type": "object"}},
        error=PrometheusError,
        methods=("GET", "POST") if post else ("GET",),
        advice=_ADVICE,
    )


ENDPOINTS = [
    _endpoint("/query", queries.query, "PromQL at an instant", parameters.QueryParameters, post=True),
    _endpoint("/query_range", queries.query_range, "PromQL over a range", parameters.RangeQueryParameters, post=True),
    _endpoint(
        "/query_exemplars",
        discovery.exemplars,
        "Exemplars of the series in an expression",
        parameters.ExemplarsParameters,
        post=True,
    ),
    _endpoint("/series", discovery.series, "Series of selectors", parameters.SeriesParameters, post=True),
    _endpoint("/labels", discovery.labels, "Names of labels", parameters.LabelsParameters, post=True),
    _endpoint("/label/{name}/values", discovery.values, "Values of a label", parameters.ValuesParameters),
    _endpoint("/metadata", discovery.metadata, "Type, unit and meaning of metrics", parameters.MetadataParameters),
    _endpoint("/format_query", queries.format_query, "PromQL formatted", parameters.FormatParameters, post=True),
    _endpoint("/status/buildinfo", buildinfo, "Which PromQL this is", NoParameters),
    _endpoint("/rules", rules, "Recording and alerting rules: none", NoParameters),
]
