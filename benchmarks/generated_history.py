"""A month of rollups as if spans had made them: edges and RED by minute, with the same number of calls in each row.

Sketches have twenty buckets a minute and a hundred in all, and no two rows are alike.
"""

from __future__ import annotations

from collections.abc import Iterator

from spanhouse_storage import Store

from benchmarks.statements import statement

SERVICES = 60
CALLS_PER_ROW = 50
MINUTE = 60
_ROWS_AT_ONCE = 100_000


def add_history(store: Store, tenant: str, since: int, minutes: int, edges: int) -> Iterator[int]:
    """Add the minutes from `since` (unix seconds) on; yields how many are there after each insert.

    Every 25th edge is to a database, the others are between services.
    """
    made = {"tenant": tenant, "services": SERVICES, "calls": CALLS_PER_ROW, "edges": edges}
    store.command(statement("history_resources"), made)
    at_once = max(1, _ROWS_AT_ONCE // max(edges, SERVICES))
    for done in range(0, minutes, at_once):
        count = min(at_once, minutes - done)
        for name in ("history_edges", "history_edge_minutes", "history_red"):
            store.command(statement(name), {**made, "since": since + done * MINUTE, "minutes": count})
        yield done + count
