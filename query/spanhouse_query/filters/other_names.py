"""Names that TraceQL and the like have for what is called otherwise here.

Each of them could be an attribute's name too, and would then find nothing without a word.
"""

from __future__ import annotations

from spanhouse_query.filters.subject import SERIES, Subject

_FIELDS = {
    "name": "operation",
    "span:name": "operation",
    "span:kind": "kind",
    "span:status": "status",
    "span:duration": "duration",
    "trace:id": "trace_id",
    "traceID": "trace_id",
    "resource.service.name": "service",
}
_OF_THE_ROOT = ("root_service", "root_operation", "rootServiceName", "rootName", "trace:rootService", "trace:rootName")
_OF_THE_TRACE = ("traceDuration", "trace:duration", "min_duration", "max_duration")


def other_name(name: str, subject: Subject) -> str:
    """What to write instead of `name`; empty where it is no such name."""
    if subject is SERIES:
        return _of_a_series(name)
    if name in _FIELDS:
        return f"write {_FIELDS[name]}, or {_scoped(name)} for the attribute"
    if name in _OF_THE_ROOT:
        return f"a filter is about any one span, not about the root; write {_scoped(name)} for the attribute"
    if name in _OF_THE_TRACE:
        return "a filter is about one span; min_duration and max_duration are parameters of their own, about the trace"
    return f"write {_scoped(name)}" if name.startswith(("span.", "resource.")) else ""


def _of_a_series(name: str) -> str:
    """Words such as status and kind are attributes of series as any others."""
    if name == "resource.service.name":
        return f"write service, or {_scoped(name)} for the attribute"
    if name.startswith("span."):
        return f'a series has no spans; write point."{name.partition(".")[2]}"'
    return f"write {_scoped(name)}" if name.startswith(("point.", "resource.")) else ""


def _scoped(name: str) -> str:
    scope, _, key = name.partition(".")
    return f'{scope}."{key}"' if scope in ("span", "point", "resource") and key else f'span."{name}"'
