"""The definition of a call between services, as queries (docs/service-map.md).

They are texts and not views of the database, because the engine analyses a parameterized view twice: 74 ms instead of
38 for `CALLS`, whatever the data.
"""

from __future__ import annotations

from pathlib import Path

_QUERIES = Path(__file__).parent / "queries"

# One row a call. Bound: tenant String, since and until Int64 (unix seconds at whole minutes), lookback in minutes.
CALLS = (_QUERIES / "calls.sql").read_text("utf-8")

# The same, added up by minute and edge, with the columns of service_edges_1m.
MATCHED_EDGES = (_QUERIES / "matched_edges.sql").read_text("utf-8").replace("{calls}", CALLS)
