"""`python -m benchmarks.stored FOLDER`: what is in the store that a stopped Spanhouse left, as JSON.

A process of its own, because the engine stays in the process that opened it. `--merged` merges all parts first.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spanhouse_storage import EmbeddedConfig, Store, StoreConfig, open_store

from benchmarks.packaging import Fingerprint

_TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
_BYTES = """
SELECT table, sum(bytes_on_disk) AS bytes FROM system.parts
WHERE active AND database = currentDatabase() GROUP BY table HAVING bytes > 0 ORDER BY bytes DESC
"""
_SPANS = """
SELECT count() AS spans, toString(groupBitXor(reinterpretAsUInt64(span_id))) AS xor,
    toString(sum(reinterpretAsUInt64(span_id))) AS sum
FROM spans
"""


@dataclass(frozen=True)
class Stored:
    """What is in a store: its spans, and bytes by table."""

    spans: Fingerprint
    tables: dict[str, int]

    @property
    def bytes_per_span(self) -> float:
        """Of all tables."""
        return sum(self.tables.values()) / max(1, self.spans.spans)


def stored_in(folder: Path, *, merged: bool = False) -> Stored:
    """Ask a process of its own; the folder is the data folder of a Spanhouse that has stopped. merged: merge first."""
    command = [sys.executable, "-m", "benchmarks.stored", str(folder), *["--merged"] * merged]
    answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return Stored(Fingerprint(*answer["spans"]), answer["tables"])


def _look(folder: Path, *, merged: bool) -> Stored:
    store = open_store(StoreConfig(engine=EmbeddedConfig(path=folder / "engine")))
    try:
        for row in store.rows(_TABLES) if merged else ():
            store.command(f"OPTIMIZE TABLE `{row['name']}` FINAL")
        found = fingerprint(store)
        tables = {str(row["table"]): int(row["bytes"]) for row in store.rows(_BYTES)}
    finally:
        store.close()
    return Stored(found, tables)


def fingerprint(store: Store) -> Fingerprint:
    """Of all spans that are stored."""
    found: dict[str, Any] = store.rows(_SPANS)[0]
    return Fingerprint(int(found["spans"]), int(found["xor"]), int(found["sum"]))


if __name__ == "__main__":
    print(json.dumps(asdict(_look(Path(sys.argv[1]), merged="--merged" in sys.argv))))
