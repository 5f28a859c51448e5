"""What a filter is about: a span, or a series of a metric. The language is one; the names it knows are not."""

from __future__ import annotations

from dataclasses import dataclass

from spanhouse_query.filters.ast import FieldName, Scope


@dataclass(frozen=True, slots=True)
class Subject:
    """fields: what every one of them has, beside attributes. own: how attributes that are its own are scoped."""

    fields: tuple[FieldName, ...]
    own: Scope

    @property
    def scoped(self) -> str:
        """How an error calls a name that says whose attribute it is."""
        return f'{self.own}."…" or resource."…"'


SPAN = Subject(("service", "operation", "kind", "status", "duration", "trace_id"), "span")
SERIES = Subject(("service",), "point")
