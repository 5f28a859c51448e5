"""Functions of samples by window, for each step of each series at once."""

from spanhouse_query.series.range_functions.table import RANGE_FUNCTIONS, RangeFunction, apply

__all__ = ["RANGE_FUNCTIONS", "RangeFunction", "apply"]
