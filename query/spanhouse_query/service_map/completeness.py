"""What the rows of a statement over edges say of themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spanhouse_query.reader import Sampling, sampling


def edges_sampling(rows: Iterable[dict[str, Any]], *, level: int = 2) -> Sampling | None:
    """What the calls say of sampling; `level` is the one of all together."""
    return next((sampling(row["stored"], row["calls"]) for row in rows if row["level"] == level), None)


def completeness(rows: Iterable[dict[str, Any]], *, level: int = 2) -> float:
    """Found by named, 1 where nothing is named; `level` is the one of all together."""
    named, found = next(((row["named"], row["found"]) for row in rows if row["level"] == level), (0, 0))
    return found / named if named else 1.0
