"""How calls are found: statements that match the halves of calls (docs/adr/0007).

They are text and no views of the database: the engine takes 30 to 50 ms more to read a view with parameters, and a new
definition needs no migration. Both have the parameters {tenant:String}, {lookback:UInt32} (minutes) and two instants in
unix seconds, whole minutes, that are called as the caller likes.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def calls_sql(since: str = "since", until: str = "until", *, traces: str | None = None, sliced: bool = False) -> str:
    """One row a call of the minutes in [since, until); what the columns hold is said in calls.sql.

    traces: a statement that gives the ids of the traces whose calls are wanted, all by default. It is read where halves
    are, so that those of other traces are not matched; it stands there several times and is best a materialized one.
    sliced: only those of the {minutes:Array(UInt32)}, unix seconds, and of these the {slice:UInt32}th of
    {slices:UInt32}; all slices together have each call once, because calls are matched by key.
    """
    wanted = "" if traces is None else f" AND trace_id IN ({traces})"
    if sliced:
        wanted += " AND toUnixTimestamp(minute) IN {minutes:Array(UInt32)} AND key % {slices:UInt32} = {slice:UInt32}"
    return _bounded("calls.sql", since, until).replace("/* wanted */", wanted)


def edges_sql(since: str = "since", until: str = "until", *, calls: str | None = None) -> str:
    """The calls of [since, until) added up by minute and edge, with the columns of service_edges_1m.

    calls: a statement to take them from, with the columns of calls.sql; `calls_sql` by default.
    """
    return _bounded("edges.sql", since, until).replace("/* calls */", calls or calls_sql(since, until))


@cache
def _bounded(name: str, since: str, until: str) -> str:
    text = (files(__package__) / name).read_text("utf-8")
    return text.replace("{since:Int64}", f"{{{since}:Int64}}").replace("{until:Int64}", f"{{{until}:Int64}}")
