"""`spanhouse config`."""

from __future__ import annotations

import json
import re

import click

from spanhouse_cli.configuration import Configuration
from spanhouse_cli.flags import GroupedCommand, configured
from spanhouse_cli.table import aligned

# What YAML takes without quotes.
_PLAIN = re.compile(r"[A-Za-z0-9/~][\w./:@+~-]*(?<!:)")

EXAMPLES = """
spanhouse config
spanhouse config --config spanhouse.yaml --json
SPANHOUSE_HTTP=0.0.0.0:80 spanhouse config --yaml > spanhouse.yaml
"""


@click.command(cls=GroupedCommand, epilog=EXAMPLES)
@configured()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, each option with its value and its origin.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Print a configuration file, with the origins as comments.")
def config(configuration: Configuration, as_json: bool, as_yaml: bool) -> None:
    """Print the options and where each value comes from.

    Origins are `default`, a place in the configuration file, an environment variable, or a flag. Secrets are hidden. A
    configuration that is wrong ends with exit code 2, so this also checks a file before it is used.
    """
    if as_json and as_yaml:
        raise click.UsageError("--json and --yaml exclude each other: give one of them")
    rows = [(name, configuration.shown(name), origin.place) for name, origin in configuration.origins.items()]
    if as_json:
        click.echo(json.dumps({name: {"value": value, "origin": origin} for name, value, origin in rows}, indent=2))
    elif as_yaml:
        for name, value, origin in rows:
            click.echo(_yaml_line(name, value, origin))
    else:
        click.echo(aligned([("OPTION", "VALUE", "ORIGIN"), *rows]))


def _yaml_line(name: str, value: str, origin: str) -> str:
    """One line of a file that `--config` takes; what is hidden or not set is a comment."""
    written = value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)
    return f"{'# ' if value in ('', '********') else ''}{name}: {written}  # {origin}"
