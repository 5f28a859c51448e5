"""Migrations are applied once, and a database that does not fit is refused with a reason."""

from __future__ import annotations

import pytest
from spanhouse_storage import Migration, SchemaError, Store, check_schema, known_migrations, migrate
from spanhouse_storage.sql import identifier, literal, statements

FIRST = Migration(1, "first", "CREATE TABLE IF NOT EXISTS a (n UInt8) ENGINE = Memory;\n")
SECOND = Migration(2, "second", "-- more\nCREATE TABLE IF NOT EXISTS b (n UInt8) ENGINE = Memory;\n\nSELECT 1;\n")


def test_migrations_are_numbered_without_gaps() -> None:
    versions = [migration.version for migration in known_migrations()]
    assert versions == list(range(1, len(versions) + 1))


def test_each_migration_is_applied_once_and_in_order(empty_store: Store) -> None:
    assert migrate(empty_store, [FIRST]) == [FIRST]
    assert migrate(empty_store, [FIRST, SECOND]) == [SECOND]
    assert migrate(empty_store, [FIRST, SECOND]) == []


def test_a_migration_that_was_cut_off_runs_again(empty_store: Store) -> None:
    broken = Migration(1, "first", FIRST.script + "SELECT no_such_column;\n")
    with pytest.raises(Exception, match="no_such_column"):
        migrate(empty_store, [broken])
    assert migrate(empty_store, [FIRST]) == [FIRST]


def test_a_newer_schema_is_refused(empty_store: Store) -> None:
    migrate(empty_store, [FIRST, SECOND])
    with pytest.raises(SchemaError, match=r"at version 2, .* up to 1"):
        migrate(empty_store, [FIRST])


def test_a_schema_made_by_another_script_is_refused(empty_store: Store) -> None:
    migrate(empty_store, [FIRST])
    with pytest.raises(SchemaError, match="another content"):
        migrate(empty_store, [Migration(1, "first", "SELECT 2;\n")])


def test_reading_needs_the_schema_of_this_version(empty_store: Store) -> None:
    with pytest.raises(SchemaError, match="spanhouse migrate"):
        check_schema(empty_store)
    migrate(empty_store)
    check_schema(empty_store)


def test_statements_end_with_a_semicolon_at_the_end_of_a_line() -> None:
    script = "-- why\nSELECT ';' AS a,\n2;\n\n-- only a comment\n;\nSELECT 3;\n"
    assert statements(script) == ["-- why\nSELECT ';' AS a,\n2", "SELECT 3"]


def test_literals_and_identifiers_survive_the_engine(empty_store: Store) -> None:
    name, text = "a `b` \\ c", "it's \\ `quoted`\n\t\0 end"
    assert empty_store.rows(f"SELECT {literal(text)} AS {identifier(name)}") == [{name: text}]
