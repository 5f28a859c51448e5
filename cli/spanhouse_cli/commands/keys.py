"""`spanhouse keys`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from spanhouse_cli.configuration import Configuration
from spanhouse_cli.failure import Failure, Misconfigured
from spanhouse_cli.flags import GroupedCommand, configured
from spanhouse_cli.table import aligned

ADD_EXAMPLES = """
spanhouse keys add --keys-file /etc/spanhouse/keys checkout-team
spanhouse keys add --tenant shop checkout-team
"""
LIST_EXAMPLES = """
spanhouse keys list --keys-file /etc/spanhouse/keys
"""
REVOKE_EXAMPLES = """
spanhouse keys revoke --keys-file /etc/spanhouse/keys checkout-team
"""


class _Examples(click.Group):
    """A group whose help ends with the examples of its commands."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them; see click.Group."""
        with formatter.section("Examples"):
            for examples in (ADD_EXAMPLES, LIST_EXAMPLES, REVOKE_EXAMPLES):
                formatter.write("".join(f"  {line}\n" for line in examples.strip().splitlines()))


@click.group(cls=_Examples)
def keys() -> None:
    """Make, list and revoke the API keys of senders.

    With --keys-file, `up` and `collector` take data only from those who show one of its keys, and a key decides whose
    data it is. Running services take changes over within seconds.
    """


@keys.command(cls=GroupedCommand, epilog=ADD_EXAMPLES)
@configured(only=("keys_file",))
@click.option("--tenant", default="default", show_default=True, metavar="NAME", help="Whose data comes with the key.")
@click.argument("name")
def add(configuration: Configuration, tenant: str, name: str) -> None:
    """Make a key, print it, and keep its hash.

    This is the only time that the key can be seen. NAME says who has it.
    """
    from spanhouse_collector.admission.keys import add_key

    with _told():
        click.echo(add_key(_file(configuration), name, tenant))
    click.echo("Senders show it as `Authorization: Bearer KEY`. It is not kept; note it now.", err=True)


@keys.command(name="list", cls=GroupedCommand, epilog=LIST_EXAMPLES)
@configured(only=("keys_file",))
def list_(configuration: Configuration) -> None:
    """List the keys by name, with their tenants."""
    from spanhouse_collector.admission.keys import read_keys

    with _told():
        found = read_keys(_file(configuration))
    click.echo(aligned([(key.name, key.tenant) for key in found]) if found else "no keys")


@keys.command(cls=GroupedCommand, epilog=REVOKE_EXAMPLES)
@configured(only=("keys_file",))
@click.argument("name")
def revoke(configuration: Configuration, name: str) -> None:
    """Take a key out of the file: who shows it is refused."""
    from spanhouse_collector.admission.keys import revoke_key

    with _told():
        revoke_key(_file(configuration), name)
    click.echo(f"revoked {name}")


def _file(configuration: Configuration) -> Path:
    if configuration.settings.keys_file is None:
        raise Misconfigured("which file? Give it with --keys-file, SPANHOUSE_KEYS_FILE or in the configuration file")
    return configuration.settings.keys_file


@contextmanager
def _told() -> Iterator[None]:
    from spanhouse_collector.admission.keys import KeysError

    try:
        yield
    except KeysError as error:
        raise Failure(str(error)) from error
