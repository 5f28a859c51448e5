"""The `spanhouse` command."""

from __future__ import annotations

import click

from spanhouse_cli.commands.collector import collector
from spanhouse_cli.commands.config import config
from spanhouse_cli.commands.demo import demo
from spanhouse_cli.commands.keys import keys
from spanhouse_cli.commands.migrate import migrate
from spanhouse_cli.commands.quarantine import quarantine
from spanhouse_cli.commands.query import query
from spanhouse_cli.commands.status import status
from spanhouse_cli.commands.up import up
from spanhouse_cli.version import VERSION


class InOrder(click.Group):
    """Lists its commands as they were added: what one needs first comes first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names; see click.Group."""
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message="spanhouse %(version)s")
def main() -> None:
    """Distributed tracing for OpenTelemetry, on ClickHouse.

    `spanhouse up` starts everything; applications send OTLP to 127.0.0.1:4317 (gRPC) or 127.0.0.1:4318 (HTTP), and
    http://127.0.0.1:8080 shows their services.
    """


for command in (up, demo, status, config, migrate, keys, quarantine, collector, query):
    main.add_command(command)
