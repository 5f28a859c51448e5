"""PromQL's functions by name."""

from spanhouse_query.promql.functions.table import FUNCTIONS

__all__ = ["FUNCTIONS"]
