"""The start page: services and calls of the last hour as tables, or how to send data where there are none."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib.resources import files
from string import Template
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from spanhouse_query.config import QueryConfig
from spanhouse_query.durations import shown_duration
from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.page_drawing import drawing
from spanhouse_query.parameters import Parameters
from spanhouse_query.reader import Sampling
from spanhouse_query.service_map.answer import Edge, NodeType, ServiceMap
from spanhouse_query.service_map.service_map import ServiceMapParameters, service_map
from spanhouse_query.services import Service, ServicesAnswer, ServicesParameters, services
from spanhouse_query.traces.search import SearchParameters, TraceSummary, search


class PageParameters(Parameters):
    """The page takes none."""


def page_endpoint(settings: QueryConfig) -> Endpoint:
    """The page at `/`. It loads nothing from elsewhere."""
    template = Template((files("spanhouse_query") / "page.html").read_text("utf-8"))

    async def page(call: Call, parameters: PageParameters) -> Response:
        context = {"now": call.reader.now}
        found = await services(call, ServicesParameters.model_validate({}, context=context))
        body = _empty(settings) if not found.services else await _body(call, found, context)
        headers = {
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
            "Cache-Control": "no-store",
        }
        return Response(template.substitute(body=body), headers=headers, media_type="text/html")

    return Endpoint(
        path="/",
        handler=page,
        summary="Services and calls of the last hour as a page",
        parameters=PageParameters,
        media={"text/html": {"type": "string"}},
    )


async def _body(call: Call, found: ServicesAnswer, context: dict[str, Any]) -> str:
    calls = await service_map(call, ServiceMapParameters.model_validate({}, context=context))
    recent = await search(call, SearchParameters.model_validate({"limit": 20}, context=context))
    edges, sampled = (calls.edges, calls.meta.sampling) if isinstance(calls, ServiceMap) else ([], None)
    return "".join(
        [
            _section("Services", _estimated(found.meta.sampling) + _table(_SERVICE_COLUMNS, found.services)),
            _section("Service map", _estimated(sampled) + drawing(edges) + _table(_EDGE_COLUMNS, edges)),
            _section("Latest traces", _table(_TRACE_COLUMNS, recent.traces)),
        ]
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _estimated(sampled: Sampling | None) -> str:
    """Says so where the numbers below are estimates."""
    if sampled is None:
        return ""
    return (
        f"<p><small>Traffic is sampled: numbers and percentiles are estimates, {sampled.stored} stored stand for "
        f"{sampled.adjusted}.</small></p>"
    )


Column = tuple[str, Callable[[Any], str]]


def _table(columns: list[Column], rows: list[Any]) -> str:
    head = "".join(f"<th>{name}</th>" for name, _ in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell(row)}</td>' for _, cell in columns)}</tr>" for row in rows)
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _service_link(name: str) -> str:
    return f'<a href="/api/v1/services/{quote(name, safe="")}/operations">{escape(name)}</a>'


def _traces_link(service: Service) -> str:
    return f'<a href="/api/v1/traces?{urlencode({"service": service.service, "sort": "duration"})}">slowest traces</a>'


def _trace_link(trace_id: str, text: str = "") -> str:
    return f'<a href="/api/v1/traces/{trace_id}">{escape(text) or trace_id[:8]}</a>'


def _errors(errors: int, of: int) -> str:
    share = f"{100 * errors / of:.1f} %" if of else ""
    return f"<span class=bad>{errors} ({share})</span>" if errors else "0"


_SERVICE_COLUMNS: list[Column] = [
    ("Service", lambda row: _service_link(row.service)),
    ("Requests", lambda row: f"{row.requests}"),
    ("per s", lambda row: f"{row.rate:.3g}"),
    ("Errors", lambda row: _errors(row.errors, row.requests)),
    ("p50", lambda row: shown_duration(row.latency_ns.p50)),
    ("p90", lambda row: shown_duration(row.latency_ns.p90)),
    ("p95", lambda row: shown_duration(row.latency_ns.p95)),
    ("p99", lambda row: shown_duration(row.latency_ns.p99)),
    ("max", lambda row: shown_duration(row.latency_ns.max)),
    ("", _traces_link),
]


def _place(name: str, node_type: NodeType) -> str:
    """A peer sends no spans, so there are no operations to link to."""
    return _service_link(name) if node_type == "service" else f"{escape(name)} <small>{node_type}</small>"


def _exemplars(edge: Edge) -> str:
    return " ".join(_trace_link(trace_id) for trace_id in edge.exemplars)


_EDGE_COLUMNS: list[Column] = [
    ("From", lambda row: _place(row.client, row.client_type)),
    ("To", lambda row: _place(row.server, row.server_type)),
    ("Connection", lambda row: row.connection),
    ("Calls", lambda row: f"{row.calls}"),
    ("Errors", lambda row: _errors(row.errors, row.calls)),
    ("Caller p50", lambda row: shown_duration(row.client_ns.p50)),
    ("p95", lambda row: shown_duration(row.client_ns.p95)),
    ("Callee p50", lambda row: shown_duration(row.server_ns.p50)),
    ("p95", lambda row: shown_duration(row.server_ns.p95)),
    ("Gap p95", lambda row: "-" if row.connection == "messaging" else shown_duration(row.gap_ns.p95)),
    ("In queue p95", lambda row: shown_duration(row.gap_ns.p95) if row.connection == "messaging" else "-"),
    ("Traces", _exemplars),
]


def _trace_name(trace: TraceSummary) -> str:
    return _trace_link(trace.trace_id, f"{trace.root_service} {trace.root_operation}")


_TRACE_COLUMNS: list[Column] = [
    ("Trace", _trace_name),
    ("Duration", lambda row: shown_duration(row.duration_ns)),
    ("Spans", lambda row: f"{row.spans}"),
    ("Errors", lambda row: _errors(row.errors, row.spans)),
    ("Services", lambda row: escape(", ".join(row.services))),
]


def _empty(settings: QueryConfig) -> str:
    endpoint = escape(settings.otlp_http or "http://127.0.0.1:4318")
    grpc = f" (OTLP/gRPC at <code>{escape(settings.otlp_grpc)}</code>)" if settings.otlp_grpc else ""
    commands = (
        f"export OTEL_EXPORTER_OTLP_ENDPOINT={endpoint}\n"
        "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n"
        "export OTEL_SERVICE_NAME=my-service\n"
        "opentelemetry-instrument python my_service.py"
    )
    return (
        "<section><h2>No spans in the last hour</h2><p>Point any OpenTelemetry SDK at this server"
        f"{grpc}, for example:</p><pre>{commands}</pre>"
        "<p>Services appear here about a second after their first spans have arrived.</p></section>"
    )
