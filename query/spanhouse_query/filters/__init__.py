"""The filter language of `q`: one condition on a span or a series, from text to bound SQL."""

from spanhouse_query.filters.errors import FilterError
from spanhouse_query.filters.parser import parse, parse_names
from spanhouse_query.filters.subject import SERIES, SPAN, Subject

__all__ = ["SERIES", "SPAN", "FilterError", "Subject", "parse", "parse_names"]
