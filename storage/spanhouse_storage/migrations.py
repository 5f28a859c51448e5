"""Forward migrations of the schema: numbered `.sql` files, applied in order and recorded in the database."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from spanhouse_storage.errors import SchemaError
from spanhouse_storage.sql import statements
from spanhouse_storage.store import Store

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations
(version UInt32, name String, checksum String, applied_at DateTime('UTC') DEFAULT now())
ENGINE = ReplacingMergeTree(applied_at) ORDER BY version
"""
_TABLE_EXISTS = "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'"
_APPLIED = "SELECT version, any(checksum) AS checksum FROM schema_migrations GROUP BY version ORDER BY version"
_RECORD = """
INSERT INTO schema_migrations (version, name, checksum)
SELECT {version:UInt32}, {name:String}, {checksum:String}
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `0001_traces.sql` is version 1, name `traces`."""

    version: int
    name: str
    script: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the script, so that a file changed after it was applied is noticed."""
        return hashlib.sha256(self.script.encode()).hexdigest()


def known_migrations() -> list[Migration]:
    """The migrations of this version of Spanhouse, in order."""
    scripts = [file for file in (files("spanhouse_storage") / "schema").iterdir() if file.name.endswith(".sql")]
    return [
        Migration(int(file.name[:4]), file.name[5:].removesuffix(".sql"), file.read_text("utf-8"))
        for file in sorted(scripts, key=lambda file: file.name)
    ]


def migrate(store: Store, migrations: Sequence[Migration] | None = None) -> list[Migration]:
    """Bring the database up to date and return what was applied.

    Every statement is idempotent, so a migration that was cut off, or that two processes apply at once, ends well.
    Raises SchemaError where the database is newer, or was made by other scripts.
    """
    store.command(_TABLE)
    pending = _pending(store, known_migrations() if migrations is None else migrations)
    for migration in pending:
        for statement in statements(migration.script):
            store.command(statement)
        store.command(_RECORD, {"version": migration.version, "name": migration.name, "checksum": migration.checksum})
    return pending


def check_schema(store: Store) -> None:
    """Raise SchemaError unless the database has exactly the schema that this version works with."""
    if not store.rows(_TABLE_EXISTS):
        raise SchemaError(
            "the database has no Spanhouse schema yet; run `spanhouse migrate` or start a collector on it"
        )
    pending = _pending(store, known_migrations())
    if pending:
        raise SchemaError(
            f"the database's schema is older than this Spanhouse: version {pending[0].version} ({pending[0].name}) is "
            "missing; run `spanhouse migrate`"
        )


def _pending(store: Store, migrations: Sequence[Migration]) -> list[Migration]:
    applied = {row["version"]: row["checksum"] for row in store.rows(_APPLIED)}
    latest = max((migration.version for migration in migrations), default=0)
    newer = [version for version in applied if version > latest]
    if newer:
        raise SchemaError(
            f"the database's schema is at version {max(newer)}, and this Spanhouse knows versions up to {latest}: "
            "start a Spanhouse at least as new as the one that wrote it, or use another database or data folder"
        )
    for migration in migrations:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise SchemaError(
                f"migration {migration.version} ({migration.name}) was applied to this database with another content; "
                "the database was made by a different build of Spanhouse: go on with that one, or begin anew with an "
                "empty data folder (--data-dir) or database (--store-database)"
            )
    return [migration for migration in migrations if migration.version not in applied]
