"""Statements over edges by minute, hour or day: added up to edges, nodes and steps of time, with their percentiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from spanhouse_query.percentiles import SKETCH_FUNCTIONS, STANDARD
from spanhouse_query.service_map.known_names import KNOWN_SERVICE
from spanhouse_query.sketches import WRITTEN

VIEWS = ("client", "server", "gap")
ENDS = ("client", "client_type", "server", "server_type", "connection")

# A peer that has the name of a service which sends spans is that service: its name came from peer.service, or its host
# is called like it.
_NAMED_SERVICE = f"e.server_type::String IN ('service', 'external') AND e.server IN ({KNOWN_SERVICE})"
RESOLVED_ENDS = {
    "client": "e.client::String",
    "client_type": "e.client_type::String",
    "server": "e.server::String",
    "server_type": f"multiIf({_NAMED_SERVICE}, 'service', e.server_type = 'service', 'external', "
    "e.server_type::String)",
    "connection": "e.connection::String",
}
Sets = Sequence[Sequence[str]]
Members = Callable[[str], tuple[str, str, str, str]]


def summed_minutes(
    edges: str, keys: Mapping[str, str], sets: Sets, *, seen: bool = False, more: str | None = None
) -> str:
    """The minutes that the subquery `edges` gives, added up.

    keys: columns by name, as expressions over the minutes' columns. sets: the combinations of keys to add up by; a row
    says in `level` which one it is of, from 0, and holds no meaning in the keys that are not in it. seen: with the
    first and the last minute that has a call, and a trace of each. more: further columns, expressions over the sums.
    """
    merged = _sums(edges, keys, seen=seen)
    further = [*([more] if more else []), *([_SEEN_COLUMNS] if seen else [])]
    return _summed(merged, list(keys), sets, "".join(f"{columns},\n    " for columns in further), seen=seen)


def sums_sql(edges: str, keys: Mapping[str, str]) -> str:
    """The minutes that the subquery `edges` gives, added up by `keys`, for `edge_totals`.

    keys: see `summed_minutes`. Buckets are as `sketches` reads them. slowest, failed and typical are a number, by which
    they are the greatest, and a trace id.
    """
    return _sums(edges, keys, buckets=WRITTEN.format("sumMap({})"))


def _sums(edges: str, keys: Mapping[str, str], *, seen: bool = False, buckets: str = "sumMap({})") -> str:
    selected = ",\n        ".join(f"{expression} AS {name}" for name, expression in keys.items())
    return f"""
    SELECT
        {selected},
        sum(e.stored) AS stored,
        sum(e.calls) AS calls,
        sum(e.errors) AS errors,
        sum(e.retries) AS retries,
        sum(e.named) AS named,
        sum(e.found) AS found,
        {_merged(tuple_members, buckets)},
        max(e.slowest) AS slowest,
        max(e.failed) AS failed,
        {_SEEN if seen else ""}max((e.stored, e.typical.2)) AS typical
    FROM ({edges}
    ) AS e
    GROUP BY {", ".join(keys)}"""


_SEEN = """minIf(e.first, e.stored > 0) AS earliest,
        maxIf(e.last, e.stored > 0) AS latest,
        """
_SEEN_AGAIN = """minIf(m.earliest, m.stored > 0) AS earliest,
        max(m.latest) AS latest,
        """
_SEEN_COLUMNS = (
    "earliest.1 AS first_minute, lower(hex(earliest.2)) AS first_trace, latest.1 AS last_minute, "
    "lower(hex(latest.2)) AS last_trace"
)


def _summed(merged: str, keys: Sequence[str], sets: Sets, more: str, *, seen: bool) -> str:
    return f"""
WITH {SKETCH_FUNCTIONS}
SELECT
    {", ".join(keys)}, level, stored, calls, errors, retries, named, found,
    {_percentiles()},
    {more}lower(hex(slowest.2)) AS slowest_trace,
    lower(hex(failed.2)) AS failed_trace,
    lower(hex(typical.2)) AS typical_trace
FROM
(
    SELECT
        {", ".join(keys)},
        {_level(keys, sets)} AS level,
        sum(m.stored) AS stored,
        sum(m.calls) AS calls,
        sum(m.errors) AS errors,
        sum(m.retries) AS retries,
        sum(m.named) AS named,
        sum(m.found) AS found,
        {_merged(column_members)},
        max(m.slowest) AS slowest,
        max(m.failed) AS failed,
        {_SEEN_AGAIN if seen else ""}max(m.typical) AS typical
    FROM ({merged}
    ) AS m
    GROUP BY GROUPING SETS ({", ".join(f"({', '.join(names)})" for names in sets)})
)
ORDER BY level, {", ".join(keys)}
"""


def tuple_members(view: str) -> tuple[str, str, str, str]:
    """n, min, max and buckets of a sketch that is one column of `e`."""
    return f"e.{view}_ns.n", f"e.{view}_ns.min", f"e.{view}_ns.max", f"e.{view}_ns.buckets"


def column_members(view: str) -> tuple[str, str, str, str]:
    """The same of a sketch that is four columns of `m`."""
    return f"m.{view}_n", f"m.{view}_min", f"m.{view}_max", f"m.{view}_buckets"


def _merged(members: Members, added: str = "sumMap({})") -> str:
    lines = []
    for view in VIEWS:
        n, smallest, largest, buckets = members(view)
        lines.append(f"sum({n}) AS {view}_n")
        lines.append(f"minIf({smallest}, {n} > 0) AS {view}_min")
        lines.append(f"max({largest}) AS {view}_max")
        lines.append(f"{added.format(buckets)} AS {view}_buckets")
    return ",\n        ".join(lines)


def _percentiles() -> str:
    """A function over the levels, because twelve copies of its text take the engine longer to read than to compute."""
    lines = []
    for view in VIEWS:
        rank = f"(greatest({view}_calls, 1) - 1) * q"
        value = f"round(sketch_percentile({view}_buckets, {rank}, {view}_min, {view}_max))::UInt64"
        lines.append(f"arraySum(mapValues({view}_buckets)) AS {view}_calls")
        lines.append(f"{view}_n, {view}_max, arrayMap(q -> {value}, {list(STANDARD)}) AS {view}_percentiles")
    return ",\n    ".join(lines)


def _level(keys: Sequence[str], sets: Sets) -> str:
    """Sets are told apart by the first key that the one before has and they do not."""
    conditions = []
    for number in range(len(sets) - 1, 0, -1):
        missing = next(key for key in sets[number - 1] if key not in sets[number])
        conditions.append(f"grouping({missing}) = 1, {number}")
    return f"multiIf({', '.join(conditions)}, 0)" if conditions else "0"
