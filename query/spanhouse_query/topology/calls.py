"""The calls of a window, as links and partitions are made from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spanhouse_query.service_map.answer import Connection, Place


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls from one node to another over one kind of connection, in one window.

    calls: what they stand for where traffic is sampled. stored: how many are stored, by which chance is judged. good:
    whether one did not fail. minute, trace: the last minute with a call, unix seconds, and the id of a trace in it.
    """

    client: Place
    server: Place
    connection: Connection
    calls: int
    stored: int
    good: bool
    minute: int
    trace: str

    @property
    def ends(self) -> tuple[Place, Place]:
        """The nodes that they connect."""
        return self.client, self.server


def calls_of(rows: Iterable[Mapping[str, Any]]) -> list[Calls]:
    """The calls among the rows of a map, which may hold other sums too."""
    return [
        Calls(
            Place(row["client"], row["client_type"]),
            Place(row["server"], row["server_type"]),
            row["connection"],
            calls=round(row["calls"]),
            stored=row["stored"],
            # Each stands for one call at least.
            good=row["calls"] - row["errors"] > 0.5,
            minute=row["last_minute"],
            trace=row["last_trace"],
        )
        for row in rows
        if row.get("level", 0) == 0 and row["client"] and row["stored"]
    ]
