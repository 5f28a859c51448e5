"""`spanhouse migrate`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

from spanhouse_cli.configuration import Configuration
from spanhouse_cli.failure import Failure
from spanhouse_cli.flags import GroupedCommand, configured
from spanhouse_cli.options import options_of
from spanhouse_cli.parts import store_config
from spanhouse_cli.settings import STORE, Settings

EXAMPLES = """
spanhouse migrate --store http://clickhouse:8123 --store-database spanhouse
spanhouse migrate --check && echo up to date
"""


@click.command(cls=GroupedCommand, epilog=EXAMPLES)
@configured(only=[name for name in options_of(STORE) if name != "store_wait"])
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 if something would have to be done.")
def migrate(configuration: Configuration, check: bool) -> None:
    """Bring the tables up to what this version of Spanhouse needs.

    `spanhouse up` and `spanhouse collector` do the same when they start.
    """
    from spanhouse_storage import StoreError, check_schema, known_migrations, open_store
    from spanhouse_storage import migrate as apply

    if check:
        _require_data(configuration.settings)
    latest = known_migrations()[-1].version
    try:
        with (
            _owned_folder(configuration.settings),
            contextlib.closing(open_store(store_config(configuration.settings), create_database=not check)) as store,
        ):
            if check:
                check_schema(store)
            for migration in [] if check else apply(store):
                click.echo(f"Applied migration {migration.version} ({migration.name}).")
    except StoreError as error:
        raise Failure(str(error)) from error
    click.echo(f"The schema is at version {latest}, which is what this version of Spanhouse needs.")


def _require_data(settings: Settings) -> None:
    """Raise Failure where looking would make the embedded engine's folder."""
    from spanhouse_storage import DataDirectory

    if settings.embedded and not DataDirectory(settings.data_dir).engine.is_dir():
        raise Failure(f"there is no Spanhouse schema yet: {settings.data_dir} has no data")


@contextlib.contextmanager
def _owned_folder(settings: Settings) -> Iterator[None]:
    """The embedded engine's folder, for this process alone; nothing for a server."""
    from spanhouse_storage import DataDirectory

    if not settings.embedded:
        yield
        return
    directory = DataDirectory(settings.data_dir)
    directory.lock()
    try:
        yield
    finally:
        directory.unlock()
