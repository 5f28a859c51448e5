"""Samples as the engine has them: columns of fixed width, without an object for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.reader import Reader
from spanhouse_query.series.limits import Budget
from spanhouse_query.series.metric import MetricType
from spanhouse_query.series.samples import STALE

TABLES: Mapping[MetricType, str] = {
    "gauge": "metric_numbers",
    "sum": "metric_numbers",
    "histogram": "metric_histograms",
    "exponential_histogram": "metric_exponential_histograms",
    "summary": "metric_summaries",
}
_STALE = f"reinterpretAsFloat64({STALE}::UInt64)"
_QUARTER = 900_000
# Later than any point, and what a time of the engine can be: the year 2100, milliseconds.
_LATEST = 4_102_444_800_000
_TS, _STARTED = "toUnixTimestamp64Milli(ts)", "toUnixTimestamp64Milli(started)"


@dataclass(frozen=True, slots=True)
class Stretch:
    """What to read of a table: points of these series in (after, until], unix milliseconds."""

    table: str
    metrics: Sequence[str]
    ids: Sequence[int]
    after: int
    until: int

    @property
    def parameters(self) -> dict[str, object]:
        """What `where` binds."""
        first, last = (min(max(at, 0), _LATEST) // _QUARTER * 900 for at in (self.after, self.until))
        return {
            "metrics": list(self.metrics),
            "ids": list(self.ids),
            "after": self.after,
            "until": self.until,
            "first_quarter": first,
            "last_quarter": last,
        }

    @property
    def where(self) -> str:
        """The condition on the points. The quarter of an hour follows from it, and is what the table is ordered by."""
        return (
            "tenant = {tenant:String} AND metric IN {metrics:Array(String)} AND series IN {ids:Array(UInt64)}"
            " AND ts > fromUnixTimestamp64Milli({after:Int64}, 'UTC')"
            " AND ts <= fromUnixTimestamp64Milli({until:Int64}, 'UTC')"
            " AND toStartOfFifteenMinutes(ts) >= toDateTime({first_quarter:UInt32}, 'UTC')"
            " AND toStartOfFifteenMinutes(ts) <= toDateTime({last_quarter:UInt32}, 'UTC')"
        )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer: its name, what the engine computes and how numpy reads what RowBinary writes."""

    name: str
    sql: str
    dtype: str


SERIES, TS = Column("series", "series", "<u8"), Column("ts", _TS, "<i8")
STARTED = Column("started", _STARTED, "<i8")
VALUE = Column("value", "value", "<f8")
SUM = Column("value", f"if(bitTest(flags, 0), {_STALE}, coalesce(sum, nan))", "<f8")
COUNT = Column("value", f"if(bitTest(flags, 0), {_STALE}, count::Float64)", "<f8")


async def columns(
    reader: Reader, stretch: Stretch, wanted: Sequence[Column], budget: Budget, *, joined: str = "", where: str = ""
) -> NDArray[np.void]:
    """Rows by series and instant as a structured array. joined: an ARRAY JOIN. where: a further condition."""
    chosen = ", ".join(f"({column.sql}) AS _{column.name}" for column in wanted)
    condition = f"{stretch.where} AND {where}" if where else stretch.where
    answer = await reader.raw(
        f"SELECT {chosen} FROM {stretch.table} {joined} WHERE {condition} ORDER BY metric, series, ts"
        " LIMIT {limit:UInt64}",
        output="RowBinary",
        settings={"optimize_read_in_order": 1},
        **{**stretch.parameters, "limit": budget.samples + 1},
    )
    rows: NDArray[np.void] = np.frombuffer(answer, dtype=[(column.name, column.dtype) for column in wanted])
    reader.rows_read += rows.size
    budget.read(rows.size)
    return rows


class RowsOfSeries:
    """Which row of an answer a stored series belongs to."""

    def __init__(self, ids: Sequence[Sequence[int]]) -> None:
        """ids: of each row the series that it is made of."""
        flat = np.array([one for row in ids for one in row], dtype=np.uint64)
        rows = np.repeat(np.arange(len(ids)), [len(row) for row in ids])
        order = np.argsort(flat)
        self._ids, self._rows = flat[order], rows[order]

    def __call__(self, series: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The row of each of these series, all of which are known."""
        return np.asarray(self._rows[np.searchsorted(self._ids, series)], dtype=np.int64)
