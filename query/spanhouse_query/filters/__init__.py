"""The filter language of `q`: one condition on a span, from text to bound SQL."""

from spanhouse_query.filters.errors import FilterError
from spanhouse_query.filters.parser import parse

__all__ = ["FilterError", "parse"]
